"""`a == b` of structs and of arrays: field by field, so that padding does not count."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import describe, place, reference
from pybpfc.ir.ops import Predicate
from pybpfc.lang.types import BOOL, I64, Array, Int, Pointer, Struct, View, is_integer

MAX_PARTS = 128
"""More comparisons than this are better written as a loop."""


class NotComparable(Exception):
    """A part that has no equality."""


def comparable_aggregates(lhs: t.Expr, rhs: t.Expr) -> bool:
    """Whether both are structs of one class, or arrays of one type that are not text.

    Structs of the kernel are not: they are compared by their addresses.
    """
    one, other = place(lhs).type, place(rhs).type
    if isinstance(one, Array) and isinstance(other, Array):
        return one == other and one.view is View.LIST
    return isinstance(one, Struct) and one is other and not one.kernel


def compare_aggregates(c: FunctionChecker, node: ast.Compare, op: ast.cmpop, lhs: t.Expr, rhs: t.Expr) -> t.Expr:
    """Equality of two structs or arrays."""
    span = c.span(node)
    if not isinstance(op, ast.Eq | ast.NotEq):
        return c.error(catalog.NotComparable(describe(lhs), describe(rhs)), node)
    first = [_held(c, side) for side in (lhs, rhs)]
    again = [t.Deref(side.span, side.type, _read(side)) for side in first]
    try:
        pairs = list(_parts(again[0], again[1]))
    except NotComparable:
        return c.error(catalog.NotComparable(describe(lhs), describe(rhs)), node)
    if len(pairs) > MAX_PARTS:
        return c.error(catalog.NotComparable(describe(lhs), describe(rhs)), node)
    kept = [t.Truth(side.span, BOOL, side.pointer) for side in first]  # evaluates both; an address is never null
    equal = t.Logical(span, BOOL, True, (*kept, *pairs))
    return t.Not(span, BOOL, equal) if isinstance(op, ast.NotEq) else equal


def _held(c: FunctionChecker, side: t.Expr) -> t.Deref:
    """The place, with its address kept in a variable."""
    pointer = reference(place(side))
    variable = c.temporary(pointer.type, side.span)
    assert isinstance(pointer.type, Pointer)
    return t.Deref(side.span, pointer.type.to, t.Assignment(side.span, pointer.type, variable, pointer))


def _read(side: t.Deref) -> t.Expr:
    assert isinstance(side.pointer, t.Assignment)
    return t.ReadVariable(side.span, side.pointer.type, side.pointer.variable)


def _parts(lhs: t.Expr, rhs: t.Expr) -> Iterator[t.Expr]:
    """The comparisons that together are the equality."""
    kind, span = lhs.type, lhs.span
    match kind:
        case Struct(union=False, kernel=False):
            for field in kind.fields:
                held = field.type.host if isinstance(field.type, Int) else field.type
                yield from _parts(t.Member(span, held, lhs, kind, field), t.Member(rhs.span, held, rhs, kind, field))
        case Array() if kind.view is not View.LIST or is_integer(kind.element):
            yield t.TextComparison(span, BOOL, lhs, rhs)
        case Array():
            for index in range(kind.length):
                at = t.Literal(span, I64, index)
                yield from _parts(t.Element(span, kind.element, lhs, at), t.Element(rhs.span, kind.element, rhs, at))
        case _ if is_integer(kind):
            yield t.Comparison(span, BOOL, Predicate.EQ, lhs, rhs)
        case _:
            raise NotComparable
