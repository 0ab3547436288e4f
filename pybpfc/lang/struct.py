"""`@bpf.struct`, `@bpf.union` and `@bpf.kernel_struct`: C structs that are ordinary classes in user space."""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar, dataclass_transform, overload

from pybpfc.lang.annotations import EmbeddedIn, bit_width, evaluate, is_sized, resolve
from pybpfc.lang.errors import AnnotationError
from pybpfc.lang.types import Array, Field, Int, Pointer, Space, Struct, Type, align_of, is_kernel, size_of
from pybpfc.records import frozen

_T = TypeVar("_T", bound=type)


@overload
def struct(cls: _T, /) -> _T: ...
@overload
def struct(cls: None = None, /, *, packed: bool = False, align: int | None = None) -> Callable[[_T], _T]: ...
@dataclass_transform(kw_only_default=True)
def struct(cls: Any = None, /, *, packed: bool = False, align: int | None = None) -> Any:
    """Make a class a C struct with natural alignment; `packed` leaves no padding, `align` (bytes) raises the alignment.

    Fields are annotated names. In a program `S(a=1)` makes a zeroed struct; in user space instances have `repr`,
    `==` and `asdict()`. A default of zero (`a: u32 = 0`) tells type checkers that the field may be left out.
    Raises `AnnotationError` at the first use when an annotation is not a type of the language.
    """
    return _decorate(cls, Options(packed=packed, align=align))


@overload
def union(cls: _T, /) -> _T: ...
@overload
def union(cls: None = None, /, *, align: int | None = None) -> Callable[[_T], _T]: ...
@dataclass_transform(kw_only_default=True)
def union(cls: Any = None, /, *, align: int | None = None) -> Any:
    """Make a class a C union: all fields lie at offset 0."""
    return _decorate(cls, Options(align=align, union=True))


@overload
def kernel_struct(cls: _T, /) -> _T: ...
@overload
def kernel_struct(cls: None = None, /, *, union: bool = False) -> Callable[[_T], _T]: ...
def kernel_struct(cls: Any = None, /, *, union: bool = False) -> Any:
    """Declare a type of the kernel by the fields used. The class has the kernel's name, or that and `___suffix`.

    Where the fields are is found when the program is loaded. A kernel struct as a field's type is a pointer to it, as
    most are; `bpf.Embedded[T]` is one that lies within. A `union` of the kernel has to be declared as one.
    """
    return _decorate(cls, Options(kernel=True, union=union))


@frozen
class Options:
    """What the decorator was told."""

    packed: bool = False
    align: int | None = None
    union: bool = False
    kernel: bool = False


class _LazyType:
    """The struct's layout, computed at its first use so that annotations may refer to later classes."""

    __slots__ = ("defaults", "options", "scopes")

    def __init__(self, options: Options, scopes: tuple[Mapping[str, Any], ...], defaults: Mapping[str, Any]) -> None:
        self.options = options
        self.scopes = scopes
        self.defaults = defaults

    def __get__(self, instance: object, owner: type) -> Struct:
        cls = next(c for c in owner.__mro__ if c.__dict__.get("__bpf_type__") is self)
        return _lay_out(cls, self)


def _decorate(cls: Any, options: Options) -> Any:
    if options.align is not None and (options.align <= 0 or options.align & (options.align - 1)):
        raise AnnotationError(f"an alignment is a power of two, not {options.align}")
    frame = sys._getframe(2)
    module, local = frame.f_globals, {} if frame.f_locals is frame.f_globals else dict(frame.f_locals)

    def apply(target: Any) -> Any:
        if not isinstance(target, type):
            raise AnnotationError(f"`@bpf.struct` decorates a class, not {target!r}")
        own = _own_annotations(target)
        defaults = {name: target.__dict__[name] for name in own if name in target.__dict__}
        made = _with_slots(target, own, options)
        local[target.__name__] = made
        made.__bpf_type__ = _LazyType(options, (module, local), defaults)
        if not options.kernel:
            from pybpfc.lang.values import add_methods

            add_methods(made, union=options.union)
        return made

    return apply if cls is None else apply(cls)


