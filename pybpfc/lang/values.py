"""What struct classes do in user space: construction, `repr`, `==`, `asdict()`; unions keep their bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pybpfc.lang.generated import run
from pybpfc.lang.types import Array, Bool, Enum, Field, Struct, Type, View


def default_value(type: Type) -> Any:
    """What a field holds that was not given: the value of zeroed memory."""
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
            return type.cls() if type.cls is not None else {f.name: default_value(f.type) for f in type.fields}
        case _:
            return 0


def add_methods(cls: Any, *, union: bool) -> None:
    """Give a struct class what its author did not write."""
    methods = _UNION if union else _STRUCT
    for name, method in methods.items():
        if name not in cls.__dict__ or (name == "__hash__" and cls.__dict__[name] is None):
            setattr(cls, name, method)


# ------------------------------------------------------------------------------------ structs


def _first_init(self: Any, /, **values: Any) -> None:
    """The constructor until the first instance is made: compiles the real one, which knows the fields."""
    cls = next(c for c in type(self).__mro__ if "__bpf_type__" in c.__dict__)
    cls.__init__ = compile_init(cls)  # type: ignore[misc]
    cls.__init__(self, **values)  # type: ignore[misc]


def compile_init(cls: Any) -> Callable[..., None]:
    """`def __init__(self, *, ts=0, comm="", inner=unset)`: the defaults of zeroed memory, made anew if mutable."""
    names: dict[str, Any] = {"_bpf_unset": object(), "_bpf_unknown": _unknown, "_bpf_cls": cls}
    params, lines = [], []
    for index, member in enumerate(cls.__bpf_type__.fields):
        default, name, held = default_value(member.type), member.name, f"_bpf_{index}"
        if isinstance(default, int | str | bytes):
            names[held] = default
            params.append(f"{name}={held}")
            lines.append(f"    _bpf_self.{name} = {name}")
        else:
            names[held] = _maker(member)
            params.append(f"{name}=_bpf_unset")
            lines.append(f"    _bpf_self.{name} = {held}() if {name} is _bpf_unset else {name}")
    head = f"def __init__(_bpf_self, /, *, {', '.join(params)}, **_bpf_others):"  # no field has such names
    check = ["    if _bpf_others:", "        _bpf_unknown(_bpf_cls, _bpf_others)"]
    run("\n".join([head, *check, *lines]), names, f"{cls.__name__}.__init__")
    init: Callable[..., None] = names["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _maker(member: Field) -> Callable[[], Any]:
    return lambda: default_value(member.type)


def _unknown(cls: Any, others: dict[str, Any]) -> None:
    raise TypeError(f"`{cls.__name__}` has no field `{next(iter(others))}`")


def _names(value: Any) -> tuple[str, ...]:
    return tuple(f.name for f in type(value).__bpf_type__.fields)


def _values(value: Any) -> tuple[Any, ...]:
    return tuple(getattr(value, name, None) for name in _names(value))


def _repr(self: Any) -> str:
    shown = (f"{name}={value!r}" for name, value in zip(_names(self), _values(self), strict=True))
    return f"{type(self).__name__}({', '.join(shown)})"


def _eq(self: Any, other: object) -> bool:
    return _values(self) == _values(other) if type(self) is type(other) else NotImplemented


def _hash(self: Any) -> int:
    """By value, so that structs can be keys of dicts as they are of maps."""
    return hash((type(self).__name__, *map(_hashable, _values(self))))


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def plain_fields(value: Any) -> dict[str, Any]:
    """A struct's fields as a dict, nested structs too."""
    return {name: _plain(item) for name, item in zip(_names(value), _values(value), strict=True)}


def _plain(value: Any) -> Any:
    if isinstance(getattr(type(value), "__bpf_type__", None), Struct):
        return plain_fields(value)
    return [_plain(v) for v in value] if isinstance(value, list) else value


_STRUCT: dict[str, Any] = {
    "__init__": _first_init,
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "asdict": plain_fields,
}

# ------------------------------------------------------------------------------------- unions


def _union_init(self: Any, /, **values: Any) -> None:
    if len(values) > 1:
        raise TypeError(f"a `{type(self).__name__}` is made of one field at most, not {len(values)}")
    object.__setattr__(self, "_raw", bytes(type(self).__bpf_type__.size))
    for name, value in values.items():
        if type(self).__bpf_type__.find(name) is None:
            _unknown(type(self), values)
        setattr(self, name, value)


def _union_get(self: Any, name: str) -> Any:
    """Decode one member; changes within a nested one are not written back."""
    from pybpfc.lang.codec import codec_for

    member = type(self).__bpf_type__.find(name)
    if member is None:
        raise AttributeError(f"`{type(self).__name__}` has no field `{name}`", name=name, obj=self)
    return codec_for(_holder(type(self), member)).decode(self._raw)[name]


def _union_set(self: Any, name: str, value: Any) -> None:
    """Encode one member over the bytes that all share."""
    from pybpfc.lang.codec import codec_for

    if name == "_raw":  # copies and pickles restore the bytes
        object.__setattr__(self, name, value)
        return
    member = type(self).__bpf_type__.find(name)
    if member is None:
        raise AttributeError(f"`{type(self).__name__}` has no field `{name}`", name=name, obj=self)
    raw = codec_for(_holder(type(self), member)).encode({name: value})
    object.__setattr__(self, "_raw", raw[: type(self).__bpf_type__.size])


_HOLDERS: dict[tuple[type, str], Struct] = {}


def _holder(cls: Any, member: Field) -> Struct:
    """A struct of the union's size with this member alone."""
    known = _HOLDERS.get((cls, member.name))
    if known is None:
        known = _HOLDERS[cls, member.name] = Struct(cls.__name__)
        known.set_layout((member,), cls.__bpf_type__.size, cls.__bpf_type__.align)
    return known


def _from_raw(cls: Any, raw: bytes) -> Any:
    self = object.__new__(cls)
    object.__setattr__(self, "_raw", raw)
    return self


def _union_eq(self: Any, other: object) -> bool:
    return bytes(self) == bytes(other) if type(self) is type(other) else NotImplemented  # type: ignore[call-overload]


_UNION: dict[str, Any] = {
    "__init__": _union_init,
    "__getattr__": _union_get,
    "__setattr__": _union_set,
    "__bytes__": lambda self: self._raw,
    "__bpf_union__": classmethod(_from_raw),
    "__repr__": _repr,
    "__eq__": _union_eq,
    "__hash__": lambda self: hash(self._raw),
    "asdict": plain_fields,
}
