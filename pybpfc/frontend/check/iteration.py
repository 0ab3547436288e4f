"""`enumerate`, `zip` and `reversed` over arrays and ranges: rewritten into a loop over an index.

for i, x in enumerate(a):           for .k in range(len(a)):
    body                                i = .k
                                        x = a[.k]
                                        body
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.access import resolve_static
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import describe, place, reference
from pybpfc.frontend.check.ranges import value_range
from pybpfc.frontend.symbols import BuiltinSymbol
from pybpfc.lang.types import Array, Error, View, is_integer
from pybpfc.records import frozen

BUILTINS = frozenset({"enumerate", "zip", "reversed"})


@frozen
class Indexable:
    """Something with a length and an item for each index: its length, as a number when constant, and its items."""

    length: int | ast.expr
    item: Callable[[ast.expr], ast.expr]


class NotIndexable(Exception):
    """A diagnostic has been given."""


def called_builtin(c: FunctionChecker, node: ast.expr) -> str:
    """The builtin that a call calls; empty for other expressions."""
    symbol = resolve_static(c, node.func) if isinstance(node, ast.Call) else None
    return symbol.name if isinstance(symbol, BuiltinSymbol) else ""


def rewrite(c: FunctionChecker, node: ast.For) -> tuple[list[t.Stmt], ast.For] | None:
    """The statements before the loop and the loop over an index; None after a diagnostic."""
    before: list[t.Stmt] = []
    try:
        found = _indexable(c, node.iter, before)
    except NotIndexable:
        return None
    index = _temporary(c, node)
    length = found.length if isinstance(found.length, ast.expr) else ast.Constant(found.length)
    counted = ast.Call(ast.Name("range", ast.Load()), [length], [])
    body = [*_assignments(node.target, found.item(index)), *node.body]
    target = ast.Name(index.id, ast.Store())
    loop = ast.copy_location(ast.For(target, counted, body, node.orelse), node)
    for made in (target, counted, *body[: len(body) - len(node.body)]):
        _locate(made, node.iter if made is counted else node.target)
    return before, loop


def _locate(made: ast.AST, like: ast.AST) -> None:
    for child in ast.walk(made):
        if not hasattr(child, "lineno"):
            ast.copy_location(child, like)


def _temporary(c: FunctionChecker, like: ast.AST) -> ast.Name:
    name = f".{len(c.local_names)}i"
    c.local_names.add(name)
    return ast.copy_location(ast.Name(name, ast.Load()), like)


def _assignments(target: ast.expr, item: ast.expr) -> list[ast.stmt]:
    """`target = item`, tuple by tuple; items have no effects, so their order does not matter."""
    pairs = isinstance(target, ast.Tuple | ast.List) and isinstance(item, ast.Tuple)
    if pairs and len(target.elts) == len(item.elts):  # type: ignore[attr-defined]
        parts = zip(target.elts, item.elts, strict=True)  # type: ignore[attr-defined]
        return [statement for place, part in parts for statement in _assignments(place, part)]
    return [ast.copy_location(ast.Assign([target], item), target)]


def _indexable(c: FunctionChecker, node: ast.expr, before: list[t.Stmt]) -> Indexable:
    name = called_builtin(c, node)
    if name == "range":
        assert isinstance(node, ast.Call)
        return _range(c, node, before)
    if name in BUILTINS:
        assert isinstance(node, ast.Call)
        return _BUILDERS[name](c, node, before)
    return _array(c, node, before)


def _arguments(c: FunctionChecker, node: ast.Call, least: int, most: int, before: list[t.Stmt]) -> list[Indexable]:
    name = called_builtin(c, node)
    if not least <= len(node.args) <= most or any(isinstance(a, ast.Starred) for a in node.args):
        wanted = f"{least} argument" + ("s" if least > 1 else "") + (" or more" if most > least else "")
        c.error(catalog.ArgumentCount(name, wanted, len(node.args)), node)
        raise NotIndexable
    return [_indexable(c, a, before) for a in node.args]


def _array(c: FunctionChecker, node: ast.expr, before: list[t.Stmt]) -> Indexable:
    from pybpfc.frontend.check.containers import check_iterable

    array = place(check_iterable(c, node))
    if isinstance(array.type, Error):
        raise NotIndexable
    if isinstance(array, t.Text) or not isinstance(array.type, Array) or array.type.view is View.STR:
        c.error(catalog.NotIterable(describe(array)), node)
        raise NotIndexable
    held = _held(c, node, reference(array), before)
    return Indexable(array.type.length, lambda index: _at(ast.Subscript(held, index, ast.Load()), node))


def _held(c: FunctionChecker, node: ast.expr, value: t.Expr, before: list[t.Stmt]) -> ast.expr:
    """A name for a value that is computed once, before the loop."""
    name = _temporary(c, node)
    variable = c.declare(name.id, value.type, c.span(node))
    c.require_flow().bind(variable)
    if (bounds := value_range(c, value)) is not None:
        c.require_flow().ranges[variable] = bounds
    before.append(t.Bind(c.span(node), variable, value))
    return name


def _range(c: FunctionChecker, node: ast.Call, before: list[t.Stmt]) -> Indexable:
    from pybpfc.frontend.check.expressions import check

    values = [check(c, a) for a in node.args]
    numbers = [v.value for v in values if isinstance(v, t.Literal)]
    if len(numbers) == len(values) and 1 <= len(values) <= 3 and numbers[2:] != [0] and not node.keywords:
        counted = range(*numbers)
        return Indexable(len(counted), lambda k: _plus(_times(k, counted.step, node), counted.start, node))
    if any(isinstance(v.type, Error) for v in values):
        raise NotIndexable
    if len(values) == 1 and is_integer(values[0].type) and not node.keywords:
        return Indexable(_held(c, node.args[0], values[0], before), lambda k: k)
    c.error(catalog.ConstantNeeded("a `range` within `enumerate`, `zip` or `reversed`, but for `range(n)`,"), node)
    raise NotIndexable


def _enumerate(c: FunctionChecker, node: ast.Call, before: list[t.Stmt]) -> Indexable:
    from pybpfc.frontend.check.expressions import check

    given = [k.value for k in node.keywords if k.arg == "start"] or node.args[1:2]
    if len(node.keywords) > 1 or any(k.arg != "start" for k in node.keywords) or not 1 <= len(node.args) <= 2:
        c.error(catalog.ArgumentCount("enumerate", "an array and a start", len(node.args) + len(node.keywords)), node)
        raise NotIndexable
    start = check(c, given[0]) if given else None
    if start is not None and not isinstance(start, t.Literal):
        if not isinstance(start.type, Error):
            c.error(catalog.ConstantNeeded("the start of `enumerate`"), start.span)
        raise NotIndexable
    first = start.value if start is not None else 0
    inner = _indexable(c, node.args[0], before)
    return Indexable(inner.length, lambda k: _at(ast.Tuple([_plus(k, first, node), inner.item(k)], ast.Load()), node))


def _zip(c: FunctionChecker, node: ast.Call, before: list[t.Stmt]) -> Indexable:
    parts = _arguments(c, node, 1, 64, before)
    constants = [p.length for p in parts if isinstance(p.length, int)]
    length: int | ast.expr | None = min(constants) if constants else None
    for part in parts:
        if isinstance(part.length, ast.expr):
            length = part.length if length is None else _smaller(c, node, part.length, length, before)
    assert length is not None
    return Indexable(length, lambda k: _at(ast.Tuple([p.item(k) for p in parts], ast.Load()), node))


def _reversed(c: FunctionChecker, node: ast.Call, before: list[t.Stmt]) -> Indexable:
    if called_builtin(c, node.args[0]) in ("enumerate", "zip") if node.args else False:
        c.error(catalog.NotIterable("the reverse of `enumerate` or `zip`"), node)
        raise NotIndexable
    (inner,) = _arguments(c, node, 1, 1, before)
    length = inner.length
    if isinstance(length, int):
        last = length - 1
        return Indexable(length, lambda k: inner.item(_at(ast.BinOp(_number(last, node), ast.Sub(), k), node)))

    def backwards(k: ast.expr) -> ast.expr:
        return inner.item(_at(ast.BinOp(_at(ast.BinOp(length, ast.Sub(), _number(1, node)), node), ast.Sub(), k), node))

    return Indexable(length, backwards)


def _smaller(c: FunctionChecker, node: ast.Call, a: ast.expr, b: int | ast.expr, before: list[t.Stmt]) -> ast.expr:
    from pybpfc.frontend.check.builtins import check_min_max

    other = _number(b, node) if isinstance(b, int) else b
    least = check_min_max(c, ast.copy_location(ast.Call(node.func, [a, other], []), node), "min")
    if isinstance(least.type, Error):
        raise NotIndexable
    return _held(c, node, least, before)


_BUILDERS = {"enumerate": _enumerate, "zip": _zip, "reversed": _reversed}


def _at(made: ast.expr, like: ast.AST) -> ast.expr:
    return ast.copy_location(made, like)


def _number(value: int, like: ast.AST) -> ast.expr:
    return _at(ast.Constant(value), like)


def _plus(k: ast.expr, amount: int, like: ast.AST) -> ast.expr:
    return _at(ast.BinOp(k, ast.Add(), _number(amount, like)), like) if amount else k


def _times(k: ast.expr, factor: int, like: ast.AST) -> ast.expr:
    return _at(ast.BinOp(k, ast.Mult(), _number(factor, like)), like) if factor != 1 else k
