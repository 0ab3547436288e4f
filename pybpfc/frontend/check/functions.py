"""Checking whole functions and programs."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from pybpfc.abi.contexts import CONTEXTS
from pybpfc.abi.program_types import PROGRAM_TYPES, match_section, result_rule
from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.span import line_start
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.capture import Captured
from pybpfc.frontend.check import hook_arguments
from pybpfc.frontend.check import returned_references as results
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.references import check_released
from pybpfc.frontend.check.results import implied_return
from pybpfc.frontend.check.statements import check_block
from pybpfc.frontend.contexts import (
    ContextType,
    find_tracepoint,
    known_tracepoints,
    memory_context,
    netfilter_context,
    raw_tracepoint_context,
    uapi_context,
)
from pybpfc.frontend.desugar import desugar
from pybpfc.frontend.signatures import annotation_type, context_annotation_fits, evaluate, unit_context
from pybpfc.frontend.unit import Effects
from pybpfc.lang.contexts import Context, context_class
from pybpfc.lang.types import I32, I64, VOID, Bool, Int, Pointer, Space, Struct, Type, Void

if TYPE_CHECKING:
    from pybpfc.frontend.typed_ast import FunctionKey
    from pybpfc.frontend.unit import Unit
    from pybpfc.lang.programs import Program

K = TypeVar("K")


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


def check_instance(unit: Unit, key: FunctionKey) -> t.TFunction | None:
    """A function, checked when it is first called; None after a diagnostic, and while it is being checked."""
    if key.name not in unit.checked:
        unit.checked[key.name] = None
        unit.checked[key.name] = _guarded(unit, key.function, _check_function, key)
    return unit.checked[key.name]


def _guarded(unit: Unit, source: Any, check: Callable[[Unit, K], t.TFunction | None], key: K) -> t.TFunction | None:
    """Check a function; one that the recursive descent cannot follow to its end is an error like others."""
    try:
        return check(unit, key)
    except RecursionError:
        code = source.__wrapped__.__code__
        span = line_start(code.co_filename, code.co_firstlineno)
        unit.sink.emit(catalog.NestedTooDeeply(code.co_name).at(span))
        return None


def _check_function(unit: Unit, key: FunctionKey) -> t.TFunction | None:
    function = key.function
    captured, signature = unit.instance(function, key.types), unit.signature(function, key.types)
    if captured is None or signature is None:
        return None
    c = FunctionChecker(unit, captured, desugar(captured.node, None), signature.result, None)
    c.caller, c.exported = key.name, bool(function.exported)
    values = [argument for argument in _args(c.node) if argument.arg not in captured.types]
    params = [
        c.declare(p.name, p.type, c.span(a), i) for i, (p, a) in enumerate(zip(signature.params, values, strict=True))
    ]
    body = _check_body(c, params)
    unit.effects[key.name] = Effects(
        _joined(c.results), c.moves_packet, c.tail_call, c.stale_params, c.map_values, c.indexed
    )
    if body is None:
        return None
    never = function.noinline or function.exported  # what is verified on its own has to be called
    inlining = t.Inlining.ALWAYS if function.inline else t.Inlining.NEVER if never else t.Inlining.DEFAULT
    span, exported = _definition_span(captured), bool(function.exported)
    checked = t.TFunction(
        key.name, tuple(params), signature.result, body, span, None, exported, inlining, c.all_variables
    )
    if isinstance(signature.result, Pointer) and not _settle_reference(c, checked, signature.result):
        return None
    return checked


def _settle_reference(c: FunctionChecker, checked: t.TFunction, declared: Pointer) -> bool:
    """What a function's reference leads to: not to its own memory, and to the caller's only where it is inlined."""
    targets: set[results.Target] = set()
    failed = False
    for statement, found in results.returned(checked.body):
        targets |= found
        if results.OWN in found:
            failed = True
            c.error(catalog.OwnMemoryReturned(str(declared.to)), statement.span)
    if Space.STACK in targets and checked.inlining is t.Inlining.NEVER:
        failed = True
        c.error(catalog.ReferenceNotInlined(checked.name), checked.span)
    elif Space.STACK in targets:
        checked.inlining = t.Inlining.ALWAYS
    checked.result = results.result_type(declared, targets)
    return not failed


def _joined(results: list[tuple[int, int] | None]) -> tuple[int, int] | None:
    """The bounds of a function that returns values with these bounds; None when one has none."""
    known = [bounds for bounds in results if bounds is not None]
    if not known or len(known) < len(results):
        return None
    return min(low for low, _ in known), max(high for _, high in known)


def check_program(unit: Unit, program: Program[..., Any]) -> t.TFunction | None:
    """A program: its context by the hook, its result by the program type; None after a diagnostic."""
    return _guarded(unit, program, _check_program, program)


def _check_program(unit: Unit, program: Program[..., Any]) -> t.TFunction | None:
    captured = unit.capture(program)
    if captured is None:
        return None
    span = _definition_span(captured)
    context = _context(unit, program, captured)
    if context is None:
        return None
    type = PROGRAM_TYPES[program.program_type]
    context = unit.context(context, context_class(program.program_type, type.context))
    kind = t.ProgramKind(program.section, type, context)
    result = _program_result(unit, captured)
    if result is None:
        return None
    operation = hook_arguments.result_of_operation(program) if program.hook == "struct_ops" else None
    if operation is not None and operation != VOID:
        result = operation
    rule = result_rule(program.section)
    neutral = 0 if rule.allows(0) else rule.min
    c = FunctionChecker(unit, captured, desugar(captured.node, neutral), result, kind)
    c.caller = program.name
    section = match_section(program.section)
    silent = operation == VOID or (section is not None and section.observes)
    if silent and _says_nothing(unit, captured):
        c.implied_result = neutral
    if program.hook == "usdt":
        hook_arguments.note_tables(unit)
    if not hook_arguments.takes_context(captured, program):
        return _check_with_arguments(c, program, kind, context)
    arguments = _args(captured.node)
    if len(arguments) != 1 or captured.node.args.vararg or captured.node.args.kwarg or captured.node.args.defaults:
        reason = f"a `{program.section}` program takes one parameter, its context"
        unit.sink.emit(catalog.ProgramSignature(program.name, reason).at(span))
        return None
    own = program.program_type == "BPF_PROG_TYPE_SYSCALL"
    if not own and not context_annotation_fits(unit, captured, arguments[0], program.program_type, type.context):
        return None
    param = c.declare(arguments[0].arg, Pointer(context, Space.CTX), c.span(arguments[0]), 0)
    body = _check_body(c, [param])
    if body is None:
        return None
    return t.TFunction(program.name, (param,), result, body, span, kind, variables=c.all_variables)


def _check_with_arguments(
    c: FunctionChecker, program: Program[..., Any], kind: t.ProgramKind, context: ContextType
) -> t.TFunction | None:
    """A program whose parameters are its hook's arguments."""
    span = _definition_span(c.captured)
    param = c.temporary(Pointer(context, Space.CTX), span)
    param.name, param.param = ".ctx", 0
    c.require_flow().bind(param)
    bound = hook_arguments.bind_arguments(c, program, param)
    body = _check_body(c, []) if bound is not None else None
    if bound is None or body is None:
        return None
    return t.TFunction(program.name, (param,), c.result, (*bound, *body), span, kind, variables=c.all_variables)


