"""`@bpf.func`: functions that programs call, and `@bpf.kfunc`: declarations of functions that the kernel offers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from pybpfc.lang.errors import DeclarationError
from pybpfc.lang.intrinsics import Intrinsic as Intrinsic

P = ParamSpec("P")
R = TypeVar("R")
_C = TypeVar("_C", bound=Callable[..., Any])


class Function(Generic[P, R]):
    """A function that programs call. Calling it from Python runs the Python function."""

    __wrapped__: Callable[P, R]

    def __init__(
        self, function: Callable[P, R], *, inline: bool = False, noinline: bool = False, exported: bool = False
    ) -> None:
        if not hasattr(function, "__code__"):
            raise DeclarationError(f"`@bpf.func` decorates a function, not {function!r}")
        if inline and (noinline or exported):
            raise DeclarationError(f"`{function.__name__}` cannot be both inlined and called", "choose one")
        functools.update_wrapper(self, function)
        self.name: str = function.__name__
        self.inline = inline
        self.noinline = noinline
        self.exported = exported

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function in Python."""
        return self.__wrapped__(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<bpf function {self.name!r}>"

    if not TYPE_CHECKING:

        def __get__(self, instance: object, owner: type | None = None) -> Any:
            """Bind as a method."""
            return self if instance is None else functools.partial(self, instance)


if TYPE_CHECKING:
    # To checkers the function stays what it is: so methods bind, and `type[T]` parameters stay generic.
    _F = TypeVar("_F", bound=Callable[..., Any])

    @overload
    def func(function: _F, /) -> _F: ...
    @overload
    def func(
        function: None = None, /, *, inline: bool = False, noinline: bool = False, exported: bool = False
    ) -> Callable[[_F], _F]: ...
    def func(function: Any = None, /, **options: bool) -> Any:
        """Make a function callable from programs."""

else:

    def func(function=None, /, *, inline=False, noinline=False, exported=False):
        """Make a function callable from programs.

        By default it is a static subprogram that LLVM may inline; `inline` always inlines it, `noinline` never does,
        `exported` makes it a global function that the verifier checks on its own (kernel 5.6).
        """

        def apply(target):
            return Function(target, inline=inline, noinline=noinline, exported=exported)

        return apply if function is None else apply(function)


def constant(function: _C) -> _C:
    """Let programs call a Python function of constants: it runs while they are compiled."""
    function.__bpf_constant__ = True  # type: ignore[attr-defined]
    return function


class Kfunc:
    """A declared kernel function; what it takes and gives is checked against the kernel's BTF at load."""

    def __init__(
        self, function: Callable[..., Any], *, since: str, acquire: bool, release: bool, sleepable: bool, weak: bool
    ) -> None:
        if not hasattr(function, "__code__"):
            raise DeclarationError(f"`@bpf.kfunc` decorates a function, not {function!r}")
        functools.update_wrapper(self, function)
        self.name: str = function.__name__
        self.since = since
        self.acquire = acquire
        self.release = release
        self.sleepable = sleepable
        self.weak = weak

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: only programs can call it."""
        raise TypeError(f"the kernel function `{self.name}` can be called inside a BPF program only")

    def __repr__(self) -> str:
        return f"<kfunc {self.name!r}>"


if TYPE_CHECKING:

    @overload
    def kfunc(function: _F, /) -> _F: ...
    @overload
    def kfunc(
        function: None = None,
        /,
        *,
        since: str = "",
        acquire: bool = False,
        release: bool = False,
        sleepable: bool = False,
        weak: bool = False,
    ) -> Callable[[_F], _F]: ...
    def kfunc(function: Any = None, /, **options: Any) -> Any:
        """Declare a kernel function by its signature."""

else:

    def kfunc(function=None, /, *, since="", acquire=False, release=False, sleepable=False, weak=False):
        """Declare a kernel function by its signature; the body is `...`.

        `since` is the first kernel that has it, `acquire` and `release` say what it does with a reference, and a
        `weak` one may be missing: test it with `if name:` before the call.
        """

        def apply(target):
            return Kfunc(target, since=since, acquire=acquire, release=release, sleepable=sleepable, weak=weak)

        return apply if function is None else apply(function)
