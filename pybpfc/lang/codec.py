"""Values of user space to bytes and back.

Decoders and encoders are compiled once for each type (`codec_compile`). What a compiled encoder does not take goes
the careful way here, which converts what can be converted (addresses, dicts) and says of the rest which field is
wrong and what it takes.
"""

from __future__ import annotations

import ipaddress
import operator
import struct as packing
import sys
from collections.abc import Callable
from typing import Any

from pybpfc.lang.types import Array, Bool, Enum, Int, Pointer, Struct, Type, View, size_of

LITTLE = sys.byteorder == "little"
NATIVE = "<" if LITTLE else ">"
_LETTERS = {8: "B", 16: "H", 32: "I", 64: "Q"}


class CodecError(ValueError):
    """A Python value does not fit its type; the message names the field and what it takes."""


class Codec:
    """Encodes and decodes values of one type. `size` is in bytes.

    `decode(buffer, offset=0)` gives the value at an offset of a buffer.
    """

    __slots__ = ("_decode_many", "_encode", "decode", "size", "type")

    decode: Callable[..., Any]

    def __init__(self, type: Type) -> None:
        from pybpfc.lang.codec_compile import compile_decoder, compile_encoder

        self.type = type
        self.size = size_of(type)
        self.decode, self._decode_many = compile_decoder(type)
        self._encode = compile_encoder(type)

    def encode(self, value: Any) -> bytes:
        """The bytes of `value`; raises `CodecError` when it does not fit."""
        if self._encode is not None:
            try:
                return self._encode(value)
            except (packing.error, AttributeError, TypeError, ValueError, OverflowError):
                pass  # the careful way converts it or says what is wrong
        out = bytearray(self.size)
        encode_into(self.type, value, out, 0, "value")
        return bytes(out)

    def decode_many(self, buffer: Any, count: int, stride: int | None = None, offset: int = 0) -> list[Any]:
        """`count` values from `offset`, `stride` bytes apart (their size, when not given)."""
        many: list[Any] = self._decode_many(buffer, count, stride or self.size, offset)
        return many

    @property
    def dtype(self) -> Any:
        """The type's numpy dtype; needs numpy."""
        import numpy

        from pybpfc.lang.arrays import describe

        return numpy.dtype(describe(self.type))


_CODECS: dict[Type, Codec] = {}


def codec_for(type: Type) -> Codec:
    """The codec of a type, made once."""
    known = _CODECS.get(type)
    if known is None:
        known = _CODECS[type] = Codec(type)
    return known


def letter(type: Int | Bool | Enum | Pointer) -> str:
    """The `struct` module's letter of a number."""
    match type:
        case Bool():
            return "?"
        case Enum():
            return letter(type.underlying)
        case Pointer():
            return "Q"
        case Int():
            shown = _LETTERS[type.bits]
            return shown.lower() if type.signed else shown


def order(type: Type) -> str:
    """The byte order in memory, as the `struct` module writes it."""
    return ">" if isinstance(type, Int) and type.big_endian else NATIVE


def bit_shift(type: Type, bits: int, bit_offset: int) -> int:
    """How far a bit-field lies from the low end of its storage unit."""
    return bit_offset if LITTLE else size_of(type) * 8 - bit_offset - bits


# ------------------------------------------------------------------------- the careful encoder


def encode_into(type: Type, value: Any, out: bytearray, offset: int, what: str) -> None:
    """Store `value` at an offset of zeroed memory; `what` names it in errors."""
    match type:
        case Int() | Bool() | Enum() | Pointer():
            packing.pack_into(order(type) + letter(type), out, offset, number(type, value, what))
        case Array(view=View.STR | View.BYTES):
            raw = _text(type, value, what)
            out[offset : offset + len(raw)] = raw
        case Array():
            _encode_list(type, value, out, offset, what)
        case Struct():
            _encode_struct(type, value, out, offset, what)
        case _:
            if value is not None:
                raise CodecError(f"{what} must be None, not {value!r}")


def number(type: Int | Bool | Enum | Pointer, value: Any, what: str) -> int:
    """`value` as an integer of the type's range; addresses count as their number."""
    if isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        value = int(value)
    if isinstance(value, str) and isinstance(type, Int) and type.big_endian and type.bits == 32:
        try:
            value = int(ipaddress.IPv4Address(value))
        except ValueError:
            raise CodecError(f"{what} must be an integer or an IPv4 address, not {value!r}") from None
    try:
        result: int = operator.index(value)  # pyright: ignore[reportArgumentType]
    except TypeError:
        raise CodecError(f"{what} must be an integer, not {value.__class__.__name__}") from None
    low, high = _range(type)
    if not low <= result <= high:
        raise CodecError(f"{what} must be {low} to {high}, not {result}")
    return result


