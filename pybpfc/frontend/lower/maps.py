"""Lowering map operations: methods of maps, and what belongs to reservations in ring buffers."""

from __future__ import annotations

from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.formats.spec import lost_name
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.lower.context import Lowering, register_type
from pybpfc.frontend.lower.memory import load
from pybpfc.ir.module import GlobalVar, MapDef
from pybpfc.ir.ops import AtomicOp, Const, GlobalPointer, Predicate, Value
from pybpfc.lang.types import U64, Array, Pointer, Struct, size_of


def lower_map_method(low: Lowering, e: t.MapMethod) -> Value:
    """`m.lookup(key)` and the like."""
    from pybpfc.frontend.lower.expressions import lower_value

    """`m.lookup(key)` and the like."""
    key = _memory_operand(low, e.args[0])
    declaration = e.map.declaration
    value_type = declaration.value if declaration.value is not None else U64
    match e.method:
        case "lookup":
            low.b.span = e.span
            return low.b.map_lookup(e.map, key, value_type)
        case "get":
            return _map_get(low, e, key)
        case "update":
            value, flags = _memory_operand(low, e.args[1]), lower_value(low, e.args[2])
            low.b.span = e.span
            return low.b.map_update(e.map, key, value, flags)
        case "delete":
            return low.b.map_delete(e.map, key)
        case "increment":
            amount = lower_value(low, e.args[1])
            low.b.span = e.span
            low.b.map_increment(e.map, key, amount, per_cpu=MAP_TYPES[declaration.type_name].per_cpu)
            return Const(U64, 0)
        case _:
            raise AssertionError(e.method)


def _memory_operand(low: Lowering, e: t.Expr) -> Value:
    """A key or value: a scalar, or the address of an aggregate."""
    from pybpfc.frontend.lower.expressions import lower_address, lower_value

    return lower_address(low, e) if isinstance(e.type, Array | Struct) else lower_value(low, e)


def _map_get(low: Lowering, e: t.MapMethod, key: Value) -> Value:
    from pybpfc.frontend.lower.expressions import lower_value

    b = low.b
    assert e.map.declaration.value is not None
    result = low.slot("found", register_type(e.type))
    b.write(result, lower_value(low, e.args[1]))
    pointer = b.map_lookup(e.map, key, e.map.declaration.value)
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
            _finish_reservation(low, result, e.type, ring.map)
        case "bpf_ringbuf_output", t.MapObject() as ring:
            b = low.b
            lost, done = b.new_block("output.lost"), b.new_block("output.done")
            b.branch(b.compare(Predicate.LT, result, Const(result.type, 0)), lost, done)
            b.place(lost)
            _count_lost(low, ring.map)
            b.jump(done)
            b.place(done)


def _finish_reservation(low: Lowering, record: Value, type: Pointer, ring: MapDef) -> None:
    """A reserved record holds what was there before: clear it, so that nothing stale reaches user space."""
    b = low.b
    clear, lost, done = b.new_block("reserved"), b.new_block("reserve.lost"), b.new_block("reserve.done")
    b.branch(b.compare(Predicate.NE, record, Const(record.type, 0)), clear, lost)
    b.place(lost)
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
