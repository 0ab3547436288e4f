"""Reads the enumerations of a kernel's BTF: names and values alone, as `pybpfc.abi.generate` needs them."""

from __future__ import annotations

import struct

from pybpfc.records import frozen

_INT, _ARRAY, _STRUCT, _UNION, _ENUM, _PROTO, _VAR, _DATASEC, _DECL_TAG, _ENUM64 = 1, 3, 4, 5, 6, 13, 14, 15, 17, 19
_FIXED = {_INT: 4, _ARRAY: 12, _VAR: 4, _DECL_TAG: 4}
_EACH = {_STRUCT: 12, _UNION: 12, _ENUM: 8, _PROTO: 8, _DATASEC: 12, _ENUM64: 12}


@frozen
class Enumeration:
    """One enumeration; `name` is empty for an anonymous one."""

    name: str
    values: dict[str, int]


def read_enums(data: bytes) -> list[Enumeration]:
    """The enumerations of BTF in little-endian form; raises ValueError for anything else."""
    if len(data) < 24 or data[:2] != b"\x9f\xeb":
        raise ValueError("no little-endian BTF")
    header, types, types_size, strings, strings_size = struct.unpack_from("<5I", data, 4)
    text = data[header + strings : header + strings + strings_size]
    found: list[Enumeration] = []
    position, end = header + types, header + types + types_size
    try:
        while position < end:
            name, info = struct.unpack_from("<II", data, position)
            kind, count, signed = info >> 24 & 31, info & 0xFFFF, bool(info >> 31)
            position += 12
            if kind in (_ENUM, _ENUM64):
                found.append(Enumeration(_string(text, name), _values(data, position, kind, count, signed, text)))
            position += _FIXED.get(kind, 0) + _EACH.get(kind, 0) * count
    except struct.error as error:
        raise ValueError("the BTF ends early") from error
    return found


def _values(data: bytes, position: int, kind: int, count: int, signed: bool, text: bytes) -> dict[str, int]:
    if kind == _ENUM:
        rows = struct.iter_unpack("<Ii" if signed else "<II", data[position : position + 8 * count])
        return {_string(text, name): value for name, value in rows}
    wide = struct.iter_unpack("<IIi" if signed else "<III", data[position : position + 12 * count])
    return {_string(text, name): high << 32 | low for name, low, high in wide}


def _string(text: bytes, offset: int) -> str:
    return text[offset : text.index(b"\0", offset)].decode("utf-8", "replace")
