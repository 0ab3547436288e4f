"""Division: Python's floor semantics by what the instruction set has, without undefined behaviour.

Unsigned `//` and `%` are `div` and `mod`. Signed ones are computed on magnitudes and corrected, since `sdiv` exists
from v4 only: with q = |a| / |b| and r = |a| % |b|, operands of one sign give q and r (with a's sign), others give
-q - (r != 0) and b - r (with the signs put back). A divisor of 0 gives 0 for `//` and the dividend for `%`, as the
machine defines; LLVM takes a zero divisor for impossible, so a guard stands before each division.
"""

from __future__ import annotations

from pybpfc.ir import ops
from pybpfc.ir.builder import Builder
from pybpfc.ir.module import Module, Target
from pybpfc.ir.ops import ArithOp, Predicate
from pybpfc.ir.passes.base import expand
from pybpfc.lang.types import Int

DIVISIONS = (ArithOp.FLOORDIV, ArithOp.FLOORMOD)


def lower_division(module: Module, target: Target) -> None:
    """Lower all floor divisions."""
    for function in module.functions:
        expand(function, (ops.Arith,), _expand)


def _expand(b: Builder, op: ops.Op) -> ops.Value:
    assert isinstance(op, ops.Arith)
    if op.op not in DIVISIONS:
        return b.arith(op.op, op.lhs, op.rhs)
    type = op.lhs.type
    assert isinstance(type, Int)
    if type.signed:
        return _signed(b, op, type)
    return _guarded(b, ArithOp.DIV if op.op is ArithOp.FLOORDIV else ArithOp.MOD, op.lhs, op.rhs)


def _guarded(b: Builder, op: ArithOp, lhs: ops.Value, rhs: ops.Value) -> ops.Value:
    """Unsigned division that is defined for a zero divisor."""
    if isinstance(rhs, ops.Const) and rhs.value != 0:
        return b.arith(op, lhs, rhs)
    result = b.function.new_local("quotient", lhs.type, b.span)
    divide, done = b.new_block("divide"), b.new_block("divide.done")
    zero = ops.Const(rhs.type, 0)
    b.write(result, zero if op is ArithOp.DIV else lhs)
    b.branch(b.compare(Predicate.NE, rhs, zero), divide, done)
    b.place(divide)
    divided = b.arith(op, lhs, rhs)
    if isinstance(lhs.type, Int) and lhs.type.bits == 64:
        # LLVM would make comparisons of quotients multiplications of 128 bits, for which BPF has neither code nor calls
        divided = b.opaque(divided)
    b.write(result, divided)
    b.jump(done)
    b.place(done)
    return b.read(result)


def _signed(b: Builder, op: ops.Arith, type: Int) -> ops.Value:
    lhs, rhs = op.lhs, op.rhs
    if isinstance(rhs, ops.Const) and rhs.value > 0 and rhs.value & (rhs.value - 1) == 0:
        return _by_power_of_two(b, op, rhs.value, type)
    unsigned = Int(type.bits, False)
    zero, uzero = ops.Const(type, 0), ops.Const(unsigned, 0)
    lhs_negative, rhs_negative = b.compare(Predicate.LT, lhs, zero), b.compare(Predicate.LT, rhs, zero)
    a, d = _magnitude(b, lhs, lhs_negative, unsigned), _magnitude(b, rhs, rhs_negative, unsigned)
    differ = b.compare(Predicate.NE, lhs_negative, rhs_negative)
    if op.op is ArithOp.FLOORDIV:
        quotient = _guarded(b, ArithOp.DIV, a, d)
        rest = b.arith(ArithOp.SUB, a, b.arith(ArithOp.MUL, quotient, d))
        left_over = b.convert(b.compare(Predicate.NE, rest, uzero), unsigned)
        # a zero divisor leaves a rest of |a|, which must not count
        inexact = b.select(b.compare(Predicate.NE, d, uzero), left_over, uzero)
        negated = b.arith(ArithOp.SUB, b.arith(ArithOp.SUB, uzero, quotient), inexact)
        return b.convert(b.select(differ, negated, quotient), type)
    remainder = _guarded(b, ArithOp.MOD, a, d)
    signed_rest = b.convert(b.select(lhs_negative, b.arith(ArithOp.SUB, uzero, remainder), remainder), type)
    moved = b.arith(ArithOp.ADD, signed_rest, rhs)
    nonzero = b.compare(Predicate.NE, remainder, uzero)
    correct = b.select(nonzero, differ, nonzero)
    # with a zero divisor the sum is the rest itself, so the correction changes nothing
    return b.select(correct, moved, signed_rest)


def _magnitude(b: Builder, value: ops.Value, negative: ops.Value, unsigned: Int) -> ops.Value:
    bits = b.convert(value, unsigned)
    return b.select(negative, b.arith(ArithOp.SUB, ops.Const(unsigned, 0), bits), bits)


def _by_power_of_two(b: Builder, op: ops.Arith, divisor: int, type: Int) -> ops.Value:
    """Floor division by 2**n is an arithmetic shift; the rest is a mask."""
    if op.op is ArithOp.FLOORDIV:
        shift = ops.Const(type, divisor.bit_length() - 1)
        return b.arith(ArithOp.ARSH, op.lhs, shift)
    return b.arith(ArithOp.AND, op.lhs, ops.Const(type, divisor - 1))
