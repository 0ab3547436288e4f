"""`@bpf.struct_ops`: a class whose methods are programs, the functions of one of the kernel's structs of operations."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from pybpfc.lang.errors import DeclarationError, NotLoadedError
from pybpfc.lang.programs import Link, Program

P = ParamSpec("P")
R = TypeVar("R")

HOOK = "struct_ops"


class StructOpsHandle(Protocol):
    """A loaded struct of operations: what the runtime provides."""

    @property
    def fd(self) -> int:
        """Its map's descriptor."""
        ...

    def attach(self) -> Any:
        """Put it to use."""
        ...


class StructOps:
    """A kernel struct of operations, `struct`, with programs as its functions.

    `programs` and `values` are its members by name; a program is called after the class and the member.
    """

    def __init__(self, cls: type, struct: str, *, sleepable: bool = False) -> None:
        self.cls = cls
        self.name: str = cls.__name__
        self.struct = struct
        self.programs: dict[str, Program[..., Any]] = {}
        self.values: dict[str, int | str | bytes] = {}
        self.__doc__ = cls.__doc__
        self.__module__ = cls.__module__
        self._handle: StructOpsHandle | None = None
        for name, value in vars(cls).items():
            if not (name.startswith("__") and name.endswith("__")):
                self._add(name, value, sleepable)

    def _add(self, name: str, value: Any, sleepable: bool) -> None:
        value = value.__func__ if isinstance(value, staticmethod) else value
        if isinstance(value, FunctionType):
            value = member(value, self.struct, sleepable)
        match value:
            case Program() if value.hook == HOOK and value.target == self.struct:
                value.name = f"{self.name}_{name}"
                self.programs[name] = value
            case enum.IntEnum() | int():
                self.values[name] = int(value)
            case str() | bytes():
                self.values[name] = value
            case _:
                raise DeclarationError(
                    f"`{name}` of `{self.name}` is neither a function nor a number or text, but {value!r}",
                    "what is no member belongs outside of the class",
                )

    def __repr__(self) -> str:
        return f"<struct_ops {self.name!r} of {self.struct}>"

    def bind(self, handle: StructOpsHandle | None) -> None:
        """Connect with what was loaded, or with nothing."""
        self._handle = handle

    @property
    def handle(self) -> StructOpsHandle:
        """What was loaded; raises `NotLoadedError` before `bpf.load()`."""
        if self._handle is None:
            raise NotLoadedError(f"struct_ops `{self.name}` is in the kernel only after `bpf.load()`")
        return self._handle

    def attach(self) -> Link:
        """Put the loaded struct to use. Raises AttachError with the cause and what to do."""
        link: Link = self.handle.attach()
        return link


class StructOpsDecorator(Protocol):
    """Makes a struct of operations of a class, or one of its members of a function."""

    @overload
    def __call__(self, target: type, /) -> StructOps: ...  # type: ignore[overload-overlap]  # classes are callable too
    @overload
    def __call__(self, target: Callable[P, R], /) -> Program[P, R]: ...
    def __call__(self, target: Any, /) -> Any:
        """Decorate."""
        ...


def struct_ops(struct: str, /, *, sleepable: bool = False) -> StructOpsDecorator:
    """A kernel struct of operations, such as `"tcp_congestion_ops"`: a class whose methods are its functions.

    Other attributes of the class are the struct's numbers and texts (`name = "mine"`). Methods take the kernel's
    arguments, behind `self` if they have one, which stands for nothing. A function decorated alone is one member, for
    classes that name it, or that need some members `sleepable`. Kernel 5.6; attached by a link from 6.4.
    """
    if not isinstance(struct, str) or not struct:
        raise DeclarationError("`@bpf.struct_ops` needs a target", 'write `@bpf.struct_ops("tcp_congestion_ops")`')

    def decorate(target: Any, /) -> Any:
        return (
            StructOps(target, struct, sleepable=sleepable)
            if isinstance(target, type)
            else member(target, struct, sleepable)
        )

    return decorate


def member(function: Callable[P, R], struct: str, sleepable: bool) -> Program[P, R]:
    """One function of a struct of operations, named as the member."""
    name = getattr(function, "__name__", "")
    section = f"{HOOK}.s/{name}" if sleepable else f"{HOOK}/{name}"
    return Program(function, section, target=struct, options={"member": name}, hook=HOOK)


def struct_ops_of(namespace: Mapping[str, Any]) -> list[StructOps]:
    """The structs of operations that a namespace holds, in the order of their definition."""
    return list({id(v): v for v in namespace.values() if isinstance(v, StructOps)}.values())
