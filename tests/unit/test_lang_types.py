"""Integers, annotations and globals: what a Python annotation means."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Optional

import pytest

import pybpfc as bpf
from pybpfc import be16, be32, be64, i8, i16, i32, i64, u8, u16, u32, u64
from pybpfc.lang import types as t
from pybpfc.lang.annotations import GlobalMarker, bit_width, resolve, split_global
from pybpfc.lang.errors import AnnotationError
from pybpfc.lang.types import Array, Enum, Pointer, Space, View

INTEGERS = [u8, u16, u32, u64, i8, i16, i32, i64, be16, be32, be64]


class Color(enum.IntEnum):
    RED = 1
    CRIMSON = 1
    BLUE = 2


class Wide(enum.IntEnum):
    HUGE = 1 << 40
    SMALL = -1


class Flags(enum.IntFlag):
    A = 1
    B = 1 << 31


@bpf.struct
class Point:
    x: u32
    y: u32


@bpf.kernel_struct
class task_struct:
    pid: i32
    real_parent: task_struct


# ----------------------------------------------------------------------------------- integers


@pytest.mark.parametrize("cls", INTEGERS, ids=lambda cls: cls.__name__)
def test_integers_wrap_as_casts_do(cls: Any) -> None:
    kind = cls.__bpf_type__
    assert str(kind) == cls.__name__
    for value in (0, -1, 1 << 70, kind.max, kind.max + 1, kind.min, kind.min - 1):
        assert cls(value) == kind.wrap(value)
    assert isinstance(cls(5), int)
    assert cls() == 0
    assert cls.__doc__.endswith(f"{kind.bits}-bit integer.")


def test_results_of_arithmetic_are_plain() -> None:
    assert u8(300) == 44
    assert u8(200) + 100 == 300
    assert i8(u8(200)) == -56


# -------------------------------------------------------------------------------- annotations

PLAIN: list[tuple[Any, t.Type]] = [
    (u8, t.U8),
    (i64, t.I64),
    (be16, t.BE16),
    (bool, t.BOOL),
    (int, t.I64),
    (None, t.VOID),
    (type(None), t.VOID),
    (Annotated[str, 16], Array(t.CHAR, 16, View.STR)),
    (Annotated[bytes, 2 * 8], Array(t.U8, 16, View.BYTES)),
    (Annotated[list[u32], 4], Array(t.U32, 4)),
    (Annotated[list[Annotated[list[bool], 2]], 3], Array(Array(t.BOOL, 2), 3)),
    (Annotated[list[Annotated[str, 8]], 3], Array(Array(t.CHAR, 8, View.STR), 3)),
    (Annotated[u8, "a note"], t.U8),
    (Annotated[u8, bpf.bits(4)], t.U8),
    (bpf.Ptr[u64], Pointer(t.U64, Space.MAP_VALUE)),
    (bpf.UserPtr[Annotated[str, 8]], Pointer(Array(t.CHAR, 8, View.STR), Space.USER)),
    (bpf.Ptr[None], Pointer(t.VOID, Space.MAP_VALUE)),
    (bpf.Ptr[u64] | None, Pointer(t.U64, Space.MAP_VALUE, nullable=True)),
    (Optional[bpf.UserPtr[u8]], Pointer(t.U8, Space.USER, nullable=True)),  # noqa: UP045
    (Point | None, Pointer(Point.__bpf_type__, Space.STACK, nullable=True)),  # type: ignore[attr-defined]
    (task_struct | None, Pointer(task_struct.__bpf_type__, Space.KERNEL, nullable=True)),  # type: ignore[attr-defined]
    (Annotated[list[u8], 4] | None, Pointer(Array(t.U8, 4), Space.STACK, nullable=True)),
    ("u32", t.U32),
    ("bpf.Ptr[Point] | None", Pointer(Point.__bpf_type__, Space.MAP_VALUE, nullable=True)),  # type: ignore[attr-defined]
    (Annotated[list["u16"], 2], Array(t.U16, 2)),
    (Point, Point.__bpf_type__),  # type: ignore[attr-defined]
]


@pytest.mark.parametrize(("annotation", "expected"), PLAIN, ids=lambda value: str(value).replace("/", "_"))
def test_resolve(annotation: Any, expected: t.Type) -> None:
    assert resolve(annotation, globals()) == expected


def test_enums() -> None:
    assert resolve(Color) == Enum("Color", t.I32, (("RED", 1), ("CRIMSON", 1), ("BLUE", 2)), Color)
    wide, flags = resolve(Wide), resolve(Flags)
    assert isinstance(wide, Enum)
    assert isinstance(flags, Enum)
    assert (wide.underlying, flags.underlying) == (t.I64, t.U32)


class Text(enum.Enum):
    A = "a"


class Empty(enum.IntEnum):
    pass


class TooWide(enum.IntEnum):
    A = 1 << 64


class Plain:
    x: u32


WRONG: list[tuple[Any, str]] = [
    (str, "`str` has no size; write `Annotated[str, N]`"),
    (bytes, "`bytes` has no size; write `Annotated[bytes, N]`"),
    (list, "`list` has no size; write `Annotated[list[T], N]`"),
    (list[u8], "a list has no size; write `Annotated[list[T], N]`"),
    (Annotated[list, 4], "the list's elements have no type"),
    (Annotated[str, 0], "an array has 1 to 16777216 elements, not 0"),
    (Annotated[str, 1 << 30], "an array has 1 to 16777216 elements, not 1073741824"),
    (Annotated[str, 1, 2], "an array has one length"),
    (Annotated[str, "x"], "an array has one length"),
    (Annotated[u8, 4], "`u8` has no length"),
    (Annotated[list[None], 4], "the elements of an array cannot be None"),
    (float, "BPF has no floating point; use an integer and a scale"),
    (Plain, "`Plain` is not a type of a BPF program; decorate the class with `@bpf.struct`"),
    (dict, "`dict` is not a type of a BPF program"),
    (dict[str, int], "is not a type of a BPF program"),
    (u32 | None, "`u32 | None` does not exist: a number is never None; use `Ptr[u32] | None`"),
    (u32 | u64, "a union is `T | None`"),
    (bpf.Const[u32], "`Const[…]` is of a module's variables only"),
    (bpf.Embedded[task_struct], "`Embedded[…]` is of a kernel struct's fields only"),
    (Text, "`Text` is not an enum of integers; make it an `enum.IntEnum`"),
    (Empty, "`Empty` has no members"),
    (TooWide, "do not fit 64 bits"),
    ("nowhere", "the name `nowhere` cannot be resolved here; define the type before its use"),
    ("1 +", "`1 +` is not a type"),
    ("[][1]", "`[][1]` cannot be evaluated: IndexError"),
    (5, "`5` is not a type of a BPF program"),
]


@pytest.mark.parametrize(("annotation", "message"), WRONG, ids=lambda value: str(value).replace("/", "_"))
def test_wrong_annotations(annotation: Any, message: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        resolve(annotation)
    assert message in str(caught.value)


def test_bit_fields() -> None:
    assert bit_width(Annotated[u8, bpf.bits(4)]) == 4
    assert bit_width(u8) is None
    assert (repr(bpf.bits(3)), bpf.bits(3) == bpf.bits(3), len({bpf.bits(3), bpf.bits(3)})) == ("bits(3)", True, 1)
    for width in (0, 65, "x", True):
        with pytest.raises(AnnotationError, match="1 to 64 bits wide"):
            bpf.bits(width)  # type: ignore[arg-type]


def test_markers_are_values() -> None:
    assert repr(bpf.Ptr[u32]) == "Ptr[u32]"
    assert repr(bpf.UserPtr["x"]) == "UserPtr['x']"  # type: ignore[name-defined]  # noqa: F821
    assert repr(bpf.Const[u32]) == "Const[u32]"
    assert bpf.Ptr[u32] == bpf.Ptr[u32]
    assert bpf.Ptr[u32] != bpf.UserPtr[u32]
    assert bpf.Const[u32] != bpf.Global[u32]
    assert len({bpf.Ptr[u32], bpf.Ptr[u32], bpf.Ptr[u64]}) == 2
    with pytest.raises(TypeError, match="has no values in user space"):
        bpf.Ptr[u32]()


# ------------------------------------------------------------------------------------ globals


def test_split_global() -> None:
    marked: Any = bpf.Const[u32]
    assert isinstance(marked, GlobalMarker)
    assert split_global(marked) == ("const", u32)
    assert split_global(bpf.Global[Annotated[str, 8]]) == ("global", Annotated[str, 8])
    assert split_global(u64) == ("global", u64)
    assert split_global(Point) == ("global", Point)
    assert split_global(Annotated[list[u8], 4]) == ("global", Annotated[list[u8], 4])
    for other in (int, str, bool, list[int], Color, Annotated[int, 3], "u32", Optional[int], Plain):  # noqa: UP045
        assert split_global(other) == (None, other)
