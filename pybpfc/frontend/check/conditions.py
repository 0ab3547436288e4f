"""Conditions: truth, comparison, `and`/`or`/`not`, and what they show about None."""

from __future__ import annotations

import ast

from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.span import Span
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check import numbers as n
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import FOREIGN, coerce, describe, is_optional, may_be_none, place, to_number
from pybpfc.frontend.check.equality import comparable_aggregates, compare_aggregates
from pybpfc.frontend.check.flow import Flow, merge
from pybpfc.frontend.check.ranges import narrow_by_comparison
from pybpfc.frontend.check.references import check_tested
from pybpfc.frontend.inner_maps import inner_map
from pybpfc.ir.ops import Predicate
from pybpfc.lang.types import BOOL, ERROR, Array, Bool, Error, Int, Pointer, Type, View, is_integer

Outcome = tuple[t.Expr, Flow | None, Flow | None]
"""A `bool` expression, and what is known where it is true and where it is false."""


def check_condition(c: FunctionChecker, node: ast.expr) -> Outcome:
    """Check `node` as a condition."""
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            expr, when_true, when_false = check_condition(c, operand)
            if isinstance(expr, t.Literal):
                return t.Literal(c.span(node), BOOL, int(not expr.value)), when_false, when_true
            return t.Not(c.span(node), BOOL, expr), when_false, when_true
        case ast.BoolOp():
            return _check_logical(c, node)
        case ast.Compare(ops=[ast.Is() | ast.IsNot() as op], comparators=[comparator]):
            return _check_is(c, node, op, comparator)
        case ast.Compare():
            expr = check_comparison(c, node)
            holds, fails = c.require_flow().copy(), c.require_flow().copy()
            narrow_by_comparison(expr, holds, fails)
            return expr, holds, fails
        case _:
            return _check_truth(c, node)


def check_as_value(c: FunctionChecker, node: ast.expr) -> t.Expr:
    """A comparison, `not`, `and` or `or` where a value is wanted."""
    if isinstance(node, ast.BoolOp) and (value := _logical_value(c, node)) is not None:
        return value
    expr, when_true, when_false = check_condition(c, node)
    c.join(when_true, when_false)
    return expr


def _check_logical(c: FunctionChecker, node: ast.BoolOp) -> Outcome:
    is_and = isinstance(node.op, ast.And)
    operands: list[t.Expr] = []
    leaving: list[Flow | None] = []
    going: Flow | None = c.require_flow()
    for value in node.values:
        c.flow = going
        expr, when_true, when_false = check_condition(c, value)
        operands.append(expr)
        going = when_true if is_and else when_false
        leaving.append(when_false if is_and else when_true)
    out = merge(leaving)
    expr = t.Logical(c.span(node), BOOL, is_and, tuple(operands))
    return (expr, going, out) if is_and else (expr, out, going)


def _logical_value(c: FunctionChecker, node: ast.BoolOp) -> t.Expr | None:
    """`a or b` of numbers gives one of them; None when the operands are all conditions."""
    from pybpfc.frontend.check.expressions import check, unify

    flow = c.flow.copy() if c.flow is not None else None
    with c.speculation():
        numeric = all(is_integer(e.type) and not isinstance(e.type, Bool) for e in [check(c, v) for v in node.values])
    c.flow = flow
    if not numeric:
        return None
    result = check(c, node.values[-1])
    for value in reversed(node.values[:-1]):
        first = check(c, value)
        if isinstance(first.type, Error) or isinstance(result.type, Error):
            return t.Invalid(c.span(node), ERROR)
        held = c.temporary(first.type, first.span)
        kept = t.Assignment(first.span, first.type, held, first)
        condition = truth(c, kept)
        again = t.ReadVariable(first.span, first.type, held)
        is_and = isinstance(node.op, ast.And)
        result = unify(c, node, condition, result if is_and else again, again if is_and else result)
    return result


