"""Diagnostics as text."""

from __future__ import annotations

from collections.abc import Iterable

from pybpfc.diagnostics.diagnostic import Diagnostic
from pybpfc.diagnostics.source import SourceMap


def render(diagnostic: Diagnostic, sources: SourceMap | None = None, *, width: int = 100, color: bool = False) -> str:
    """One diagnostic as text."""
    return str(diagnostic)


def render_all(
    diagnostics: Iterable[Diagnostic],
    sources: SourceMap | None = None,
    *,
    suppressed: int = 0,
    width: int = 100,
    color: bool = False,
) -> str:
    """All of them, with a last line that counts."""
    return "\n\n".join(render(d, sources, width=width, color=color) for d in diagnostics)
