"""Checking statements; control flow joins what is known of variables."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from pybpfc.abi.stack import MAX_STACK
from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.diagnostic import Label
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check import loops, maps
from pybpfc.frontend.check.annotations import resolve_annotation
from pybpfc.frontend.check.callbacks import check_bpf_loop, intrinsic_called, is_loop_call
from pybpfc.frontend.check.compile_time import check_static_assert
from pybpfc.frontend.check.conditions import check_condition
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import (
    coerce,
    coerce_member,
    constant_written,
    describe,
    is_aggregate,
    is_optional,
    may_be_none,
    never_null,
    reference,
)
from pybpfc.frontend.check.expressions import OPERATORS, SYMBOLS, arithmetic, check
from pybpfc.frontend.check.kernel_types import held_kernel_pointer, refuse_write
from pybpfc.frontend.check.locks import check_with, leave_guards
from pybpfc.frontend.check.matching import check_match
from pybpfc.frontend.check.ranges import value_range
from pybpfc.frontend.check.references import (
    check_not_released,
    check_overwritten,
    hold,
    taken_by,
    words_for,
)
from pybpfc.frontend.check.results import check_return
from pybpfc.frontend.check.texts import check_text_source
from pybpfc.frontend.check.tuples import is_tuple_element, unpack
from pybpfc.frontend.symbols import GlobalSymbol
from pybpfc.lang.types import (
    ERROR,
    Array,
    Error,
    Int,
    Pointer,
    Space,
    Struct,
    Type,
    View,
    Void,
    is_integer,
    is_kernel,
    size_of,
)

Stmts = tuple[t.Stmt, ...]


def check_block(c: FunctionChecker, body: Sequence[ast.stmt]) -> Stmts:
    """Statements one after the other; a failed one does not stop those behind it."""
    out: list[t.Stmt] = []
    dead = False
    for node in body:
        if c.flow is None and not dead:
            c.emit(catalog.UnreachableCode().at(c.span(node)))
            dead = True
        out.extend(check_statement(c, node))
    if dead:
        c.flow = None
    return tuple(out)


def check_statement(c: FunctionChecker, node: ast.stmt) -> list[t.Stmt]:
    """One statement: typed ones, or none after a diagnostic."""
    handler = _HANDLERS.get(type(node))
    if handler is None:
        _refuse(c, node)
        return []
    statements = handler(c, node)
    if isinstance(node, ast.Return | ast.Break | ast.Continue):
        return leave_guards(c, statements, loop_only=not isinstance(node, ast.Return))
    return statements


def _refuse(c: FunctionChecker, node: ast.stmt) -> None:
    kinds: dict[type[ast.stmt], type[catalog.ErrorClass]] = {
        ast.FunctionDef: catalog.NestedFunction,
        ast.AsyncFunctionDef: catalog.AsyncCode,
        ast.AsyncFor: catalog.AsyncCode,
        ast.AsyncWith: catalog.AsyncCode,
        ast.ClassDef: catalog.NestedClass,
        ast.Try: catalog.TryStatement,
        ast.TryStar: catalog.TryStatement,
        ast.Raise: catalog.RaiseStatement,
        ast.Import: catalog.ImportStatement,
        ast.ImportFrom: catalog.ImportStatement,
        ast.Nonlocal: catalog.NonlocalStatement,
    }
    kind = kinds.get(type(node))
    where = c.captured.source.header_span(node)
    if kind is None:
        word = type(node).__name__.lower().removesuffix("alias")
        c.error(catalog.Unsupported(f"the statement `{word}`"), where)
    else:
        c.error(kind(), where)


# ---------------------------------------------------------------------------------- assignment


def _assign(c: FunctionChecker, node: ast.stmt) -> list[t.Stmt]:
    assert isinstance(node, ast.Assign)
    if isinstance(node.value, ast.Call) and isinstance(node.targets[0], ast.Name) and is_loop_call(c, node.value):
        return check_bpf_loop(c, node, node.value, node.targets[0])
    return assign_to(c, node, node.targets[0], node.value)


def assign_to(c: FunctionChecker, node: ast.stmt, target: ast.expr, value: ast.expr) -> list[t.Stmt]:
    """`target = value`, by the kind of the target."""
    match target:
        case ast.Name() if target.id in c.global_names:
            return _store(c, node, check(c, target), check(c, value))
        case ast.Name():
            bound = bind_name(c, target, check(c, value), node)
            return [bound] if bound is not None else []
        case ast.Subscript():
            base = check(c, target.value)
            if isinstance(base, t.MapObject) and not isinstance(target.slice, ast.Slice):
                key = check(c, target.slice)
                stored = maps.store_item(c, target, base, key, check(c, value))
                return _evaluate(c, node, stored)
            from pybpfc.frontend.check.access import part, subscript

            if isinstance(base.type, Error):
                check(c, value)
                return []
            if isinstance(target.slice, ast.Slice):
                return _store(c, node, part(c, target, target.slice, base), check(c, value))
            return _store(c, node, subscript(c, target, base), check(c, value))
        case ast.Attribute():
            return _store(c, node, check(c, target), check(c, value))
        case ast.Tuple() | ast.List():
            return _unpack(c, node, target, value)
        case ast.Starred():
            c.error(catalog.StarExpression(), target)
            check(c, value)
        case _:
            c.error(catalog.SliceExpression(), target)
            check(c, value)
    return []


def _unpack(c: FunctionChecker, node: ast.stmt, target: ast.Tuple | ast.List, value: ast.expr) -> list[t.Stmt]:
    """What desugaring could not take apart; after an error the names are bound, so that uses are not reported too."""
    starred = next((e for e in target.elts if isinstance(e, ast.Starred)), None)
    if starred is not None:
        c.error(catalog.StarExpression(), starred)
    elif isinstance(value, ast.Tuple | ast.List):
        c.error(catalog.UnpackCount(f"{len(target.elts)} names", f"{len(value.elts)} values"), target)
    else:
        found = check(c, value)
        unpacked = unpack(c, node, target, found) if not isinstance(found.type, Error) else None
        if unpacked is not None:
            return unpacked
        if not isinstance(found.type, Error):
            c.error(catalog.NotUnpackable(describe(found)), target)
    for name in ast.walk(target):
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
            _bind_error(c, name)
    return []


def _store(c: FunctionChecker, node: ast.stmt, target: t.Expr, value: t.Expr) -> list[t.Stmt]:
    """Write to a place in memory."""
    span = c.span(node)
    if isinstance(target.type, Error) or isinstance(value.type, Error):
        return []
    if isinstance(target, t.ContextMember):
        return _store_context(c, node, target, value)
    if (constant := constant_written(target)) is not None:
        c.error(constant, target.span)
        return []
    if refuse_write(c, target):
        return []
    if not isinstance(target, t.PLACES):
        what = "an element of a tuple" if is_tuple_element(target) else describe(target)
        c.error(catalog.AssignmentTarget(what), target.span)
        return []
    memory = target.type
    if isinstance(memory, Array) and memory.view is not View.LIST:
        source = check_text_source(c, value, memory)
        return [] if isinstance(source.type, Error) else [t.StoreText(span, target, source)]
    if isinstance(target, t.Member) and not isinstance(node, ast.AugAssign):
        value = coerce_member(c, value, target.field, "assignment")
    else:  # `s.bits += 1` wraps at the field's width, as all arithmetic does at its type's
        value = coerce(c, value, memory, "assignment")
    return [] if isinstance(value.type, Error) else [t.StorePlace(span, target, value)]


def _store_context(c: FunctionChecker, node: ast.stmt, target: t.ContextMember, value: t.Expr) -> list[t.Stmt]:
    if not target.writable:
        c.error(catalog.ContextReadOnly(_context_name(target), target.name), target.span)
        return []
    value = coerce(c, value, target.type, "assignment")
    return [] if isinstance(value.type, Error) else [t.StoreContext(c.span(node), target, value)]


def _context_name(target: t.ContextMember) -> str:
    pointer = target.context.type
    return str(pointer.to) if isinstance(pointer, Pointer) else ""


def bind_name(c: FunctionChecker, target: ast.Name, value: t.Expr, node: ast.AST) -> t.Bind | None:
    """`name = value`: the first binding decides the type."""
    if isinstance(value.type, Error):
        _bind_error(c, target)
        return None
    span, known = c.span(target), c.variables.get(target.id)
    if known is not None and not isinstance(known.type, Error):
        return _rebind(c, known, value, node)
    value = _bindable(c, value)
    if isinstance(value.type, Error):
        _bind_error(c, target)
        return None
    if isinstance(c.unit.symbol(c.captured, target.id), GlobalSymbol):
        c.emit(catalog.ShadowsGlobal(target.id).at(span))
    variable = c.declare(target.id, value.type, span)
    return _bound(c, variable, value, node)


def _bind_error(c: FunctionChecker, target: ast.Name) -> None:
    """After a failed value the name is known but of no type, so that its uses are not reported too."""
    variable = c.variables.get(target.id)
    if variable is None:
        variable = c.declare(target.id, ERROR, c.span(target))
    c.require_flow().bind(variable)


def _bindable(c: FunctionChecker, value: t.Expr) -> t.Expr:
    """A value in the form a new variable holds it."""
    match value:
        case t.NoneValue():
            return c.error(catalog.CannotInfer(), value.span)
        case t.Text():
            return reference(t.NewArray(value.span, value.type, value))
        case t.ReadVariable() if is_optional(value):
            return may_be_none(c, value)  # two names for one slot: what one takes next would change the other
        case t.MapObject():
            return c.error(catalog.MapOutOfPlace(value.map.name), value.span)
        case t.Literal(untyped=True):
            return t.Literal(value.span, value.type, value.value)
    if isinstance(value.type, Void):
        return c.error(catalog.NoResult(c.sink.sources.text(value.span)), value.span)
    if is_aggregate(value.type):
        return reference(value)
    return value


def _rebind(c: FunctionChecker, variable: t.Variable, value: t.Expr, node: ast.AST) -> t.Bind | None:
    check_overwritten(c, variable, c.span(node))
    if isinstance(value, t.ReadVariable) and is_optional(value):
        value = may_be_none(c, value)
    if isinstance(value, t.Text) and isinstance(variable.type, Pointer):
        value = reference(t.NewArray(value.span, variable.type.to, value))
    if not isinstance(value.type, Error) and not _assignable(c, value, variable.type):
        first = [Label(variable.span, f"first bound as `{variable.type}`")]
        c.error(catalog.LocalType(variable.name, f"`{variable.type}`", describe(value)), value.span, labels=first)
        return None
    value = coerce(c, value, variable.type, f"`{variable.name}`")
    if isinstance(value.type, Error):
        return None
    return _bound(c, variable, value, node)


def _assignable(c: FunctionChecker, value: t.Expr, to: Type) -> bool:
    """Whether a value could be assigned to a variable of this type, were it in its range."""
    if is_integer(value.type) and is_integer(to):
        return True
    if isinstance(value.type, Pointer) and isinstance(to, Pointer) and value.type.to == to.to:
        return True
    if is_integer(value.type) and isinstance(to, Pointer) and to.space is Space.OPTIONAL:
        return True
    with c.speculation():
        return not isinstance(coerce(c, value, to, "").type, Error)


def _bound(c: FunctionChecker, variable: t.Variable, value: t.Expr, node: ast.AST) -> t.Bind:
    if isinstance(value, t.AddressOf) and isinstance(value.place, t.NewArray | t.NewStruct):
        size = size_of(value.place.type)
        if size > MAX_STACK:
            c.error(catalog.VariableTooLarge(variable.name, size), variable.span)
    flow = c.require_flow()
    nonnull = isinstance(value.type, Pointer) and not _nullable(value)
    bounds = value_range(c, value) if is_integer(variable.type) else None
    check_not_released(c, value)
    held = value.variable is variable if isinstance(value, t.ReadVariable) else False
    if not held:
        flow.bind(variable)
        hold(c, variable, value)
    if bounds is not None:
        flow.ranges[variable] = bounds
    if nonnull:
        flow.nonnull.add(variable)
    if isinstance(variable.type, Pointer) and variable.type.space is Space.BTF:
        variable.trusted = never_null(value) and variable.trusted is not False
    return t.Bind(c.span(node), variable, value)


def _nullable(value: t.Expr) -> bool:
    if isinstance(value, t.Convert):
        return _nullable(value.operand)
    if isinstance(value, t.Literal):
        return value.value == 0
    return isinstance(value.type, Pointer) and value.type.nullable


def _annotated(c: FunctionChecker, node: ast.stmt) -> list[t.Stmt]:
    """`name: T = value`; without a value, arrays and structs are zeroed and scalars are only declared."""
    assert isinstance(node, ast.AnnAssign)
    if not isinstance(node.target, ast.Name):
        c.error(catalog.AssignmentTarget("an annotated target that is not a name"), node.target)
        return []
    type = resolve_annotation(c, node.annotation)
    if isinstance(type, Error):
        _bind_error(c, node.target)
        return []
    if is_kernel(type):
        return _annotated_kernel(c, node, node.target, type)
    known = c.variables.get(node.target.id)
    held: Type = Pointer(type, Space.STACK) if is_aggregate(type) else type.host if isinstance(type, Int) else type
    if known is not None and known.type != held and not isinstance(known.type, Error):
        declared = [Label(known.span, f"first bound as `{known.type}`")]
        c.error(catalog.LocalRedeclared(node.target.id, f"`{known.type}`", f"`{type}`"), node, labels=declared)
        return []
    if isinstance(node.value, ast.List) and isinstance(type, Array) and type.view is View.LIST:
        value: t.Expr | None = _list_literal(c, node.value, type)
    else:
        value = check(c, node.value) if node.value is not None else None
    if value is None and not is_aggregate(type):
        c.declare(node.target.id, held, c.span(node.target))
        return []
    initial = _initial(c, node, type, value)
    if isinstance(initial.type, Error):
        _bind_error(c, node.target)
        return []
    variable = known if known is not None else c.declare(node.target.id, held, c.span(node.target))
    return [_bound(c, variable, initial, node)]


def _annotated_kernel(c: FunctionChecker, node: ast.AnnAssign, target: ast.Name, type: Type) -> list[t.Stmt]:
    """`name: T = value` where T is a struct of the kernel: the name holds a pointer to one."""
    assert isinstance(type, Struct)
    value = check(c, node.value) if node.value is not None else None
    held = held_kernel_pointer(value, type)
    known = c.variables.get(target.id)
    if known is not None and known.type != held and not isinstance(known.type, Error):
        declared = [Label(known.span, f"first bound as `{known.type}`")]
        c.error(catalog.LocalRedeclared(target.id, f"`{known.type}`", f"`{held}`"), node, labels=declared)
        return []
    if value is None:
        c.declare(target.id, held, c.span(target))
        return []
    initial = coerce(c, value, held, "assignment")
    if isinstance(initial.type, Error):
        _bind_error(c, target)
        return []
    variable = known if known is not None else c.declare(target.id, held, c.span(target))
    return [_bound(c, variable, initial, node)]


def _list_literal(c: FunctionChecker, node: ast.List, type: Array) -> t.Expr:
    """`[1, 2]` for an array: elements not given are zero."""
    from pybpfc.frontend.check.calls import fit

    if len(node.elts) > type.length:
        return c.error(catalog.TypeMismatch(f"`{type}`", f"{len(node.elts)} elements"), node)
    items = tuple(fit(c, check(c, e), type.element, "element") for e in node.elts)
    if any(isinstance(item.type, Error) for item in items):
        return t.Invalid(c.span(node), ERROR)
    return t.NewArray(c.span(node), type, items)


def _initial(c: FunctionChecker, node: ast.AnnAssign, type: Type, value: t.Expr | None) -> t.Expr:
    span = c.span(node)
    if value is not None and isinstance(value.type, Error):
        return value
    if isinstance(type, Array):
        if value is None or (isinstance(value, t.Text) and not value.value):
            return reference(t.NewArray(span, type, None))
        if type.view is not View.LIST:
            source = check_text_source(c, value, type)
            return source if isinstance(source.type, Error) else reference(t.NewArray(span, type, source))
        return reference(coerce(c, value, type, "assignment"))
    if isinstance(type, Struct):
        if value is None:
            return reference(t.NewStruct(span, type, type, ()))
        return reference(coerce(c, value, type, "assignment"))
    assert value is not None
    return coerce(c, value, type.host if isinstance(type, Int) else type, "assignment")


def _augmented(c: FunctionChecker, node: ast.stmt) -> list[t.Stmt]:
    """`target op= value`: the target's address is computed once."""
    assert isinstance(node, ast.AugAssign)
    if isinstance(node.op, ast.Div):
        c.error(catalog.TrueDivision(), node)
        return []
    if type(node.op) not in OPERATORS:
        c.error(catalog.Unsupported("this augmented assignment"), node)
        return []
    op = OPERATORS[type(node.op)]
    if isinstance(node.target, ast.Name) and node.target.id not in c.global_names:
        return _augmented_name(c, node, node.target)
    if isinstance(node.target, ast.Subscript):
        base = check(c, node.target.value)
        if isinstance(base, t.MapObject):
            if SYMBOLS[op] != "+":
                c.error(catalog.NoMapOperation(base.map.name, "a map", f"[…] {SYMBOLS[op]}="), node)
                return []
            key = check(c, node.target.slice)
            return _evaluate(c, node, maps.increment_item(c, node, base, key, check(c, node.value)))
    target = check(c, node.target)
    operand = check(c, node.value)
    if isinstance(target.type, Error):
        return []
    value = arithmetic(c, node, op, target, operand)
    return _store(c, node, target, value)


