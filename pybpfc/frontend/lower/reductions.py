"""Lowering `sum(array)` and the like to a counted loop."""

from __future__ import annotations

from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.lower.context import Lowering, register_type
from pybpfc.frontend.lower.memory import load
from pybpfc.ir.module import Block
from pybpfc.ir.ops import ArithOp, Local, Predicate, Value
from pybpfc.lang.types import BOOL, I64, Array


def lower_reduction(low: Lowering, e: t.Reduction) -> Value:
    """Go over all elements, or until one has settled the answer."""
    from pybpfc.frontend.lower.expressions import lower_value
    from pybpfc.frontend.lower.kernel_access import readable_address

    assert isinstance(e.array.type, Array)
    b, element, kind = low.b, e.array.type.element, register_type(e.type)
    base = readable_address(low, e.array)
    wanted = lower_value(low, e.value) if e.value is not None else None
    result, index = low.slot(e.reducing.value, kind), low.slot("index", I64)
    b.span = e.span
    if e.reducing in (t.Reducing.MIN, t.Reducing.MAX):
        b.write(result, b.convert(load(low, b.element_address(base, element, low.constant(I64, 0)), element), kind))
    else:
        b.write(result, low.constant(kind, int(e.reducing is t.Reducing.ALL)))
    b.write(index, low.constant(I64, 0))
    head, body, more, done = (b.new_block(f"{e.reducing.value}{n}") for n in ("", ".body", ".next", ".done"))
    b.jump(head)
    b.place(head)
    b.branch(b.compare(Predicate.LT, b.read(index), low.constant(I64, e.array.type.length)), body, done)
    b.place(body)
    _round(low, e, load(low, b.element_address(base, element, b.read(index)), element), result, wanted, (more, done))
    b.place(more)
    b.write(index, b.arith(ArithOp.ADD, b.read(index), low.constant(I64, 1)))
    b.jump(head)
    b.place(done)
    return b.read(result)


def _round(
    low: Lowering, e: t.Reduction, item: Value, result: Local, wanted: Value | None, ways: tuple[Block, Block]
) -> None:
    """What one element does; then on to the next, or to the end."""
    b, (more, done) = low.b, ways
    match e.reducing:
        case t.Reducing.SUM:
            b.write(result, b.arith(ArithOp.ADD, b.read(result), b.convert(item, result.type)))
            b.jump(more)
        case t.Reducing.MIN | t.Reducing.MAX:
            value = b.convert(item, result.type)
            better = Predicate.LT if e.reducing is t.Reducing.MIN else Predicate.GT
            b.write(result, b.select(b.compare(better, value, b.read(result)), value, b.read(result)))
            b.jump(more)
        case t.Reducing.ANY | t.Reducing.ALL | t.Reducing.CONTAINS:
            if wanted is not None:
                settles = b.compare(Predicate.EQ, b.convert(item, wanted.type), wanted)
            else:
                test = Predicate.EQ if e.reducing is t.Reducing.ALL else Predicate.NE
                settles = b.compare(test, item, low.constant(item.type, 0))
            settled = b.new_block(f"{e.reducing.value}.settled")
            b.branch(settles, settled, more)
            b.place(settled)
            b.write(result, low.constant(BOOL, int(e.reducing is not t.Reducing.ALL)))
            b.jump(done)
