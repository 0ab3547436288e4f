"""Loops that have no way out: their condition stays true, or as it is, and nothing inside leaves them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.ranges import WIDE
from pybpfc.ir.ops import Predicate
from pybpfc.lang.types import Int, Pointer, Space
from pybpfc.records import fields

LEAVING_CALLS = ("tail_call", "bpf_tail_call")
_OPERATORS = (t.Arithmetic, t.Invert, t.Comparison, t.Logical, t.Not, t.Truth, t.Conditional, t.Convert, t.Limited)
_COMPUTED = (*_OPERATORS, t.MinMax, t.TextComparison, t.Literal, t.Text, t.NoneValue)
"""Expressions whose value changes only with that of their operands."""
_PLACES = (t.Deref, t.Member, t.Element, t.Part, t.ContextMember)


def no_way_out(condition: t.Expr, node: ast.While) -> str | None:
    """Why a `while` never ends once it has begun; None when it may."""
    if _leaves(node.body):
        return None
    if isinstance(condition, t.Literal):
        return "no `break` or `return` inside" if condition.value else None
    if isinstance(condition, t.Comparison) and _always_true(condition):
        return "always true, and no `break` or `return` inside"
    if isinstance(condition, t.Comparison) and (away := _moves_away(condition, node.body)) is not None:
        return away
    names = _steady_names(condition, node)
    if names is None:
        return None
    quoted = " and ".join(f"`{name}`" for name in names)
    return f"{quoted} {'does' if len(names) == 1 else 'do'} not change inside" if names else "does not change inside"


def _leaves(body: list[ast.stmt], *, nested: bool = False) -> bool:
    """Whether something in a loop's body leaves it; a `break` in a loop within leaves only that one."""
    for statement in body:
        match statement:
            case ast.Return() | ast.Raise():
                return True
            case ast.Break():
                if not nested:
                    return True
            case ast.While() | ast.For():
                if _leaves(statement.body, nested=True) or _leaves(statement.orelse, nested=nested):
                    return True
            case _:
                if any(_leaves(block, nested=nested) for block in _blocks(statement)):
                    return True
        if any(isinstance(n, ast.Call) and _called(n) in LEAVING_CALLS for n in ast.walk(statement)):
            return True
    return False


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        if block := getattr(statement, name, None):
            yield block
    for case in (*getattr(statement, "cases", ()), *getattr(statement, "handlers", ())):
        yield case.body


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def stored_name(node: ast.AST) -> str | None:
    """The name that a node of the tree sets: a target, or what a pattern captures."""
    if isinstance(node, ast.Name):
        return node.id if isinstance(node.ctx, ast.Store) else None
    return node.name if isinstance(node, ast.MatchAs) else None


def stored_names(body: list[ast.stmt]) -> set[str]:
    """The names a loop's body sets."""
    return {name for s in body for n in ast.walk(s) if (name := stored_name(n))}


# ------------------------------------------------------------------------- what stays as it is


def _steady_names(condition: t.Expr, node: ast.While) -> tuple[str, ...] | None:
    """The names a condition reads when no round changes its value; None when one may."""
    names: dict[str, None] = {}
    stored = stored_names([ast.Expr(node.test), *node.body])
    untouched = not any(map(_changes_memory, (n for s in (node.test, *node.body) for n in ast.walk(s))))
    pending: list[Any] = [condition]
    while pending:
        item = pending.pop()
        match item:
            case tuple():
                pending += item
            case t.ReadVariable(variable=variable):
                if variable.name in stored or variable.name.startswith("."):
                    return None
                names[variable.name] = None
            case t.GlobalPlace(variable=variable):
                if variable.section != ".rodata":
                    return None
                names[variable.name] = None
            case t.Expr():
                if not (isinstance(item, _COMPUTED) or (isinstance(item, _PLACES) and untouched and _is_own(item))):
                    return None
                pending += [getattr(item, name) for name in fields(item)]
    return tuple(reversed(names))


def _changes_memory(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute | ast.Subscript):
        return not isinstance(node.ctx, ast.Load)
    return isinstance(node, ast.Call)


def _is_own(place: t.Expr) -> bool:
    """Whether a place is memory that nobody else writes to: the context, or the function's stack."""
    base: t.Expr = place
    while not isinstance(base.type, Pointer):
        match base:
            case t.Deref(pointer=inner) | t.ContextMember(context=inner):
                base = inner
            case t.Member(base=inner) | t.Element(base=inner) | t.Part(base=inner):
                base = inner
            case _:
                return isinstance(base, t.GlobalPlace)
    given = isinstance(base, t.ReadVariable) and base.variable.param is not None  # may lie in a map
    return base.type.space is Space.CTX or (base.type.space is Space.STACK and not given)


# --------------------------------------------------------------------------- what stays true


def _always_true(e: t.Comparison) -> bool:
    """`n >= 0` of an unsigned number, and its like."""
    if not isinstance(e.rhs, t.Literal) or not isinstance(e.lhs.type, Int):
        return False
    low, high = e.lhs.type.min, e.lhs.type.max
    return (e.predicate, e.rhs.value) in ((Predicate.GE, low), (Predicate.LE, high))


def _moves_away(e: t.Comparison, body: list[ast.stmt]) -> str | None:
    """`while i < 10: i -= 1`: what is done to the variable takes it further from where the loop would end."""
    lhs = e.lhs
    while isinstance(lhs, t.Convert) and not lhs.explicit:
        lhs = lhs.operand
    if not isinstance(lhs, t.ReadVariable) or not isinstance(e.rhs, t.Literal) or not isinstance(lhs.type, Int):
        return None
    nodes = [n for s in body for n in ast.walk(s)]
    stores = sum(1 for n in nodes if stored_name(n) == lhs.variable.name)
    steps = [n.op for n in nodes if isinstance(n, ast.AugAssign) and _steps(n, lhs.variable.name)]
    if not steps or len(steps) < stores or lhs.type.bits < WIDE:
        return None  # narrow numbers wrap around soon, and so come to the end from the other side
    if e.predicate in (Predicate.LT, Predicate.LE) and lhs.type.signed and all(isinstance(o, ast.Sub) for o in steps):
        return f"`{lhs.variable.name}` only gets smaller inside"
    if e.predicate in (Predicate.GT, Predicate.GE) and all(isinstance(o, ast.Add) for o in steps):
        return f"`{lhs.variable.name}` only gets larger inside"
    return None


def _steps(node: ast.AugAssign, name: str) -> bool:
    """`name += 3` or `name -= 3`."""
    match node:
        case ast.AugAssign(
            target=ast.Name(id=target), op=ast.Add() | ast.Sub(), value=ast.Constant(value=int() as step)
        ):
            return target == name and step > 0
        case _:
            return False
