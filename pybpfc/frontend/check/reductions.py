"""What is computed over all elements of an array: `sum any all min max`, and `x in array`."""

from __future__ import annotations

import ast
from collections.abc import Callable

from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import coerce, describe, place
from pybpfc.frontend.check.ranges import constants_of
from pybpfc.lang.types import BOOL, ERROR, Array, Bool, Error, Int, Type, View, as_int, is_integer

FOLDED: dict[str, Callable[[list[int]], int]] = {"sum": sum, "min": min, "max": max}


def check_reduction(c: FunctionChecker, node: ast.Call, name: str) -> t.Expr:
    """`sum(array)` and the like, and `min(array)`."""
    from pybpfc.frontend.check.expressions import check, literal

    if len(node.args) != 1 or node.keywords:
        return c.error(catalog.ArgumentCount(name, "one array", len(node.args) + len(node.keywords)), node)
    array = place(check(c, node.args[0]))
    values = constants_of(array)
    if values and name in FOLDED and not isinstance(array, t.Element):
        return literal(c, node, FOLDED[name](values))
    if isinstance(array.type, Error):
        return array
    if not is_number_array(array):
        return c.error(catalog.TypeMismatch("an array of numbers", describe(array)), node.args[0])
    assert isinstance(array.type, Array)
    element = array.type.element
    if array.type.length == 0 and name in ("min", "max"):
        return c.error(catalog.TypeMismatch("an array of at least one element", describe(array)), node.args[0])
    return t.Reduction(c.span(node), _result(name, element), t.Reducing(name), array)


def is_number_array(array: t.Expr) -> bool:
    """Whether an expression is an array whose elements are numbers."""
    kind = array.type
    known = isinstance(kind, Array) and kind.view is not View.STR and is_integer(kind.element)
    return known and not isinstance(array, t.Text | t.ContextMember)


def _result(name: str, element: Type) -> Type:
    """Sums have 64 bits, so that those of small elements do not wrap."""
    if name in ("any", "all"):
        return BOOL
    number = Int(8, False) if isinstance(element, Bool) else as_int(element).host
    return Int(64, number.signed) if name == "sum" else number


def check_array_contains(c: FunctionChecker, node: ast.Compare, array: t.Expr) -> t.Expr:
    """`x in array`."""
    from pybpfc.frontend.check.expressions import check, operand_type

    assert isinstance(array.type, Array)
    wanted = check(c, node.left)
    if isinstance(wanted.type, Error):
        return wanted
    if not is_integer(wanted.type):
        return c.error(catalog.NotComparable(describe(wanted), f"`{array.type.element}`"), node.left)
    element = t.Invalid(array.span, as_int(array.type.element).host)
    common = operand_type(c, node, "in", wanted, element)
    if common is None:
        return t.Invalid(c.span(node), ERROR)
    value = coerce(c, wanted, common, "operand")
    if isinstance(value.type, Error):
        return value
    return t.Reduction(c.span(node), BOOL, t.Reducing.CONTAINS, array, value)
