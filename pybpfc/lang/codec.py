"""Values of user space to bytes and back; decoders are compiled once per type."""

from __future__ import annotations

import struct as packing
import sys
from collections.abc import Callable, Iterator
from typing import Any

from pybpfc.lang.struct import default_value
from pybpfc.lang.types import Array, Bool, Enum, Error, Int, Pointer, Struct, Type, View, Void, size_of

NATIVE = "<" if sys.byteorder == "little" else ">"
_LETTERS = {(8, False): "B", (8, True): "b", (16, False): "H", (16, True): "h"}
_LETTERS |= {(32, False): "I", (32, True): "i", (64, False): "Q", (64, True): "q"}


class CodecError(ValueError):
    """A Python value does not fit its type; the message names the field and what it takes."""


class Codec:
    """Encodes and decodes values of one type. `size` is in bytes."""

    __slots__ = ("_decode", "size", "type")

    def __init__(self, type: Type) -> None:
        self.type = type
        self.size = size_of(type)
        self._decode = _decoder(type)

    def encode(self, value: Any) -> bytes:
        """The bytes of `value`; raises `CodecError` when it does not fit."""
        out = bytearray(self.size)
        _encode(self.type, value, out, 0, "value")
        return bytes(out)

    def decode(self, buffer: Any, offset: int = 0) -> Any:
        """The value at `offset` of a buffer; raises `CodecError` when the buffer is too short."""
        try:
            return self._decode(buffer, offset)
        except (packing.error, IndexError) as error:
            raise CodecError(f"{len(buffer) - offset} bytes are too few for {self.type}, which has {self.size}") from error

    def decode_many(self, buffer: Any, count: int, stride: int | None = None) -> Iterator[Any]:
        """`count` values that lie `stride` bytes apart (their size, when not given)."""
        step = stride or self.size
        decode = self._decode
        for offset in range(0, count * step, step):
            yield decode(buffer, offset)


_CODECS: dict[Type, Codec] = {}


def codec_for(type: Type) -> Codec:
    """The codec of a type, made once."""
    known = _CODECS.get(type)
    if known is None:
        known = _CODECS[type] = Codec(type)
    return known


# ------------------------------------------------------------------------------------ decoding


def _letter(type: Int | Bool | Enum | Pointer) -> str:
    match type:
        case Bool():
            return "?"
        case Enum():
            return _LETTERS[type.underlying.bits, type.underlying.signed]
        case Pointer():
            return "Q"
        case Int():
            return _LETTERS[type.bits, type.signed]


def _decoder(type: Type) -> Callable[[Any, int], Any]:
    """A function of (buffer, offset) compiled for the type."""
    names: dict[str, Any] = {}
    if isinstance(type, Struct):
        if type.union or not _flat(type):
            return _slow_struct(type)
        source = _struct_decoder(type, names)
    else:
        source = f"def decode(buffer, offset):\n    return {_expression(type, names, 'buffer', 'offset')}\n"
    exec(source, names)
    decode: Callable[[Any, int], Any] = names["decode"]
    return decode


def _flat(type: Struct) -> bool:
    return all(f.bits is None for f in type.fields)


def _order(type: Type) -> str:
    return ">" if isinstance(type, Int) and type.big_endian else NATIVE


def _struct_decoder(type: Struct, names: dict[str, Any]) -> str:
    """One unpack for all plain fields, then the object's dict filled at once."""
    layout, slots, values = NATIVE, [], {}
    offset = 0
    for field in type.fields:
        piece = _piece(field.type)
        if piece is None:
            continue
        layout += f"{field.offset - offset}x" if field.offset > offset else ""
        layout += piece
        offset = field.offset + size_of(field.type)
        slots.append(f"v_{field.name}")
        values[field.name] = _from_slot(field.type, f"v_{field.name}", names)
    for field in type.fields:
        if field.name not in values:
            values[field.name] = _expression(field.type, names, "buffer", f"offset + {field.offset}")
    names["new"], names["cls"] = object.__new__, type.cls
    names["unpack"] = packing.Struct(layout).unpack_from
    names["minimum"] = type.size
    lines = ["def decode(buffer, offset):"]
    if slots:
        lines.append(f"    ({', '.join(slots)},) = unpack(buffer, offset)")
    lines += ["    self = new(cls)", "    self.__dict__ = {"]
    lines += [f"        {f.name!r}: {values[f.name]}," for f in type.fields]
    lines += ["    }", "    return self"]
    return "\n".join(lines) + "\n"


