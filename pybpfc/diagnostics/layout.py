"""The picture of source lines with their labels, as rows of painted text.

The rightmost label of a line keeps its text beside the underline, the others hang below:

    4 |     total = small + wide
      |             ----- ^^^^ this is `i64`
      |             |
      |             this is `u64`

A label over several lines becomes a bracket at the left edge. Tabs are expanded, wide characters
take two cells, control characters are made visible.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from pybpfc.diagnostics.diagnostic import Label
from pybpfc.diagnostics.span import Span
from pybpfc.records import frozen

TAB = 4
_ELIDED_FROM = 6

Row = list[tuple[str, str]]
"""Pieces of text with the role that colours them."""


def expand(line: str) -> tuple[str, list[int]]:
    """A line as shown, and the cell of each of its characters (and of its end)."""
    shown: list[str] = []
    cells: list[int] = []
    at = 0
    for character in line:
        cells.append(at)
        if character == "\t":
            piece, width = " " * TAB, TAB
        elif unicodedata.combining(character):
            piece, width = character, 0
        elif unicodedata.category(character)[0] == "C":
            piece, width = "\N{REPLACEMENT CHARACTER}", 1
        else:
            piece, width = character, 2 if unicodedata.east_asian_width(character) in "WF" else 1
        shown.append(piece)
        at += width
    cells.append(at)
    return "".join(shown), cells


class Canvas:
    """One row being drawn, cell by cell."""

    def __init__(self) -> None:
        self._cells: dict[int, tuple[str, str]] = {}

    def put(self, column: int, text: str, role: str) -> None:
        """Draw `text` from `column`; what is drawn first stays on top."""
        for offset, character in enumerate(text):
            self._cells.setdefault(column + offset, (character, role))

    def row(self) -> Row:
        """The row as pieces of equal role."""
        pieces: Row = []
        for column in range(max(self._cells, default=-1) + 1):
            character, role = self._cells.get(column, (" ", ""))
            if pieces and pieces[-1][1] == role:
                pieces[-1] = (pieces[-1][0] + character, role)
            else:
                pieces.append((character, role))
        return pieces


@frozen
class Mark:
    """A label's share of one line, in cells: `start` up to `end`."""

    start: int
    end: int
    text: str
    primary: bool

    @property
    def role(self) -> str:
        """How it is coloured."""
        return "primary" if self.primary else "secondary"


def draw_marks(marks: Sequence[Mark]) -> list[Row]:
    """The rows below a source line: underlines, then the texts."""
    if not marks:
        return []
    order = sorted(marks, key=lambda mark: (mark.start, mark.end, mark.primary))
    underline = Canvas()
    for mark in sorted(marks, key=lambda mark: (mark.end - mark.start, not mark.primary)):
        underline.put(mark.start, ("^" if mark.primary else "-") * (mark.end - mark.start), mark.role)
    last = order[-1]
    inline = bool(last.text) and all(mark.end <= last.start for mark in order[:-1])
    if inline:
        underline.put(last.end + 1, last.text, last.role)
    hanging = [mark for mark in (order[:-1] if inline else order) if mark.text]
    rows = [underline.row()]
    if hanging:
        rows.append(_stems(hanging).row())
    while hanging:
        mark = hanging.pop()
        canvas = Canvas()
        for stem in hanging:
            if stem.start < mark.start:
                canvas.put(stem.start, "|", stem.role)
        canvas.put(mark.start, mark.text, mark.role)
        rows.append(canvas.row())
    return rows


def _stems(marks: Iterable[Mark]) -> Canvas:
    canvas = Canvas()
    for mark in sorted(marks, key=lambda mark: not mark.primary):
        canvas.put(mark.start, "|", mark.role)
    return canvas


@frozen
class Numbered:
    """A row of the picture: with the source line's number, without one (None), or the gap mark (0)."""

    number: int | None
    row: Row


GAP = Numbered(0, [])


