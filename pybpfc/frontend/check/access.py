"""Names, attributes and subscripts: what they mean, and the places they lead to."""

from __future__ import annotations

import ast

from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import (
    FOREIGN,
    coerce,
    describe,
    is_aggregate,
    may_be_none,
    place,
    space_of,
    to_number,
)
from pybpfc.frontend.check.packets import packet_end
from pybpfc.frontend.check.ranges import upper_bound
from pybpfc.frontend.check.references import check_not_released
from pybpfc.frontend.contexts import ContextType, DataLoc
from pybpfc.frontend.symbols import (
    ConstInt,
    ConstSequence,
    ConstText,
    GlobalSymbol,
    MapSymbol,
    Namespace,
    NoneSymbol,
    Symbol,
    Undefined,
)
from pybpfc.frontend.tuples import TupleType
from pybpfc.lang.kernel_types import KernelStruct
from pybpfc.lang.types import CHAR, ERROR, I64, VOID, Array, Error, Int, Pointer, Space, Struct, Type, View, is_integer


def resolve(c: FunctionChecker, node: ast.Name) -> Symbol:
    """What a free name stands for."""
    return c.unit.symbol(c.captured, node.id)


def resolve_static(c: FunctionChecker, node: ast.expr) -> Symbol | None:
    """What a name or a dotted name stands for when Python itself knows it; None for values of the program."""
    match node:
        case ast.Name() if node.id not in c.local_names:
            return resolve(c, node)
        case ast.Attribute():
            base = resolve_static(c, node.value)
            if isinstance(base, Namespace):
                return c.unit.member(base, node.attr)
    return None


def symbol_value(c: FunctionChecker, node: ast.expr, symbol: Symbol) -> t.Expr:
    """A symbol where a value is wanted."""
    from pybpfc.frontend.check.expressions import literal

    span = c.span(node)
    match symbol:
        case ConstInt():
            return literal(c, node, symbol.value)
        case ConstText():
            view = View.STR if symbol.is_str else View.BYTES
            length = len(symbol.value) + (1 if symbol.is_str else 0)
            return t.Text(span, Array(Int(8, symbol.is_str), length, view), symbol.value, symbol.is_str)
        case ConstSequence():
            from pybpfc.frontend.check.containers import array_of

            return array_of(c, node, symbol)
        case NoneSymbol():
            return t.NoneValue(span, VOID)
        case MapSymbol():
            return t.MapObject(span, VOID, symbol.map)
        case GlobalSymbol():
            type = symbol.variable.type
            return t.GlobalPlace(span, type.host if isinstance(type, Int) else type, symbol.variable)
        case Undefined():
            return undefined(c, node, symbol)
        case _:
            return c.error(catalog.NotAValue(symbol.describe()), node)


def undefined(c: FunctionChecker, node: ast.expr, symbol: Undefined) -> t.Expr:
    """The diagnostic of a name nothing is known of."""
    if isinstance(node, ast.Attribute):
        where = c.name_span(node)
        helps = catalog.did_you_mean(symbol.name, symbol.candidates, where)
        return c.error(catalog.UnknownMember(symbol.owner, symbol.name), where, helps=helps)
    names = [*c.variables, *c.captured.visible_names()]
    helps = catalog.did_you_mean(symbol.name, names, c.span(node))
    return c.error(catalog.UndefinedName(symbol.name), node, helps=helps)


# ---------------------------------------------------------------------------------- attributes


def check_attribute(c: FunctionChecker, node: ast.expr) -> t.Expr:
    """`base.name`: a member of a module, of a struct, or of the context."""
    from pybpfc.frontend.check.expressions import check

    assert isinstance(node, ast.Attribute)
    symbol = resolve_static(c, node)
    if symbol is not None:
        return symbol_value(c, node, symbol)
    base = check(c, node.value)
    return attribute(c, node, base)


