"""Diagnostics on standard error: as wide and as coloured as the terminal, files named from where the user stands."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from pybpfc.diagnostics.diagnostic import Diagnostic
from pybpfc.diagnostics.errors import CompileError, VerifierError
from pybpfc.diagnostics.render import render_all
from pybpfc.diagnostics.source import SourceMap
from pybpfc.diagnostics.terminal import wants_color, width_of


def show_error(error: CompileError | VerifierError) -> None:
    """An exception with its diagnostics."""
    if error.sources is None:
        error.sources = SourceMap()
    error.sources.root = _here()
    print(error.render(width=width_of(sys.stderr), color=wants_color(sys.stderr)), file=sys.stderr)


def show(diagnostics: Sequence[Diagnostic], sources: SourceMap | None = None) -> None:
    """Diagnostics, if there are any."""
    if not diagnostics:
        return
    sources = sources if sources is not None else SourceMap()
    sources.root = _here()
    text = render_all(diagnostics, sources, width=width_of(sys.stderr), color=wants_color(sys.stderr))
    print(text, file=sys.stderr)


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:  # the folder is gone
        return ""
