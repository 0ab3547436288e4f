"""The type vocabulary: what every stage means by a type, from annotations to BTF.

Annotations become these types in the frontend; the IR computes with them; the backend lays them
out and writes their BTF; the codecs of user space encode and decode them. They are plain data.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import TypeAlias

from pybpfc.records import define, field, frozen


class View(enum.Enum):
    """How user space sees an array: a Python list, a `str` (NUL-terminated `char[N]`) or `bytes`."""

    LIST = "list"
    STR = "str"
    BYTES = "bytes"


class Space(enum.Enum):
    """The memory a pointer leads to, in the verifier's terms."""

    STACK = "stack"
    CTX = "ctx"
    PACKET = "packet"
    PACKET_END = "packet_end"
    MAP_VALUE = "map_value"
    RINGBUF = "ringbuf"
    GLOBAL = "global"
    MAP = "map"
    BTF = "btf"
    ARENA = "arena"
    USER = "user"
    KERNEL = "kernel"
    OPTIONAL = "optional"  # the slot of a number that may be missing: a name bound to it is the number


@frozen
class Void:
    """No value."""

    def __str__(self) -> str:
        return "None"


@frozen
class Bool:
    """One byte, 0 or 1."""

    def __str__(self) -> str:
        return "bool"


@frozen
class Int:
    """A fixed-width integer; `big_endian` ones are stored in network order and used in host order."""

    bits: int
    signed: bool
    big_endian: bool = False

    def __str__(self) -> str:
        return f"{'be' if self.big_endian else 'i' if self.signed else 'u'}{self.bits}"

    @property
    def min(self) -> int:
        """The smallest value."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def max(self) -> int:
        """The largest value."""
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    def wrap(self, value: int) -> int:
        """`value` modulo 2**bits, in this type's range."""
        value &= (1 << self.bits) - 1
        return value - (1 << self.bits) if self.signed and value >> (self.bits - 1) else value

    @property
    def host(self) -> Int:
        """The same integer once loaded: host order."""
        return Int(self.bits, self.signed) if self.big_endian else self


@frozen
class Enum:
    """A `enum.IntEnum`/`IntFlag` class: its integer representation plus names for BTF and codecs."""

    name: str
    underlying: Int
    members: tuple[tuple[str, int], ...]
    cls: type[enum.IntEnum] | type[enum.IntFlag] | None = None

    def __str__(self) -> str:
        return self.name


@frozen
class Array:
    """`length` elements of one type, in place."""

    element: Type
    length: int
    view: View = View.LIST

    def __str__(self) -> str:
        if self.view is View.LIST:
            return f"Annotated[list[{self.element}], {self.length}]"
        return f"Annotated[{self.view.value}, {self.length}]"


@frozen
class Field:
    """A struct or union member; `offset` in bytes. `bits` and `bit_offset` (from `offset`) for bit-fields."""

    name: str
    type: Type
    offset: int
    bits: int | None = None
    bit_offset: int = 0


@define
class Struct:
    """A struct or union, compared by identity; `fields` may be filled after creation for self-reference.

    A `kernel` struct names a type of the running kernel: only the fields used are known, and where they are is found
    when the program is loaded.
    """

    name: str
    fields: tuple[Field, ...] = ()
    size: int = 0
    align: int = 1
    union: bool = False
    packed: bool = False
    kernel: bool = False
    cls: type | None = None
    by_name: dict[str, Field] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Struct({self.name!r}, {self.size} bytes)"

    @property
    def kernel_name(self) -> str:
        """The kernel's name for it: what stands behind `___` tells several declarations of one type apart."""
        return self.name.partition("___")[0]

    def set_layout(self, fields: tuple[Field, ...], size: int, align: int) -> None:
        """Fill in the members once they are known."""
        self.fields, self.size, self.align = fields, size, align
        self.by_name = {f.name: f for f in fields}

    def find(self, name: str) -> Field | None:
        """The member called `name`."""
        return self.by_name.get(name)


