"""`@bpf.func`, and the functions that the compiler itself implements."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from pybpfc.lang.errors import DeclarationError

P = ParamSpec("P")
R = TypeVar("R")


class Function(Generic[P, R]):
    """A function that programs call. Calling it from Python runs the Python function."""

    def __init__(
        self, function: Callable[P, R], *, inline: bool = False, noinline: bool = False, exported: bool = False
    ) -> None:
        if inline and (noinline or exported):
            raise DeclarationError(f"`{function.__name__}` cannot be both inlined and called", "choose one")
        functools.update_wrapper(self, function)
        self.__wrapped__ = function
        self.name = function.__name__
        self.inline = inline
        self.noinline = noinline
        self.exported = exported

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function in Python."""
        return self.__wrapped__(*args, **kwargs)

    if not TYPE_CHECKING:

        def __get__(self, instance: object, owner: type | None = None) -> Any:
            """Bind as a method."""
            return self if instance is None else functools.partial(self, instance)


@overload
def func(function: Callable[P, R], /) -> Function[P, R]: ...
@overload
def func(
    *, inline: bool = False, noinline: bool = False, exported: bool = False
) -> Callable[[Callable[P, R]], Function[P, R]]: ...
def func(function: Any = None, /, *, inline: bool = False, noinline: bool = False, exported: bool = False) -> Any:
    """Make a function callable from programs.

    By default it is a static subprogram that LLVM may inline; `inline` always inlines it, `noinline` never does,
    `exported` makes it a global function that the verifier checks on its own (kernel 5.6).
    """

    def apply(target: Callable[P, R]) -> Function[P, R]:
        return Function(target, inline=inline, noinline=noinline, exported=exported)

    return apply if function is None else apply(function)


class Intrinsic:
    """A function that the compiler implements; it has a meaning in programs only."""

    def __init__(self, name: str, doc: str) -> None:
        self.name = name
        self.__doc__ = doc

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: only programs can call it."""
        raise TypeError(f"`bpf.{self.name}` works inside a BPF program only")


if TYPE_CHECKING:

    def atomic_add(place: Any, value: int) -> int: ...
    def atomic_sub(place: Any, value: int) -> int: ...
    def atomic_and(place: Any, value: int) -> int: ...
    def atomic_or(place: Any, value: int) -> int: ...
    def atomic_xor(place: Any, value: int) -> int: ...
    def atomic_xchg(place: Any, value: int) -> int: ...
    def atomic_cmpxchg(place: Any, expected: int, value: int) -> int: ...
    def printk(text: str) -> None: ...
    def size_of(type: Any) -> int: ...

else:
    _FETCH = "and give the value it had before (kernel 5.12; ISA v3)."
    atomic_add = Intrinsic("atomic_add", f"Add to an integer in memory atomically {_FETCH}")
    atomic_sub = Intrinsic("atomic_sub", f"Subtract from an integer in memory atomically {_FETCH}")
    atomic_and = Intrinsic("atomic_and", f"Combine an integer in memory by `&` atomically {_FETCH}")
    atomic_or = Intrinsic("atomic_or", f"Combine an integer in memory by `|` atomically {_FETCH}")
    atomic_xor = Intrinsic("atomic_xor", f"Combine an integer in memory by `^` atomically {_FETCH}")
    atomic_xchg = Intrinsic("atomic_xchg", f"Replace an integer in memory atomically {_FETCH}")
    atomic_cmpxchg = Intrinsic("atomic_cmpxchg", f"Replace an integer if it is the one expected, atomically, {_FETCH}")
    printk = Intrinsic("printk", "Write a line to the trace pipe.")
    size_of = Intrinsic("size_of", "The size of a type in bytes.")