def _check_is(c: FunctionChecker, node: ast.Compare, op: ast.cmpop, comparator: ast.expr) -> Outcome:
    from pybpfc.frontend.check.expressions import check

    if not (isinstance(comparator, ast.Constant) and comparator.value is None):
        expr: t.Expr = c.error(catalog.IdentityComparison(), node)
        return expr, c.require_flow().copy(), c.require_flow().copy()
    operand = check(c, node.left)
    flow = c.require_flow()
    null, nonnull = flow.copy(), flow.copy()
    if isinstance(operand.type, Error):
        return operand, null, nonnull
    if not isinstance(operand.type, Pointer):
        expr = c.error(catalog.NeverNone(describe(operand)), node)
        return expr, null, nonnull
    variable = _variable_of(operand)
    if variable is not None:
        check_tested(c, operand.span, variable)
        null.narrow(variable, null=True)
        nonnull.narrow(variable, null=False)
    zero = t.Literal(operand.span, operand.type, 0)
    equal = isinstance(op, ast.Is)
    expr = t.Comparison(c.span(node), BOOL, Predicate.EQ if equal else Predicate.NE, operand, zero)
    return (expr, null, nonnull) if equal else (expr, nonnull, null)


def _check_truth(c: FunctionChecker, node: ast.expr) -> Outcome:
    from pybpfc.frontend.check.expressions import check

    operand = check(c, node)
    if is_optional(operand):
        return _optional_truth(c, node, operand)
    flow = c.require_flow()
    when_true, when_false = flow.copy(), flow.copy()
    variable = _variable_of(operand)
    if variable is not None and isinstance(operand.type, Pointer):
        check_tested(c, c.span(node), variable)
        when_true.narrow(variable, null=False)
        when_false.narrow(variable, null=True)
    if isinstance(operand, t.Literal):
        if operand.value:
            when_false_or_none: Flow | None = None
            return t.Literal(operand.span, BOOL, 1), when_true, when_false_or_none
        return t.Literal(operand.span, BOOL, 0), None, when_false
    return truth(c, operand), when_true, when_false


def _optional_truth(c: FunctionChecker, node: ast.expr, operand: t.Expr) -> Outcome:
    """A number that may be missing is true when it is there and not 0, as in Python."""
    pointer, variable = operand.type, _variable_of(operand)
    assert isinstance(pointer, Pointer)
    if variable is None:
        variable = c.temporary(pointer, operand.span)
        operand = t.Assignment(operand.span, pointer, variable, operand)
    when_true, when_false = c.require_flow().copy(), c.require_flow().copy()
    when_true.narrow(variable, null=False)
    kind = pointer.to.host if isinstance(pointer.to, Int) else pointer.to
    there = t.ReadVariable(operand.span, Pointer(pointer.to, pointer.space), variable)
    number = t.Deref(operand.span, kind, there)
    value = number if isinstance(kind, Bool) else t.Truth(operand.span, BOOL, number)
    both = (t.Truth(operand.span, BOOL, operand), value)
    return t.Logical(c.span(node), BOOL, True, both), when_true, when_false


def truth(c: FunctionChecker, e: t.Expr) -> t.Expr:
    """Whether a value is true: `bool`, numbers, and pointers that may be None."""
    match e.type:
        case Error() | Bool():
            return e
        case Pointer(to=Array()) if not e.type.nullable:
            return c.error(catalog.NotACondition(describe(place(e))), e.span)
        case Pointer():
            return t.Truth(e.span, BOOL, e)
        case _ if is_integer(e.type):
            return t.Truth(e.span, BOOL, e)
        case _:
            return c.error(catalog.NotACondition(describe(e)), e.span)


def _variable_of(e: t.Expr) -> t.Variable | None:
    if isinstance(e, t.ReadVariable | t.Assignment):
        return e.variable
    return None


# --------------------------------------------------------------------------------- comparisons


def check_comparison(c: FunctionChecker, node: ast.Compare) -> t.Expr:
    """`a < b <= c`: each operand is evaluated once, and not at all when an earlier part is false."""
    from pybpfc.frontend.check.expressions import check

    if len(node.ops) == 1:
        if isinstance(node.ops[0], ast.In):
            return _check_in(c, node)
        return compare(c, node, node.ops[0], check(c, node.left), check(c, node.comparators[0]))
    parts: list[t.Expr] = []
    left = check(c, node.left)
    for op, comparator in zip(node.ops, node.comparators, strict=True):
        right = check(c, comparator)
        again = right
        if not isinstance(right, t.Literal | t.ReadVariable | t.Invalid) and is_integer(right.type):
            held = c.temporary(right.type, right.span)
            again = t.ReadVariable(right.span, right.type, held)
            right = t.Assignment(right.span, right.type, held, right)
        parts.append(compare(c, node, op, left, right))
        left = again
    if any(isinstance(p.type, Error) for p in parts):
        return t.Invalid(c.span(node), ERROR)
    return t.Logical(c.span(node), BOOL, True, tuple(parts))


