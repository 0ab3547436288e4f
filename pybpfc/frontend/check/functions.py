"""Checking whole functions and programs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pybpfc.abi.contexts import CONTEXTS
from pybpfc.abi.program_types import PROGRAM_TYPES, result_rule
from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.capture import Captured
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.references import check_released
from pybpfc.frontend.check.statements import check_block
from pybpfc.frontend.contexts import (
    ContextType,
    find_tracepoint,
    known_tracepoints,
    raw_tracepoint_context,
    uapi_context,
)
from pybpfc.frontend.desugar import desugar
from pybpfc.frontend.signatures import annotation_type, context_annotation_fits
from pybpfc.frontend.unit import Effects
from pybpfc.lang.types import I32, I64, VOID, Bool, Int, Pointer, Space, Type, Void

if TYPE_CHECKING:
    from pybpfc.diagnostics.span import Span
    from pybpfc.frontend.unit import Request, Unit
    from pybpfc.lang.functions import Function
    from pybpfc.lang.programs import Program


def local_names(node: ast.FunctionDef) -> tuple[set[str], set[str]]:
    """Names that are local to a function, and names its `global` statements declare."""
    declared: set[str] = set()
    stored: set[str] = {a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
    for inner in _own_nodes(node):
        match inner:
            case ast.Global():
                declared.update(inner.names)
            case ast.Name(ctx=ast.Store()):
                stored.add(inner.id)
            case ast.MatchAs(name=str() as name):
                stored.add(name)
    return stored - declared, declared


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a function but those of functions inside it."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from _own_nodes(child)


def function_called(unit: Unit, function: Function[..., Any], span: Span, caller: str) -> t.FunctionKey:
    """The function that `caller` calls; it is checked at its first call, so that its effects are known behind it."""
    key = unit.request(function, span, caller)
    check_function(unit, unit.requests[id(function)])
    return key


def check_function(unit: Unit, request: Request) -> t.TFunction | None:
    """A `@bpf.func` function that something calls; None after a diagnostic."""
    name = request.key.name
    if name not in unit.checked:
        unit.checked[name] = None  # while it is being checked; one that calls itself is reported elsewhere
        unit.checked[name] = _check_function(unit, request)
    return unit.checked[name]


def _check_function(unit: Unit, request: Request) -> t.TFunction | None:
    function = request.key.function
    captured, signature = unit.capture(function), unit.signature(function)
    if captured is None or signature is None:
        return None
    c = FunctionChecker(unit, captured, desugar(captured.node, None), signature.result, None)
    c.caller = request.key.name
    params = [
        c.declare(p.name, p.type, c.span(a), i)
        for i, (p, a) in enumerate(zip(signature.params, _args(c.node), strict=True))
    ]
    body = _check_body(c, params)
    unit.effects[request.key.name] = Effects(_joined(c.results), c.moves_packet, c.tail_call, c.stale_params)
    if body is None:
        return None
    inlining = t.Inlining.ALWAYS if function.inline else t.Inlining.NEVER if function.noinline else t.Inlining.DEFAULT
    return t.TFunction(
        request.key.name,
        tuple(params),
        signature.result,
        body,
        _definition_span(captured),
        None,
        bool(function.exported),
        inlining,
        c.all_variables,
    )


def _joined(results: list[tuple[int, int] | None]) -> tuple[int, int] | None:
    """The bounds of a function that returns values with these bounds; None when one has none."""
    known = [bounds for bounds in results if bounds is not None]
    if not known or len(known) < len(results):
        return None
    return min(low for low, _ in known), max(high for _, high in known)


def check_program(unit: Unit, program: Program[..., Any]) -> t.TFunction | None:
    """A program: its context by the hook, its result by the program type; None after a diagnostic."""
    captured = unit.capture(program)
    if captured is None:
        return None
    span = _definition_span(captured)
    context = _context(unit, program, captured)
    if context is None:
        return None
    type = PROGRAM_TYPES[program.program_type]
    kind = t.ProgramKind(program.section, type, context)
    result = _program_result(unit, captured)
    if result is None:
        return None
    rule = result_rule(program.section)
    neutral = 0 if rule.allows(0) else rule.min
    c = FunctionChecker(unit, captured, desugar(captured.node, neutral), result, kind)
    c.caller = program.name
    arguments = _args(captured.node)
    if len(arguments) != 1 or captured.node.args.vararg or captured.node.args.kwarg or captured.node.args.defaults:
        reason = f"a `{program.section}` program takes one parameter, its context"
        unit.sink.emit(catalog.ProgramSignature(program.name, reason).at(span))
        return None
    if not context_annotation_fits(unit, captured, arguments[0], program.program_type, type.context):
        return None
    param = c.declare(arguments[0].arg, Pointer(context, Space.CTX), c.span(arguments[0]), 0)
    body = _check_body(c, [param])
    if body is None:
        return None
    return t.TFunction(program.name, (param,), result, body, span, kind, variables=c.all_variables)


def _args(node: ast.FunctionDef) -> list[ast.arg]:
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def _definition_span(captured: Captured) -> Any:
    return captured.source.header_span(captured.node)


def _check_body(c: FunctionChecker, params: list[t.Variable]) -> tuple[t.Stmt, ...] | None:
    """Check the statements; None when there were errors."""
    c.local_names, c.global_names = local_names(c.node)
    _check_globals(c)
    c.unit.desugared.append(c.node)
    before = len(c.sink.errors) + c.sink.suppressed
    for variable in params:
        c.require_flow().bind(variable)
    body = check_block(c, c.node.body)
    if c.flow is not None:
        end = c.captured.source.header_span(c.captured.node)
        check_released(c, end)
        if not isinstance(c.result, Void):
            c.error(catalog.MissingReturn(c.node.name, str(c.result)), end)
    return body if len(c.sink.errors) + c.sink.suppressed == before else None


def _check_globals(c: FunctionChecker) -> None:
    from pybpfc.frontend.symbols import ConstInt, ConstText, GlobalSymbol

    for node in ast.walk(c.node):
        if isinstance(node, ast.Global):
            for name in node.names:
                symbol = c.unit.symbol(c.captured, name)
                if isinstance(symbol, ConstInt | ConstText):
                    c.error(catalog.WriteToConstant(name), node)
                elif not isinstance(symbol, GlobalSymbol):
                    c.error(catalog.GlobalStatement(name), node)
                if not isinstance(symbol, GlobalSymbol):
                    c.global_names.discard(name)
                    c.local_names.add(name)


def _program_result(unit: Unit, captured: Captured) -> Type | None:
    """`int` and no annotation mean i32; None after a diagnostic."""
    if captured.node.returns is None:
        return I32
    type = annotation_type(unit, captured, captured.node.returns)
    if type is None:
        return None
    if type in (I64, VOID):
        return I32
    if isinstance(type, Int | Bool):
        return type
    span = captured.source.span(captured.node.returns)
    unit.sink.emit(catalog.ProgramSignature(captured.name, f"a program returns an integer, not `{type}`").at(span))
    return None


def _context(unit: Unit, program: Program[..., Any], captured: Captured) -> ContextType | None:
    """The type of a program's context; None after a diagnostic."""
    span = _definition_span(captured)
    decorator = captured.node.decorator_list
    where = captured.source.span(decorator[0]) if decorator else span
    kind = program.program_type
    if kind == "BPF_PROG_TYPE_TRACEPOINT":
        found = find_tracepoint(program.target)
        if found is None:
            helps = catalog.did_you_mean(program.target, known_tracepoints())
            unit.sink.emit(catalog.UnknownTracepoint(program.target).at(where, helps=helps))
        return found
    if kind in ("BPF_PROG_TYPE_RAW_TRACEPOINT", "BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE"):
        return raw_tracepoint_context()
    type = PROGRAM_TYPES[kind]
    struct = CONTEXTS.get(type.context)
    if struct is None:
        what = f"a `{program.section}` program in Python"
        unit.sink.emit(catalog.Unsupported(what).at(where))
        return None
    return uapi_context(struct)
