"""What a case's folder runs: a function from the case to the text that is compared."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from diagnosed import check_file, import_file
from runner import Case

from pybpfc.compiler import compile_source
from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.catalog.base import PRELUDE
from pybpfc.diagnostics.diagnostic import Diagnostic, Fix, Help, Label
from pybpfc.diagnostics.render import render_all
from pybpfc.diagnostics.sink import DiagnosticSink
from pybpfc.diagnostics.source import SourceMap
from pybpfc.diagnostics.span import Span, line_start
from pybpfc.formats.dump import dump_object
from pybpfc.frontend.analyze import analyze
from pybpfc.frontend.lower.module import lower_unit
from pybpfc.ir.module import Module, Target
from pybpfc.ir.passes.pipeline import PASSES
from pybpfc.ir.printer import print_module
from pybpfc.ir.verify import verify_module

EXAMPLES = Path(__file__).parents[2] / "examples"


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
        sink = check_file(path, case.options().get("kernel"))
        first = PRELUDE.count("\n") + 1
        for diagnostic in (*sink.errors, *sink.warnings):
            covered = sink.sources.text(diagnostic.span).split("\n")[0]
            kind = "E" if diagnostic.is_error else "W"
            remark = f"# {kind}[{diagnostic.code}] «{covered}»: {diagnostic.message}"
            index = max(diagnostic.line - first, 0)
            lines[index] += f"  {remark}"
    return "\n".join(lines)


def lowered(case: Case) -> tuple[Module, Target]:
    """The IR of a case before any pass."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "case.py")
        path.write_text(PRELUDE + case.source, encoding="utf-8")
        module = import_file(path)
        sink = DiagnosticSink(SourceMap(root=folder))
        analysis = analyze(vars(module), "case", str(path), sink)
        sink.raise_if_errors()
    assert analysis is not None
    target = Target(case.options().get("cpu", "v3"))
    return lower_unit(analysis.unit, target), target


def ir(case: Case) -> str:
    """The IR as lowering makes it."""
    return print_module(lowered(case)[0])


def passes(case: Case) -> str:
    """The IR after the pass that the case's folder names."""
    wanted = case.path.parent.name
    module, target = lowered(case)
    for step in PASSES:
        step.run(module, target)
        problems = verify_module(module, high_level=not step.lowers_all)
        assert not problems, f"after {step.name}: {problems}"
        if step.name == wanted:
            return print_module(module)
    raise ValueError(f"there is no pass `{wanted}`")


def objects(case: Case) -> str:
    """The compiled object as text; `[options example=NAME]` compiles an example instead of the case's source."""
    options = case.options()
    cpu, big_endian = options.get("cpu", "v3"), options.get("endian") == "big"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "case.py")
        path.write_text(PRELUDE + case.source, encoding="utf-8")
        source = EXAMPLES / f"{options['example']}.py" if "example" in options else path
        return dump_object(compile_source(import_file(source), cpu=cpu, big_endian=big_endian, use_cache=False).elf)


@dataclass(frozen=True)
class Stage:
    """What runs a case, and the part of the case that its result is compared with."""

    run: Callable[[Case], str]
    part: str = "out"


STAGES: dict[str, Stage] = {
    "render": Stage(render),
    "check": Stage(check, "case"),
    "ir": Stage(ir),
    "passes": Stage(passes),
    "object": Stage(objects),
}
"""By the folder's first name."""
