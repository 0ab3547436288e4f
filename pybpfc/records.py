"""Plain data classes that cost nothing to create.

The compiler has some 200 classes of nothing but fields. A `dataclass` writes and compiles source text for each when
it is imported, about a third of the time of a whole compilation; these share one constructor instead. Type checkers
see them as dataclasses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform, overload

C = TypeVar("C", bound=type[Any])
R = TypeVar("R")
_NO_DEFAULT = object()


class _Factory:
    """A field's default that is made anew for each object."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def field(*, default_factory: Callable[[], Any]) -> Any:
    """A field whose default is what `default_factory` gives."""
    return _Factory(default_factory)


@overload
@dataclass_transform(eq_default=False, field_specifiers=(field,))
def define(cls: C, /) -> C: ...
@overload
@dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(field,))
def define(*, kw_only: bool) -> Callable[[C], C]: ...
def define(cls: Any = None, /, *, kw_only: bool = False) -> Any:
    """Make the annotated names the fields of a class; its objects are compared by identity.

    Fields of a `kw_only` class are given by name only, in its subclasses too.
    """
    return (lambda decorated: _make(decorated, kw_only)) if cls is None else _make(cls, kw_only)


@dataclass_transform(eq_default=True, frozen_default=True, field_specifiers=(field,))
def frozen(cls: C) -> C:
    """As `define`, for values: equal by fields, hashable, unchangeable."""
    made: Any = _make(cls, False)
    if "__eq__" not in cls.__dict__:
        made.__eq__ = _eq
    if cls.__dict__.get("__hash__") is None:
        made.__hash__ = _hash
    made.__setattr__ = made.__delattr__ = _frozen
    return cls


def fields(item: Any) -> tuple[str, ...]:
    """The names of all fields of a record or its class, its bases' first."""
    names: tuple[str, ...] = item.__record_fields__
    return names


def replace(item: R, **changes: Any) -> R:
    """A copy with some fields changed."""
    values = {name: getattr(item, name) for name in fields(item)}
    return type(item)(**{**values, **changes})


def _make(cls: Any, kw_only: bool) -> Any:
    """Set the fields, defaults and default factories of `cls`, from its own annotations and its bases' fields."""
    names: dict[str, bool] = {}
    defaults: dict[str, Any] = {}
    factories: dict[str, Callable[[], Any]] = {}
    for base in reversed(cls.__mro__[1:]):
        if "__record_fields__" in base.__dict__:
            names.update({name: name in base.__match_args__ for name in base.__record_fields__})
            defaults.update(base.__record_defaults__)
            factories.update(base.__record_factories__)
    for name, annotation in cls.__dict__.get("__annotations__", {}).items():
        if str(annotation).startswith("ClassVar"):
            continue
        names[name] = not kw_only
        default = cls.__dict__.get(name, _NO_DEFAULT)
        if isinstance(default, _Factory):
            factories[name] = default.make
            delattr(cls, name)
        elif default is not _NO_DEFAULT:
            defaults[name] = default
    cls.__record_fields__ = tuple(names)
    cls.__match_args__ = tuple(n for n, positional in names.items() if positional)  # type: ignore[misc]
    cls.__record_defaults__ = defaults
    cls.__record_factories__ = factories
    cls.__init__ = _init
    if "__repr__" not in cls.__dict__:
        cls.__repr__ = _repr
    return cls


def _init(self: Any, *args: Any, **kwargs: Any) -> None:
    cls = type(self)
    names = cls.__match_args__
    values = self.__dict__
    if len(args) == len(cls.__record_fields__) and not kwargs:
        values.update(zip(names, args, strict=True))
        return
    values.update(cls.__record_defaults__)
    values.update(zip(names, args, strict=False))
    values.update(kwargs)
    for name, make in cls.__record_factories__.items():
        if name not in values:
            values[name] = make()
    misfit = len(values) != len(cls.__record_fields__) or len(args) > len(names) or _twice(names, args, kwargs)
    if misfit or any(name not in cls.__record_fields__ for name in kwargs):
        raise TypeError(_misfit(cls, args, kwargs))


def _twice(names: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    return [name for name in names[: len(args)] if name in kwargs] if args and kwargs else []


def _misfit(cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """What is wrong with a constructor's arguments."""
    names, known = cls.__match_args__, cls.__record_fields__
    if len(args) > len(names):
        return f"{cls.__name__} takes {len(names)} positional values, {len(args)} were given"
    given = kwargs.keys() | set(names[: len(args)])
    optional = given | cls.__record_defaults__.keys() | cls.__record_factories__.keys()
    told = {
        "unknown": [name for name in kwargs if name not in known],
        "given twice": _twice(names, args, kwargs),
        "missing": [name for name in known if name not in optional],
    }
    return f"{cls.__name__}: " + "; ".join(f"{what}: {', '.join(which)}" for what, which in told.items() if which)


def _repr(self: Any) -> str:
    inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__record_fields__)
    return f"{type(self).__qualname__}({inside})"


def _eq(self: Any, other: object) -> Any:
    if self is other:
        return True
    if type(self) is not type(other):
        return NotImplemented
    return self.__dict__ == other.__dict__


def _hash(self: Any) -> int:
    values = self.__dict__
    return hash((type(self), *[values[name] for name in self.__record_fields__]))


def _frozen(self: Any, name: str, *_: Any) -> None:
    raise AttributeError(f"{type(self).__name__} objects are values: `{name}` cannot be changed")
