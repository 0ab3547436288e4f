"""What a case's folder runs: a function from the case to the text that is compared."""

from __future__ import annotations

from collections.abc import Callable

from runner import Case

from pybpfc.diagnostics import catalog
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


STAGES: dict[str, Callable[[Case], str]] = {"render": render}
"""By the folder's first name."""