def _own_annotations(cls: type) -> dict[str, Any]:
    """The class's own fields and their annotations, not evaluated where they are strings."""
    if sys.version_info >= (3, 14):
        import annotationlib

        found = annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    else:
        found = cls.__dict__.get("__annotations__", {})
    return {name: hint for name, hint in found.items() if not _is_class_variable(hint)}


def _is_class_variable(hint: Any) -> bool:
    if isinstance(hint, str):
        return hint.startswith(("ClassVar", "typing.ClassVar"))
    return hint is typing.ClassVar or typing.get_origin(hint) is typing.ClassVar


def _with_slots(cls: type, own: Mapping[str, Any], options: Options) -> Any:
    """The same class with its fields in slots: events are then three times as fast to make."""
    if options.kernel:
        return cls
    namespace = {k: v for k, v in cls.__dict__.items() if k not in own and k not in ("__dict__", "__weakref__")}
    inherited = {slot for base in cls.__mro__ for slot in getattr(base, "__slots__", ())}
    namespace["__slots__"] = ("_raw",) if options.union else tuple(name for name in own if name not in inherited)
    namespace["__qualname__"] = cls.__qualname__
    return type(cls)(cls.__name__, cls.__bases__, namespace)


# ------------------------------------------------------------------------------------- layout


