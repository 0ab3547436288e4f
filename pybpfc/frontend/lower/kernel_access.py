"""Memory that is not the program's own: kernel structs and addresses of user space.

A place is read by a helper that checks the address, or by a plain load where the verifier knows what a pointer leads
to. A read that fails gives zero, so a chain of pointers with a null in it ends in zero. Where a kernel struct's fields
are is found at load, each chain of members and constant indices by one CO-RE record.
"""

from __future__ import annotations

from collections.abc import Callable

from pybpfc.abi.helpers import HELPERS
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.conversion import FOREIGN, never_null, space_of
from pybpfc.frontend.lower.context import Lowering, register_type
from pybpfc.frontend.lower.memory import load, memory_type, offset_pointer
from pybpfc.ir.ops import ArithOp, Const, CoreKind, Predicate, Value
from pybpfc.lang.types import (
    BOOL,
    I64,
    U8,
    U32,
    U64,
    Array,
    Field,
    Int,
    Pointer,
    Space,
    Struct,
    Type,
    View,
    as_int,
    size_of,
)

FETCHED = 8
"""Bytes of the slot that scalars are read into."""


def is_foreign(place: t.Expr) -> bool:
    """Whether a place lies outside the program's memory."""
    return isinstance(place, t.PLACES) and space_of(place) in FOREIGN


# ----------------------------------------------------------------------------------- addresses


def core_address(low: Lowering, e: t.Expr) -> Value:
    """The address of a kernel struct's member, or of an element of one at a constant index."""
    from pybpfc.frontend.lower.expressions import lower_address

    base, struct, path = _chain(e)
    pointer = lower_address(low, base)
    if not _may_be_null(base):
        return low.b.core_address(pointer, struct, path, memory_type(e))
    to = Pointer(memory_type(e), space_of(e))
    return _unless_null(low, pointer, to, lambda: low.b.core_address(pointer, struct, path, to.to))


def _may_be_null(base: t.Expr) -> bool:
    """Whether the verifier may want to see a test before it lets a program use a typed pointer.

    It holds some pointers that it follows for possibly null; which ones differs between kernels. It drops the tests of
    those that it does not.
    """
    if space_of(base) is not Space.BTF or not isinstance(base, t.Deref):
        return False
    return not never_null(base.pointer)


def _unless_null(low: Lowering, pointer: Value, type: Type, compute: Callable[[], Value]) -> Value:
    """What `compute` gives, or zero where a pointer is null."""
    b = low.b
    result = low.slot("known", type)
    there, done = b.new_block("known"), b.new_block("known.done")
    b.write(result, Const(type, 0))
    b.branch(b.compare(Predicate.NE, pointer, Const(pointer.type, 0)), there, done)
    b.place(there)
    b.write(result, compute())
    b.jump(done)
    b.place(done)
    return b.read(result)


def _chain(e: t.Expr) -> tuple[t.Expr, Struct, tuple[Field | int, ...]]:
    """Where a chain of members and constant indices begins, the struct there, and the steps from it on."""
    steps: list[Field | int] = []
    while True:
        match e:
            case t.Member() if e.struct.kernel:
                steps.append(e.field)
                struct, e = e.struct, e.base
                if not in_chain(e):
                    return e, struct, tuple(reversed(steps))
            case t.Element(index=t.Literal() as index):
                steps.append(index.value)
                e = e.base
            case _:
                raise AssertionError("a chain begins at a kernel struct")


def in_chain(e: t.Expr) -> bool:
    """Whether a place is found by a CO-RE record: a member of a kernel struct, or an element at a constant index."""
    while isinstance(e, t.Element) and isinstance(e.index, t.Literal) and not e.through_pointer:
        e = e.base
    return isinstance(e, t.Member) and e.struct.kernel


def strided_address(low: Lowering, e: t.Element) -> Value:
    """The address of an element of foreign memory at an index that only the run knows, or behind a pointer."""
    from pybpfc.frontend.lower.expressions import lower_address, lower_value

    base = lower_value(low, e.base) if e.through_pointer else lower_address(low, e.base)
    index = lower_value(low, e.index)
    element = e.base.type.element if isinstance(e.base.type, Array) else pointee(e.base)
    if not isinstance(index, Const):
        index = low.b.convert(index, I64 if as_int(index.type).signed else U64)
    if isinstance(element, Struct) and element.kernel:  # the kernel's elements may be larger than those declared
        stride = low.b.core_query(CoreKind.TYPE_SIZE, element, U64)
        index = low.b.arith(ArithOp.MUL, low.b.convert(index, U64), stride)
        moved = low.b.element_address(base, U8, index)
        return low.b.convert(moved, Pointer(element, space_of(e)))
    return low.b.element_address(base, element, index)


def pointee(e: t.Expr) -> Type:
    """What a pointer leads to, as it lies in memory."""
    return e.type.to if isinstance(e.type, Pointer) else e.type


# --------------------------------------------------------------------------------------- reads


def read_foreign(low: Lowering, e: t.Expr) -> Value:
    """The value of a scalar place of the kernel or of user space."""
    from pybpfc.frontend.lower.expressions import lower_address

    space = space_of(e)
    direct = space is Space.BTF and in_chain(e) and is_direct(e)
    if isinstance(e, t.Member) and e.struct.kernel and (e.field.bits is not None or not direct and _may_change(e)):
        return _read_bits(low, e)
    if isinstance(e, t.Member) and e.field.bits is not None:
        return _read_plain_bits(low, e, space)
    type = memory_type(e)
    if direct:
        return _load_direct(low, e, type)
    address = lower_address(low, e)
    low.b.span = e.span
    return read_at(low, address, type, space)


