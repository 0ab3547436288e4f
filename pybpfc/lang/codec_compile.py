"""Compiles decoders and encoders: Python source for one type, so that a value costs one unpack and one object.

For `struct Event {u64 ts; u32 pid; char comm[16];}` the decoder is

    def decode(buffer, offset=0):
        (v0, v1, v2,) = unpack(buffer, offset)       # "<QI16s4x"
        o0 = new(c0)
        o0.ts = v0; o0.pid = v1
        o0.comm = v2.partition(NUL)[0].decode("utf-8", "replace")
        return o0
"""

from __future__ import annotations

import enum
import struct as packing
from collections.abc import Callable
from typing import Any

from pybpfc.lang.codec import NATIVE, CodecError, bit_shift, letter, order
from pybpfc.lang.generated import run
from pybpfc.lang.types import Array, Bool, Enum, Field, Int, Pointer, Struct, Type, View, size_of
from pybpfc.records import define, field

_INLINE = 16
"""Integer arrays up to this length are part of the struct's own unpack; longer ones get one of their own."""


@define
class _Decoder:
    """Source under construction: `slots` of one unpack in ascending order, then statements that build the value."""

    names: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    native: list[tuple[int, str, int]] = field(default_factory=list)
    swapped: list[tuple[int, str, int]] = field(default_factory=list)
    units: dict[tuple[int, str], str] = field(default_factory=dict)
    count: int = 0

    def name(self, prefix: str, value: Any) -> str:
        """A global of the generated function."""
        made = f"{prefix}{len(self.names)}"
        self.names[made] = value
        return made

    def slot(self, offset: int, letters: str, size: int, *, swapped: bool = False) -> str:
        """A variable that the unpack fills."""
        (self.swapped if swapped else self.native).append((offset, letters, size))
        return f"{'s' if swapped else 'v'}{offset}"

    def unpacks(self, size: int) -> list[str]:
        """The statements that fill the slots; the first covers the whole value, so that short buffers are noticed."""
        made = []
        for letters_of, prefix, byte_order in ((self.native, "v", NATIVE), (self.swapped, "s", ">")):
            if not letters_of:
                continue
            layout, position, targets = byte_order, 0, []
            for offset, letters, length in letters_of:
                layout += f"{offset - position}x" if offset > position else ""
                layout += letters
                targets.append(f"{prefix}{offset}")
                position = offset + length
            layout += f"{size - position}x" if size > position else ""
            unpack = self.name("unpack", packing.Struct(layout).unpack_from)
            made.append(f"({', '.join(targets)},) = {unpack}(buffer, offset)")
        return made

    # ------------------------------------------------------------------------------ values

    def value(self, type: Type, offset: int) -> str:
        """An expression for the value of `type` at a constant offset; adds slots and statements for it."""
        match type:
            case Int(big_endian=True):
                return self.slot(offset, letter(type), size_of(type), swapped=True)
            case Int() | Bool() | Pointer():
                return self.slot(offset, letter(type), size_of(type))
            case Enum():
                return self.enum(type, self.slot(offset, letter(type), size_of(type)))
            case Array(view=View.STR):
                slot = self.slot(offset, f"{type.length}s", type.length)
                return f"{slot}.partition({self.name('NUL', bytes(1))})[0].decode('utf-8', 'replace')"
            case Array(view=View.BYTES):
                return self.slot(offset, f"{type.length}s", type.length)
            case Array():
                return self.array(type, offset)
            case Struct():
                return self.struct(type, offset)
            case _:
                return "None"

    def enum(self, type: Enum, value: str) -> str:
        """The member of that value; one without a name stays a number, or a combination of flags."""
        if type.cls is None:
            return value
        members = self.name("members", {int(m): m for m in type.cls})
        if issubclass(type.cls, enum.IntFlag):
            return f"({members}.get({value}) or {self.name('flags', type.cls)}({value}))"
        return f"{members}.get({value}, {value})"

    def array(self, type: Array, offset: int) -> str:
        """A list."""
        element = type.element
        step = size_of(element)
        simple = isinstance(element, Int | Bool | Pointer)
        if simple and type.length <= _INLINE:
            return f"[{', '.join(self.value(element, offset + i * step) for i in range(type.length))}]"
        if isinstance(element, Int | Bool | Pointer):
            layout = f"{order(element)}{type.length}{letter(element)}"
            return f"list({self.name('list', packing.Struct(layout).unpack_from)}(buffer, offset + {offset}))"
        many = self.name("many", compile_decoder(element)[1])
        return f"{many}(buffer, {type.length}, {step}, offset + {offset})"

    def struct(self, type: Struct, offset: int) -> str:
        """An object of the struct's class, or a dict where there is none."""
        if type.union:
            return self.union(type, offset)
        values = {f.name: self.member(f, offset) for f in type.fields}
        if type.cls is None:
            return "{" + ", ".join(f"{name!r}: {value}" for name, value in values.items()) + "}"
        made, self.count = f"o{self.count}", self.count + 1
        self.lines.append(f"{made} = {self.name('new', object.__new__)}({self.name('cls', type.cls)})")
        self.lines += [f"{made}.{name} = {value}" for name, value in values.items()]
        return made

    def member(self, member: Field, base: int) -> str:
        """A field's value, bit-fields included."""
        if member.bits is None:
            return self.value(member.type, base + member.offset)
        key = (base + member.offset, letter(member.type).upper())  # type: ignore[arg-type]
        unit = self.units.get(key)
        if unit is None:
            unit = self.units[key] = f"u{len(self.units)}"
            read = self.name("unit", packing.Struct(NATIVE + key[1]).unpack_from)
            self.lines.append(f"({unit},) = {read}(buffer, offset + {key[0]})")
        shift, sign = bit_shift(member.type, member.bits, member.bit_offset), 1 << (member.bits - 1)
        value = f"({unit} >> {shift} & {(1 << member.bits) - 1})"
        signed = isinstance(member.type, Int) and member.type.signed
        return f"(({value} ^ {sign}) - {sign})" if signed else value

    def union(self, type: Struct, offset: int) -> str:
        """A union keeps its bytes and decodes the member that is asked for."""
        raw = f"bytes(buffer[offset + {offset}:offset + {offset + type.size}])"
        if type.cls is None:
            return raw
        return f"{self.name('union', type.cls.__bpf_union__)}({raw})"  # type: ignore[attr-defined]


