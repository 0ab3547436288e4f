"""Packet access becomes the bounds check that the verifier knows.

    %1 = packet ctx at %0, 20 bytes   →   if data + %0 + 20 <= data_end: %1 = data + %0 else: null

The check and the pointer that is used are the same value, so that the proof reaches every access.
"""

from __future__ import annotations

from pybpfc.ir import ops
from pybpfc.ir.builder import Builder
from pybpfc.ir.module import Module, Target
from pybpfc.ir.passes.base import expand
from pybpfc.lang.types import I64, U8, U32, U64, VOID, Pointer, Space, Struct, size_of

MAX_OFFSET = 0x7FFF


def lower_packets(module: Module, target: Target) -> None:
    """Lower all packet accesses."""
    for function in module.functions:
        expand(function, (ops.PacketPointer,), _expand)
        expand(function, (ops.PacketElement,), _expand_element)


def _expand(b: Builder, op: ops.Op) -> ops.Value:
    assert isinstance(op, ops.PacketPointer)
    assert op.result is not None
    pointer = op.result.type
    result = b.function.new_local("packet", pointer, b.span)
    inside, done = b.new_block("packet.inside"), b.new_block("packet.done")
    start = b.convert(_address(b, op.context, op.data_offset), Pointer(U8, Space.PACKET))
    end = _end(b, op.context, op.end_offset)
    offset = op.offset
    if not isinstance(offset, ops.Const):
        offset = b.bounded(b.convert(offset, I64), 0, MAX_OFFSET)
    at = b.element_address(start, U8, offset)
    after = b.element_address(at, U8, ops.Const(I64, op.size))
    b.write(result, ops.Const(pointer, 0))
    b.branch(b.compare(ops.Predicate.LE, after, end), inside, done)
    b.place(inside)
    b.write(result, b.convert(at, pointer))
    b.jump(done)
    b.place(done)
    return b.read(result)


def _expand_element(b: Builder, op: ops.Op) -> ops.Value:
    """The element where the packet reaches that far, as it does; elsewhere the first one, whose proof is there.

    LLVM must not see that one comes from the other: it would choose among the indices, and add behind the test.
    """
    assert isinstance(op, ops.PacketElement)
    assert op.result is not None
    assert isinstance(op.result.type, Pointer)
    pointer = op.result.type
    result = b.function.new_local("element", pointer, b.span)
    offset = b.arith(ops.ArithOp.MUL, op.index, ops.Const(op.index.type, op.size)) if op.size != 1 else op.index
    at = b.opaque(b.element_address(b.convert(op.base, Pointer(U8, Space.PACKET)), U8, offset))
    after = b.element_address(at, U8, ops.Const(I64, op.size))
    inside, done = b.new_block("element.inside"), b.new_block("element.done")
    b.write(result, b.convert(op.base, pointer))
    b.branch(b.compare(ops.Predicate.LE, after, _end(b, op.context, op.end_offset)), inside, done)
    b.place(inside)
    b.write(result, b.convert(at, pointer))
    b.jump(done)
    b.place(done)
    return b.read(result)


def _end(b: Builder, context: ops.Value, offset: int) -> ops.Value:
    return b.convert(_address(b, context, offset), Pointer(VOID, Space.PACKET_END))


def _address(b: Builder, context: ops.Value, offset: int) -> ops.Value:
    """An address in the context: of 8 bytes, or of 4 in those structs that were made when 4 seemed enough."""
    struct = context.type.to if isinstance(context.type, Pointer) else None
    fields = struct.fields if isinstance(struct, Struct) else ()
    wide = any(field.offset == offset and size_of(field.type) == 8 for field in fields)
    return b.convert(b.context_load(context, offset, U64 if wide else U32), U64)