def _piece(type: Type) -> str | None:
    """The struct letters of a field that one unpack can take; None for the others."""
    match type:
        case Int(big_endian=True):
            return f"{type.bits // 8}s"
        case Int() | Bool() | Enum() | Pointer():
            return _letter(type)
        case Array(view=View.STR | View.BYTES):
            return f"{type.length}s"
        case _:
            return None


def _from_slot(type: Type, slot: str, names: dict[str, Any]) -> str:
    match type:
        case Int(big_endian=True):
            names["from_bytes"] = int.from_bytes
            return f"from_bytes({slot}, 'big')"
        case Array(view=View.STR):
            return f"{slot}.partition(b'\\0')[0].decode('utf-8', 'replace')"
        case Enum():
            return _enum(type, slot, names)
        case _:
            return slot


def _enum(type: Enum, slot: str, names: dict[str, Any]) -> str:
    if type.cls is None:
        return slot
    name = f"enum{len(names)}"
    names[name] = {int(m): m for m in type.cls}
    return f"{name}.get({slot}, {slot})"


def _expression(type: Type, names: dict[str, Any], buffer: str, offset: str) -> str:
    """Source that decodes one value."""
    match type:
        case Void() | Error():
            return "None"
        case Int() | Bool() | Enum() | Pointer():
            name = f"u{len(names)}"
            names[name] = packing.Struct(_order(type) + _letter(type)).unpack_from
            return _from_scalar(type, f"{name}({buffer}, {offset})[0]", names)
        case Array(view=View.STR):
            return f"bytes({buffer}[{offset}:{offset} + {type.length}]).partition(b'\\0')[0].decode('utf-8', 'replace')"
        case Array(view=View.BYTES):
            return f"bytes({buffer}[{offset}:{offset} + {type.length}])"
        case Array():
            return _list(type, names, buffer, offset)
        case Struct():
            name = f"s{len(names)}"
            names[name] = _decoder(type)
            return f"{name}({buffer}, {offset})"


def _from_scalar(type: Type, text: str, names: dict[str, Any]) -> str:
    return _enum(type, text, names) if isinstance(type, Enum) else text


def _list(type: Array, names: dict[str, Any], buffer: str, offset: str) -> str:
    if isinstance(type.element, Int):
        name = f"l{len(names)}"
        names[name] = packing.Struct(f"{_order(type.element)}{type.length}{_letter(type.element)}").unpack_from
        return f"list({name}({buffer}, {offset}))"
    step = size_of(type.element)
    inner = _expression(type.element, names, buffer, f"({offset} + i * {step})")
    return f"[{inner} for i in range({type.length})]"


def _slow_struct(type: Struct) -> Callable[[Any, int], Any]:
    """Structs with bit-fields, and unions."""
    parts = [(f, _decoder(f.type)) for f in type.fields]

    def decode(buffer: Any, offset: int) -> Any:
        self = object.__new__(type.cls) if type.cls is not None else {}
        values: dict[str, Any] = self if isinstance(self, dict) else self.__dict__
        for field, inner in parts:
            value = inner(buffer, offset + field.offset)
            if field.bits is not None:
                value = (value >> field.bit_offset) & ((1 << field.bits) - 1)
                if isinstance(field.type, Int) and field.type.signed:
                    value = Int(field.bits, True).wrap(value)
            values[field.name] = value
        return self

    return decode


