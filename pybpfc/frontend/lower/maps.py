"""Lowering map operations: methods of maps, and what belongs to reservations in ring buffers."""

from __future__ import annotations

from pybpfc.abi.helpers import HELPERS
from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.formats.spec import lost_name
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.lower.context import Lowering, register_type
from pybpfc.frontend.lower.memory import load
from pybpfc.ir.module import GlobalVar, MapDef
from pybpfc.ir.ops import AtomicOp, Const, GlobalPointer, MapPointer, Predicate, Value
from pybpfc.lang.types import I64, U64, Array, Pointer, Struct, size_of


def lower_map_method(low: Lowering, e: t.MapMethod) -> Value:
    """`m.lookup(key)` and the like."""
    from pybpfc.frontend.lower.expressions import lower_value

    b, declaration = low.b, e.map.declaration
    reference = lower_value(low, e.reference) if e.reference is not None else None
    if e.method in ("pop", "peek"):
        return _next_element(low, e, reference)
    key = _memory_operand(low, e.args[0])
    match e.method:
        case "lookup":
            b.span = e.span
            found = b.map_lookup(e.map, key, declaration.value if declaration.value is not None else U64, reference)
            return b.convert(found, e.type)
        case "get":
            return _map_get(low, e, key, reference)
        case "update":
            value, flags = _memory_operand(low, e.args[1]), lower_value(low, e.args[2])
            b.span = e.span
            return b.map_update(e.map, key, value, flags, reference)
        case "delete":
            return b.map_delete(e.map, key, reference)
        case "increment":
            amount = lower_value(low, e.args[1])
            b.span = e.span
            per_cpu = MAP_TYPES[declaration.type_name].per_cpu
            b.map_increment(e.map, key, amount, per_cpu=per_cpu, reference=reference)
            return Const(U64, 0)
        case _:
            raise AssertionError(e.method)


def _next_element(low: Lowering, e: t.MapMethod, reference: Value | None) -> Value:
    """Have the helper fill a slot: its address, or null when it gave an error."""
    b = low.b
    assert isinstance(e.type, Pointer)
    slot = b.address_of(low.slot(e.method, e.type.to))
    helper = HELPERS[f"bpf_map_{e.method}_elem"]
    failed = b.helper(helper, (reference if reference is not None else MapPointer(e.map), slot), I64)
    assert failed is not None
    there = b.compare(Predicate.EQ, failed, Const(I64, 0))
    return b.select(there, b.convert(slot, e.type), Const(e.type, 0))


def _memory_operand(low: Lowering, e: t.Expr) -> Value:
    """A key or value: a scalar, or the address of an aggregate."""
    from pybpfc.frontend.lower.expressions import lower_address, lower_value

    return lower_address(low, e) if isinstance(e.type, Array | Struct) else lower_value(low, e)


def _map_get(low: Lowering, e: t.MapMethod, key: Value, reference: Value | None) -> Value:
    from pybpfc.frontend.lower.expressions import lower_value

    b = low.b
    assert e.map.declaration.value is not None
    result = low.slot("found", register_type(e.type))
    b.write(result, lower_value(low, e.args[1]))
    pointer = b.map_lookup(e.map, key, e.map.declaration.value, reference)
    hit, done = b.new_block("hit"), b.new_block("get.done")
    b.branch(b.compare(Predicate.NE, pointer, Const(pointer.type, 0)), hit, done)
    b.place(hit)
    b.write(result, load(low, pointer, e.map.declaration.value))
    b.jump(done)
    b.place(done)
    return b.read(result)


# --------------------------------------------------------------------------------- ring buffers


def finish_ringbuf_call(low: Lowering, e: t.CallHelper, result: Value) -> None:
    """Clear a record that was reserved, and count one that found no room: the kernel does neither."""
    match e.helper.name, e.args[0] if e.args else None:
        case "bpf_ringbuf_reserve", t.MapObject() as ring:
            assert isinstance(e.type, Pointer)
            _finish_reservation(low, result, e.type, ring.map if ring.reference is None else None)
        case "bpf_ringbuf_output", t.MapObject(reference=None) as ring:
            b = low.b
            lost, done = b.new_block("output.lost"), b.new_block("output.done")
            b.branch(b.compare(Predicate.LT, result, Const(result.type, 0)), lost, done)
            b.place(lost)
            _count_lost(low, ring.map)
            b.jump(done)
            b.place(done)


def _finish_reservation(low: Lowering, record: Value, type: Pointer, ring: MapDef | None) -> None:
    """A reserved record holds what was there before: clear it, so that nothing stale reaches user space."""
    b = low.b
    clear, lost, done = b.new_block("reserved"), b.new_block("reserve.lost"), b.new_block("reserve.done")
    b.branch(b.compare(Predicate.NE, record, Const(record.type, 0)), clear, lost)
    b.place(lost)
    if ring is not None:  # which one of several it is, nobody knows
        _count_lost(low, ring)
    b.jump(done)
    b.place(clear)
    b.memset(record, size_of(type.to))
    b.jump(done)
    b.place(done)


def _count_lost(low: Lowering, ring: MapDef) -> None:
    """Add one to the ring buffer's counter, which user space reads as `lost`."""
    name = lost_name(ring.name)
    counter = next((g for g in low.module.globals if g.name == name), None)
    if counter is None:
        counter = GlobalVar(name, U64, ".bss", 0, ring.span)
        low.module.globals.append(counter)
    low.b.atomic(AtomicOp.ADD, GlobalPointer(counter), Const(U64, 1))
