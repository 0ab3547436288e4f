"""E021x: variables, constants and globals."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class WriteToConstant(ErrorClass):
    """A module-level value without a lang type is written.

    A module-level int without a type of the language is a constant: its value is part of the code. A variable that
    lives in the object is declared with one.

    Bad:

        total = 0

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            global total
            total = 1
            return XDP_PASS

    Good:

        total: bpf.Global[u64] = 0

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            global total
            total = 1
            return XDP_PASS
    """

    code = "E0208"
    title = "`{name}` is a constant of the program"
    label = "its value is compiled in"
    help = "make it a variable at module level: `{name}: bpf.Global[u64] = 0`"
    name: str


class WriteToConst(ErrorClass):
    """A `bpf.Const` is written by a program.

    A `bpf.Const` can be set until the object is loaded; the kernel then freezes its memory, and the verifier relies
    on the value.

    Bad:

        limit: bpf.Const[u32] = 0

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            global limit
            limit = 1
            return XDP_PASS

    Good:

        limit: bpf.Global[u32] = 0

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            global limit
            limit = 1
            return XDP_PASS
    """

    code = "E0209"
    title = "`{name}` is read-only: it is a `bpf.Const`"
    label = "cannot be written by a program"
    help = "declare it as `bpf.Global` to write it while the program runs"
    name: str


class NotComparable(ErrorClass):
    """Two values have no common type to be compared in.

    The two sides have no type in common in which they could be equal.

    Bad:

        @bpf.struct
        class Pair:
            a: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair = Pair(a=1)
            if pair == 1:
                return XDP_DROP
            return XDP_PASS

    Good:

        @bpf.struct
        class Pair:
            a: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair = Pair(a=1)
            if pair.a == 1:
                return XDP_DROP
            return XDP_PASS
    """

    code = "E0210"
    title = "{left} cannot be compared with {right}"
    label = "no common type"
    left: str
    right: str


class NotACondition(ErrorClass):
    """A value has no truth value.

    Integers (not zero), `bool` and values that may be None have a truth value.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[str, 16] = "a"
            if name:
                return XDP_DROP
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[str, 16] = "a"
            if name == "a":
                return XDP_DROP
            return XDP_PASS
    """

    code = "E0211"
    title = "{what} is neither true nor false"
    label = "not a condition"
    help = "compare it with something"
    what: str


class UndefinedName(ErrorClass):
    """A name is not defined.

    The name is neither a variable of the function nor a name of its module or closure, nor a builtin.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PAS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PASS
    """

    code = "E0212"
    title = "`{name}` is not defined"
    label = "not found in this scope"
    name: str


class UnboundVariable(ErrorClass):
    """A variable may be read before it is assigned.

    A path leads here on which the variable was not assigned; in Python this would raise `UnboundLocalError`.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            if bpf_get_prandom_u32() == 1:
                n = 1
            x = n
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = 0
            if bpf_get_prandom_u32() == 1:
                n = 1
            x = n
            return XDP_PASS
    """

    code = "E0213"
    title = "`{name}` may not have a value here"
    label = "not assigned on every path"
    help = "assign it before the branch or loop"
    name: str


class MissingGlobalStatement(ErrorClass):
    """A function assigns to a module-level variable without saying `global`.

    As in Python, assigning to a name makes it a local variable of the function unless `global` says otherwise.

    Bad:

        total: bpf.Global[u64] = 0

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            total += 1
            return XDP_PASS

    Good:

        total: bpf.Global[u64] = 0

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            global total
            total += 1
            return XDP_PASS
    """

    code = "E0214"
    title = "`{name}` is written without `global {name}`"
    label = "would be a new local variable"
    help = "add `global {name}` at the top of the function"
    name: str


class DuplicateName(ErrorClass):
    """Two things of one object have the same name.

    An object's programs, functions, maps and globals are symbols of one table.

    Bad:

        counts = bpf.HashMap[u32, u64](max_entries=64)


        def make() -> None:
            counts = bpf.HashMap[u32, u64](max_entries=8)

            @bpf.xdp
            def prog(ctx: bpf.XdpContext) -> int:
                counts[1] = 1
                return XDP_PASS

            globals()["prog"] = prog


        make()

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            counts[1] = 1
            return XDP_PASS
    """

    code = "E0247"
    title = "`{name}` is defined twice in one object"
    label = "one of the two"
    help = "rename one: programs, functions, maps and globals share one namespace in an object"
    name: str


class GlobalType(ErrorClass):
    """The initial value of a global does not fit its type.

    A global's initial value is written into the object and must fit its type.

    Bad:

        limit: bpf.Global[u8] = 300

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = limit
            return XDP_PASS

    Good:

        limit: bpf.Global[u16] = 300

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = limit
            return XDP_PASS
    """

    code = "E0248"
    title = "the initial value of `{name}` does not fit its type: {reason}"
    label = "declared here"
    name: str
    reason: str
