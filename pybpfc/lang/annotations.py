"""From Python annotations to types: `u32`, `Annotated[str, 16]`, `Event`, `Ptr[u64] | None`."""

from __future__ import annotations

import enum
import functools
import types as pytypes
import typing
from collections.abc import Mapping
from typing import Annotated, Any

from pybpfc.lang.errors import AnnotationError
from pybpfc.lang.generated import value_of
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
    Bool,
    Enum,
    Int,
    Pointer,
    Space,
    Struct,
    Type,
    View,
    is_kernel,
    reference_space,
)

MAX_ARRAY = 1 << 24


class Bits:
    """The width of a bit-field: `Annotated[u8, bpf.bits(4)]`."""

    __slots__ = ("width",)

    def __init__(self, width: int) -> None:
        if not isinstance(width, int) or isinstance(width, bool) or not 1 <= width <= 64:
            raise AnnotationError(f"a bit-field is 1 to 64 bits wide, not {width!r}")
        self.width = width

    def __repr__(self) -> str:
        return f"bits({self.width})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bits) and self.width == other.width

    def __hash__(self) -> int:
        return hash((Bits, self.width))


class _Marker:
    """What a subscripted name such as `Ptr[T]` is at run time; it can be part of `X | None` and of `Annotated`."""

    __slots__ = ("target",)
    label = ""

    def __init__(self, target: Any) -> None:
        self.target = target

    def __or__(self, other: Any) -> Any:
        return typing.Union[self, other] if other is None else NotImplemented  # noqa: UP007

    __ror__ = __or__

    def __call__(self) -> None:
        """Refuse; `typing` asks of everything in a union that it can be called."""
        raise TypeError(f"`{self!r}` is a type of BPF programs and has no values in user space")

    def __repr__(self) -> str:
        target = self.target
        shown = target.__name__ if isinstance(target, type) else repr(target)
        return f"{self.label}[{shown}]"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Marker) and (self.label, self.target) == (other.label, other.target)

    def __hash__(self) -> int:
        return hash((self.label, repr(self.target)))


class PointerTo(_Marker):
    """What `Ptr[T]` and `UserPtr[T]` are at run time."""

    __slots__ = ("space",)

    def __init__(self, target: Any, space: Space) -> None:
        super().__init__(target)
        self.space = space

    @property
    def label(self) -> str:  # type: ignore[override]
        """The name it was written by."""
        return "UserPtr" if self.space is Space.USER else "Ptr"


class EmbeddedIn(_Marker):
    """What `Embedded[T]` is at run time: a struct within a kernel struct, where `T` alone is a pointer."""

    __slots__ = ()
    label = "Embedded"


class GlobalMarker(_Marker):
    """What `Const[T]` and `Global[T]` are at run time; `kind` is "const" or "global"."""

    __slots__ = ("kind",)

    def __init__(self, kind: str, target: Any) -> None:
        super().__init__(target)
        self.kind = kind

    @property
    def label(self) -> str:  # type: ignore[override]
        """The name it was written by."""
        return self.kind.capitalize()


def split_global(annotation: Any) -> tuple[str | None, Any]:
    """`Const[T]` → ("const", T), `Global[T]` → ("global", T); what only programs can mean → ("global", it); else None.

    Fixed-width integers, structs and fixed-size arrays are types of the language, so a module-level variable of one
    is a global of the object; `int`, `str`, `bool` and other annotations are Python's own.
    """
    if isinstance(annotation, GlobalMarker):
        return annotation.kind, annotation.target
    if isinstance(annotation, type) and "__bpf_type__" in vars(annotation):
        return "global", annotation
    if typing.get_origin(annotation) is Annotated:
        base, *extra = typing.get_args(annotation)
        sized = len(extra) == 1 and isinstance(extra[0], int) and not isinstance(extra[0], bool)
        if sized and (base in (str, bytes) or typing.get_origin(base) is list):
            return "global", annotation
    return None, annotation


def resolve(annotation: Any, scope: Mapping[str, Any] | None = None) -> Type:
    """The type an annotation stands for; names in quotes are looked up in `scope`.

    Raises `AnnotationError` with what to write instead.
    """
    if annotation is None or annotation is type(None):
        return VOID
    if annotation is bool:
        return BOOL
    if annotation is int:
        return I64
    if isinstance(annotation, PointerTo):
        to = VOID if annotation.target is None else resolve(annotation.target, scope)
        return Pointer(to, Space.KERNEL if annotation.space is not Space.USER and is_kernel(to) else annotation.space)
    if isinstance(annotation, GlobalMarker | EmbeddedIn):
        place = "of a module's variables" if isinstance(annotation, GlobalMarker) else "of a kernel struct's fields"
        raise AnnotationError(f"`{annotation.label}[…]` is {place} only", "annotate with the type itself")
    if isinstance(annotation, str | typing.ForwardRef):
        return resolve(evaluate(annotation, scope), scope)
    if isinstance(annotation, type) and not isinstance(annotation, pytypes.GenericAlias):
        return _resolve_class(annotation)
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return _resolve_annotated(annotation, scope)
    if origin in (typing.Union, pytypes.UnionType):
        return _resolve_optional(annotation, scope)
    if origin is list:
        raise AnnotationError("a list has no size", "write `Annotated[list[T], N]`")
    if origin is tuple or annotation is tuple:
        raise AnnotationError("a tuple can be returned and unpacked only", "declare a `@bpf.struct`")
    if isinstance(annotation, typing.TypeVar):
        name = annotation.__name__
        raise AnnotationError(f"nothing says which type `{name}` is", f"add a parameter `kind: type[{name}]`")
    raise AnnotationError(f"`{annotation!r}` is not a type of a BPF program")


