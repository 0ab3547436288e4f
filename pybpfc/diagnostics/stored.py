"""Diagnostics as JSON values and back: how the compile cache keeps warnings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pybpfc.diagnostics.diagnostic import Diagnostic, Fix, Help, Label, Severity
from pybpfc.diagnostics.span import Span


def pack(diagnostic: Diagnostic) -> list[Any]:
    """A diagnostic as nested lists."""
    labels = [[_place(label.span), label.text, label.primary] for label in diagnostic.labels]
    helps = [[h.text, [[_place(fix.span), fix.replacement] for fix in h.fixes]] for h in diagnostic.helps]
    head = [diagnostic.code, diagnostic.message, diagnostic.severity.value]
    return [*head, labels, list(diagnostic.notes), helps]


def unpack(stored: Sequence[Any]) -> Diagnostic:
    """What `pack` made; raises TypeError or ValueError for anything else."""
    code, message, severity, labels, notes, helps = stored
    return Diagnostic(
        code,
        message,
        Severity(severity),
        tuple(Label(Span(*place), text, primary) for place, text, primary in labels),
        tuple(notes),
        tuple(Help(text, tuple(Fix(Span(*place), new) for place, new in fixes)) for text, fixes in helps),
    )


def _place(span: Span) -> list[Any]:
    return [span.file, span.line, span.column, span.end_line, span.end_column]
