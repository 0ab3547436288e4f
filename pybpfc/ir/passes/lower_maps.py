"""Map operations become helper calls; keys and values that are scalars are put into memory first.

    %1 = lookup @m[%0]          .key = %0
                          →     %2 = address .key
                                %1 = helper bpf_map_lookup_elem(@m, %2)

`m[k] += n` becomes a lookup and one addition on the hit path, atomic on shared maps. On a miss the entry is created
at zero with BPF_NOEXIST, so that a creation on another CPU at the same time is not undone, and looked up again.
"""

from __future__ import annotations

from pybpfc.abi.helpers import HELPERS
from pybpfc.ir import ops
from pybpfc.ir.builder import Builder
from pybpfc.ir.module import MapDef, Module, Target
from pybpfc.ir.passes.base import expand
from pybpfc.lang.types import I64, U64, VOID, Array, Int, Pointer, Space, Struct, Type, as_int

BPF_NOEXIST = 1
ARRAYS = ("BPF_MAP_TYPE_ARRAY", "BPF_MAP_TYPE_PERCPU_ARRAY")


def lower_maps(module: Module, target: Target) -> None:
    """Lower all map operations."""
    kinds = (ops.MapLookup, ops.MapUpdate, ops.MapDelete, ops.MapIncrement)
    for function in module.functions:
        expand(function, kinds, _expand)


def _expand(b: Builder, op: ops.Op) -> ops.Value | None:
    match op:
        case ops.MapLookup():
            assert op.result is not None
            return _lookup(b, _map(op), _in_memory(b, op.key, _key(op.map)), op.result.type)
        case ops.MapUpdate():
            value_type = op.map.declaration.value or VOID
            key, value = _in_memory(b, op.key, _key(op.map)), _in_memory(b, op.value, value_type, "map_value")
            return b.helper(HELPERS["bpf_map_update_elem"], (_map(op), key, value, op.flags), I64)
        case ops.MapDelete():
            key = _in_memory(b, op.key, _key(op.map))
            return b.helper(HELPERS["bpf_map_delete_elem"], (_map(op), key), I64)
        case ops.MapIncrement():
            _increment(b, op)
    return None


def _key(map: MapDef) -> Type:
    return map.declaration.key or Int(32, False)


def _map(op: ops.MapLookup | ops.MapUpdate | ops.MapDelete | ops.MapIncrement) -> ops.Value:
    return ops.MapPointer(op.map) if op.reference is None else op.reference


def _lookup(b: Builder, map: ops.Value, key: ops.Value, result: Type) -> ops.Value:
    found = b.helper(HELPERS["bpf_map_lookup_elem"], (map, key), result)
    assert found is not None
    return found


def _in_memory(b: Builder, value: ops.Value, type: Type, name: str = "map_key") -> ops.Value:
    if isinstance(value.type, Pointer):
        return value
    if isinstance(type, Int) and type.big_endian:
        value = b.byte_swap(value)
    slot = b.function.scratch(name, value.type, b.span)
    address = b.address_of(slot)
    b.store(address, value)
    return address


def _increment(b: Builder, op: ops.MapIncrement) -> None:
    value_type = op.map.declaration.value or U64
    assert not isinstance(value_type, Array | Struct)
    type = as_int(value_type)
    pointer_type = Pointer(type, Space.MAP_VALUE, nullable=True)
    key = _in_memory(b, op.key, _key(op.map))
    hit, done = b.new_block("hit"), b.new_block("increment.done")
    entry = b.function.new_local("entry", pointer_type, b.span)
    b.write(entry, _lookup(b, _map(op), key, pointer_type))
    null = ops.Const(pointer_type, 0)
    if op.map.declaration.type_name in ARRAYS:
        b.branch(b.compare(ops.Predicate.NE, b.read(entry), null), hit, done)
    else:
        miss = b.new_block("miss")
        b.branch(b.compare(ops.Predicate.NE, b.read(entry), null), hit, miss)
        b.place(miss)
        zero = b.function.scratch("map_zero", type, b.span)
        b.store(b.address_of(zero), ops.Const(type, 0))
        flags = ops.Const(U64, BPF_NOEXIST)
        b.helper(HELPERS["bpf_map_update_elem"], (_map(op), key, b.address_of(zero), flags), I64)
        b.write(entry, _lookup(b, _map(op), key, pointer_type))
        b.branch(b.compare(ops.Predicate.NE, b.read(entry), null), hit, done)
    b.place(hit)
    if op.per_cpu:
        place = b.read(entry)
        b.store(place, b.arith(ops.ArithOp.ADD, b.load(place, type), op.value))
    else:
        b.atomic(ops.AtomicOp.ADD, b.read(entry), op.value)
    b.jump(done)
    b.place(done)
