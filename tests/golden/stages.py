"""What a case's folder runs: a function from the case to the text that is compared."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from diagnosed import check_file
from runner import Case

from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.catalog.base import PRELUDE
from pybpfc.diagnostics.diagnostic import Diagnostic, Fix, Help, Label
from pybpfc.diagnostics.render import render_all
from pybpfc.diagnostics.source import SourceMap
from pybpfc.diagnostics.span import Span, line_start


def render(case: Case) -> str:
    """Runs `[code]`, which emits diagnostics over the `[file …]` parts, and renders them."""
    sources = SourceMap(root="/home/user")
    emitted: list[Diagnostic] = []
    settings: dict[str, int | bool] = {}

    def path(name: str) -> str:
        return f"/home/user/{name}"

    for name, text in case.files().items():
        sources.add(path(name), text)

    def span(name: str, line: int, fragment: str, last: str | None = None, last_line: int | None = None) -> Span:
        """The first occurrence of `fragment` in the line, up to the end of `last` in `last_line`."""
        column = (sources.line(path(name), line) or "").index(fragment)
        first = Span(path(name), line, column + 1, line, column + 1 + len(fragment))
        return first if last is None or last_line is None else first.to(span(name, last_line, last))

    names: dict[str, object] = {
        **{name: getattr(catalog, name) for name in (entry.__name__ for entry in catalog.entries().values())},
        "did_you_mean": catalog.did_you_mean,
        "emit": emitted.append,
        "settings": settings.update,
        "span": span,
        "start_of": lambda name, line: line_start(path(name), line),
        "nowhere": lambda name, line: Span(path(name), line, 1, line, 5),
        "Label": Label,
        "Help": Help,
        "Fix": Fix,
    }
    exec(compile(case.text("code") or "", f"{case.path}::{case.name}", "exec"), names)
    return render_all(emitted, sources, **settings).replace("\x1b", "␛")  # type: ignore[arg-type]


ANNOTATION = re.compile(r"\s*# [EW]\[[A-Z]\d{4}\].*$")


def check(case: Case) -> str:
    """The source with the diagnostics of each line behind it: `# E[CODE] «what the span covers»: message`."""
    lines = [ANNOTATION.sub("", line) for line in case.source.rstrip("\n").split("\n")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "case.py")
        path.write_text(PRELUDE + "\n".join(lines) + "\n", encoding="utf-8")
        sink = check_file(path)
        first = PRELUDE.count("\n") + 1
        for diagnostic in (*sink.errors, *sink.warnings):
            covered = sink.sources.text(diagnostic.span).split("\n")[0]
            kind = "E" if diagnostic.is_error else "W"
            remark = f"# {kind}[{diagnostic.code}] «{covered}»: {diagnostic.message}"
            index = max(diagnostic.line - first, 0)
            lines[index] += f"  {remark}"
    return "\n".join(lines)


@dataclass(frozen=True)
class Stage:
    """What runs a case, and the part of the case that its result is compared with."""

    run: Callable[[Case], str]
    part: str = "out"


STAGES: dict[str, Stage] = {
    "render": Stage(render),
    "check": Stage(check, "case"),
}
"""By the folder's first name."""
