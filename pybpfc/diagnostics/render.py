"""Diagnostics as text, pure: the same input gives the same picture.

error[E0301]: `count` may be None
  --> examples/count.py:18:5
   |
17 |     count = counts.lookup(key)
   |             ------------------ lookup returns `Ptr[u64] | None`
18 |     count.value += 1
   |     ^^^^^ used without a check
   |
help: return early when the key is absent
   |
18 +     if count is None:
19 +         return XDP_PASS
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from pybpfc.diagnostics.diagnostic import Diagnostic, Fix, Help, Label
from pybpfc.diagnostics.layout import Row, expand, picture
from pybpfc.diagnostics.source import SourceMap

_RESET = "\x1b[0m"
_PAINT = {
    "bold": "\x1b[1m",
    "frame": "\x1b[1;34m",
    "secondary": "\x1b[1;34m",
    "added": "\x1b[32m",
    "removed": "\x1b[31m",
}
_VISIBLE = dict.fromkeys([*range(32), *range(127, 160)], "\N{REPLACEMENT CHARACTER}")
"""Control characters that a user's names or strings could send to the terminal."""

_SEVERITY_PAINT = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m"}


def render(diagnostic: Diagnostic, sources: SourceMap | None = None, *, width: int = 100, color: bool = False) -> str:
    """One diagnostic as text without a final newline; `color` is the caller's decision (a terminal, no `NO_COLOR`)."""
    return _Renderer(diagnostic, sources if sources is not None else SourceMap(), width, color).render()


def render_all(
    diagnostics: Iterable[Diagnostic],
    sources: SourceMap | None = None,
    *,
    suppressed: int = 0,
    width: int = 100,
    color: bool = False,
) -> str:
    """All of them, separated by blank lines; a last line counts them when there are several."""
    sources = sources if sources is not None else SourceMap()
    listed = list(diagnostics)
    parts = [render(diagnostic, sources, width=width, color=color) for diagnostic in listed]
    if len(listed) + suppressed > 1:
        parts.append(summary(listed, suppressed))
    return "\n\n".join(parts)


def summary(diagnostics: Iterable[Diagnostic], suppressed: int = 0) -> str:
    """How many there are: `3 errors, 1 warning`."""
    severities = [diagnostic.severity.value for diagnostic in diagnostics]
    counts = [
        f"{count} {word}{'s' if count > 1 else ''}"
        for word in ("error", "warning")
        if (count := severities.count(word))
    ]
    if suppressed:
        counts.append(f"{suppressed} more error{'s' if suppressed > 1 else ''} not shown")
    return ", ".join(counts)


