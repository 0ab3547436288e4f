"""Containers of constants: arrays of the object, or folded where the index or key is a constant."""

from __future__ import annotations

import ast
from typing import Any

from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.access import resolve_static
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import coerce, describe
from pybpfc.frontend.check.numbers import fits
from pybpfc.frontend.containers import constant_container
from pybpfc.frontend.symbols import ConstMapping, ConstSequence
from pybpfc.ir.module import Initial
from pybpfc.lang.types import BOOL, ERROR, I64, U64, Array, Error, as_int, is_integer

MAX_COMPARED = 32
"""Up to so many constants `in` compares with one after the other."""
PARTS = {"keys": 0, "values": 1}


def container(c: FunctionChecker, node: ast.expr) -> ConstSequence | ConstMapping | None:
    """The container of constants that a name, or `table.items()`, stands for; None for anything else."""
    symbol = resolve_static(c, node)
    if isinstance(symbol, ConstSequence | ConstMapping):
        return symbol
    if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
        return _inner(c, node)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args and not node.keywords:
        table = resolve_static(c, node.func.value)
        if isinstance(table, ConstMapping) and node.func.attr == "items":
            return ConstSequence(table.name, table.items, "dict")
        if isinstance(table, ConstMapping) and node.func.attr in PARTS:
            part = PARTS[node.func.attr]
            return ConstSequence(table.name, tuple(item[part] for item in table.items), "dict")
    return None


def _inner(c: FunctionChecker, node: ast.Subscript) -> ConstSequence | ConstMapping | None:
    """The container that a constant index or key finds in another."""
    from pybpfc.frontend.check.expressions import check

    outer = container(c, node.value)
    if outer is None:
        return None
    with c.speculation():
        index = check(c, node.slice)
    key = index.value if isinstance(index, t.Literal) else _text(index)
    values: dict[Any, Any] = dict(outer.items) if isinstance(outer, ConstMapping) else dict(enumerate(outer.values))
    if isinstance(key, int) and isinstance(outer, ConstSequence) and key < 0:
        key += len(values)
    found = values.get(key)
    return constant_container(outer.name, found) if isinstance(found, tuple | list) else None


def constant(c: FunctionChecker, node: ast.AST, value: Any) -> t.Expr:
    """A constant of a container, as if it were written at `node`."""
    from pybpfc.frontend.check.access import symbol_value

    assert isinstance(node, ast.expr)
    return symbol_value(c, node, c.unit.classify("", value, {}))


def is_empty(c: FunctionChecker, node: ast.expr) -> bool:
    """Whether a loop runs over a container that is known to hold nothing."""
    found = container(c, node)
    return isinstance(found, ConstSequence) and not found.values or isinstance(found, ConstMapping) and not found.items


def check_iterable(c: FunctionChecker, node: ast.expr) -> t.Expr:
    """What a loop runs over: an array, a container of constants, or a tuple or list that is written out."""
    from pybpfc.frontend.check.expressions import check

    if isinstance(node, ast.Tuple | ast.List | ast.Set) and node.elts:
        return _written(c, node, node.elts)
    found = container(c, node)
    if isinstance(found, ConstMapping):
        found = ConstSequence(found.name, tuple(key for key, _ in found.items), "dict")
    return array_of(c, node, found) if found is not None else check(c, node)


def array_of(c: FunctionChecker, node: ast.AST, sequence: ConstSequence) -> t.Expr:
    """A sequence of numbers as a constant array of the object."""
    type = _array_type(sequence.values)
    if type is None:
        return c.error(catalog.ConstantContainer(sequence.describe()), node)
    variable = c.unit.constant_array(sequence.name, type, _plain(sequence.values), c.span(node))
    return t.GlobalPlace(c.span(node), type, variable)


def _array_type(values: tuple[Any, ...] | list[Any]) -> Array | None:
    """The type of an array that holds the values; None when they are not numbers, or rows of different lengths."""
    if not values:
        return None
    if all(isinstance(v, int) for v in values):
        for element in (I64, U64):
            if all(element.min <= v <= element.max for v in values):
                return Array(element, len(values))
        return None
    rows = [_array_type(v) if isinstance(v, tuple | list) else None for v in values]
    lengths = {row.length if row is not None else None for row in rows}
    flat = [number for v in values if isinstance(v, tuple | list) for number in v]
    whole = _array_type(flat) if len(lengths) == 1 and None not in lengths else None
    return Array(Array(whole.element, len(values[0])), len(values)) if whole is not None else None


