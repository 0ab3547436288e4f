"""Contexts: what a program's first argument points to, made from bytes, a packet, a dict of fields or a list.

A UAPI struct such as `__sk_buff` is not memory: each field is allowed, or not, by itself, and some are pointers. The
records of tracepoints, `pt_regs` and argument lists are memory that programs only read.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from pybpfc.abi.contexts import CONTEXTS, ContextField, ContextStruct
from pybpfc.lang.types import Space
from pybpfc.vm.context_rules import Rules
from pybpfc.vm.errors import VmError
from pybpfc.vm.regions import Order, Region
from pybpfc.vm.values import Value


class StructContext(Region):
    """A UAPI context. `live` fields are asked when they are read: pointers, and what helpers change."""

    __slots__ = ("live", "order", "rules", "struct")

    def __init__(self, struct: ContextStruct, order: Order, rules: Rules | None = None) -> None:
        super().__init__(f"the context (`{struct.name}`)", bytearray(struct.size), Space.CTX)
        self.direct = False
        self.struct = struct
        self.order: Order = order
        self.live: dict[str, Callable[[], Value]] = {}
        self.rules = rules if rules is not None else Rules(struct, frozenset(), frozenset())

    def _fields(self, at: int, size: int) -> list[ContextField]:
        """The fields that an access may belong to; a 16-bit port lies in 4 bytes."""
        if at % size or at < 0:
            return []
        return [
            f for f in self.struct.fields if f.offset <= at and at + size <= f.offset + (4 if f.size == 2 else f.size)
        ]

    def load(self, at: int, size: int, order: Order) -> Value:
        """Read a field or a part of one."""
        fields = self._fields(at, size)
        field = next((f for f in fields if self.rules.readable(f, at, size)), None)
        if field is None:
            raise self._refused(fields, at, size, "read")
        live = self.live.get(field.name)
        if live is not None:
            value = live()
            if not isinstance(value, int):
                return value
            self._set(field, value)
        return int.from_bytes(self.data[at : at + size], order)

    def store(self, at: int, size: int, value: Value, order: Order) -> None:
        """Write a field."""
        fields = self._fields(at, size)
        if not any(self.rules.may_write(f, at, size) for f in fields):
            raise self._refused(fields, at, size, "written")
        super().store(at, size, value, order)

    def _refused(self, fields: list[ContextField], at: int, size: int, what: str) -> VmError:
        """Why an access is none that programs of this kind may make."""
        if not fields:
            return VmError(f"{size} bytes at offset {at} of {self.label} are no field of it")
        name = fields[0].name
        if name in self.rules.hidden:
            return VmError(f"`{name}` of {self.label} is not there for programs of this kind")
        if what == "written" and name not in self.rules.writable:
            return VmError(f"`{name}` of {self.label} is read-only for programs of this kind")
        return VmError(f"{size} bytes of `{name}` of {self.label} are {what}; it is not {what} in pieces of that size")

    def read(self, at: int, size: int) -> bytes:
        """Helpers take contexts, not pieces of them."""
        raise VmError(f"a helper is given {self.label} as memory")

    def write(self, at: int, data: bytes) -> None:
        """Helpers take contexts, not pieces of them."""
        raise VmError(f"a helper would write to {self.label}")

    # --------------------------------------------------------------------- from outside

    def _set(self, field: ContextField, value: Any) -> None:
        self.data[field.offset : field.offset + field.size] = encode_field(field, value, self.order)

    def fill(self, values: Mapping[str, Any]) -> None:
        """Set fields by name."""
        known = {f.name: f for f in self.struct.fields}
        for name, value in values.items():
            field = known.get(name)
            if field is None:
                raise unknown_field(self.struct.name, name, list(known))
            self._set(field, value)

    def get(self, name: str) -> int:
        """A field's number, in host order."""
        field = next((f for f in self.struct.fields if f.name == name), None)
        if field is None:
            raise unknown_field(self.struct.name, name, [f.name for f in self.struct.fields])
        return field.decode(self.data[field.offset : field.offset + field.size], self.order)

    def set(self, name: str, value: int) -> None:
        """Set a field to a number in host order."""
        self.fill({name: value})


class RecordContext(Region):
    """A tracepoint's record, registers, or a list of arguments: aligned reads, `first` bytes at the start hidden."""

    __slots__ = ("first", "objects")

    def __init__(self, label: str, data: bytes, *, first: int = 0, writable: bool = False) -> None:
        super().__init__(label, bytearray(data), Space.CTX, writable=writable)
        self.direct = False
        self.first = first
        self.objects: dict[int, Value] = {}

    def load(self, at: int, size: int, order: Order) -> Value:
        """Read a number."""
        self.check(at, size)
        if at % size or at < self.first:
            raise VmError(f"{size} bytes at offset {at} of {self.label} can't be read by programs")
        found = self.objects.get(at)
        if found is not None and size == 8:
            return found
        return int.from_bytes(self.data[at : at + size], order)


class ContextImage(bytes):
    """A context's bytes after a run; the fields of a struct context are attributes, in host order."""

    struct: ContextStruct | None = None
    order: Order = "little"

    @classmethod
    def of(cls, data: bytes, struct: ContextStruct | None, order: Order) -> ContextImage:
        """The image of a context."""
        made = cls(data)
        made.struct, made.order = struct, order
        return made

    def __getattr__(self, name: str) -> Any:
        struct: ContextStruct | None = self.__dict__.get("struct")
        field = next((f for f in struct.fields if f.name == name), None) if struct is not None else None
        if field is None:
            raise AttributeError(f"the context has no field `{name}`")
        raw = self[field.offset : field.offset + field.size]
        order: Order = "big" if field.big_endian else self.order
        if field.size in (1, 2, 4, 8):
            return field.decode(raw, self.order)
        return [int.from_bytes(raw[i : i + 4], order) for i in range(0, field.size, 4)]


def encode_field(field: ContextField, value: Any, order: Order) -> bytes:
    """A field's bytes from a number in host order, bytes, a list of words, or an address such as `"10.0.0.1"`."""
    side: Order = "big" if field.big_endian else order
    if isinstance(value, str) and field.big_endian:
        value = _address(field.name, value)
    if isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        value = value.packed
    if isinstance(value, bytes | bytearray):
        if len(value) > field.size:
            raise VmError(f"`{field.name}` has {field.size} bytes, not {len(value)}")
        return bytes(value).ljust(field.size, b"\0")
    if isinstance(value, list | tuple):
        if len(value) * 4 > field.size:
            raise VmError(f"`{field.name}` has {field.size // 4} words, not {len(value)}")
        words = (whole(field.name, v) & 0xFFFF_FFFF for v in value)
        return b"".join(word.to_bytes(4, side) for word in words).ljust(field.size, b"\0")
    bits = 16 if field.short else 8 * field.size
    return field.encode(whole(field.name, value) & (1 << bits) - 1, order)


def whole(name: str, value: Any) -> int:
    """A value that must be a number."""
    if isinstance(value, int):
        return int(value)
    raise VmError(f"`{name}` is a number, not {value!r}")


def _address(name: str, text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise VmError(f"`{name}` is an address or a number, not {text!r}") from None


def unknown_field(what: str, name: str, known: list[str]) -> VmError:
    """The error of a field that is not there."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    return VmError(
        f"`{what}` has no field `{name}`",
        remedy=f"did you mean `{close[0]}`?" if close else f"it has {', '.join(known) or 'none'}",
    )


def struct_context(name: str, order: Order, rules: Rules | None = None) -> StructContext:
    """An empty context of a UAPI struct."""
    return StructContext(CONTEXTS[name], order, rules)
