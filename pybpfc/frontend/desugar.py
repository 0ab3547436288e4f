"""Rewriting the syntax tree into the smaller language that the checker reads.

    assert x > 0            if not x > 0:
                                return <neutral>
    a not in m              not (a in m)
    a, b = b, a             .t1 = b
                            .t2 = a
                            a = .t1
                            b = .t2
    a = b = f()             .t1 = f()
                            a = .t1
                            b = .t1

Positions stay those of what the user wrote. Nothing is dropped but docstrings and `pass`.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import TypeVar

TEMPORARY = "."

_Node = TypeVar("_Node", bound=ast.AST)


class _Desugar(ast.NodeTransformer):
    def __init__(self, neutral: int | None) -> None:
        self.count = 0
        self.neutral = neutral

    def _temporary(self) -> str:
        self.count += 1
        return f"{TEMPORARY}{self.count}"

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """`not in` becomes `not (… in …)`."""
        self.generic_visit(node)
        if len(node.ops) == 1 and isinstance(node.ops[0], ast.NotIn):
            inside = _at(ast.Compare(node.left, [ast.In()], node.comparators), node)
            return _at(ast.UnaryOp(ast.Not(), inside), node)
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        """A failed assertion leaves the program with the hook's neutral value."""
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant) or self.neutral is None:
            return node
        value = _at(ast.Constant(self.neutral), node)
        condition = _at(ast.UnaryOp(ast.Not(), node.test), node.test)
        guard = _at(ast.If(condition, [_at(ast.Return(value), node)], []), node)
        guard.assertion = True  # type: ignore[attr-defined]  # the checker reports one that is false at compile time
        return guard

    def visit_Assign(self, node: ast.Assign) -> ast.stmt | list[ast.stmt]:
        """Tuple and chained assignments go through temporaries, so that all values are read before any is set."""
        self.generic_visit(node)
        if len(node.targets) == 1:
            return list(self._unpack(node, node.targets[0], node.value))
        name = self._temporary()
        out: list[ast.stmt] = [_assign(_name(name, node.value, ast.Store()), node.value, node)]
        for target in node.targets:
            out.extend(self._unpack(node, target, _name(name, node.value, ast.Load())))
        return out

    def _unpack(self, node: ast.Assign, target: ast.expr, value: ast.expr) -> Iterator[ast.stmt]:
        pairs = isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List)
        if not pairs:
            yield _assign(target, value, node)
            return
        assert isinstance(target, ast.Tuple | ast.List)
        assert isinstance(value, ast.Tuple | ast.List)
        starred = any(isinstance(e, ast.Starred) for e in (*target.elts, *value.elts))
        if starred or len(target.elts) != len(value.elts):
            yield _assign(target, value, node)
            return
        names: list[str] = []
        for element in value.elts:
            names.append(self._temporary())
            yield _assign(_name(names[-1], element, ast.Store()), element, node)
        for place, name, element in zip(target.elts, names, value.elts, strict=True):
            yield from self._unpack(node, place, _name(name, element, ast.Load()))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Nested functions are left for the checker to refuse."""
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        """Lambdas are left for the checker to refuse."""
        return node


def desugar(function: ast.FunctionDef, neutral: int | None) -> ast.FunctionDef:
    """A rewritten copy of a function; `neutral` is what a failed assertion returns (None: assertions stay)."""
    function = copy.deepcopy(function)
    transformer = _Desugar(neutral)
    body: list[ast.stmt] = []
    for index, statement in enumerate(function.body):
        if index == 0 and _is_docstring(statement):
            continue
        result = transformer.visit(statement)
        body.extend(result if isinstance(result, list) else [result])
    function.body = body
    return function


def _is_docstring(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Constant):
        return False
    return isinstance(statement.value.value, str)


def to_source(function: ast.FunctionDef) -> str:
    """The rewritten function as Python text."""
    shown = copy.deepcopy(function)
    for node in ast.walk(shown):
        if isinstance(node, ast.Name):
            node.id = node.id.replace(TEMPORARY, "_t")
    shown.body = shown.body or [ast.Pass()]
    try:
        import astor

        return str(astor.to_source(shown))
    except (ImportError, AttributeError, NotImplementedError):  # astor knows no `match`
        return ast.unparse(ast.fix_missing_locations(shown)) + "\n"


def _at(node: _Node, like: ast.AST) -> _Node:
    return ast.copy_location(node, like)


def _name(name: str, like: ast.AST, ctx: ast.expr_context) -> ast.Name:
    return _at(ast.Name(name, ctx), like)


def _assign(target: ast.expr, value: ast.expr, like: ast.AST) -> ast.Assign:
    return _at(ast.Assign([target], value), like)