class _Renderer:
    """The state of rendering one diagnostic: the gutter's width and the colours."""

    def __init__(self, diagnostic: Diagnostic, sources: SourceMap, width: int, color: bool) -> None:
        self.diagnostic = diagnostic
        self.sources = sources
        self.width = max(width, 40)
        self.color = color
        numbers = [label.span.end_line for label in diagnostic.labels]
        for help in diagnostic.helps:
            numbers += [fix.span.end_line + fix.replacement.count("\n") for fix in help.fixes]
        self.gutter = len(str(max(numbers, default=1)))
        self.out: list[str] = []

    def render(self) -> str:
        diagnostic = self.diagnostic
        severity = diagnostic.severity.value
        self.add((f"{severity}[{diagnostic.code}]", "primary"), (f": {diagnostic.message}", "bold"))
        pictured = False
        for index, labels in enumerate(_by_file(diagnostic)):
            if pictured:
                self.bar("|")
            pictured = self.snippet(labels, "-->" if index == 0 else ":::")
        remarks = [("note", note) for note in diagnostic.notes]
        remarks += [("help", help.text) for help in diagnostic.helps if not self.edits(help)]
        edits = [help for help in diagnostic.helps if self.edits(help)]
        if (remarks or edits) and pictured:
            self.bar("|")
        for word, text in remarks:
            self.remark(word, text)
        for help in edits:
            self.edit(help)
        return "\n".join(self.out)

    # ------------------------------------------------------------------------------ rows

    def add(self, *pieces: tuple[str, str]) -> None:
        """Append a line."""
        last = len(pieces) - 1
        texts = [(text.rstrip() if index == last else text, role) for index, (text, role) in enumerate(pieces)]
        self.out.append("".join(self.paint(text.translate(_VISIBLE), role) for text, role in texts).rstrip())

    def paint(self, text: str, role: str) -> str:
        if not self.color or not role or not text:
            return text
        paint = _SEVERITY_PAINT[self.diagnostic.severity.value] if role == "primary" else _PAINT[role]
        return f"{paint}{text}{_RESET}"

    def bar(self, mark: str, row: Row | None = None, number: str = "") -> None:
        """A line with the gutter: `17 | text`, or with a blank gutter."""
        lead = f"{number:>{self.gutter}} {mark}"
        self.add((lead + " " if row else lead, "frame"), *(row or ()))

    def wrapped(self, text: str, indent: int) -> list[str]:
        """A remark cut into lines; its own line breaks stay."""
        room = max(self.width - indent, 30)
        return [
            piece
            for line in text.split("\n")
            for piece in textwrap.wrap(line, room, break_long_words=False, break_on_hyphens=False) or [""]
        ]

    # ------------------------------------------------------------------------------ parts

    def snippet(self, labels: Sequence[Label], arrow: str) -> bool:
        """The labels of one file; says whether there was source text to show them in."""
        span = labels[0].span
        self.add(
            (f"{' ' * self.gutter}{arrow} ", "frame"),
            (f"{self.sources.display(span.file)}:{span.line}:{span.column}", ""),
        )
        lines = self.sources.lines(span.file)
        rows = picture(lines, labels, self.width - self.gutter - 3)
        if rows:
            self.bar("|")
        for row in rows:
            if row.number == 0:
                self.add(("...", "frame"))
            else:
                self.bar("|", row.row, str(row.number) if row.number is not None else "")
        for label in labels:
            if label.text and not 1 <= label.span.line <= len(lines):
                self.remark("note", label.text)
        return bool(rows)

    def remark(self, word: str, text: str) -> None:
        """`= note: text`, wrapped."""
        indent = self.gutter + 3 + len(word) + 2
        first, *rest = self.wrapped(text, indent)
        self.add((f"{' ' * self.gutter} = ", "frame"), (word, "bold"), (f": {first}", ""))
        for line in rest:
            self.add((" " * indent + line, ""))

    def edits(self, help: Help) -> bool:
        """Whether the fixes of a help can be shown as changed lines: the text is there, and they change it."""
        places = [fix.span for fix in help.fixes]
        there = all(self.sources.line(span.file, span.end_line) is not None for span in places)
        return bool(places) and there and any(old != new for _, old, new in changes(help.fixes, self.sources))

    def edit(self, help: Help) -> None:
        """A help with its fixes as removed and added lines."""
        first, *rest = self.wrapped(help.text, 6)
        self.add(("help", "bold"), (f": {first}", ""))
        for line in rest:
            self.add((" " * 6 + line, ""))
        self.bar("|")
        for start, old, new in changes(help.fixes, self.sources):
            for offset, line in enumerate(old):
                self.bar("-", [(expand(line)[0], "removed")], str(start + offset))
            for offset, line in enumerate(new):
                self.bar("+", [(expand(line)[0], "added")], str(start + offset))


def _by_file(diagnostic: Diagnostic) -> list[list[Label]]:
    """The labels file by file: first the primary label's, each with its most important label first."""
    groups: dict[str, list[Label]] = {}
    for label in sorted(diagnostic.labels, key=lambda label: not label.primary):
        groups.setdefault(label.span.file, []).append(label)
    return list(groups.values())


def changes(fixes: Sequence[Fix], sources: SourceMap) -> list[tuple[int, list[str], list[str]]]:
    """What fixes do to whole lines: the first line's number, the lines removed and those that replace them."""
    found: list[tuple[int, list[str], list[str]]] = []
    for group in _touching(fixes):
        first, last = group[0].span.line, max(fix.span.end_line for fix in group)
        old = sources.lines(group[0].span.file)[first - 1 : last]
        new = apply_fixes(old, group, first)
        start = 0
        while start < min(len(old), len(new)) and old[start] == new[start]:
            start += 1
        end = 0
        while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
            end += 1
        found.append((first + start, old[start : len(old) - end], new[start : len(new) - end]))
    return found


def apply_fixes(lines: Sequence[str], fixes: Sequence[Fix], first: int = 1) -> list[str]:
    """The lines after the edits; `first` is the number of the first line given."""
    text = "\n".join(lines)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    for fix in sorted(fixes, key=lambda fix: (fix.span.line, fix.span.column), reverse=True):
        start = min(starts[fix.span.line - first] + fix.span.column - 1, len(text))
        end = min(starts[fix.span.end_line - first] + fix.span.end_column - 1, len(text))
        text = text[:start] + fix.replacement + text[end:]
    return text.split("\n")


def _touching(fixes: Sequence[Fix]) -> list[list[Fix]]:
    """Fixes grouped so that those of the same or neighbouring lines are shown as one change."""
    groups: list[list[Fix]] = []
    for fix in sorted(fixes, key=lambda fix: (fix.span.file, fix.span.line, fix.span.column)):
        last = groups[-1][-1] if groups else None
        if last is not None and last.span.file == fix.span.file and fix.span.line <= last.span.end_line + 1:
            groups[-1].append(fix)
        else:
            groups.append([fix])
    return groups