def _may_change(e: t.Member) -> bool:
    """Whether a field is a number that another kernel may have in other bytes, or in bits, and still as a number."""
    return isinstance(e.field.type, Int) and not e.field.type.big_endian


def _load_direct(low: Lowering, e: t.Expr, type: Type) -> Value:
    """A plain load through a pointer that the verifier follows."""
    from pybpfc.frontend.lower.expressions import lower_address

    base, struct, path = _chain(e)
    pointer = lower_address(low, base)
    low.b.span = e.span

    def loaded() -> Value:
        return load(low, low.b.core_address(pointer, struct, path, type), type)

    if not _may_be_null(base):
        return loaded()
    return _unless_null(low, pointer, register_type(type), loaded)


def read_at(low: Lowering, address: Value, type: Type, space: Space) -> Value:
    """A scalar of `type`, as it lies in memory, read by a helper."""
    value = _fetch(low, address, register_type(type), space)
    return low.b.byte_swap(value) if isinstance(type, Int) and type.big_endian else value


def is_direct(e: t.Expr) -> bool:
    """Whether the verifier accepts a load of a place behind a typed pointer: it wants a constant offset."""
    while not isinstance(e, t.Deref):
        if isinstance(e, t.Element) and not isinstance(e.index, t.Literal):
            return False
        if not isinstance(e, t.Member | t.Element):
            return False
        e = e.base
    return True


def _fetch(low: Lowering, address: Value, type: Type, space: Space) -> Value:
    """A scalar read by a helper."""
    slot = low.fetched or low.slot("fetched", U64)
    low.fetched = slot
    pointer = low.b.address_of(slot)
    copy_foreign(low, pointer, address, low.constant(U32, size_of(type)), space)
    return low.b.load(low.b.convert(pointer, Pointer(type, Space.STACK)), type)


def copy_foreign(low: Lowering, to: Value, source: Value, size: Value, space: Space) -> None:
    """Copy from the kernel or from user space; zeros where that fails."""
    name = "bpf_probe_read_user" if space is Space.USER else "bpf_probe_read_kernel"
    low.b.helper(HELPERS[name], (to, size, source), I64)


def _read_bits(low: Lowering, e: t.Member) -> Value:
    """A number: where it is, how long, and how far to shift are all the running kernel's to say."""
    from pybpfc.frontend.lower.expressions import lower_address

    base, struct, path = _chain(e)
    low.b.span = e.span
    b, kind = low.b, as_int(e.field.type)
    address, space = lower_address(low, base), space_of(e)
    offset = b.core_query(CoreKind.FIELD_BYTE_OFFSET, struct, U64, path)
    size = b.core_query(CoreKind.FIELD_BYTE_SIZE, struct, U32, path)
    slot = low.slot("bits", U64)
    b.write(slot, low.constant(U64, 0))
    to: Value = b.address_of(slot)
    if low.target.big_endian:
        room = b.arith(ArithOp.SUB, low.constant(U64, FETCHED), b.convert(size, U64))
        to = b.element_address(to, U8, room)
    copy_foreign(low, to, b.element_address(address, U8, offset), size, space)
    value = b.arith(ArithOp.LSH, b.read(slot), b.core_query(CoreKind.FIELD_LSHIFT_U64, struct, U64, path))
    wide = I64 if kind.signed else U64
    right = b.convert(b.core_query(CoreKind.FIELD_RSHIFT_U64, struct, U64, path), wide)
    down = b.arith(ArithOp.ARSH if kind.signed else ArithOp.RSH, b.convert(value, wide), right)
    return b.convert(down, register_type(e.type))


def _read_plain_bits(low: Lowering, e: t.Member, space: Space) -> Value:
    """A bit-field of one of the program's own structs that lies elsewhere: its unit is copied first."""
    from pybpfc.frontend.lower.expressions import lower_address
    from pybpfc.frontend.lower.memory import load_place

    slot = low.slot("unit", e.field.type)
    pointer = low.b.address_of(slot)
    size = low.constant(U32, size_of(e.field.type))
    copy_foreign(low, pointer, lower_address(low, e), size, space)
    return load_place(low, pointer, e)


# ---------------------------------------------------------------------------------- aggregates


def readable_address(low: Lowering, e: t.Expr) -> Value:
    """The address of an array or struct that can be read: of a copy, where it lies elsewhere."""
    from pybpfc.frontend.lower.expressions import lower_address

    if not is_foreign(e):
        return lower_address(low, e)
    slot = low.slot("copied", e.type)
    pointer = low.b.address_of(slot)
    copy_foreign_aggregate(low, pointer, e, size_of(e.type))
    return pointer


def copy_foreign_aggregate(low: Lowering, pointer: Value, e: t.Expr, room: int) -> None:
    """Copy a foreign array or struct into `room` bytes; text up to its NUL, with zeros behind it."""
    from pybpfc.frontend.lower.expressions import lower_address

    source, space, size = lower_address(low, e), space_of(e), size_of(e.type)
    low.b.span = e.span
    if isinstance(e.type, Array) and e.type.view is View.STR:
        name = "bpf_probe_read_user_str" if space is Space.USER else "bpf_probe_read_kernel_str"
        low.b.memset(pointer, room)
        low.b.helper(HELPERS[name], (pointer, low.constant(U32, min(room, size)), source), I64)
        return
    if size < room:
        low.b.memset(offset_pointer(low, pointer, size, BOOL), room - size)
    copy_foreign(low, pointer, source, low.constant(U32, size), space)


def lower_query(low: Lowering, e: t.CoreQuery) -> Value:
    """A fact about a kernel type."""
    return low.b.core_query(e.kind, e.of, e.type, e.path, e.member)
