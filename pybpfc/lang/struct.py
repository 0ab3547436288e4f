"""`@bpf.struct` and `@bpf.union`: C structs that are ordinary classes in user space."""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform, overload

from pybpfc.lang.annotations import bit_width, resolve
from pybpfc.lang.errors import AnnotationError
from pybpfc.lang.types import Array, Bool, Enum, Field, Int, Pointer, Struct, Type, View, align_of, size_of

_T = TypeVar("_T", bound=type)


class _LazyType:
    """The struct's layout, computed at its first use so that annotations may refer to later classes."""

    __slots__ = ()

    def __get__(self, instance: object, owner: type) -> Struct:
        layout = owner.__dict__.get("_bpf_layout_")
        if not isinstance(layout, Struct):
            layout = _lay_out(owner)
        return layout


@overload
def struct(cls: _T, /) -> _T: ...
@overload
def struct(*, packed: bool = False, align: int | None = None) -> Callable[[_T], _T]: ...
@dataclass_transform(kw_only_default=True)
def struct(cls: Any = None, /, *, packed: bool = False, align: int | None = None) -> Any:
    """Make a class a C struct with natural alignment; `packed` leaves no padding, `align` (bytes) raises the alignment.

    Fields are annotated names. In a program `S(a=1)` makes a zeroed struct; in user space instances have `repr`,
    `==` and `asdict()`. Raises `DeclarationError` at the first use when an annotation is not a type of the language.
    """
    return _decorate(cls, packed=packed, align=align, union=False)


@overload
def union(cls: _T, /) -> _T: ...
@overload
def union(*, align: int | None = None) -> Callable[[_T], _T]: ...
@dataclass_transform(kw_only_default=True)
def union(cls: Any = None, /, *, align: int | None = None) -> Any:
    """Make a class a C union: all fields at offset 0."""
    return _decorate(cls, packed=False, align=align, union=True)


def _decorate(cls: Any, **options: Any) -> Any:
    def apply(target: Any) -> Any:
        if not isinstance(target, type):
            raise AnnotationError("`@bpf.struct` decorates a class")
        if options["align"] is not None and (options["align"] <= 0 or options["align"] & (options["align"] - 1)):
            raise AnnotationError(f"an alignment is a power of two, not {options['align']}")
        cls: Any = target
        cls._bpf_options_ = options
        cls._bpf_scope_ = dict(sys._getframe(2).f_locals) if "<locals>" in target.__qualname__ else {}
        cls.__bpf_type__ = _LazyType()
        _add_methods(cls)
        return cls

    return apply if cls is None else apply(cls)


def field_annotations(cls: type) -> dict[str, Any]:
    """A struct class's fields with their evaluated annotations."""
    scope: dict[str, Any] = dict(getattr(cls, "_bpf_scope_", {}))
    scope[cls.__name__] = cls
    try:
        hints = typing.get_type_hints(cls, localns=scope, include_extras=True)
    except NameError as error:
        raise AnnotationError(f"in `{cls.__name__}`: {error}", "define the type at module level, before its use") from error
    return {name: hints[name] for name in cls.__annotations__ if typing.get_origin(hints[name]) is not typing.ClassVar}


def _lay_out(cls: type) -> Struct:
    options = cls.__dict__["_bpf_options_"]
    layout = Struct(cls.__name__, union=options["union"], packed=options["packed"], cls=cls)
    cls._bpf_layout_ = layout  # type: ignore[attr-defined]
    try:
        hints = field_annotations(cls)
        if not hints:
            raise AnnotationError(f"`{cls.__name__}` has no fields")
        members = [(name, resolve(hint), bit_width(hint)) for name, hint in hints.items()]
        fields, size, align = _place(cls, members, options["packed"], options["union"])
    except BaseException:
        del cls._bpf_layout_  # type: ignore[attr-defined]
        raise
    align = max(align, options["align"] or 1)
    layout.set_layout(fields, -(-size // align) * align, align)
    return layout


def _place(
    cls: type, members: list[tuple[str, Type, int | None]], packed: bool, union: bool
) -> tuple[tuple[Field, ...], int, int]:
    """Offsets as C gives them, bit-fields included (little-endian: the first ones take the low bits)."""
    fields: list[Field] = []
    bit, size, align = 0, 0, 1
    for name, type, width in members:
        if isinstance(type, Struct) and type.cls is cls:
            raise AnnotationError(f"`{cls.__name__}` contains itself", "use `bpf.Ptr`")
        boundary = 1 if packed else align_of(type)
        align = max(align, boundary)
        if union:
            bit = 0
        if width is not None:
            unit = size_of(type) * 8
            if not isinstance(type, Int) or width > unit:
                raise AnnotationError(f"`{name}` of `{cls.__name__}` is not a bit-field of {width} bits")
            if bit // unit != (bit + width - 1) // unit:
                bit = -(-bit // unit) * unit
            fields.append(Field(name, type, bit // unit * unit // 8, width, bit % unit))
            bit += width
        else:
            offset = -(-bit // (8 * boundary)) * boundary
            fields.append(Field(name, type, offset))
            bit = (offset + size_of(type)) * 8
        size = max(size, -(-bit // 8))
    return tuple(fields), -(-size // align) * align, align


# --------------------------------------------------------------------------------- user space


def default_value(type: Type) -> Any:
    """What a field holds that was not given."""
    match type:
        case Bool():
            return False
        case Enum():
            return next((m for m in type.cls if m == 0), 0) if type.cls is not None else 0
        case Array(view=View.STR):
            return ""
        case Array(view=View.BYTES):
            return bytes(type.length)
        case Array():
            return [default_value(type.element) for _ in range(type.length)]
        case Struct():
            return type.cls() if type.cls is not None else None
        case Pointer():
            return 0
        case _:
            return 0


def _add_methods(cls: Any) -> None:
    def __init__(self: Any, **values: Any) -> None:
        for field in type(self).__bpf_type__.fields:
            if field.name in values:
                self.__dict__[field.name] = values.pop(field.name)
            else:
                given = type(self).__dict__.get(field.name)
                self.__dict__[field.name] = given if given is not None else default_value(field.type)
        if values:
            raise TypeError(f"`{type(self).__name__}` has no field `{next(iter(values))}`")

    def __repr__(self: Any) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.__dict__.items())})"

    def __eq__(self: Any, other: object) -> bool:
        return self.__dict__ == other.__dict__ if type(self) is type(other) else NotImplemented

    def asdict(self: Any) -> dict[str, Any]:
        """The fields as a dict, nested structs too."""
        return {name: _plain(value) for name, value in self.__dict__.items()}

    for method in (__init__, __repr__, __eq__, asdict):
        if method.__name__ not in cls.__dict__:
            setattr(cls, method.__name__, method)
    if cls.__dict__.get("__hash__") is None:
        cls.__hash__ = lambda self: hash(repr(self))


def _plain(value: Any) -> Any:
    if hasattr(type(value), "__bpf_type__") and hasattr(value, "asdict"):
        return value.asdict()
    return [_plain(v) for v in value] if isinstance(value, list) else value
