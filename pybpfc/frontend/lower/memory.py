"""Memory: addresses of places, loads and stores, constant text, copies."""

from __future__ import annotations

import math

from pybpfc.abi.helpers import HELPERS
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.lower.context import Lowering, register_type
from pybpfc.ir.ops import ArithOp, Predicate, Value
from pybpfc.lang.types import (
    BOOL,
    I64,
    U32,
    VOID,
    Array,
    Field,
    Int,
    Pointer,
    Space,
    Struct,
    Type,
    View,
    align_of,
    as_int,
    size_of,
)

STACK_ALIGN = 8


def memory_type(place: t.Expr) -> Type:
    """The type of a place as it lies in memory, byte order included."""
    match place:
        case t.Member():
            return place.field.type
        case t.Element():
            base = place.base.type
            return base.element if isinstance(base, Array) else place.type
        case t.Deref():
            pointer = place.pointer.type
            return pointer.to if isinstance(pointer, Pointer) else place.type
        case t.GlobalPlace():
            return place.variable.type
        case _:
            return place.type


def alignment(place: t.Expr) -> int:
    """What a place's address is known to be a multiple of."""
    match place:
        case t.Member():
            return math.gcd(alignment(place.base), place.field.offset or STACK_ALIGN)
        case t.Element():
            return math.gcd(alignment(place.base), size_of(place.type) or 1)
        case t.Part() if isinstance(place.type, Array):
            return math.gcd(alignment(place.base), place.start * size_of(place.type.element) or STACK_ALIGN)
        case t.Deref():
            return max(1, align_of(place.type))
        case _:
            return STACK_ALIGN if size_of(place.type) >= STACK_ALIGN else align_of(place.type)


def load(low: Lowering, pointer: Value, type: Type) -> Value:
    """Read a scalar as it lies in memory, into host order."""
    from pybpfc.frontend.lower.callbacks import unpredicted

    value: Value = low.b.load(pointer, register_type(type))
    if isinstance(pointer.type, Pointer) and pointer.type.space is Space.STACK:
        value = unpredicted(low, value)
    if isinstance(type, Int) and type.big_endian:
        return low.b.byte_swap(value)
    return value


def store(low: Lowering, pointer: Value, value: Value, type: Type) -> None:
    """Write a scalar as memory wants it."""
    if isinstance(type, Int) and type.big_endian:
        value = low.b.byte_swap(value)
    low.b.store(pointer, value)


def load_place(low: Lowering, address: Value, place: t.Expr) -> Value:
    """Read a scalar place at its address, a bit-field too."""
    if isinstance(place, t.Member) and place.field.bits is not None:
        return _load_bits(low, address, place.field)
    return load(low, address, memory_type(place))


def store_field(low: Lowering, address: Value, field: Field, value: Value) -> None:
    """Write a scalar member at its address, a bit-field too."""
    if field.bits is not None:
        _store_bits(low, address, field, value)
    else:
        store(low, address, value, field.type)


def _bit_unit(low: Lowering, address: Value, field: Field) -> tuple[Value, Int, int, int]:
    """A pointer to the storage unit of a bit-field, its type, the field's width and distance from the low end."""
    assert field.bits is not None
    unit = Int(size_of(field.type) * 8, False)
    shift = unit.bits - field.bit_offset - field.bits if low.target.big_endian else field.bit_offset
    space = address.type.space if isinstance(address.type, Pointer) else Space.STACK
    return low.b.convert(address, Pointer(unit, space)), unit, field.bits, shift


def _load_bits(low: Lowering, address: Value, field: Field) -> Value:
    """Shift the field to the top of its unit and back: that also brings the sign."""
    pointer, unit, width, shift = _bit_unit(low, address, field)
    signed = as_int(field.type).signed
    b, wide = low.b, Int(unit.bits, signed)
    value = load(low, pointer, unit)
    value = b.arith(ArithOp.LSH, value, low.constant(unit, unit.bits - width - shift))
    down = ArithOp.ARSH if signed else ArithOp.RSH
    return b.convert(b.arith(down, b.convert(value, wide), low.constant(wide, unit.bits - width)), field.type)


def _store_bits(low: Lowering, address: Value, field: Field, value: Value) -> None:
    """Put the low bits of a value between the unit's other bits."""
    pointer, unit, width, shift = _bit_unit(low, address, field)
    b, mask = low.b, (1 << width) - 1
    kept = b.arith(ArithOp.AND, b.load(pointer, unit), low.constant(unit, ~(mask << shift)))
    new = b.arith(ArithOp.AND, b.convert(value, unit), low.constant(unit, mask))
    b.store(pointer, b.arith(ArithOp.OR, kept, b.arith(ArithOp.LSH, new, low.constant(unit, shift))))


def offset_pointer(low: Lowering, base: Value, offset: int, type: Type) -> Value:
    """`base + offset` bytes as a pointer to `type`."""
    space = base.type.space if isinstance(base.type, Pointer) else Space.STACK
    moved = low.b.element_address(base, Int(8, False), low.constant(I64, offset)) if offset else base
    return low.b.convert(moved, Pointer(type, space))


def chunks(size: int, align: int) -> list[tuple[int, int]]:
    """Offsets and widths that cover `size` bytes by the widest aligned accesses."""
    out: list[tuple[int, int]] = []
    offset = 0
    while offset < size:
        width = 8
        while width > 1 and (width > align or offset % width or offset + width > size):
            width //= 2
        out.append((offset, width))
        offset += width
    return out