Decode = Callable[..., Any]
_DECODERS: dict[Type, tuple[Decode, Decode]] = {}


def compile_decoder(type: Type) -> tuple[Decode, Decode]:
    """`decode(buffer, offset=0)` and `decode_many(buffer, count, stride, offset)`; both raise `CodecError`."""
    known = _DECODERS.get(type)
    if known is not None:
        return known
    d = _Decoder()
    result = d.value(type, 0)
    size = size_of(type)
    body = [*d.unpacks(size), *d.lines]
    if not d.native and not d.swapped:  # nothing else would notice a buffer that is too short
        check = d.name("check", packing.Struct(f"{size}x").unpack_from)
        body.insert(0, f"{check}(buffer, offset)")
    d.names |= {"error": packing.error, "short": _short, "type": type, "size": size}
    source = [
        "def decode(buffer, offset=0):",
        "    try:",
        *(f"        {line}" for line in body),
        f"        return {result}",
        "    except error:",
        "        raise short(buffer, offset, size, type) from None",
        "def decode_many(buffer, count, stride, start):",
        "    out = []",
        "    add = out.append",
        "    try:",
        "        for offset in range(start, start + count * stride, stride):",
        *(f"            {line}" for line in body),
        f"            add({result})",
        "    except error:",
        "        raise short(buffer, offset, size, type) from None",
        "    return out",
    ]
    run("\n".join(source), d.names, "decoder")
    made = _DECODERS[type] = (d.names["decode"], d.names["decode_many"])
    return made


def _short(buffer: Any, offset: int, size: int, type: Type) -> Exception:
    return CodecError(f"{max(0, len(buffer) - offset)} bytes are too few for `{type}`, which has {size}")


# ------------------------------------------------------------------------------------ encoding


class _Unpackable(Exception):
    """One `pack` cannot make this type."""


def compile_encoder(type: Type) -> Callable[[Any], bytes] | None:
    """A function that packs well-formed values in one call; None for types that need more than that.

    It raises one of the usual exceptions on anything else, for the careful encoder to look at.
    """
    names: dict[str, Any] = {"text": _text, "exact": _exact}
    parts: list[tuple[int, str, str]] = []
    checks: list[str] = []
    try:
        _collect(type, "value", 0, parts, checks, names)
    except _Unpackable:
        return None
    layout, position = NATIVE, 0
    for offset, letters, _ in parts:
        layout += f"{offset - position}x" if offset > position else ""
        layout += letters
        position = offset + packing.calcsize(NATIVE + letters)
    size = size_of(type)
    layout += f"{size - position}x" if size > position else ""
    names["pack"] = packing.Struct(layout).pack
    arguments = ", ".join(expression for _, _, expression in parts)
    source = ["def encode(value):", *(f"    {check}" for check in checks), f"    return pack({arguments})"]
    run("\n".join(source), names, "encoder")
    encode: Callable[[Any], bytes] = names["encode"]
    return encode


def _collect(
    type: Type, path: str, offset: int, parts: list[tuple[int, str, str]], checks: list[str], names: dict[str, Any]
) -> None:
    """The letters and expressions of everything within a value."""
    match type:
        case Int(big_endian=True):
            parts.append((offset, f"{type.bits // 8}s", f"{path}.to_bytes({type.bits // 8}, 'big')"))
        case Int() | Pointer():
            parts.append((offset, letter(type), path))
        case Enum():
            parts.append((offset, letter(type), path))
        case Bool():
            parts.append((offset, "B", f"exact({path}, 1)"))
        case Array(view=View.STR):
            parts.append((offset, f"{type.length}s", f"text({path}, {type.length - 1})"))
        case Array(view=View.BYTES):
            parts.append((offset, f"{type.length}s", f"exact_bytes({path}, {type.length})"))
            names["exact_bytes"] = _exact_bytes
        case Array() if isinstance(type.element, Int) and not type.element.big_endian:
            checks.append(f"if len({path}) != {type.length}: raise ValueError")
            parts.append((offset, f"{type.length}{letter(type.element)}", f"*{path}"))
        case Struct(union=False) if type.cls is not None and all(f.bits is None for f in type.fields):
            cls = f"cls{len(names)}"
            names[cls] = type.cls
            checks.append(f"if {path}.__class__ is not {cls}: raise TypeError")
            for member in type.fields:
                _collect(member.type, f"{path}.{member.name}", offset + member.offset, parts, checks, names)
        case _:
            raise _Unpackable


def _text(value: str, room: int) -> bytes:
    raw = value.encode()
    if len(raw) > room:
        raise ValueError
    return raw


def _exact(value: Any, high: int) -> int:
    if not 0 <= value <= high:
        raise ValueError
    return int(value)


def _exact_bytes(value: bytes, room: int) -> bytes:
    if value.__class__ is not bytes or len(value) > room:
        raise ValueError
    return value
