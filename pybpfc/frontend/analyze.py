"""From a module's namespace to its typed tree: every program, and every function programs reach."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.diagnostic import Label
from pybpfc.diagnostics.sink import DiagnosticSink
from pybpfc.diagnostics.span import Span
from pybpfc.formats.spec import lost_name
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.functions import check_instance, check_program
from pybpfc.frontend.struct_ops import check_struct_ops
from pybpfc.frontend.unit import Unit
from pybpfc.ir.module import OpsDef
from pybpfc.ir.passes.availability import forbidden
from pybpfc.lang.fingerprint import Dependencies
from pybpfc.lang.functions import Function
from pybpfc.lang.maps import BpfMap
from pybpfc.lang.programs import Program
from pybpfc.lang.struct_ops import HOOK, StructOps, struct_ops_of
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
    found: dict[int, Program[..., Any]] = {}
    for value in namespace.values():
        members = value.programs.values() if isinstance(value, StructOps) else ()
        found.update({id(v): v for v in (value, *members) if isinstance(v, Program)})
    return list(found.values())


def functions_of(namespace: Mapping[str, Any]) -> list[Function[..., Any]]:
    """The `@bpf.func` functions and methods that a module itself defines."""
    scopes = [vars(v) for v in namespace.values() if isinstance(v, type) and "__bpf_type__" in vars(v)]
    values = (value for scope in (namespace, *scopes) for value in scope.values())
    own = (v for v in values if isinstance(v, Function) and v.__wrapped__.__globals__ is namespace)
    return list(dict.fromkeys(own))


def analyze(
    namespace: Mapping[str, Any],
    name: str,
    file: str,
    sink: DiagnosticSink,
    programs: Iterable[Program[..., Any]] | None = None,
    *,
    unreached: bool = False,
    sparing: bool = False,
) -> Analysis | None:
    """Check a module; None when there were errors, which the sink then holds.

    `unreached` checks the module's functions that no program reaches too; what is compiled leaves it off. With
    `sparing`, more loops are left to `bpf_loop`.
    """
    unit = Unit(name, file, namespace, sink, sparing=sparing)
    unit.license = _license(unit)
    chosen = list(programs) if programs is not None else programs_of(namespace)
    if not chosen and not (unreached and functions_of(namespace)):
        sink.emit(catalog.NoPrograms(name).at(unit.no_span()))
        return None
    _declare_module(unit)
    struct_ops = _struct_ops(unit, chosen)
    checked = [check_program(unit, program) for program in chosen]
    for function in functions_of(namespace) if unreached else ():
        if (key := unit.require(function)) is not None:
            check_instance(unit, key)
    checked += unit.checked.values()
    functions = [function for function in checked if function is not None]
    _check_recursion(unit)
    _check_helpers(unit, functions)
    _check_counters(unit)
    if len(functions) < len(checked) or sink.errors:
        return None
    sources = {f: "\n".join(p.lines) + "\n" for f, p in unit.files.parsed.items()}
    tree = t.TUnit(name, file, unit.license, functions, list(unit.maps.values()), list(unit.globals.values()), sources)
    tree.struct_ops = struct_ops
    return Analysis(tree, unit.dependencies(), tuple(unit.desugared))


def _struct_ops(unit: Unit, chosen: list[Program[..., Any]]) -> list[OpsDef]:
    """The structs of operations whose functions are compiled; functions of those that are wrong are left out."""
    made: list[OpsDef] = []
    loose = {id(program): program for program in chosen if program.hook == HOOK}
    for ops in struct_ops_of(unit.namespace) if loose else ():
        members = [program for program in ops.programs.values() if id(program) in loose]
        found = check_struct_ops(unit, ops) if members else None
        made += [found] if found is not None else []
        for program in members:
            del loose[id(program)]
            if found is None:
                chosen.remove(program)
    for program in loose.values():
        captured = unit.capture(program)
        span = captured.source.header_span(captured.node) if captured is not None else unit.no_span()
        unit.sink.emit(catalog.LooseOperation(program.name, program.target).at(span))
        chosen.remove(program)
    return made


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


def _check_counters(unit: Unit) -> None:
    """The names of the counters of lost records are the compiler's."""
    taken = {lost_name(map.name) for map in unit.maps.values()}
    for variable in unit.globals.values():
        if variable.name in taken:
            unit.sink.emit(catalog.DuplicateName(variable.name).at(variable.span))


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
