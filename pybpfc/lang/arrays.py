"""How numpy sees a type: the description of a structured dtype, without importing numpy."""

from __future__ import annotations

import sys
from typing import Any

from pybpfc.lang.types import Array, Bool, Enum, Int, Pointer, Struct, Type, View, size_of

_NATIVE = "<" if sys.byteorder == "little" else ">"


def describe(type: Type) -> Any:
    """What `numpy.dtype(…)` takes: layouts are exact, strings are bytes (`S16`), bit-fields come as their storage unit.

    Numbers in network order read in host order, as numpy's own big-endian types do.
    """
    match type:
        case Bool():
            return "?"
        case Int():
            return f"{'>' if type.big_endian else _NATIVE}{'i' if type.signed else 'u'}{type.bits // 8}"
        case Enum():
            return describe(type.underlying)
        case Pointer():
            return f"{_NATIVE}u8"
        case Array(view=View.STR):
            return f"S{type.length}"
        case Array(view=View.BYTES):
            return f"V{type.length}"
        case Array():
            return (describe(type.element), (type.length,))
        case Struct():
            return _record(type)
        case _:
            return "V0"


def _record(type: Struct) -> dict[str, Any]:
    fields = [f for f in type.fields if f.bits is None]
    for member in type.fields:
        unit = next((f for f in fields if f.offset == member.offset), None)
        if member.bits is not None and unit is None:
            fields.append(member)
    return {
        "names": [f.name for f in fields],
        "formats": [describe(f.type) for f in fields],
        "offsets": [f.offset for f in fields],
        "itemsize": size_of(type),
    }
