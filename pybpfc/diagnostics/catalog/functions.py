"""E07xx: functions, their parameters and results."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class ParameterDefault(ErrorClass):
    """A parameter's default is an object that has no meaning in a BPF program.

    A default stands for an argument that the caller left out: a number, a text, `None`, or a map.

    Bad:

        @bpf.func
        def scaled(x: u32, factor: u32 = [2]) -> u32:
            return x * factor


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = scaled(3)
            return XDP_PASS

    Good:

        @bpf.func
        def scaled(x: u32, factor: u32 = 2) -> u32:
            return x * factor


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = scaled(3)
            return XDP_PASS
    """

    code = "E0701"
    title = "the default of `{name}`, a Python {kind}, has no value in a BPF program"
    label = "its default cannot be passed"
    help = "use a number or a text as the default, or let every caller give the argument"
    name: str
    kind: str


class TypeArgument(ErrorClass):
    """A class does not fit the `type[T]` parameter that it is given to.

    A type variable stands for one class throughout a call, and its bound or its constraints say which ones.

    Bad:

        T = TypeVar("T", u32, u64)


        @bpf.func
        def low(kind: type[T], x: u64) -> T:
            return kind(x)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = low(u8, 300)
            return XDP_PASS

    Good:

        T = TypeVar("T", u32, u64)


        @bpf.func
        def low(kind: type[T], x: u64) -> T:
            return kind(x)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = low(u32, 300)
            return XDP_PASS
    """

    code = "E0702"
    title = "this class cannot be given to `{name}`: {reason}"
    label = "another class"
    name: str
    reason: str


class TypeParameterBound(ErrorClass):
    """A `type[T]` parameter is given another value.

    The parameter stands for a class while the function is compiled; nothing of it exists when the program runs.

    Bad:

        T = TypeVar("T", bound=int)


        @bpf.func
        def low(kind: type[T], x: u64) -> T:
            kind = x
            return kind(x)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = low(u32, 300)
            return XDP_PASS

    Good:

        T = TypeVar("T", bound=int)


        @bpf.func
        def low(kind: type[T], x: u64) -> T:
            return kind(x)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = low(u32, 300)
            return XDP_PASS
    """

    code = "E0703"
    title = "`{name}` is a type and cannot be assigned"
    label = "assigned here"
    help = "use another name for the value"
    name: str
