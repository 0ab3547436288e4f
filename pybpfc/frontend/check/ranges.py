"""Upper bounds of integer expressions that the program's text shows: what makes loops and indexes safe."""

from __future__ import annotations

from collections.abc import Iterator

from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.flow import Flow
from pybpfc.frontend.check.numbers import bit_field_type
from pybpfc.ir.module import Initial
from pybpfc.ir.ops import ArithOp, Predicate
from pybpfc.lang.types import Bool, Enum, Int, Pointer, Space, as_int, is_integer

WIDE = 32
"""Types of this width or more bound nothing by themselves."""


def upper_bound(c: FunctionChecker, e: t.Expr) -> int | None:
    """The largest value `e` can have, when it also cannot be negative; None when that is not visible."""
    bounds = value_range(c, e)
    return bounds[1] if bounds is not None and bounds[0] >= 0 else None


def value_range(c: FunctionChecker, e: t.Expr) -> tuple[int, int] | None:
    """The smallest and largest value `e` can have, when a bound better than a wide type's is visible."""
    match e:
        case t.Literal():
            return e.value, e.value
        case t.Convert() if is_integer(e.operand.type):
            inner = value_range(c, e.operand)
            if inner is not None and is_integer(e.type) and _within(inner, as_int(e.type)):
                return inner
        case t.ReadVariable() if c.flow is not None and e.variable in c.flow.ranges:
            return c.flow.ranges[e.variable]
        case t.Deref() if c.flow is not None and (read := _narrowed(e)) in c.flow.ranges and read is not None:
            return c.flow.ranges[read]
        case t.Element(base=base) if (values := constants_of(base)) is not None:
            return min(values), max(values)
        case t.Arithmetic():
            return _arithmetic(c, e) or _of_type(e)
        case t.MinMax(is_min=True):
            known = [r for r in (value_range(c, o) for o in e.operands) if r is not None]
            if known:
                lows = [r[0] for r in known] + [_low(o) for o in e.operands if value_range(c, o) is None]
                return min(lows), min(r[1] for r in known)
        case t.MinMax():
            ranges = [value_range(c, o) for o in e.operands]
            if all(r is not None for r in ranges):
                return max(r[0] for r in ranges if r), max(r[1] for r in ranges if r)
        case t.CallFunction() if e.function.name in c.unit.effects:
            return c.unit.effects[e.function.name].result or _of_type(e)
        case t.Member() if e.field.bits is not None:
            held = bit_field_type(e.field)
            return held.min, held.max
        case t.Conditional():
            then, other = value_range(c, e.then), value_range(c, e.otherwise)
            if then is not None and other is not None:
                return min(then[0], other[0]), max(then[1], other[1])
    return _of_type(e)


def constants_of(array: t.Expr) -> list[int] | None:
    """The numbers of a constant array of the object, or of any row of one; None for other arrays."""
    while isinstance(array, t.Element):
        array = array.base
    if not isinstance(array, t.GlobalPlace) or array.variable.exported or not isinstance(array.variable.initial, tuple):
        return None
    return list(_numbers(array.variable.initial))


def _numbers(values: tuple[Initial, ...]) -> Iterator[int]:
    for value in values:
        if isinstance(value, tuple):
            yield from _numbers(value)
        elif isinstance(value, int):
            yield value


def _arithmetic(c: FunctionChecker, e: t.Arithmetic) -> tuple[int, int] | None:
    lhs, rhs = value_range(c, e.lhs), value_range(c, e.rhs)
    match e.op:
        case ArithOp.AND:
            positive = [r[1] for r in (lhs, rhs) if r is not None and r[0] >= 0]
            return (0, min(positive)) if positive else None
        case ArithOp.FLOORMOD if rhs is not None and rhs[0] > 0:
            return 0, rhs[1] - 1
        case ArithOp.RSH if isinstance(e.rhs, t.Literal) and isinstance(e.type, Int):
            return 0, e.type.max >> e.rhs.value
    if lhs is None or rhs is None:
        return None
    corners: list[int]
    match e.op:
        case ArithOp.ADD:
            corners = [lhs[0] + rhs[0], lhs[1] + rhs[1]]
        case ArithOp.SUB:
            corners = [lhs[0] - rhs[1], lhs[1] - rhs[0]]
        case ArithOp.MUL:
            corners = [a * b for a in lhs for b in rhs]
        case ArithOp.OR | ArithOp.XOR if min(lhs[0], rhs[0]) >= 0:
            corners = [0, (1 << max(lhs[1], rhs[1]).bit_length()) - 1]
        case ArithOp.FLOORDIV if rhs[0] > 0:
            corners = [a // b for a in lhs for b in rhs]
        case _:
            return None
    result = min(corners), max(corners)
    return result if _within(result, as_int(e.type)) else None


def _of_type(e: t.Expr) -> tuple[int, int] | None:
    if isinstance(e.type, Bool):
        return 0, 1
    if isinstance(e.type, Int | Enum):
        type = as_int(e.type)
        if type.bits < WIDE:
            return type.min, type.max
    return None


def _low(e: t.Expr) -> int:
    return as_int(e.type).min if is_integer(e.type) else 0


def _within(bounds: tuple[int, int], type: Int) -> bool:
    return type.min <= bounds[0] and bounds[1] <= type.max


_NEGATED = {
    Predicate.EQ: Predicate.NE,
    Predicate.NE: Predicate.EQ,
    Predicate.LT: Predicate.GE,
    Predicate.GE: Predicate.LT,
    Predicate.LE: Predicate.GT,
    Predicate.GT: Predicate.LE,
}
_MIRRORED = {
    Predicate.EQ: Predicate.EQ,
    Predicate.NE: Predicate.NE,
    Predicate.LT: Predicate.GT,
    Predicate.GT: Predicate.LT,
    Predicate.LE: Predicate.GE,
    Predicate.GE: Predicate.LE,
}


def narrow_by_comparison(e: t.Expr, when_true: Flow, when_false: Flow) -> None:
    """What `x < 16` shows about `x` where it holds and where it does not."""
    if not isinstance(e, t.Comparison):
        return
    predicate, lhs, rhs = e.predicate, e.lhs, e.rhs
    if isinstance(lhs, t.Literal):
        predicate, lhs, rhs = _MIRRORED[predicate], rhs, lhs
    while isinstance(lhs, t.Convert) and not lhs.explicit:
        lhs = lhs.operand
    variable = _narrowed(lhs)
    if variable is None or not isinstance(rhs, t.Literal) or not is_integer(lhs.type):
        return
    type = as_int(lhs.type)
    _limit(when_true, variable, predicate, rhs.value, type)
    _limit(when_false, variable, _NEGATED[predicate], rhs.value, type)


def _narrowed(e: t.Expr) -> t.Variable | None:
    """The variable that a test tells of: a number, or one that may have been missing and is not."""
    match e:
        case t.ReadVariable():
            return e.variable
        case t.Deref(pointer=t.ReadVariable(type=Pointer(space=Space.OPTIONAL), variable=variable)):
            return variable
        case _:
            return None


def _limit(flow: Flow, variable: t.Variable, predicate: Predicate, value: int, type: Int) -> None:
    match predicate:
        case Predicate.EQ:
            flow.limit(variable, value, value)
        case Predicate.LT:
            flow.limit(variable, type.min, value - 1)
        case Predicate.LE:
            flow.limit(variable, type.min, value)
        case Predicate.GT:
            flow.limit(variable, value + 1, type.max)
        case Predicate.GE:
            flow.limit(variable, value, type.max)
        case Predicate.NE:
            return
