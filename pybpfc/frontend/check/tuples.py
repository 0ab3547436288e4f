"""Tuples: written out, returned, unpacked, and read by position."""

from __future__ import annotations

import ast

from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import coerce, describe, is_aggregate, may_be_none, place, reference
from pybpfc.frontend.tuples import TupleType, tuple_type
from pybpfc.lang.types import ERROR, Array, Error, Int, Pointer, Type, View, is_integer


def check_tuple(c: FunctionChecker, node: ast.Tuple, *, returned: bool = False) -> t.Expr:
    """`(a, b)`: numbers, and where it is returned structs and arrays, which are copied."""
    from pybpfc.frontend.check.expressions import check

    if not node.elts:
        return c.error(catalog.SequenceValue("tuple"), node, label="an empty tuple", helps=["leave it out"])
    values: list[t.Expr] = []
    for element in node.elts:
        if isinstance(element, ast.Tuple):
            values.append(check_tuple(c, element, returned=returned))
        else:
            values.append(_element(c, check(c, element), returned))
    if any(isinstance(v.type, Error) for v in values):
        return t.Invalid(c.span(node), ERROR)
    return _made(c, node, tuple_type(tuple(_held_type(v) for v in values)), values)


def _element(c: FunctionChecker, value: t.Expr, returned: bool) -> t.Expr:
    if isinstance(value.type, Error):
        return value
    if isinstance(value.type, Pointer) and value.type.nullable:
        return may_be_none(c, value)
    value = place(value)
    if is_integer(value.type) or (returned and is_aggregate(value.type)):
        return value
    return c.error(catalog.TupleElement(describe(value)), value.span)


def _held_type(value: t.Expr) -> Type:
    return value.type.host if isinstance(value.type, Int) else value.type


def _made(c: FunctionChecker, where: ast.AST, type: TupleType, values: list[t.Expr]) -> t.Expr:
    return t.NewStruct(c.span(where), type, type, tuple(zip(type.fields, values, strict=True)))


def coerce_tuple(c: FunctionChecker, e: t.NewStruct, to: TupleType, what: str) -> t.Expr:
    """A tuple that is written out, its elements converted to those wanted."""
    from pybpfc.frontend.check.calls import fit

    if len(e.members) != len(to.fields):
        return c.error(catalog.TypeMismatch(f"`{to}`", f"{len(e.members)} values"), e.span)
    values: list[t.Expr] = []
    for (_, value), field in zip(e.members, to.fields, strict=True):
        inner = isinstance(value, t.NewStruct) and isinstance(field.type, TupleType)
        values.append(coerce(c, value, field.type, what) if inner else fit(c, value, field.type, what))
    if any(isinstance(v.type, Error) for v in values):
        return t.Invalid(e.span, ERROR)
    return t.NewStruct(e.span, to, to, tuple(zip(to.fields, values, strict=True)))


def tuple_element(c: FunctionChecker, node: ast.Subscript, base: t.Expr, type: TupleType) -> t.Expr:
    """`t[0]`: a value, since a tuple does not change."""
    from pybpfc.frontend.check.expressions import check

    index = check(c, node.slice)
    if isinstance(index.type, Error):
        return index
    if not isinstance(index, t.Literal):
        helps = ["keep the values in an array, `values: Annotated[list[u32], 4]`"]
        return c.error(catalog.ConstantNeeded("the index of a tuple"), node.slice, helps=helps)
    length = len(type.fields)
    position = index.value + length if index.value < 0 else index.value
    if not 0 <= position < length:
        return c.error(catalog.IndexOutOfRange(index.value, length), node.slice)
    field = type.fields[position]
    member = t.Member(c.span(node), field.type, base, type, field)
    return reference(member) if is_aggregate(field.type) else t.Convert(c.span(node), field.type, member)


def is_tuple_element(e: t.Expr) -> bool:
    """Whether an expression is `t[0]`."""
    inner = e.operand if isinstance(e, t.Convert) else e.place if isinstance(e, t.AddressOf) else None
    return isinstance(inner, t.Member) and isinstance(inner.struct, TupleType)


def unpack(c: FunctionChecker, node: ast.stmt, target: ast.Tuple | ast.List, value: t.Expr) -> list[t.Stmt] | None:
    """`a, b = value`: all elements are read before any name is bound; None when there is nothing to unpack."""
    from pybpfc.frontend.check.expressions import check
    from pybpfc.frontend.check.statements import assign_to

    held = place(value)
    if not isinstance(held.type, TupleType) and not _is_array(held.type):
        return None
    count = len(held.type.fields) if isinstance(held.type, TupleType) else held.type.length  # type: ignore[union-attr]
    if len(target.elts) != count:
        c.error(catalog.UnpackCount(f"{len(target.elts)} names", f"{count} values"), target)
        return declare_failed_names(c, target)
    out: list[t.Stmt] = []
    whole = _hidden(c, node, reference(held), out)
    names: list[ast.Name] = []
    for number in range(count):
        element = ast.Subscript(whole, ast.Constant(number), ast.Load())
        for made in ast.walk(element):
            ast.copy_location(made, target.elts[number])
        names.append(_hidden(c, target.elts[number], reference(check(c, element)), out))
    for place_node, name in zip(target.elts, names, strict=True):
        out += assign_to(c, node, place_node, name)
    return out


def declare_failed_names(c: FunctionChecker, target: ast.expr) -> list[t.Stmt]:
    """Bind the names of a target that got nothing, so that their uses are not reported too."""
    from pybpfc.frontend.check.loops import declare_targets

    declare_targets(c, target)
    return []


def _is_array(type: Type) -> bool:
    return isinstance(type, Array) and type.view is not View.STR


def _hidden(c: FunctionChecker, like: ast.AST, value: t.Expr, out: list[t.Stmt]) -> ast.Name:
    """A name for a value that is computed once."""
    from pybpfc.frontend.check.ranges import value_range

    name = f".{len(c.local_names)}u"
    c.local_names.add(name)
    variable = c.declare(name, value.type, c.span(like))
    c.require_flow().bind(variable)
    if is_integer(value.type) and (bounds := value_range(c, value)) is not None:
        c.require_flow().ranges[variable] = bounds
    out.append(t.Bind(c.span(like), variable, value))
    return ast.copy_location(ast.Name(name, ast.Load()), like)