@frozen
class Pointer:
    """An address; `nullable` until a check has narrowed it. `to` is `Void` for untyped memory."""

    to: Type
    space: Space
    nullable: bool = False

    def __str__(self) -> str:
        if self.space is Space.OPTIONAL:
            return f"{self.to} | None" if self.nullable else str(self.to)
        name = "UserPtr" if self.space is Space.USER else "Ptr"
        text = str(self.to) if isinstance(self.to, Struct) and self.space is not Space.USER else f"{name}[{self.to}]"
        return f"{text} | None" if self.nullable else text


@frozen
class Error:
    """The type of an expression that already has a diagnostic; it absorbs follow-up errors."""

    def __str__(self) -> str:
        return "<error>"


Type: TypeAlias = Void | Bool | Int | Enum | Array | Struct | Pointer | Error

VOID = Void()
BOOL = Bool()
ERROR = Error()
U8, U16, U32, U64 = (Int(n, False) for n in (8, 16, 32, 64))
I8, I16, I32, I64 = (Int(n, True) for n in (8, 16, 32, 64))
BE16, BE32, BE64 = (Int(n, False, True) for n in (16, 32, 64))
CHAR = Int(8, True)


def size_of(t: Type) -> int:
    """The size in bytes of a value of type `t` in memory."""
    match t:
        case Void() | Error():
            return 0
        case Bool():
            return 1
        case Int():
            return t.bits // 8
        case Enum():
            return t.underlying.bits // 8
        case Array():
            return size_of(t.element) * t.length
        case Struct():
            return t.size
        case Pointer():
            return 8


def align_of(t: Type) -> int:
    """The natural alignment in bytes of a value of type `t`."""
    match t:
        case Array():
            return align_of(t.element)
        case Struct():
            return t.align
        case _:
            return max(1, size_of(t))


def is_kernel(t: Type) -> bool:
    """Whether `t` is a struct of the running kernel."""
    return isinstance(t, Struct) and t.kernel


def reference_space(t: Type) -> Space:
    """Where what is annotated as struct or array `t` lies: in the program's memory or the kernel's."""
    return Space.KERNEL if is_kernel(t) else Space.STACK


def is_integer(t: Type) -> bool:
    """Whether values of `t` are numbers in a register: integers, `bool`, enums."""
    return isinstance(t, Int | Bool | Enum)


def is_scalar(t: Type) -> bool:
    """Whether a value of `t` fits a register (everything but arrays, structs and nothing)."""
    return isinstance(t, Int | Bool | Enum | Pointer)


def as_int(t: Type) -> Int:
    """The integer type that computes for an integer-like type, in host order."""
    match t:
        case Int():
            return t.host
        case Enum():
            return t.underlying
        case Bool():
            return U8
        case _:
            raise TypeError(f"{t} is not an integer type")


def natural_layout(members: list[tuple[str, Type]], packed: bool = False) -> tuple[tuple[Field, ...], int, int]:
    """Lay out `members` as C does (no bit-fields): the fields, the size and the alignment."""
    fields: list[Field] = []
    offset, align = 0, 1
    for name, member in members:
        boundary = 1 if packed else align_of(member)
        offset = -(-offset // boundary) * boundary
        fields.append(Field(name, member, offset))
        offset += size_of(member)
        align = max(align, boundary)
    return tuple(fields), -(-offset // align) * align, align


def leaves(t: Type, offset: int = 0) -> Iterator[tuple[int, int]]:
    """Offset and size of each scalar within `t`: the bytes that carry meaning (the rest is padding)."""
    match t:
        case Array():
            step = size_of(t.element)
            for i in range(t.length):
                yield from leaves(t.element, offset + i * step)
        case Struct():
            for member in t.fields:
                yield from leaves(member.type, offset + member.offset)
        case _:
            yield offset, size_of(t)