def _lay_out(cls: Any, lazy: _LazyType) -> Struct:
    options = lazy.options
    layout = _empty_layout(cls, options)
    cls.__bpf_type__ = layout  # so that pointers to itself resolve
    try:
        annotated = _all_annotations(cls)
        if options.kernel:  # within a class, Python makes `_cls__name` of `__name`
            annotated = {_unmangled(cls, name): hint for name, hint in annotated.items()}
        members = [(name, *_member(cls, name, hint, lazy)) for name, hint in annotated.items()]
        if not members and not options.kernel:
            raise AnnotationError(f"`{cls.__name__}` has no fields")
        fields, size, align = _place(cls.__name__, members, options)
        align = max(align, options.align or 1)
        layout.set_layout(fields, -(-size // align) * align, align)
        _check_defaults(layout, lazy.defaults)
    except BaseException:
        cls.__bpf_type__ = lazy
        raise
    return layout


def _unmangled(cls: type, name: str) -> str:
    prefix = "_" + cls.__name__.lstrip("_")
    return name.removeprefix(prefix) if name.startswith(prefix + "__") else name


def _empty_layout(cls: Any, options: Options) -> Struct:
    if options.kernel:
        from pybpfc.lang.kernel_types import KernelStruct

        return KernelStruct(cls.__name__, union=options.union, declared=True, cls=cls)
    return Struct(cls.__name__, union=options.union, packed=options.packed, cls=cls)


def _all_annotations(cls: type) -> dict[str, Any]:
    """The fields of the class, those of the structs it extends first."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if "__bpf_type__" in base.__dict__:
            found |= _own_annotations(base)
    return found


def _member(cls: type, name: str, hint: Any, lazy: _LazyType) -> tuple[Type, int | None]:
    """A field's type and, for bit-fields, its width."""
    scope = {name: value for names in lazy.scopes for name, value in names.items()}
    try:
        if isinstance(hint, str):
            hint = evaluate(hint, scope)
        if lazy.options.kernel:
            return _kernel_member(hint, scope), bit_width(hint)
        type = resolve(hint, scope)
        if isinstance(type, Struct) and not type.size and not type.kernel:
            raise AnnotationError(f"`{type.name}` would contain itself", f'use `bpf.Ptr["{type.name}"]`')
        if not is_sized(type):
            if isinstance(type, Struct):
                raise AnnotationError(f"`{type.name}` is a struct of the kernel", f"hold a `bpf.Ptr[{type.name}]`")
            raise AnnotationError(f"`{type}` is not the type of a field")
        return type, bit_width(hint)
    except AnnotationError as error:
        raise AnnotationError(f"field `{name}` of `{cls.__name__}`: {error.message}", error.remedy) from None


def _kernel_member(hint: Any, scope: Mapping[str, Any]) -> Type:
    """A field of the kernel: a kernel struct alone means a pointer to one."""
    if isinstance(hint, EmbeddedIn):
        found = resolve(hint.target, scope)
        if not isinstance(found, Struct):
            raise AnnotationError(f"`Embedded[{found}]` is not a struct", "annotate with the type itself")
        return found
    if typing.get_origin(hint) is Annotated and typing.get_origin(typing.get_args(hint)[0]) is list:
        base, *lengths = typing.get_args(hint)
        element = _kernel_member(typing.get_args(base)[0], scope)
        resolve(Annotated[list[int], *lengths])  # the length is one
        return Array(element, lengths[0])
    found = resolve(hint, scope)
    if is_kernel(found):
        return Pointer(found, Space.KERNEL)
    if isinstance(found, Pointer):
        return Pointer(found.to, found.space if found.space is Space.USER else Space.KERNEL, found.nullable)
    return found


def _place(
    owner: str, members: list[tuple[str, Type, int | None]], options: Options
) -> tuple[tuple[Field, ...], int, int]:
    """Offsets as C gives them, bit-fields included."""
    fields: list[Field] = []
    bit, size, align = 0, 0, 1
    for name, type, width in members:
        boundary = 1 if options.packed else align_of(type)
        align = max(align, boundary)
        if options.union:
            bit = 0
        if width is not None:
            unit = size_of(type) * 8
            if not isinstance(type, Int) or type.big_endian or width > unit:
                raise AnnotationError(
                    f"field `{name}` of `{owner}`: `{type}` has no bit-field of {width} bits",
                    "take a `u8` to `i64` that is wide enough",
                )
            if bit // unit != (bit + width - 1) // unit:
                if options.packed:
                    raise AnnotationError(
                        f"field `{name}` of `{owner}`: a bit-field of a packed struct cannot cross {unit} bits",
                        "order the bit-fields so that each lies in one unit of its type",
                    )
                bit = -(-bit // unit) * unit
            fields.append(Field(name, type, bit // unit * unit // 8, width, bit % unit))
            bit += width
        else:
            offset = -(-bit // (8 * boundary)) * boundary
            fields.append(Field(name, type, offset))
            bit = (offset + size_of(type)) * 8
        size = max(size, -(-bit // 8))
    for member in fields:
        if member.bits is not None and member.offset + size_of(member.type) > size and options.packed:
            raise AnnotationError(
                f"field `{member.name}` of `{owner}`: its `{member.type}` reaches past the end of the packed struct",
                "take a narrower type",
            )
    return tuple(fields), -(-size // align) * align, align


def _check_defaults(layout: Struct, defaults: Mapping[str, Any]) -> None:
    """Structs start at zero in programs, so a default can say nothing else."""
    from pybpfc.lang.codec import CodecError, encode_into

    for name, default in defaults.items():
        member = layout.find(name)
        if member is None or default is None:
            continue
        raw = bytearray(size_of(member.type))
        try:
            encode_into(member.type, default, raw, 0, f"the default of `{layout.name}.{name}`")
        except CodecError as error:
            raise AnnotationError(str(error)) from None
        if any(raw):
            raise AnnotationError(
                f"the default of `{layout.name}.{name}` is not zero, as structs start in programs",
                "give the value where the struct is made",
            )


def asdict(value: Any) -> dict[str, Any]:
    """A struct's fields as a dict, nested structs too."""
    from pybpfc.lang.values import plain_fields

    return plain_fields(value)
