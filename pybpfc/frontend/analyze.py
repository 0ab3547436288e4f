"""From a module's namespace to its typed tree: every program, and every function programs reach."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.diagnostic import Label
from pybpfc.diagnostics.sink import DiagnosticSink
from pybpfc.diagnostics.span import Span
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.functions import check_function, check_program
from pybpfc.frontend.unit import Unit
from pybpfc.ir.passes.availability import forbidden
from pybpfc.lang.fingerprint import Dependencies
from pybpfc.lang.maps import BpfMap
from pybpfc.lang.programs import Program
from pybpfc.records import frozen

MAX_LICENSE = 127


@frozen
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
    unit = Unit(name, file, namespace, sink)
    unit.license = _license(unit)
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
    while pending := [r for r in unit.requests.values() if r.key.name not in unit.checked]:
        for request in pending:
            check_function(unit, request)
    for called in unit.checked.values():
        failed = failed or called is None
        if called is not None:
            functions.append(called)
    _check_recursion(unit)
    _check_helpers(unit, functions)
    if failed or sink.errors:
        return None
    sources = {f: "\n".join(p.lines) + "\n" for f, p in unit.files.parsed.items()}
    tree = t.TUnit(name, file, unit.license, functions, list(unit.maps.values()), list(unit.globals.values()), sources)
    return Analysis(tree, unit.dependencies(), tuple(unit.desugared))


def _license(unit: Unit) -> str:
    value = unit.namespace.get("LICENSE", "GPL")
    if isinstance(value, str) and value and len(value.encode()) <= MAX_LICENSE:
        return value
    unit.sink.emit(catalog.InvalidLicense().at(unit.binding_span("LICENSE")))
    return "GPL"


def _declare_module(unit: Unit) -> None:
    """Maps and globals of the module itself are part of the object whether or not a program names them."""
    for name, value in list(unit.namespace.items()):
        if isinstance(value, BpfMap):
            unit.map_def(value, name, unit.namespace)
    for name in unit.namespace.get("__annotations__", {}):
        unit.global_variable(unit.namespace, name)


def _check_helpers(unit: Unit, functions: Iterable[t.TFunction]) -> None:
    """A function may call only helpers that each program which reaches it may call."""
    for function in functions:
        if function.program is None:
            continue
        for name, call in _reached(unit, function.name).items():
            for helper, span in unit.helper_calls.get(name, ()):
                mistake = forbidden(helper, function.program.section, function.program.type.name)
                if mistake is not None:
                    unit.sink.emit(mistake.at(span, labels=[Label(call, f"called for the program `{function.name}`")]))


def _reached(unit: Unit, program: str) -> dict[str, Span]:
    """The functions a program reaches, each with the call in the program that leads there."""
    found: dict[str, Span] = {}
    pending = list(unit.calls.get(program, {}).items())
    while pending:
        name, call = pending.pop()
        if name not in found:
            found[name] = call
            pending += [(callee, call) for callee in unit.calls.get(name, {})]
    return found


def _check_recursion(unit: Unit) -> None:
    """A function must not call itself, not even through others."""
    reported: set[frozenset[str]] = set()

    def walk(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            cycle = (*path[path.index(name) :], name)
            if frozenset(cycle) not in reported:
                reported.add(frozenset(cycle))
                calls = [unit.calls[caller][callee] for caller, callee in zip(cycle, cycle[1:], strict=False)]
                labels = [Label(span, "by way of this call") for span in calls[:-1]]
                unit.sink.emit(catalog.Recursion(name, " → ".join(cycle)).at(calls[-1], labels=labels))
            return
        for callee in sorted(unit.calls.get(name, ())):
            walk(callee, (*path, name))

    for name in list(unit.calls):
        walk(name, ())