def _plain(values: Any) -> Initial:
    return tuple(_plain(v) for v in values) if isinstance(values, tuple | list) else int(values)


def _written(c: FunctionChecker, node: ast.expr, elements: list[ast.expr]) -> t.Expr:
    """`(1, 2)` or `[a, b]` where a loop runs over it."""
    from pybpfc.frontend.check.expressions import check, operand_type

    values = [check(c, e) for e in elements]
    if any(isinstance(v.type, Error) for v in values):
        return t.Invalid(c.span(node), ERROR)
    numbers = [v.value for v in values if isinstance(v, t.Literal) and v.untyped]
    if len(numbers) == len(values):
        return array_of(c, node, ConstSequence(f"line_{node.lineno}", tuple(numbers), "tuple"))
    joined = values[0]
    for value in values:
        if not is_integer(value.type):
            return c.error(catalog.NotANumber(describe(value), "for"), value.span)
        type = operand_type(c, node, "for", joined, value)
        if type is None:
            return t.Invalid(c.span(node), ERROR)
        joined = t.Invalid(value.span, as_int(type))
    held = Array(as_int(joined.type), len(values))
    items = tuple(coerce(c, v, held.element, "element") for v in values)
    return t.NewArray(c.span(node), held, items)


def constant_subscript(c: FunctionChecker, node: ast.Subscript, found: ConstSequence | ConstMapping) -> t.Expr:
    """`PORTS[1]`, `TABLE["a"]`: folded; `PORTS[i]`: an element of an array of the object."""
    from pybpfc.frontend.check.access import subscript
    from pybpfc.frontend.check.expressions import check

    if isinstance(node.slice, ast.Slice):
        return c.error(catalog.SliceExpression(), node)
    index = check(c, node.slice)
    if isinstance(index.type, Error):
        return index
    key = index.value if isinstance(index, t.Literal) else _text(index)
    if isinstance(found, ConstMapping):
        if key is None:
            return c.error(catalog.ConstantKey(found.name), node.slice)
        values = dict(found.items)
        if key not in values:
            helps = catalog.did_you_mean(str(key), [str(k) for k in values])
            return c.error(catalog.MissingKey(found.name, repr(key)), node.slice, helps=helps)
        return constant(c, node, values[key])
    if not isinstance(index, t.Literal):
        return subscript(c, node, array_of(c, node.value, found))
    if not -len(found.values) <= index.value < len(found.values):
        return c.error(catalog.IndexOutOfRange(index.value, len(found.values)), node.slice)
    return constant(c, node, found.values[index.value])


def check_contains(c: FunctionChecker, node: ast.Compare, found: ConstSequence | ConstMapping) -> t.Expr:
    """`x in PORTS`: comparisons with the few, a walk over the many; keys of a dict."""
    from pybpfc.frontend.check.conditions import check_one_of
    from pybpfc.frontend.check.expressions import check
    from pybpfc.frontend.check.reductions import check_array_contains

    values = found.values if isinstance(found, ConstSequence) else tuple(key for key, _ in found.items)
    numbers = all(isinstance(v, int) for v in values)
    where = node.comparators[0]
    if len(values) > MAX_COMPARED and numbers:
        return check_array_contains(c, node, array_of(c, where, ConstSequence(found.name, values, "")))
    left = check(c, node.left)
    if isinstance(left.type, Error):
        return left
    if len(values) > MAX_COMPARED or any(isinstance(v, tuple | list) for v in values):
        return c.error(catalog.ConstantContainer(found.describe()), where)
    if is_integer(left.type) and numbers and not isinstance(left, t.Literal):
        values = tuple(v for v in values if fits(v, left.type))  # what the type cannot hold is never equal
    if not values:
        return t.Literal(c.span(node), BOOL, 0)
    return check_one_of(c, node, left, [constant(c, where, v) for v in values])


def _text(e: t.Expr) -> str | bytes | None:
    if not isinstance(e, t.Text):
        return None
    return e.value.decode() if e.is_str else e.value