# ------------------------------------------------------------------------------------ encoding


def _encode(type: Type, value: Any, out: bytearray, offset: int, what: str) -> None:
    match type:
        case Int() | Bool() | Enum() | Pointer():
            _encode_number(type, value, out, offset, what)
        case Array(view=View.STR | View.BYTES):
            _encode_text(type, value, out, offset, what)
        case Array():
            _encode_list(type, value, out, offset, what)
        case Struct():
            _encode_struct(type, value, out, offset, what)
        case _:
            return


def _encode_number(type: Int | Bool | Enum | Pointer, value: Any, out: bytearray, offset: int, what: str) -> None:
    if hasattr(value, "packed") and isinstance(type, Int) and len(value.packed) * 8 == type.bits:
        value = int(value)
    if not hasattr(type, "bits") and isinstance(type, Bool):
        value = bool(value)
    if not isinstance(value, int) and not hasattr(value, "__index__"):
        raise CodecError(f"{what} must be an integer, not {value.__class__.__name__}")
    number = value.__index__()
    try:
        packing.pack_into(_order(type) + _letter(type), out, offset, number)
    except packing.error:
        width = size_of(type) * 8
        signed = isinstance(type, Int | Enum) and (type if isinstance(type, Int) else type.underlying).signed
        low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
        raise CodecError(f"{what} must be {low} to {high}, not {number}") from None


def _encode_text(type: Array, value: Any, out: bytearray, offset: int, what: str) -> None:
    if isinstance(value, str):
        value = value.encode()
    if hasattr(value, "packed"):
        value = value.packed
    if not isinstance(value, bytes | bytearray | memoryview):
        raise CodecError(f"{what} must be {type.view.value}, not {value.__class__.__name__}")
    room = type.length - (1 if type.view is View.STR else 0)
    if len(value) > room:
        raise CodecError(f"{what} takes {room} bytes, not {len(value)}")
    out[offset : offset + len(value)] = value


def _encode_list(type: Array, value: Any, out: bytearray, offset: int, what: str) -> None:
    items = list(value)
    if len(items) > type.length:
        raise CodecError(f"{what} takes {type.length} elements, not {len(items)}")
    step = size_of(type.element)
    for index, item in enumerate(items):
        _encode(type.element, item, out, offset + index * step, f"{what}[{index}]")


def _encode_struct(type: Struct, value: Any, out: bytearray, offset: int, what: str) -> None:
    given: dict[str, Any]
    if isinstance(value, dict):
        given = value
    elif type.cls is not None and isinstance(value, type.cls):
        given = value.__dict__
    elif isinstance(value, tuple) and len(value) == len(type.fields):
        given = {f.name: v for f, v in zip(type.fields, value, strict=True)}
    else:
        raise CodecError(f"{what} must be a `{type.name}`, not {value.__class__.__name__}")
    unknown = [name for name in given if type.find(name) is None]
    if unknown:
        raise CodecError(f"`{type.name}` has no field `{unknown[0]}`")
    for field in type.fields:
        if field.name not in given:
            continue
        item = given[field.name]
        if field.bits is not None:
            _encode_bits(field.type, field.bits, field.bit_offset, item, out, offset + field.offset, field.name)
        elif not (type.union and item == default_value(field.type)):
            _encode(field.type, item, out, offset + field.offset, f"{type.name}.{field.name}")


def _encode_bits(type: Type, bits: int, bit_offset: int, value: int, out: bytearray, offset: int, name: str) -> None:
    signed = isinstance(type, Int) and type.signed
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    if not low <= value <= high:
        raise CodecError(f"{name} must be {low} to {high}, not {value}")
    size = size_of(type)
    word = int.from_bytes(out[offset : offset + size], "little")
    mask = ((1 << bits) - 1) << bit_offset
    word = (word & ~mask) | ((value << bit_offset) & mask)
    out[offset : offset + size] = word.to_bytes(size, "little")
