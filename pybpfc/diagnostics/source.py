"""The text behind spans: lines of files, notebook cells and REPL input, and spans of AST nodes."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Sequence

from pybpfc.diagnostics.span import Span


class SourceMap:
    """Lines by file name; `linecache` answers for files, notebook cells and the REPL, `add` for any other text.

    Diagnostics name files relative to `root` when they lie in it.
    """

    def __init__(self, root: str = "") -> None:
        self.root = root
        self._lines: dict[str, list[str]] = {}

    def display(self, file: str) -> str:
        """The name of `file` for people."""
        prefix = self.root.rstrip("/") + "/"
        return file.removeprefix(prefix) if self.root else file

    def add(self, file: str, text: str) -> None:
        """Remember the text of `file`, so that later edits on disk do not change what diagnostics quote."""
        self._lines[file] = split_lines(text)

    def lines(self, file: str) -> list[str]:
        """The lines of `file` without their line ends; empty when there is no source."""
        known = self._lines.get(file)
        if known is None:
            linecache.checkcache(file)
            known = [line.rstrip("\r\n") for line in linecache.getlines(file)]
            self._lines[file] = known
        return known

    def line(self, file: str, number: int) -> str | None:
        """Line `number` (from 1) of `file`, or None when there is no such line."""
        lines = self.lines(file)
        return lines[number - 1] if 1 <= number <= len(lines) else None

    def text(self, span: Span) -> str:
        """The source text that `span` covers."""
        lines = self.lines(span.file)[span.line - 1 : span.end_line]
        if not lines:
            return ""
        if span.line == span.end_line:
            return lines[0][span.column - 1 : span.end_column - 1]
        return "\n".join([lines[0][span.column - 1 :], *lines[1:-1], lines[-1][: span.end_column - 1]])


def split_lines(text: str) -> list[str]:
    """Split at the line ends Python's parser knows, which are fewer than those of `str.splitlines`."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def span_of(file: str, node: ast.AST, lines: Sequence[str]) -> Span:
    """The span of an AST node, its UTF-8 byte columns converted to characters.

    `lines` are those of the file the node was parsed from. A node that carries no position of its own
    (`arguments`, `withitem`, `match_case`, `comprehension`) spans its children.
    """
    if (end_line := getattr(node, "end_lineno", None)) is None:
        return _span_of_children(file, node, lines)
    line: int = getattr(node, "lineno", end_line)
    column = column_of(lines, line, getattr(node, "col_offset", 0))
    end_column = column_of(lines, end_line, getattr(node, "end_col_offset", 0))
    return Span(file, line, column, end_line, end_column)


def span_of_header(file: str, node: ast.stmt, lines: Sequence[str]) -> Span:
    """The span of a compound statement without its body: `def f(x) -> int`, `while x > 3`, `with a as b`."""
    whole = span_of(file, node, lines)
    if not hasattr(node, "body") and not hasattr(node, "cases"):
        return whole
    last = whole.start
    for name, value in ast.iter_fields(node):
        if name in _BODIES:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and any(hasattr(part, "end_lineno") for part in ast.walk(child)):
                span = span_of(file, child, lines)
                last = max(last, span.end, key=lambda at: (at.line, at.column))
    text = lines[last.line - 1] if last.line <= len(lines) else ""
    colon = text.find(":", last.column - 1)
    return Span(file, whole.line, whole.column, last.line, colon + 1 if colon >= 0 else last.column)


_BODIES = frozenset({"body", "orelse", "handlers", "finalbody", "cases", "decorator_list"})


def column_of(lines: Sequence[str], line: int, offset: int) -> int:
    """The 1-based character column of a byte offset into a line."""
    if not 1 <= line <= len(lines):
        return offset + 1
    text = lines[line - 1]
    if text.isascii():
        return offset + 1
    return len(text.encode("utf-8", "surrogatepass")[:offset].decode("utf-8", "replace")) + 1


def _span_of_children(file: str, node: ast.AST, lines: Sequence[str]) -> Span:
    """The span from a node's first positioned child to its last."""
    spans = [span_of(file, child, lines) for child in ast.walk(node) if hasattr(child, "end_lineno")]
    if not spans:
        raise ValueError(f"{type(node).__name__} has no position in {file}")
    first = min(spans, key=lambda span: (span.line, span.column))
    return first.to(max(spans, key=lambda span: (span.end_line, span.end_column)))
