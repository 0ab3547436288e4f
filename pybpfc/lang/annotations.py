"""From Python annotations to types: `u32`, `Annotated[str, 16]`, `Event`, `Ptr[u64] | None`."""

from __future__ import annotations

import enum
import types as pytypes
import typing
from typing import Annotated, Any

from pybpfc.lang.errors import AnnotationError
from pybpfc.lang.types import (
    BOOL,
    CHAR,
    I32,
    I64,
    U8,
    U32,
    U64,
    VOID,
    Array,
    Enum,
    Int,
    Pointer,
    Space,
    Struct,
    Type,
    View,
)

MAX_ARRAY = 1 << 24


class Bits:
    """The width of a bit-field: `Annotated[u8, bpf.bits(4)]`."""

    __slots__ = ("width",)

    def __init__(self, width: int) -> None:
        if not isinstance(width, int) or not 1 <= width <= 64:
            raise AnnotationError(f"a bit-field is 1 to 64 bits wide, not {width!r}")
        self.width = width


class PointerTo:
    """What `Ptr[T]` and `UserPtr[T]` are at run time."""

    __slots__ = ("space", "target")

    def __init__(self, target: Any, space: Space) -> None:
        self.target = target
        self.space = space

    def __or__(self, other: Any) -> Any:
        return typing.Union[self, other] if other is None else NotImplemented

    def __call__(self) -> None:
        raise TypeError("a pointer type has no values in user space")

    def __hash__(self) -> int:
        return hash((id(self.target), self.space))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PointerTo) and (self.target, self.space) == (other.target, other.space)


class GlobalMarker:
    """What `Const[T]` and `Global[T]` are at run time; `kind` is "const" or "global"."""

    __slots__ = ("kind", "target")

    def __init__(self, kind: str, target: Any) -> None:
        self.kind = kind
        self.target = target


def split_global(annotation: Any) -> tuple[str | None, Any]:
    """`Const[T]` → ("const", T), `Global[T]` → ("global", T), a bare integer class → ("global", it), else (None, …)."""
    if isinstance(annotation, GlobalMarker):
        return annotation.kind, annotation.target
    if isinstance(getattr(annotation, "__bpf_type__", None), Int) and isinstance(annotation, type):
        return "global", annotation
    return None, annotation


def resolve(annotation: Any) -> Type:
    """The type an annotation stands for; raises `AnnotationError` with what to write instead."""
    if annotation is None or annotation is type(None):
        return VOID
    if annotation is bool:
        return BOOL
    if annotation is int:
        return I64
    if annotation in (str, bytes, list):
        name = annotation.__name__
        shown = "list[T]" if name == "list" else name
        raise AnnotationError(f"`{name}` has no size", f"write `Annotated[{shown}, N]`")
    if annotation is float:
        raise AnnotationError("BPF has no floating point", "use an integer and a scale")
    if isinstance(annotation, PointerTo):
        target = annotation.target
        return Pointer(VOID if target is None else resolve(target), annotation.space)
    if isinstance(annotation, GlobalMarker):
        raise AnnotationError(f"`{annotation.kind.capitalize()}[...]` marks globals only", "annotate with the type itself")
    if isinstance(annotation, type):
        return _resolve_class(annotation)
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return _resolve_annotated(annotation)
    if origin in (typing.Union, pytypes.UnionType):
        return _resolve_optional(annotation)
    if origin is list:
        raise AnnotationError("a list has no size", "write `Annotated[list[T], N]`")
    if isinstance(annotation, str):
        raise AnnotationError(f"the name `{annotation}` cannot be resolved here", "define the type before its use")
    raise AnnotationError(f"`{annotation!r}` is not a type of a BPF program")


def _resolve_class(annotation: type) -> Type:
    if issubclass(annotation, enum.IntEnum | enum.IntFlag):
        return enum_type(annotation)
    found = getattr(annotation, "__bpf_type__", None)
    if isinstance(found, Int | Struct):
        return found
    raise AnnotationError(f"`{annotation.__name__}` is not a type of a BPF program", "decorate the class with `@bpf.struct`")


def enum_type(cls: type[enum.IntEnum] | type[enum.IntFlag]) -> Enum:
    """The type of an `IntEnum` or `IntFlag`: i32 or u32 where its members fit, else 64 bits."""
    values = [int(m) for m in cls]
    for candidate in (I32, U32, I64, U64):
        if all(candidate.min <= v <= candidate.max for v in values):
            return Enum(cls.__name__, candidate, tuple((m.name or "", int(m)) for m in cls), cls)
    raise AnnotationError(f"the members of `{cls.__name__}` do not fit 64 bits")


def _resolve_annotated(annotation: Any) -> Type:
    base, *extra = typing.get_args(annotation)
    if len(extra) == 1 and isinstance(extra[0], Bits):
        return resolve(base)
    lengths = [e for e in extra if isinstance(e, int) and not isinstance(e, bool)]
    if len(lengths) != 1:
        raise AnnotationError("an array has one length", "write `Annotated[str, 16]`")
    length = int(lengths[0])
    if not 0 < length <= MAX_ARRAY:
        raise AnnotationError(f"an array has 1 to {MAX_ARRAY} elements, not {length}")
    if base is str:
        return Array(CHAR, length, View.STR)
    if base is bytes:
        return Array(U8, length, View.BYTES)
    if typing.get_origin(base) is list:
        return Array(resolve(typing.get_args(base)[0]), length)
    raise AnnotationError("only `str`, `bytes` and `list[T]` have a length", "write `Annotated[list[T], N]`")


def _resolve_optional(annotation: Any) -> Type:
    args = typing.get_args(annotation)
    inner = [a for a in args if a is not type(None)]
    if len(inner) != 1 or len(args) != 2:
        raise AnnotationError("a union is `T | None`", "use one type, or `@bpf.union` for overlapping fields")
    found = resolve(inner[0])
    if isinstance(found, Struct | Array):
        return Pointer(found, Space.STACK, nullable=True)
    if isinstance(found, Pointer):
        return Pointer(found.to, found.space, nullable=True)
    raise AnnotationError(f"`{found} | None` does not exist: a number is never None")


def bit_width(annotation: Any) -> int | None:
    """The width an annotation gives a bit-field."""
    if typing.get_origin(annotation) is Annotated:
        for extra in typing.get_args(annotation)[1:]:
            if isinstance(extra, Bits):
                return extra.width
    return None