def compare(c: FunctionChecker, node: ast.Compare, op: ast.cmpop, lhs: t.Expr, rhs: t.Expr) -> t.Expr:
    """One comparison of two values."""
    from pybpfc.frontend.check.expressions import PREDICATES, operand_type

    span = c.span(node)
    if isinstance(lhs.type, Error) or isinstance(rhs.type, Error):
        return t.Invalid(span, ERROR)
    if isinstance(op, ast.Is | ast.IsNot | ast.In | ast.NotIn):
        return c.error(catalog.IdentityComparison(), node)
    if is_text(lhs) or is_text(rhs):
        return _compare_text(c, node, op, lhs, rhs)
    if isinstance(lhs, t.NoneValue) or isinstance(rhs, t.NoneValue):
        return c.error(catalog.CompareWithNone(), node)
    if comparable_aggregates(lhs, rhs):
        return compare_aggregates(c, node, op, lhs, rhs)
    for operand in (lhs, rhs):
        if is_optional(operand):
            return may_be_none(c, operand)
        if not is_integer(operand.type) and not _is_address(operand.type):
            helps = ["compare what it points to: `.value`"] if _is_scalar_pointer(operand.type) else []
            return c.error(catalog.NotComparable(describe(lhs), describe(rhs)), node, helps=helps)
    lhs, rhs = to_number(lhs), to_number(rhs)
    predicate = PREDICATES[type(op)]
    if isinstance(lhs, t.Literal) and isinstance(rhs, t.Literal):
        return t.Literal(span, BOOL, int(_evaluate(predicate, lhs.value, rhs.value)))
    always = _always(predicate, lhs, rhs)
    if always is not None:
        c.emit(catalog.AlwaysCompares(always).at(span))
        return _constant_outcome(c, span, always, rhs if isinstance(lhs, t.Literal) else lhs)
    if (certain := _at_the_limit(predicate, lhs, rhs)) is not None:
        c.emit(catalog.AlwaysCompares(certain).at(span))
    common = operand_type(c, node, _SYMBOLS[predicate], lhs, rhs)
    if common is None:
        return t.Invalid(span, ERROR)
    return t.Comparison(span, BOOL, predicate, coerce(c, lhs, common, "operand"), coerce(c, rhs, common, "operand"))


def _is_address(type: Type) -> bool:
    """Addresses of user space and of the kernel are numbers; what leads to the program's own memory is not."""
    return isinstance(type, Pointer) and type.space in FOREIGN


def _is_scalar_pointer(type: Type) -> bool:
    return isinstance(type, Pointer) and is_integer(type.to)


def _constant_outcome(c: FunctionChecker, span: Span, outcome: bool, operand: t.Expr) -> t.Expr:
    """A comparison whose outcome is known; its operand is still evaluated when that may have effects."""
    if isinstance(operand, t.ReadVariable | t.Literal | t.GlobalPlace):
        return t.Literal(span, BOOL, int(outcome))
    held = c.temporary(operand.type, operand.span)
    first = t.Assignment(operand.span, operand.type, held, operand)
    again = t.ReadVariable(operand.span, operand.type, held)
    return t.Comparison(span, BOOL, Predicate.EQ if outcome else Predicate.NE, first, again)


def _at_the_limit(predicate: Predicate, lhs: t.Expr, rhs: t.Expr) -> bool | None:
    """The outcome of comparing with the least or greatest value of the other side's type, where that is certain."""
    if isinstance(lhs, t.Literal) and lhs.untyped:
        return _at_the_limit(_MIRROR[predicate], rhs, lhs)
    if not (isinstance(rhs, t.Literal) and rhs.untyped) or not isinstance(lhs.type, Int):
        return None
    match predicate:
        case Predicate.LT | Predicate.GE if rhs.value == lhs.type.min:
            return predicate is Predicate.GE
        case Predicate.GT | Predicate.LE if rhs.value == lhs.type.max:
            return predicate is Predicate.LE
        case _:
            return None


def _evaluate(predicate: Predicate, a: int, b: int) -> bool:
    match predicate:
        case Predicate.EQ:
            return a == b
        case Predicate.NE:
            return a != b
        case Predicate.LT:
            return a < b
        case Predicate.LE:
            return a <= b
        case Predicate.GT:
            return a > b
        case Predicate.GE:
            return a >= b


_SYMBOLS = {
    Predicate.EQ: "==",
    Predicate.NE: "!=",
    Predicate.LT: "<",
    Predicate.LE: "<=",
    Predicate.GT: ">",
    Predicate.GE: ">=",
}

