"""A place in a source file: what every diagnostic, IR operation and line record points at."""

from __future__ import annotations

from pybpfc.records import frozen


@frozen
class Span:
    """From `line:column` up to, not including, `end_line:end_column`; lines and character columns count from 1."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    @property
    def start(self) -> Span:
        """The empty span where this one begins: the place of an insertion before it."""
        return Span(self.file, self.line, self.column, self.line, self.column)

    @property
    def end(self) -> Span:
        """The empty span where this one ends: the place of an insertion after it."""
        return Span(self.file, self.end_line, self.end_column, self.end_line, self.end_column)

    def to(self, other: Span) -> Span:
        """The span from where this one begins to where `other` ends."""
        return Span(self.file, self.line, self.column, other.end_line, other.end_column)

    def covers(self, other: Span) -> bool:
        """Whether `other` lies within this span."""
        if self.file != other.file:
            return False
        starts = (self.line, self.column) <= (other.line, other.column)
        return starts and (other.end_line, other.end_column) <= (self.end_line, self.end_column)


def line_start(file: str, line: int) -> Span:
    """The empty span at the beginning of a line: where whole lines are inserted."""
    return Span(file, line, 1, line, 1)
