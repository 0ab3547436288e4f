"""Golden tests: cases in text files, run through a stage named by their folder.

A file holds cases; a case holds parts:

    [case name]
    source
    [out]
    expected output

Further parts are `[file NAME]`, other text the case needs, `[code]`, what the stage runs, and `[options cpu=v4]`. Text
before the first case is a comment. With `--update-golden` the `[out]` parts are rewritten from what the code does now.
A line of a case that begins like a part's header is written with a backslash before it.

A stage may instead compare with the source itself: cases of `check` hold the diagnostics expected of a line as comments
at its end, and have no `[out]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

HEADER = re.compile(r"\[(case|file|code|options|out)(?: ([^\]]+))?\]\s*$")


@dataclass
class Part:
    """One part of a case: its kind, its argument and its text."""

    kind: str
    name: str = ""
    text: str = ""


@dataclass
class Case:
    """One case of a golden file."""

    path: Path
    name: str
    line: int
    parts: list[Part] = field(default_factory=list)

    def text(self, kind: str) -> str | None:
        """The text of the part of this kind, or None when the case has none."""
        return next((part.text for part in self.parts if part.kind == kind), None)

    @property
    def source(self) -> str:
        """What stands under `[case …]`."""
        return self.parts[0].text

    def files(self) -> dict[str, str]:
        """The `[file …]` parts by name."""
        return {part.name: part.text for part in self.parts if part.kind == "file"}

    def options(self) -> dict[str, str]:
        """The settings of `[options name=value …]`."""
        given = next((part.name for part in self.parts if part.kind == "options"), "")
        return dict(item.split("=", 1) for item in given.split())

    def set_text(self, kind: str, text: str) -> None:
        """Replace the text of the first part of this kind, or add one."""
        for part in self.parts:
            if part.kind == kind:
                part.text = text
                return
        self.parts.append(Part(kind, "", text))


@dataclass
class CaseFile:
    """A golden file: the text before the first case, and the cases."""

    path: Path
    preamble: str
    cases: list[Case]

    def write(self) -> None:
        """Write the file back in its canonical form."""
        out = [self.preamble.rstrip() + "\n\n" if self.preamble.strip() else ""]
        for case in self.cases:
            for part in case.parts:
                out.append(f"[{part.kind} {part.name}]\n" if part.name else f"[{part.kind}]\n")
                out.append(_escape(part.text.rstrip("\n")) + "\n" if part.text.strip("\n") else "")
            out.append("\n")
        self.path.write_text("".join(out).rstrip("\n") + "\n", encoding="utf-8")


def read_cases(path: Path) -> CaseFile:
    """Parse a golden file."""
    preamble: list[str] = []
    cases: list[Case] = []
    collected = preamble
    pending: list[tuple[Part, list[str]]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        match = HEADER.match(line)
        if match is None:
            collected.append(line[1:] if line.startswith("\\[") else line)
            continue
        part = Part(match[1], match[2] or "")
        if part.kind == "case":
            if any(case.name == part.name for case in cases):
                raise ValueError(f"{path}:{number}: a second case named {part.name}")
            cases.append(Case(path, part.name, number))
        elif not cases:
            raise ValueError(f"{path}:{number}: [{part.kind}] before the first [case …]")
        cases[-1].parts.append(part)
        collected = []
        pending.append((part, collected))
    for part, lines in pending:
        part.text = "\n".join(lines).rstrip("\n") + "\n" if any(lines) else ""
    return CaseFile(path, "\n".join(preamble), cases)


def _escape(text: str) -> str:
    return "\n".join("\\" + line if HEADER.match(line) else line for line in text.split("\n"))


def all_cases(root: Path) -> Iterator[Case]:
    """Every case below `root`, in a stable order."""
    for path in sorted(root.rglob("*.test")):
        yield from read_cases(path).cases


def case_id(root: Path, case: Case) -> str:
    """How a case is named in pytest's output."""
    return f"{case.path.relative_to(root).with_suffix('')}::{case.name}"


def run_case(case: Case, stage: Callable[[Case], str], update: bool, part: str = "out") -> None:
    """Run a case and compare the result with one of its parts, or rewrite that."""
    actual = "\n".join(line.rstrip() for line in stage(case).rstrip("\n").split("\n")) + "\n"
    expected = case.text(part)
    if update:
        if actual != expected:
            file = read_cases(case.path)
            next(other for other in file.cases if other.name == case.name).set_text(part, actual)
            file.write()
        return
    assert expected is not None, f"{case.path}:{case.line}: no [out] yet; run with --update-golden"
    assert actual == expected, f"{case.path}:{case.line}: differs (--update-golden rewrites it)"
