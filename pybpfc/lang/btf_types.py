"""Types of an object's BTF as types of the language, for maps and globals that have no Python declaration."""

from __future__ import annotations

import enum
import keyword
from typing import Any

from pybpfc.abi.map_types import EVENT_MAPS, MAP_TYPES
from pybpfc.formats.btf import Btf, BtfType
from pybpfc.formats.errors import BadBtf
from pybpfc.formats.spec import MapSpec
from pybpfc.lang.opaque import kernels_own
from pybpfc.lang.types import (
    BE16,
    BE32,
    BE64,
    BOOL,
    U8,
    U32,
    U64,
    VOID,
    Array,
    Enum,
    Field,
    Int,
    Pointer,
    Space,
    Struct,
    Type,
    View,
    is_integer,
    size_of,
)
from pybpfc.lang.values import add_methods

_BIG_ENDIAN = {"__be16": BE16, "__be32": BE32, "__be64": BE64}


_DEPTH = 64


def raw_bytes(size: int) -> Type:
    """What stands for a type that the language has not: its bytes."""
    return Array(U8, size, View.BYTES)


class BtfTypes:
    """Converts types of one BTF; equal ids give the same type, and the same class for structs."""

    def __init__(self, btf: Btf) -> None:
        self.btf = btf
        self._done: dict[int, Type] = {}
        self._depth = 0

    def type(self, id: int) -> Type:
        """The type of an id; raises `BadBtf` when there is no such type."""
        known = self._done.get(id)
        if known is None:
            if self._depth > _DEPTH:
                raise BadBtf(f"BTF type {id} never ends")
            self._depth += 1
            try:
                known = self._done[id] = self._convert(self.btf.type(id))
            finally:
                self._depth -= 1
        return known

    def _convert(self, found: BtfType) -> Type:
        match found.kind:
            case "TYPEDEF" if found.name in _BIG_ENDIAN:
                return _BIG_ENDIAN[found.name]
            case "TYPEDEF" | "CONST" | "VOLATILE" | "RESTRICT" | "TYPE_TAG" | "VAR":
                return self.type(found.type)
            case "INT":
                return self._integer(found)
            case "PTR":
                return Pointer(VOID, Space.KERNEL)
            case "ENUM" | "ENUM64":
                return self._enum(found)
            case "ARRAY":
                return self._array(found)
            case "STRUCT" | "UNION":
                return self._struct(found)
            case "FLOAT":
                return raw_bytes(found.size)
            case _:
                return VOID

    def _integer(self, found: BtfType) -> Type:
        if found.encoding & 4 and found.size == 1:
            return BOOL
        if found.size not in (1, 2, 4, 8):
            return raw_bytes(found.size)
        return Int(found.size * 8, bool(found.encoding & 1))

    def _enum(self, found: BtfType) -> Type:
        if found.size not in (1, 2, 4, 8):
            return raw_bytes(found.size)
        underlying = Int(found.size * 8, found.flag)
        members = dict(found.enumerators)
        name = found.name or "enum"
        if not members or not all(member.isidentifier() and not member.startswith("_") for member in members):
            return Enum(name, underlying, found.enumerators)
        make: Any = enum.IntEnum
        try:
            return Enum(name, underlying, found.enumerators, make(name, members))
        except ValueError:  # such as `mro`, which no Python enum can have
            return Enum(name, underlying, found.enumerators)

    def _array(self, found: BtfType) -> Type:
        element = self.btf.skip_modifiers(found.type)
        if element.kind == "INT" and element.size == 1:
            if element.name == "char":
                return Array(Int(8, True), found.length, View.STR)
            if not element.encoding & 5:
                return Array(U8, found.length, View.BYTES)
        return Array(self.type(found.type), found.length)

    def _struct(self, found: BtfType) -> Type:
        if (opaque := kernels_own(found.name, found.size)) is not None:
            return opaque
        layout = Struct(found.name or f"anonymous_{found.id}", union=found.kind == "UNION")
        self._done[found.id] = layout
        fields: list[Field] = []
        for index, member in enumerate(found.members):
            type = self.type(member.type)
            if size_of(type) == 0:
                continue  # a flexible array, or nothing
            name = member.name or f"anonymous_{index}"
            name = f"{name}_" if keyword.iskeyword(name) else name
            fields.append(_place(name, type, member.offset, member.bits, found.size))
        if not _sound(fields, found.size):
            self._done[found.id] = raw_bytes(found.size)
            return self._done[found.id]
        layout.set_layout(tuple(fields), found.size, 1)
        class_of(layout)
        return layout


def _sound(fields: list[Field], size: int) -> bool:
    """Whether fields can be a class's: within the struct, with names of their own that Python can have."""
    names = {field.name for field in fields if field.name.isidentifier() and not field.name.endswith("__")}
    return len(names) == len(fields) and all(
        f.offset >= 0 and f.offset + size_of(f.type) <= size and (f.bits is None or is_integer(f.type)) for f in fields
    )


def class_of(layout: Struct) -> type:
    """The user-side class of a struct that was not declared in Python."""
    names = ("_raw",) if layout.union else tuple(field.name for field in layout.fields)
    slots = tuple(name for name in names if not name.startswith("__"))  # those Python would rename
    slots += ("__dict__",) if len(slots) < len(names) else ()
    cls: Any = type(layout.name, (), {"__slots__": slots, "__bpf_type__": layout})
    add_methods(cls, union=layout.union)
    layout.cls = cls
    return cls  # type: ignore[no-any-return]


def _place(name: str, type: Type, bit: int, width: int, size: int) -> Field:
    """A member at a bit offset; bit-fields are counted from a unit of their own type that holds them."""
    if not width:
        return Field(name, type, bit // 8)
    unit = size_of(type)
    offset = bit // (8 * unit) * unit
    if bit + width > (offset + unit) * 8 or offset + unit > size:
        offset = max(0, min(bit // 8, size - unit))
    return Field(name, type, offset, width, bit - offset * 8)


_NUMBERS = ("u32", "dev", "cpu", "sock")
"""Kinds of values that user space names by a number."""


def map_types(types: BtfTypes | None, spec: MapSpec) -> tuple[Type | None, Type | None]:
    """The types of a map's keys and values as far as its object tells; of a buffer, that of its records."""
    kind = next((k for k in MAP_TYPES.values() if k.uapi == spec.type), None)
    numbered = kind is not None and kind.key == "u32" and not spec.key_type_id and spec.key_size == 4
    key = U32 if numbered else type_or_bytes(types, spec.key_type_id, spec.key_size)
    if kind is not None and kind.name in EVENT_MAPS:
        return key, _known(types, spec.record_type_id or spec.value_type_id)
    if kind is not None and kind.value in _NUMBERS and not spec.value_type_id:
        from pybpfc.lang.other_maps import VALUE_PAIRS

        known = U32 if spec.value_size == 4 else U64 if kind.value == "sock" else VALUE_PAIRS.get(kind.value)
        if known is not None and size_of(known) == spec.value_size:
            return key, known
    return key, type_or_bytes(types, spec.value_type_id, spec.value_size)


def type_or_bytes(types: BtfTypes | None, id: int, size: int) -> Type | None:
    """The type of an id where it has the expected size, else that many bytes; None for no bytes at all."""
    found = _known(types, id)
    if found is not None and size_of(found) == size:
        return found
    return raw_bytes(size) if size else None


def _known(types: BtfTypes | None, id: int) -> Type | None:
    """The type of an id, None where there is none."""
    try:
        return types.type(id) if types is not None and id else None
    except BadBtf:
        return None