def _augmented_name(c: FunctionChecker, node: ast.AugAssign, target: ast.Name) -> list[t.Stmt]:
    if target.id not in c.local_names:
        check(c, target)
        check(c, node.value)
        return []
    current = c.read_variable(target.id, c.span(target))
    operand = check(c, node.value)
    if isinstance(current.type, Error) or isinstance(operand.type, Error):
        return []
    value = arithmetic(c, node, OPERATORS[type(node.op)], current, operand)
    if isinstance(value.type, Error):
        return []
    bound = bind_name(c, target, value, node)
    return [bound] if bound is not None else []


# ----------------------------------------------------------------------------------- the rest


def _expression(c: FunctionChecker, node: ast.stmt) -> list[t.Stmt]:
    assert isinstance(node, ast.Expr)
    if isinstance(node.value, ast.Constant) and (node.value.value is ... or isinstance(node.value.value, str)):
        return []
    if isinstance(node.value, ast.Call) and is_loop_call(c, node.value):
        return check_bpf_loop(c, node, node.value, None)
    if isinstance(node.value, ast.Call) and intrinsic_called(c, node.value) == "static_assert":
        return check_static_assert(c, node.value)
    return _evaluate(c, node, check(c, node.value))


_WITH_EFFECTS = (
    *(t.CallFunction, t.CallHelper, t.CallKernel, t.MapMethod),
    *(t.AtomicOperation, t.Printing, t.Assignment),
)