_MIRROR = {
    Predicate.LT: Predicate.GT,
    Predicate.GT: Predicate.LT,
    Predicate.LE: Predicate.GE,
    Predicate.GE: Predicate.LE,
    Predicate.EQ: Predicate.EQ,
    Predicate.NE: Predicate.NE,
}


def _always(predicate: Predicate, lhs: t.Expr, rhs: t.Expr) -> bool | None:
    """The outcome of comparing with a literal that the other side's type cannot reach; None if it can vary."""
    if isinstance(lhs, t.Literal) and lhs.untyped:
        return _always(_MIRROR[predicate], rhs, lhs)
    if not (isinstance(rhs, t.Literal) and rhs.untyped) or isinstance(lhs.type, Bool):
        return None
    if n.fits(rhs.value, lhs.type):
        return None
    below = rhs.value < 0
    return _evaluate(predicate, 1, 0) if below else _evaluate(predicate, 0, 1)


def is_text(e: t.Expr) -> bool:
    """Constant text, or a char or byte array."""
    target = e.type.to if isinstance(e.type, Pointer) else e.type
    return isinstance(e, t.Text) or (isinstance(target, Array) and target.view is not View.LIST)


def _compare_text(c: FunctionChecker, node: ast.Compare, op: ast.cmpop, lhs: t.Expr, rhs: t.Expr) -> t.Expr:
    if isinstance(lhs, t.Text):
        lhs, rhs = rhs, lhs
    if isinstance(rhs, t.Text) and rhs.is_str:
        from pybpfc.frontend.check.kernel_types import text_behind

        lhs = text_behind(c, lhs, len(rhs.value) + 2)  # one byte more, which tells longer text from equal
    lhs, rhs = place(lhs), place(rhs)
    if not isinstance(op, ast.Eq | ast.NotEq) or isinstance(lhs, t.Text):
        return c.error(catalog.TextOrder(), node)
    comparable = isinstance(lhs.type, Array) and isinstance(rhs.type, Array)
    if not comparable or not (is_text(lhs) and is_text(rhs)):
        return c.error(catalog.NotComparable(describe(lhs), describe(rhs)), node)
    if isinstance(rhs, t.Text) and rhs.is_str != (getattr(lhs.type, "view", None) is View.STR):
        return c.error(catalog.NotComparable(describe(lhs), describe(rhs)), node)
    return t.TextComparison(c.span(node), BOOL, lhs, rhs, negated=isinstance(op, ast.NotEq))


def check_one_of(c: FunctionChecker, node: ast.Compare, left: t.Expr, elements: list[t.Expr]) -> t.Expr:
    """Whether a value, computed once, equals one of others."""
    if isinstance(left.type, Error):
        return left
    held: t.Expr = left
    parts: list[t.Expr] = []
    if is_integer(left.type) and not isinstance(left, t.Literal | t.ReadVariable):
        variable = c.temporary(left.type, left.span)
        held = t.ReadVariable(left.span, left.type, variable)
        left = t.Assignment(left.span, left.type, variable, left)
    for element in elements:
        parts.append(compare(c, node, ast.Eq(), left, element))
        left = held
    if any(isinstance(p.type, Error) for p in parts):
        return t.Invalid(c.span(node), ERROR)
    return t.Logical(c.span(node), BOOL, False, tuple(parts))


def _check_in(c: FunctionChecker, node: ast.Compare) -> t.Expr:
    """`key in map`, or a value in a constant tuple."""
    from pybpfc.frontend.check import containers
    from pybpfc.frontend.check.expressions import check
    from pybpfc.frontend.check.map_methods import check_contains
    from pybpfc.frontend.check.reductions import check_array_contains, is_number_array

    container = node.comparators[0]
    if isinstance(container, ast.Tuple | ast.List | ast.Set) and container.elts:
        return check_one_of(c, node, check(c, node.left), [check(c, element) for element in container.elts])
    constants = containers.container(c, container)
    if constants is not None:
        return containers.check_contains(c, node, constants)
    target = check(c, container)
    if isinstance(target, t.MapObject):
        return check_contains(c, node, target)
    if inner_map(target.type) is not None:
        return may_be_none(c, target)
    if isinstance(target.type, Error):
        return target
    array = place(target)
    if is_number_array(array):
        return check_array_contains(c, node, array)
    return c.error(catalog.NotAContainer(describe(target)), container)