def picture(lines: Sequence[str], labels: Sequence[Label], width: int) -> list[Numbered]:
    """The rows that show `labels`, all of one file whose text is `lines`; `width` is the room for source text."""
    labels = [_clipped(label, lines) for label in labels if 1 <= label.span.line <= len(lines)]
    bracket = next((label for label in _by_importance(labels) if label.span.end_line > label.span.line), None)
    shown = _lines_shown(labels, bracket)
    rows: list[Numbered] = []
    for before, number in zip([*shown[:1], *shown], shown, strict=False):
        if number == before + 2:
            rows.extend(_line(lines[number - 2], number - 1, (), bracket, width))
        elif number > before + 2:
            rows.append(GAP)
        rows.extend(_line(lines[number - 1], number, labels, bracket, width))
    return rows


def _clipped(label: Label, lines: Sequence[str]) -> Label:
    """The label without what lies behind the end of the file."""
    span = label.span
    if span.end_line <= len(lines):
        return label
    end = Span(span.file, span.line, span.column, len(lines), len(lines[-1]) + 1)
    return Label(end, label.text, label.primary)


def _by_importance(labels: Sequence[Label]) -> list[Label]:
    return sorted(labels, key=lambda label: not label.primary)


def _lines_shown(labels: Sequence[Label], bracket: Label | None) -> list[int]:
    wanted = {label.span.line for label in labels}
    if bracket is not None:
        first, last = bracket.span.line, bracket.span.end_line
        wanted |= {first, first + 1, last} if last - first >= _ELIDED_FROM else set(range(first, last + 1))
    return sorted(wanted)


def _line(text: str, number: int, labels: Sequence[Label], bracket: Label | None, width: int) -> list[Numbered]:
    """One source line and what is drawn below it."""
    shown, cells = expand(text)
    marks = [_mark(label, cells) for label in labels if label is not bracket and label.span.line == number]
    left = _window(len(shown), marks, width)
    rows = draw_marks([Mark(m.start - left, m.end - left, m.text, m.primary) for m in marks])
    picture = [Numbered(number, _source(text, left, width)), *(Numbered(None, row) for row in rows)]
    if bracket is None:
        return picture
    return _bracketed(picture, number, bracket, [max(0, min(cell - left, width)) for cell in cells])


def _mark(label: Label, cells: Sequence[int]) -> Mark:
    """A label's cells on its first line; at least one, so that an empty span shows too."""
    last = len(cells) - 1
    start = cells[min(label.span.column - 1, last)]
    end = cells[last] if label.span.end_line > label.span.line else cells[min(label.span.end_column - 1, last)]
    return Mark(start, max(end, start + 1), label.text, label.primary)


def _window(length: int, marks: Sequence[Mark], width: int) -> int:
    """The first cell to show of a line that may be longer than `width`."""
    end = max((mark.end for mark in marks), default=0)
    if length <= width or end <= width - 1:
        return 0
    start = min(mark.start for mark in marks)
    return max(0, min(start - TAB, end - width + 2))


def _source(text: str, left: int, width: int) -> Row:
    """A source line from cell `left`, cut to `width`, with an ellipsis where something is missing."""
    shown = expand(text)[0].rstrip()
    cut = shown[left : left + width]
    if left:
        cut = "…" + cut[1:]
    if len(shown) > left + width:
        cut = cut[:-1] + "…"
    return [(cut, "")]


def _bracketed(rows: list[Numbered], number: int, bracket: Label, cells: Sequence[int]) -> list[Numbered]:
    """The rows of one line, moved right by two cells for the bracket that passes them."""
    role = "primary" if bracket.primary else "secondary"
    span = bracket.span
    inside = span.line < number <= span.end_line
    edge = "| " if inside else "  "
    drawn = [Numbered(row.number, [(edge, role), *row.row]) for row in rows]
    point = "^" if bracket.primary else "-"
    if number == span.line:
        start = cells[min(span.column - 1, len(cells) - 1)]
        drawn.insert(1, Numbered(None, [(f" {'_' * (start + 1)}{point}", role)]))
        drawn[2:] = [Numbered(row.number, [("| ", role), *row.row[1:]]) for row in drawn[2:]]
    elif number == span.end_line:
        end = max(cells[min(span.end_column - 1, len(cells) - 1)], 1)
        drawn.append(Numbered(None, [(f"|{'_' * end}{point} {bracket.text}".rstrip(), role)]))
    return drawn
