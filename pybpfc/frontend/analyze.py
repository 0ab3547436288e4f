"""From a module's namespace to its typed tree: every program, and every function programs reach."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.diagnostic import Label
from pybpfc.diagnostics.sink import DiagnosticSink
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.functions import check_function, check_program
from pybpfc.frontend.unit import Unit
from pybpfc.lang.fingerprint import Dependencies
from pybpfc.lang.maps import BpfMap
from pybpfc.lang.programs import Program

MAX_LICENSE = 127


@dataclass(frozen=True, slots=True)
class Analysis:
    """A checked module: the typed tree, what it depends on, and the desugared functions for those who ask."""

    unit: t.TUnit
    dependencies: Dependencies
    desugared: tuple[ast.FunctionDef, ...]


def programs_of(namespace: Mapping[str, Any]) -> list[Program[..., Any]]:
    """The programs a namespace holds, in the order of their definition."""
    found: dict[int, Program[..., Any]] = {id(v): v for v in namespace.values() if isinstance(v, Program)}
    return list(found.values())


def analyze(
    namespace: Mapping[str, Any],
    name: str,
    file: str,
    sink: DiagnosticSink,
    programs: Iterable[Program[..., Any]] | None = None,
) -> Analysis | None:
    """Check a module; None when there were errors, which the sink then holds."""
    unit = Unit(name, file, namespace, sink, license=_license(namespace, file, sink))
    chosen = list(programs) if programs is not None else programs_of(namespace)
    if not chosen:
        sink.emit(catalog.NoPrograms(name).at(unit.no_span()))
        return None
    _declare_module(unit)
    functions: list[t.TFunction] = []
    failed = False
    for program in chosen:
        checked = check_program(unit, program)
        failed = failed or checked is None
        if checked is not None:
            functions.append(checked)
    done: set[str] = set()
    while pending := [r for r in unit.requests.values() if r.key.name not in done]:
        for request in pending:
            done.add(request.key.name)
            checked = check_function(unit, request)
            failed = failed or checked is None
            if checked is not None:
                functions.append(checked)
    _check_recursion(unit)
    if failed or sink.errors:
        return None
    sources = {f: "\n".join(p.lines) + "\n" for f, p in unit.files.parsed.items()}
    tree = t.TUnit(name, file, unit.license, functions, list(unit.maps.values()), list(unit.globals.values()), sources)
    return Analysis(tree, unit.dependencies(), tuple(unit.desugared))


def _license(namespace: Mapping[str, Any], file: str, sink: DiagnosticSink) -> str:
    value = namespace.get("LICENSE", "GPL")
    if isinstance(value, str) and value and len(value.encode()) <= MAX_LICENSE:
        return value
    from pybpfc.diagnostics.span import Span

    sink.emit(catalog.InvalidLicense().at(Span(file, 1, 1, 1, 1)))
    return "GPL"


def _declare_module(unit: Unit) -> None:
    """Maps and globals of the module itself are part of the object whether or not a program names them."""
    for name, value in list(unit.namespace.items()):
        if isinstance(value, BpfMap):
            unit.map_def(value, name, unit.namespace)
    for name in unit.namespace.get("__annotations__", {}):
        unit.global_variable(unit.namespace, name)


def _check_recursion(unit: Unit) -> None:
    """A function must not call itself, not even through others."""
    spans = {r.key.name: r.span for r in unit.requests.values()}
    reported: set[frozenset[str]] = set()

    def walk(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            cycle = (*path[path.index(name) :], name)
            if frozenset(cycle) not in reported:
                reported.add(frozenset(cycle))
                label = [Label(spans[cycle[1]], "called here")] if cycle[1] in spans and len(cycle) > 2 else []
                diagnostic = catalog.Recursion(name, " → ".join(cycle)).at(spans.get(name, unit.no_span()), labels=label)
                unit.sink.emit(diagnostic)
            return
        for callee in sorted(unit.calls.get(name, ())):
            walk(callee, (*path, name))

    for name in list(unit.calls):
        walk(name, ())
