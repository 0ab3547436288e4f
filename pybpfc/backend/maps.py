"""What a map's definition in `.maps` says, in libbpf's idiom."""

from __future__ import annotations

from typing import TypeAlias

from pybpfc.abi.map_types import EVENT_MAPS, MAP_TYPES
from pybpfc.ir.module import MapDef
from pybpfc.lang.types import U32, Type, size_of

LIBBPF_PIN_BY_NAME = 1

Attribute: TypeAlias = int | Type | MapDef
"""A number, a type, or what the maps in a map of maps are like."""


def record_type(map: MapDef) -> Type | None:
    """The type of a buffer's records, which no attribute says; None for other maps."""
    return map.declaration.value if map.declaration.type_name in EVENT_MAPS else None


def map_attributes(map: MapDef) -> list[tuple[str, Attribute]]:
    """The members of a map's struct: numbers, the key's and the value's type, and last what inner maps are like."""
    declaration = map.declaration
    kind = MAP_TYPES[declaration.type_name]
    out: list[tuple[str, Attribute]] = [("type", kind.uapi)]
    if declaration.max_entries:
        out.append(("max_entries", declaration.max_entries))
    for name, value in (
        ("map_flags", declaration.flags),
        ("map_extra", declaration.map_extra),
        ("pinning", LIBBPF_PIN_BY_NAME if declaration.pinned is True else 0),
    ):
        if value:
            out.append((name, value))
    if declaration.numa_node is not None:
        out.append(("numa_node", declaration.numa_node))
    if kind.name in ("BPF_MAP_TYPE_RINGBUF", "BPF_MAP_TYPE_USER_RINGBUF", "BPF_MAP_TYPE_ARENA"):
        return out
    key = declaration.key if declaration.key is not None else U32 if kind.key == "u32" else None
    value_type = declaration.value if kind.value == "any" else U32 if kind.value == "u32" else declaration.value
    if declaration.inner is not None:
        out += [("key", key)] if key is not None else []
        out += [("values", MapDef(f"{map.name}.inner", declaration.inner, map.span))]
        return out
    if kind.btf:
        out += [("key", key)] if key is not None else []
        out += [("value", value_type)] if value_type is not None else []
        return out
    out += [("key_size", size_of(key))] if key is not None else []
    out += [("value_size", size_of(value_type))] if value_type is not None else []
    return out