def store_bytes(low: Lowering, pointer: Value, data: bytes, align: int) -> None:
    """Write constant bytes."""
    order = "big" if low.target.big_endian else "little"
    for offset, width in chunks(len(data), align):
        type = Int(width * 8, False)
        value = int.from_bytes(data[offset : offset + width], order)  # type: ignore[arg-type]
        low.b.store(offset_pointer(low, pointer, offset, type), low.constant(type, value))


def store_text(low: Lowering, pointer: Value, to: Array, source: t.Expr, align: int) -> None:
    """Fill a char or byte array from a constant, another array, or kernel or user memory."""
    from pybpfc.frontend.lower.expressions import lower_address, lower_value
    from pybpfc.frontend.lower.kernel_access import copy_foreign_aggregate, is_foreign

    size = size_of(to)
    if isinstance(source, t.Text):
        store_bytes(low, pointer, source.value.ljust(size, b"\0"), align)
        return
    if isinstance(source.type, Pointer):
        name = "bpf_probe_read_user_str" if source.type.space is Space.USER else "bpf_probe_read_kernel_str"
        low.b.memset(pointer, size)
        low.b.helper(HELPERS[name], (pointer, low.constant(U32, size), lower_value(low, source)), I64)
        return
    copied = size_of(source.type)
    if is_foreign(source):
        copy_foreign_aggregate(low, pointer, source, size)
        return
    if isinstance(source, t.ContextMember):
        copy_from_context(low, pointer, source)
    else:
        low.b.memcpy(pointer, lower_address(low, source), copied, math.gcd(align, alignment(source)))
    if copied < size:
        low.b.memset(offset_pointer(low, pointer, copied, VOID), size - copied)


def copy_from_context(low: Lowering, pointer: Value, source: t.ContextMember) -> None:
    """Copy an array of the context, field access by field access as the verifier wants it."""
    from pybpfc.frontend.lower.expressions import lower_value

    context = lower_value(low, source.context)
    for offset, width in chunks(size_of(source.type), math.gcd(8, source.offset or 8)):
        type = Int(width * 8, False)
        value = low.b.context_load(context, source.offset + offset, type)
        low.b.store(offset_pointer(low, pointer, offset, type), value)


def equals_bytes(low: Lowering, pointer: Value, data: bytes, align: int) -> Value:
    """Whether memory holds constant bytes."""
    order = "big" if low.target.big_endian else "little"
    result = low.slot("equal", BOOL)
    done = low.b.new_block("compare.done")
    low.b.write(result, low.constant(BOOL, 0))
    for offset, width in chunks(len(data), align):
        type = Int(width * 8, False)
        expected = low.constant(type, int.from_bytes(data[offset : offset + width], order))  # type: ignore[arg-type]
        same = low.b.compare(Predicate.EQ, low.b.load(offset_pointer(low, pointer, offset, type), type), expected)
        again = low.b.new_block("compare")
        low.b.branch(same, again, done)
        low.b.place(again)
    low.b.write(result, low.constant(BOOL, 1))
    low.b.jump(done)
    low.b.place(done)
    return low.b.read(result)


def equals_array(low: Lowering, lhs: Value, rhs: Value, lhs_type: Array, rhs_type: Array) -> Value:
    """Whether two arrays hold the same: all bytes, or for `str` the bytes up to the NUL."""
    b, text = low.b, lhs_type.view is View.STR
    size = min(size_of(lhs_type), size_of(rhs_type))
    result, index = low.slot("equal", BOOL), low.slot("index", I64)
    head, body, more, done = (b.new_block(f"compare.{n}") for n in ("head", "body", "more", "done"))
    b.write(result, low.constant(BOOL, 1))
    b.write(index, low.constant(I64, 0))
    b.jump(head)
    b.place(head)
    b.branch(b.compare(Predicate.LT, b.read(index), low.constant(I64, size)), body, done)
    b.place(body)
    byte = Int(8, False)
    one = b.load(b.element_address(lhs, byte, b.read(index)), byte)
    two = b.load(b.element_address(rhs, byte, b.read(index)), byte)
    differ, same = b.new_block("compare.differ"), b.new_block("compare.same")
    b.branch(b.compare(Predicate.EQ, one, two), same, differ)
    b.place(differ)
    b.write(result, low.constant(BOOL, 0))
    b.jump(done)
    b.place(same)
    if text:
        b.branch(b.compare(Predicate.EQ, one, low.constant(byte, 0)), done, more)
    else:
        b.jump(more)
    b.place(more)
    b.write(index, b.arith(ArithOp.ADD, b.read(index), low.constant(I64, 1)))
    b.jump(head)
    b.place(done)
    return b.read(result)


def copy_aggregate(low: Lowering, pointer: Value, source: t.Expr, align: int) -> None:
    """Copy a struct or array into a place."""
    from pybpfc.frontend.lower.expressions import lower_address
    from pybpfc.frontend.lower.kernel_access import copy_foreign_aggregate, is_foreign

    if isinstance(source, t.ContextMember):
        copy_from_context(low, pointer, source)
        return
    if is_foreign(source):
        copy_foreign_aggregate(low, pointer, source, size_of(source.type))
        return
    low.b.memcpy(pointer, lower_address(low, source), size_of(source.type), math.gcd(align, alignment(source)))


def initialise(low: Lowering, pointer: Value, type: Type, value: t.Expr, align: int) -> None:
    """Give a freshly made place of any type its value."""
    from pybpfc.frontend.lower.expressions import lower_value

    if isinstance(type, Array) and type.view is not View.LIST:
        store_text(low, pointer, type, value, align)
    elif isinstance(type, Array | Struct):
        copy_aggregate(low, pointer, value, align)
    else:
        store(low, pointer, lower_value(low, value), type)