def _args(node: ast.FunctionDef) -> list[ast.arg]:
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def _definition_span(captured: Captured) -> Any:
    return captured.source.header_span(captured.node)


def _check_body(c: FunctionChecker, params: list[t.Variable]) -> tuple[t.Stmt, ...] | None:
    """Check the statements; None when there were errors."""
    c.local_names, c.global_names = local_names(c.node)
    _check_type_parameters(c)
    _check_globals(c)
    c.unit.desugared.append(c.node)
    before = len(c.sink.errors) + c.sink.suppressed
    for variable in params:
        c.require_flow().bind(variable)
    body = check_block(c, c.node.body)
    if c.flow is not None:
        end = c.captured.source.header_span(c.captured.node)
        check_released(c, end)
        if c.implied_result is not None:
            body = (*body, implied_return(c, end))
        elif not isinstance(c.result, Void):
            c.error(catalog.MissingReturn(c.node.name, str(c.result)), end)
    return body if len(c.sink.errors) + c.sink.suppressed == before else None


def _check_type_parameters(c: FunctionChecker) -> None:
    """The names of `type[T]` parameters are not variables."""
    for inner in _own_nodes(c.node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store) and inner.id in c.captured.types:
            c.error(catalog.TypeParameterBound(inner.id), inner)
    c.local_names -= set(c.captured.types)


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


def _says_nothing(unit: Unit, captured: Captured) -> bool:
    """Whether a program is not annotated with a result, or with None."""
    returns = captured.node.returns
    return returns is None or annotation_type(unit, captured, returns) == VOID


def _memory_context(unit: Unit, captured: Captured) -> ContextType | None:
    """What a `syscall` program is called with: a struct of the caller's, or nothing that it looks at."""
    arguments = _args(captured.node)
    annotation = arguments[0].annotation if arguments else None
    if annotation is None or unit_context(unit, captured, annotation) is not None:
        return ContextType("syscall_args")
    try:
        value = evaluate(captured, annotation)
    except Exception:  # reported below
        value = None
    if isinstance(value, type) and issubclass(value, Context):
        return ContextType("syscall_args")
    found = annotation_type(unit, captured, annotation)
    if isinstance(found, Struct) and not found.kernel:
        return memory_context(found)
    if found is not None:
        reason = "a `syscall` program takes a struct of the program's own"
        unit.sink.emit(catalog.ProgramSignature(captured.name, reason).at(captured.source.span(annotation)))
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
    if kind == "BPF_PROG_TYPE_NETFILTER":
        unit.note_kernel_types()
        return netfilter_context(lambda name: unit.kernel_struct(captured, name))
    if kind == "BPF_PROG_TYPE_SYSCALL":
        return _memory_context(unit, captured)
    if program.hook in hook_arguments.TYPED or program.hook == "iter":
        return hook_arguments.hook_context(unit, captured, program)
    type = PROGRAM_TYPES[kind]
    struct = CONTEXTS.get(type.context)
    if struct is None:
        what = f"a `{program.section}` program in Python"
        unit.sink.emit(catalog.Unsupported(what).at(where))
        return None
    return uapi_context(struct)