def evaluate(annotation: str | typing.ForwardRef, scope: Mapping[str, Any] | None) -> Any:
    """What an annotation in quotes stands for among the names of `scope`; raises `AnnotationError`."""
    text = annotation if isinstance(annotation, str) else annotation.__forward_arg__
    try:
        return value_of(text, scope or {})
    except NameError as error:
        message = f"the name `{error.name}` cannot be resolved here"
        raise AnnotationError(message, "define the type before its use") from None
    except SyntaxError:
        raise AnnotationError(f"`{text}` is not a type of a BPF program") from None
    except Exception as error:  # the user's expression may raise anything
        raise AnnotationError(f"`{text}` cannot be evaluated: {type(error).__name__}: {error}") from error


def _resolve_class(annotation: type) -> Type:
    if annotation in (str, bytes, list):
        shown = "list[T]" if annotation is list else annotation.__name__
        raise AnnotationError(f"`{annotation.__name__}` has no size", f"write `Annotated[{shown}, N]`")
    if annotation is float:
        raise AnnotationError("BPF has no floating point", "use an integer and a scale")
    if issubclass(annotation, enum.Enum):
        return enum_type(annotation)
    found = getattr(annotation, "__bpf_type__", None)
    if isinstance(found, Int | Struct):
        return found
    from pybpfc.lang.kernel_names import KernelType, UnknownKernelType

    if issubclass(annotation, KernelType):
        if found is None:
            raise UnknownKernelType(annotation)
        kernel: Type = found
        return kernel
    message = f"`{annotation.__name__}` is not a type of a BPF program"
    raise AnnotationError(message, "decorate the class with `@bpf.struct`")


@functools.cache
def enum_type(cls: type[enum.Enum]) -> Enum:
    """The type of an `IntEnum` or `IntFlag`: i32 or u32 where its members fit, else 64 bits."""
    own = cls.__dict__.get("__kernel_enum__")
    if isinstance(own, Enum):
        return own
    if not issubclass(cls, enum.IntEnum | enum.IntFlag):
        raise AnnotationError(f"`{cls.__name__}` is not an enum of integers", "make it an `enum.IntEnum`")
    members = tuple((name, int(member)) for name, member in cls.__members__.items())
    if not members:
        raise AnnotationError(f"`{cls.__name__}` has no members")
    for candidate in (I32, U32, I64, U64):
        if all(candidate.min <= value <= candidate.max for _, value in members):
            return Enum(cls.__name__, candidate, members, cls)
    raise AnnotationError(f"the members of `{cls.__name__}` do not fit 64 bits")


def _resolve_annotated(annotation: Any, scope: Mapping[str, Any] | None) -> Type:
    base, *extra = typing.get_args(annotation)
    if isinstance(base, typing.ForwardRef):
        base = evaluate(base, scope)
    if any(isinstance(e, Bits) for e in extra):
        return resolve(base, scope)
    lengths = [e for e in extra if isinstance(e, int) and not isinstance(e, bool)]
    sequence = base in (str, bytes) or base is list or typing.get_origin(base) is list
    if not sequence:
        if lengths:
            remedy = "only `str`, `bytes` and `list[T]` have one, as in `Annotated[str, 16]`"
            raise AnnotationError(f"`{_shown(base)}` has no length", remedy)
        return resolve(base, scope)
    if len(lengths) != 1:
        raise AnnotationError("an array has one length", "write `Annotated[str, 16]`")
    length = int(lengths[0])
    if not 0 < length <= MAX_ARRAY:
        raise AnnotationError(f"an array has 1 to {MAX_ARRAY} elements, not {length}")
    if base is str:
        return Array(CHAR, length, View.STR)
    if base is bytes:
        return Array(U8, length, View.BYTES)
    if base is list:
        raise AnnotationError("the list's elements have no type", "write `Annotated[list[T], N]`")
    element = resolve(typing.get_args(base)[0], scope)
    if element == VOID:
        raise AnnotationError("the elements of an array cannot be None")
    return Array(element, length)


def _shown(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _resolve_optional(annotation: Any, scope: Mapping[str, Any] | None) -> Type:
    args = typing.get_args(annotation)
    inner = [a for a in args if a is not type(None)]
    if len(inner) != 1 or len(args) != 2:
        raise AnnotationError("a union is `T | None`", "use one type, or `@bpf.union` for overlapping fields")
    found = resolve(inner[0], scope)
    if isinstance(found, Struct | Array):
        return Pointer(found, reference_space(found), nullable=True)
    if isinstance(found, Pointer):
        return Pointer(found.to, found.space, nullable=True)
    remedy = f"use `Ptr[{found}] | None`, or a value that means none"
    raise AnnotationError(f"`{found} | None` does not exist: a number is never None", remedy)


def bit_width(annotation: Any) -> int | None:
    """The width an annotation gives a bit-field."""
    if typing.get_origin(annotation) is Annotated:
        for extra in typing.get_args(annotation)[1:]:
            if isinstance(extra, Bits):
                return extra.width
    return None


def is_sized(type: Type) -> bool:
    """Whether values of a type lie in memory: keys, values, fields."""
    match type:
        case Array():
            return is_sized(type.element)
        case Int() | Bool() | Enum() | Pointer():
            return True
        case Struct():
            return not type.kernel
        case _:
            return False
