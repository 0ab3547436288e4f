"""The rules of integer types: joins, lossless conversions, constant folding (LANGUAGE §3)."""

from __future__ import annotations

from pybpfc.ir.ops import ArithOp
from pybpfc.lang.types import Bool, Enum, Field, Int, Type, as_int

WIDTHS = (8, 16, 32, 64)


def join(a: Int, b: Int) -> Int | None:
    """The smallest type that holds every value of both; None for u64 with a signed type."""
    if a.signed == b.signed:
        return a if a.bits >= b.bits else b
    unsigned, signed = (b, a) if a.signed else (a, b)
    if unsigned.bits == 64:
        return None
    return Int(max(signed.bits, unsigned.bits * 2), True)


def join_types(a: Type, b: Type) -> Type | None:
    """`join` for integers, `bool` and enums; two bools stay bool, two of one enum stay that enum."""
    if a == b and isinstance(a, Bool | Enum):
        return a
    if isinstance(a, Bool):
        return as_int(b)
    if isinstance(b, Bool):
        return as_int(a)
    return join(as_int(a), as_int(b))


def lossless(source: Type, to: Type) -> bool:
    """Whether every value of `source` is a value of `to`."""
    if source == to:
        return True
    if isinstance(to, Bool):
        return False
    if isinstance(source, Bool):
        return True
    s, t = as_int(source), as_int(to)
    return s.min >= t.min and s.max <= t.max


def fits(value: int, to: Type) -> bool:
    """Whether `to` has the value."""
    if isinstance(to, Bool):
        return value in (0, 1)
    t = as_int(to)
    return t.min <= value <= t.max


def bit_field_type(field: Field) -> Int:
    """The integers that a bit-field holds."""
    assert field.bits is not None
    return Int(field.bits, as_int(field.type).signed)


def natural_type(value: int) -> Int:
    """The type of a literal that nothing else decides: i64, or u64 for the values only that has."""
    return Int(64, value <= Int(64, True).max)


def fold(op: ArithOp, a: int, b: int) -> int | None:
    """Constant arithmetic as Python does it; None where Python would raise."""
    match op:
        case ArithOp.ADD:
            return a + b
        case ArithOp.SUB:
            return a - b
        case ArithOp.MUL:
            return a * b
        case ArithOp.FLOORDIV:
            return a // b if b else None
        case ArithOp.FLOORMOD:
            return a % b if b else None
        case ArithOp.AND:
            return a & b
        case ArithOp.OR:
            return a | b
        case ArithOp.XOR:
            return a ^ b
        case ArithOp.LSH:
            return a << b if 0 <= b < 4096 else None
        case ArithOp.RSH:
            return a >> b if b >= 0 else None
        case _:
            return None