def attribute(c: FunctionChecker, node: ast.Attribute, base: t.Expr) -> t.Expr:
    """A member of a value."""
    if isinstance(base.type, Error):
        return base
    if isinstance(base, t.MapObject):
        return c.error(catalog.MapMethodAsValue(base.map.name, node.attr), node)
    check_not_released(c, base)
    pointer = base.type
    if isinstance(pointer, Pointer):
        to = pointer.to
        if pointer.nullable:
            return may_be_none(c, base)
        if isinstance(to, ContextType):
            return _context_member(c, node, base, to)
        if pointer.space in FOREIGN:
            from pybpfc.frontend.check.kernel_types import through_pointer

            return through_pointer(c, node, base, pointer)
        if is_aggregate(to):
            base = place(base)
            if node.attr == "value" and pointer.space is not Space.STACK and not has_field(to, "value"):
                return base
        elif node.attr == "value":
            return t.Deref(c.span(node), to.host if isinstance(to, Int) else to, base)
    if isinstance(base.type, Struct):
        return member(c, node, base, base.type)
    helps = ["a pointer is read and written through `.value`"] if isinstance(base.type, Pointer) else []
    return c.error(catalog.UnknownAttribute(describe(base), node.attr), c.name_span(node), helps=helps)


def has_field(type: Type, name: str) -> bool:
    """Whether a type is a struct with a field of that name."""
    return isinstance(type, Struct) and type.find(name) is not None


def member(c: FunctionChecker, node: ast.Attribute, base: t.Expr, struct: Struct) -> t.Expr:
    """A struct's member."""
    from pybpfc.frontend.check.kernel_types import foreign_member, unknown_field

    field = struct.find(node.attr)
    if isinstance(struct, KernelStruct) and not struct.declared:
        c.unit.note_kernel_types()
    if field is None and struct.kernel:
        return unknown_field(c, struct, node.attr, c.name_span(node))
    if field is None:
        where = c.name_span(node)
        helps = catalog.did_you_mean(node.attr, struct.by_name, where)
        return c.error(catalog.UnknownField(str(struct), node.attr), where, helps=helps)
    if space_of(base) in FOREIGN:
        return foreign_member(c, node, base, struct, field)
    type = field.type.host if isinstance(field.type, Int) else field.type
    return t.Member(c.span(node), type, base, struct, field)


def _context_member(c: FunctionChecker, node: ast.Attribute, base: t.Expr, context: ContextType) -> t.Expr:
    field = context.find(node.attr)
    if field is None:
        where = c.name_span(node)
        helps = catalog.did_you_mean(node.attr, context.by_name, where)
        return c.error(catalog.UnknownContextField(context.name, node.attr), where, helps=helps)
    span = c.span(node)
    if isinstance(context.special.get(field.name), DataLoc):
        return t.ContextString(span, Pointer(CHAR, Space.KERNEL), base, field.offset)
    type = field.type.host if isinstance(field.type, Int) else field.type
    return t.ContextMember(span, type, base, field.name, field.offset, field.name in context.writable)


# ---------------------------------------------------------------------------------- subscripts


def check_subscript(c: FunctionChecker, node: ast.expr) -> t.Expr:
    """`base[index]`."""
    from pybpfc.frontend.check import containers
    from pybpfc.frontend.check.expressions import check

    assert isinstance(node, ast.Subscript)
    constants = containers.container(c, node.value)
    if constants is not None:
        return containers.constant_subscript(c, node, constants)
    base = check(c, node.value)
    if isinstance(base.type, Error):
        return base
    if isinstance(node.slice, ast.Slice):
        return part(c, node, node.slice, base)
    if isinstance(base, t.MapObject):
        name = base.map.name
        key = c.sink.sources.text(c.span(node.slice))
        help = f"use `{name}.get({key}, default)` for a copy, or `{name}.lookup({key})` and check it for None"
        return c.error(catalog.MapReadBySubscript(name), node, helps=[help])
    return subscript(c, node, base)