def _range(type: Int | Bool | Enum | Pointer) -> tuple[int, int]:
    match type:
        case Bool():
            return 0, 1
        case Pointer():
            return 0, (1 << 64) - 1
        case Enum():
            return type.underlying.min, type.underlying.max
        case Int():
            return type.min, type.max


def _text(type: Array, value: Any, what: str) -> bytes:
    if isinstance(value, str) and type.view is View.STR:
        value = value.encode()
    elif isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        value = value.packed
    if not isinstance(value, bytes | bytearray | memoryview):
        raise CodecError(f"{what} must be {type.view.value}, not {value.__class__.__name__}")
    room = type.length - (1 if type.view is View.STR else 0)
    if len(value) > room:
        raise CodecError(f"{what} takes {room} bytes, not {len(value)}")
    return bytes(value)


def _encode_list(type: Array, value: Any, out: bytearray, offset: int, what: str) -> None:
    if isinstance(value, ipaddress.IPv6Address | ipaddress.IPv4Address):
        value = _address_words(type, value)
    try:
        items = list(value)
    except TypeError:
        raise CodecError(f"{what} must be a list, not {value.__class__.__name__}") from None
    if len(items) > type.length:
        raise CodecError(f"{what} takes {type.length} elements, not {len(items)}")
    step = size_of(type.element)
    for index, item in enumerate(items):
        encode_into(type.element, item, out, offset + index * step, f"{what}[{index}]")


def _address_words(type: Array, value: Any) -> Any:
    """An address as the elements of `be32[4]` and the like; unchanged where it is no such array."""
    element = type.element
    if not isinstance(element, Int) or size_of(type) != len(value.packed):
        return value
    step = size_of(element)
    words = [value.packed[i : i + step] for i in range(0, len(value.packed), step)]
    source = "big" if element.big_endian or element.bits == 8 else sys.byteorder
    return [int.from_bytes(word, source, signed=element.signed) for word in words]


def _encode_struct(type: Struct, value: Any, out: bytearray, offset: int, what: str) -> None:
    if type.cls is not None and not isinstance(value, type.cls | dict) and hasattr(type.cls, "__bpf_from__"):
        value = type.cls.__bpf_from__(value)
    if type.union and type.cls is not None and isinstance(value, type.cls):
        out[offset : offset + type.size] = value.__bytes__()  # type: ignore[attr-defined]
        return
    given = _members(type, value, what)
    if type.union and len(given) > 1:
        raise CodecError(f"{what} of `{type.name}`: only one field of a union can be given")
    prefix = type.name if what == "value" else what
    for field in type.fields:
        if field.name not in given:
            continue
        item, name = given[field.name], f"{prefix}.{field.name}"
        if field.bits is not None:
            _encode_bits(field.type, field.bits, field.bit_offset, item, out, offset + field.offset, name)
        else:
            encode_into(field.type, item, out, offset + field.offset, name)


def _members(type: Struct, value: Any, what: str) -> dict[str, Any]:
    """The fields that a value gives: an instance, a dict, or a tuple of all of them."""
    if isinstance(value, dict):
        unknown = next((name for name in value if type.find(name) is None), None)
        if unknown is not None:
            raise CodecError(f"`{type.name}` has no field `{unknown}`")
        return value
    if type.cls is not None and isinstance(value, type.cls):
        return {field.name: getattr(value, field.name) for field in type.fields if hasattr(value, field.name)}
    if isinstance(value, tuple) and not type.union:
        if len(value) != len(type.fields):
            raise CodecError(f"{what} must be {len(type.fields)} values, the fields of `{type.name}`, not {len(value)}")
        return {field.name: item for field, item in zip(type.fields, value, strict=True)}
    raise CodecError(f"{what} must be `{type.name}`, not {value.__class__.__name__}")


def _encode_bits(type: Type, bits: int, bit_offset: int, value: Any, out: bytearray, offset: int, name: str) -> None:
    signed = isinstance(type, Int) and type.signed
    field = number(Int(bits, signed), value, name)
    size = size_of(type)
    shift = bit_shift(type, bits, bit_offset)
    word = int.from_bytes(out[offset : offset + size], sys.byteorder)
    mask = ((1 << bits) - 1) << shift
    word = (word & ~mask) | ((field << shift) & mask)
    out[offset : offset + size] = word.to_bytes(size, sys.byteorder)