def _evaluate(c: FunctionChecker, node: ast.stmt, value: t.Expr) -> list[t.Stmt]:
    if isinstance(value.type, Error):
        return []
    if by := taken_by(value):
        words = words_for(by)
        leak = catalog.ReservationLeak(c.sink.sources.text(c.span(node)), words.open)
        c.error(leak, node, label="no variable holds it", helps=[words.how])
        return []
    if not isinstance(value, _WITH_EFFECTS):
        c.emit(catalog.UnusedResult("this expression").at(c.span(node)))
        if isinstance(value, t.NoneValue | t.Text | t.MapObject | t.Literal):
            return []
    return [t.Evaluate(c.span(node), value)]


def _if(c: FunctionChecker, node: ast.stmt) -> list[t.Stmt]:
    assert isinstance(node, ast.If)
    condition, when_true, when_false = check_condition(c, node.test)
    if isinstance(condition, t.Literal):
        if condition.value and getattr(node, "assertion", False):
            c.error(catalog.StaticAssertion(c.sink.sources.text(c.span(node.test))), node)
            return []
        return _constant_if(c, node, bool(condition.value))
    c.flow = when_true
    then = check_block(c, node.body)
    after_then, c.flow = c.flow, when_false
    otherwise = check_block(c, node.orelse)
    c.join(after_then, c.flow)
    if isinstance(condition.type, Error):
        return []
    return [t.If(c.span(node), condition, then, otherwise)]