def subscript(c: FunctionChecker, node: ast.Subscript, base: t.Expr) -> t.Expr:
    """An element of an array, or of the memory behind a pointer."""
    from pybpfc.frontend.check.expressions import check
    from pybpfc.frontend.check.tuples import tuple_element

    check_not_released(c, base)
    if isinstance(base.type, Pointer):
        if base.type.nullable:
            return may_be_none(c, base)
        several = isinstance(base.type.to, Struct) and base.type.space in FOREIGN
        if several or not is_aggregate(base.type.to):
            return _pointer_element(c, node, base, base.type)
        base = place(base)
    if isinstance(base.type, TupleType):
        return tuple_element(c, node, base, base.type)
    if isinstance(base, t.Text) and base.is_str:
        return c.error(catalog.NotIndexable(describe(base)), node)
    if isinstance(base, t.Text):
        base = t.NewArray(base.span, base.type, base)
    if not isinstance(base.type, Array):
        return c.error(catalog.NotIndexable(describe(base)), node)
    array = base.type
    index = to_number(check(c, node.slice))
    if isinstance(index.type, Error):
        return index
    if not is_integer(index.type):
        return c.error(catalog.NotAnIndex(describe(index)), node.slice)
    if array.length == 0 and space_of(base) in FOREIGN:
        pass  # one that goes on past its struct, as far as only the kernel knows
    elif isinstance(index, t.Literal):
        if index.value < 0:
            index = t.Literal(index.span, index.type, index.value + array.length, untyped=index.untyped)
        if not 0 <= index.value < array.length:
            return c.error(catalog.IndexOutOfRange(index.value, array.length), node.slice)
    else:
        bound = upper_bound(c, index)
        if bound is None or bound >= array.length:
            return c.error(catalog.UnboundedIndex(array.length), node.slice)
    type = array.element.host if isinstance(array.element, Int) else array.element
    if isinstance(base, t.ContextMember):
        return _context_element(c, node, base, array, index)
    if space_of(base) in FOREIGN:
        from pybpfc.frontend.check.kernel_types import seen_from

        type = seen_from(space_of(base), array.element)
    end = packet_end(c, base, index)
    return t.Element(c.span(node), type, base, coerce(c, index, index.type, "index"), end=end)


def part(c: FunctionChecker, node: ast.Subscript, bounds: ast.Slice, base: t.Expr) -> t.Expr:
    """`array[start:stop]` with constant bounds: the same memory, not a copy."""
    from pybpfc.frontend.check.expressions import check

    if isinstance(base.type, Pointer) and base.type.nullable:
        return may_be_none(c, base)
    check_not_released(c, base)
    array = place(base)
    if not isinstance(array.type, Array) or isinstance(array, t.Text | t.ContextMember):
        return c.error(catalog.NotIndexable(describe(array)), node)
    if array.type.view is View.STR:
        helps = ["compare its beginning with `.startswith(…)`, or declare it as `Annotated[bytes, N]`"]
        return c.error(catalog.SliceExpression(), node, label="a part of a text has no NUL at its end", helps=helps)
    if bounds.step is not None:
        helps = ["copy the elements in a loop"]
        return c.error(
            catalog.SliceExpression(), node, label="a slice with a step is no memory of its own", helps=helps
        )
    numbers: list[int | None] = []
    for bound in (bounds.lower, bounds.upper):
        value = check(c, bound) if bound is not None else None
        if value is not None and isinstance(value.type, Error):
            return value
        if value is not None and not isinstance(value, t.Literal):
            return c.error(catalog.SliceExpression(), node)
        numbers.append(value.value if value is not None else None)
    start, stop, _ = slice(*numbers).indices(array.type.length)
    outside = next((n for n in numbers if n is not None and not -array.type.length <= n <= array.type.length), None)
    if outside is not None or stop <= start:
        return c.error(catalog.SliceBounds(array.type.length), node)
    kind = Array(array.type.element, stop - start, array.type.view)
    return t.Part(c.span(node), kind, array, start)


def _context_element(
    c: FunctionChecker, node: ast.Subscript, base: t.ContextMember, array: Array, index: t.Expr
) -> t.Expr:
    from pybpfc.lang.types import size_of

    if not isinstance(index, t.Literal):
        return c.error(catalog.ContextIndex(base.name), node.slice)
    offset = base.offset + index.value * size_of(array.element)
    return t.ContextMember(c.span(node), array.element, base.context, base.name, offset, base.writable)


def _pointer_element(c: FunctionChecker, node: ast.Subscript, base: t.Expr, pointer: Pointer) -> t.Expr:
    from pybpfc.frontend.check.expressions import check

    index = coerce(c, to_number(check(c, node.slice)), I64, "index")
    if isinstance(index.type, Error):
        return t.Invalid(c.span(node), ERROR)
    if pointer.space in FOREIGN:
        from pybpfc.frontend.check.kernel_types import pointer_element

        return pointer_element(c, node, base, pointer, index)
    if not (isinstance(index, t.Literal) and index.value == 0):
        return c.error(catalog.PointerIndex(str(pointer)), node)
    to = pointer.to
    return t.Deref(c.span(node), to.host if isinstance(to, Int) else to, base)
