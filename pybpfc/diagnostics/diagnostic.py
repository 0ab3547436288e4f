"""What is reported: a diagnostic with its labels, notes, helps and fixes. Plain data, picklable."""

from __future__ import annotations

import enum

from pybpfc.diagnostics.span import Span
from pybpfc.records import frozen


class Severity(enum.Enum):
    """An error stops the compilation; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@frozen
class Label:
    """A remark at a place in the source; the primary one says where the mistake is."""

    span: Span
    text: str = ""
    primary: bool = False


@frozen
class Fix:
    """An edit: `replacement` takes the place of what `span` covers (an empty span inserts)."""

    span: Span
    replacement: str


@frozen
class Help:
    """A remedy in words, with the edits that carry it out when they are known."""

    text: str
    fixes: tuple[Fix, ...] = ()


@frozen
class Diagnostic:
    """One thing found wrong, ready to render; `labels` holds at least one, the primary one first."""

    code: str
    message: str
    severity: Severity
    labels: tuple[Label, ...]
    notes: tuple[str, ...] = ()
    helps: tuple[Help, ...] = ()

    @property
    def primary(self) -> Label:
        """The label that says where the mistake is."""
        for label in self.labels:
            if label.primary:
                return label
        return self.labels[0]

    @property
    def span(self) -> Span:
        """Where the mistake is."""
        return self.primary.span

    @property
    def title(self) -> str:
        """The message, under the name the catalogue gives it."""
        return self.message

    @property
    def file(self) -> str:
        """The file of the primary label."""
        return self.span.file

    @property
    def line(self) -> int:
        """The line where the primary label begins."""
        return self.span.line

    @property
    def column(self) -> int:
        """The character column, from 1, where the primary label begins."""
        return self.span.column

    @property
    def end_line(self) -> int:
        """The line where the primary label ends."""
        return self.span.end_line

    @property
    def end_column(self) -> int:
        """The character column just behind the primary label."""
        return self.span.end_column

    @property
    def is_error(self) -> bool:
        """Whether this stops the compilation."""
        return self.severity is Severity.ERROR

    def __str__(self) -> str:
        return f"{self.span}: {self.severity.value}[{self.code}]: {self.message}"