def _constant_if(c: FunctionChecker, node: ast.If, value: bool) -> list[t.Stmt]:
    """A condition known now: only the branch taken is compiled, so the other may use what is not there."""
    return list(check_block(c, node.body if value else node.orelse))


def _global(c: FunctionChecker, node: ast.stmt) -> list[t.Stmt]:
    return []


def _pass(c: FunctionChecker, node: ast.stmt) -> list[t.Stmt]:
    return []


def _delete(c: FunctionChecker, node: ast.stmt) -> list[t.Stmt]:
    assert isinstance(node, ast.Delete)
    out: list[t.Stmt] = []
    for target in node.targets:
        base = check(c, target.value) if isinstance(target, ast.Subscript) else None
        if not isinstance(target, ast.Subscript) or not isinstance(base, t.MapObject):
            c.error(catalog.DeleteTarget(), target)
            continue
        out.extend(_evaluate(c, node, maps.delete_entry(c, target, base, check(c, target.slice))))
    return out


def _assert(c: FunctionChecker, node: ast.stmt) -> list[t.Stmt]:
    """What desugaring left: a constant, or an assertion in a function that has no neutral result."""
    assert isinstance(node, ast.Assert)
    condition, _, _ = check_condition(c, node.test)
    if isinstance(condition, t.Literal):
        if not condition.value:
            c.error(catalog.StaticAssertion(c.sink.sources.text(c.span(node.test))), node)
        return []
    c.error(catalog.Unsupported("an assertion on a variable in a function that is not a program"), node)
    return []


_HANDLERS: dict[type[ast.stmt], Callable[[FunctionChecker, ast.stmt], list[t.Stmt]]] = {
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Expr: _expression,
    ast.If: _if,
    ast.While: loops.check_while,
    ast.For: loops.check_for,
    ast.Break: loops.check_break,
    ast.Continue: loops.check_continue,
    ast.With: check_with,
    ast.Match: check_match,
    ast.Return: check_return,
    ast.Global: _global,
    ast.Pass: _pass,
    ast.Delete: _delete,
    ast.Assert: _assert,
}
