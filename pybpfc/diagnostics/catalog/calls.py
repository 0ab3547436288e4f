"""E021x to E022x: arguments and results of functions."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class ArgumentCount(ErrorClass):
    """A call has too many or too few arguments.

    The call does not fit the function's parameters.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = abs(1, 2)
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = abs(1)
            return XDP_PASS
    """

    code = "E0215"
    title = "`{name}` takes {expected}, got {found}"
    label = "wrong number of arguments"
    name: str
    expected: str
    found: int


class MissingArgument(ErrorClass):
    """A call leaves out an argument that has no default.

    Parameters without a default must be given.

    Bad:

        @bpf.func
        def add(a: u64, b: u64) -> u64:
            return a + b


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = add(1)
            return XDP_PASS

    Good:

        @bpf.func
        def add(a: u64, b: u64) -> u64:
            return a + b


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = add(1, 2)
            return XDP_PASS
    """

    code = "E0216"
    title = "`{function}` needs the argument `{name}`"
    label = "`{name}` is missing"
    function: str
    name: str


class UnknownKeyword(ErrorClass):
    """A call has a keyword argument that the function does not take.

    Keyword arguments are bound to parameters by name when the program is compiled.

    Bad:

        @bpf.func
        def twice(value: u64) -> u64:
            return value * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = twice(valeu=1)
            return XDP_PASS

    Good:

        @bpf.func
        def twice(value: u64) -> u64:
            return value * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = twice(value=1)
            return XDP_PASS
    """

    code = "E0217"
    title = "`{function}` has no parameter `{name}`"
    label = "no such parameter"
    function: str
    name: str


class RepeatedArgument(ErrorClass):
    """A call gives one argument twice.

    The argument is given by position and by name.

    Bad:

        @bpf.func
        def twice(value: u64) -> u64:
            return value * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = twice(1, value=1)
            return XDP_PASS

    Good:

        @bpf.func
        def twice(value: u64) -> u64:
            return value * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = twice(1)
            return XDP_PASS
    """

    code = "E0218"
    title = "`{function}` gets the argument `{name}` twice"
    label = "given before"
    function: str
    name: str


class NotCallable(ErrorClass):
    """Something is called that is not a function.

    Functions decorated with `@bpf.func`, helpers, types and a few builtins can be called.

    Bad:

        LIMIT = 7

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = LIMIT()
            return XDP_PASS

    Good:

        LIMIT = 7

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = LIMIT
            return XDP_PASS
    """

    code = "E0219"
    title = "{what} cannot be called"
    label = "not a function"
    what: str


class MissingReturn(ErrorClass):
    """A path through a function ends without a value.

    A function with a result returns one on every path; a program's result decides what the kernel does next.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            if bpf_get_prandom_u32() == 1:
                return XDP_DROP

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            if bpf_get_prandom_u32() == 1:
                return XDP_DROP
            return XDP_PASS
    """

    code = "E0220"
    title = "`{name}` does not return a value on every path"
    label = "must return `{type}`"
    help = "end the function with a `return`"
    name: str
    type: str


class ReturnsNothing(ErrorClass):
    """A `return` with a value in a function that returns none, or the reverse.

    The function's annotation says what it returns; without one it returns nothing.

    Bad:

        @bpf.func
        def note(x: u64) -> None:
            return x


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            note(1)
            return XDP_PASS

    Good:

        @bpf.func
        def note(x: u64) -> u64:
            return x


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            note(1)
            return XDP_PASS
    """

    code = "E0221"
    title = "`{name}` returns {expected}, not {found}"
    label = "returns {found}"
    name: str
    expected: str
    found: str


class NoResult(ErrorClass):
    """The result of a function that returns none is used.

    The function returns nothing, so there is nothing to keep.

    Bad:

        @bpf.func
        def note(x: u64) -> None:
            print(f"{x}")


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = note(1)
            return XDP_PASS

    Good:

        @bpf.func
        def note(x: u64) -> None:
            print(f"{x}")


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            note(1)
            return XDP_PASS
    """

    code = "E0222"
    title = "`{name}` returns nothing"
    label = "has no value"
    name: str
