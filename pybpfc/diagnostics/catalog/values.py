"""E023x to E024x: what values are and are compared with."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class CannotInfer(ErrorClass):
    """The type of a variable cannot be told.

    A variable takes the type of its first value; `None` alone has none.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = None
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = counts.lookup(1)
            return XDP_PASS
    """

    code = "E0234"
    title = "`None` does not tell the type of a variable"
    label = "None of what?"
    help = "assign first what may be None, such as the result of a lookup"


class LocalType(ErrorClass):
    """A variable is assigned a value of another type than it has.

    A variable has one type in the whole function: that of its annotation or of its first assignment.

    Bad:

        @bpf.struct
        class Pair:
            a: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = 1
            x = Pair(a=1)
            return XDP_PASS

    Good:

        @bpf.struct
        class Pair:
            a: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = 1
            pair = Pair(a=1)
            return XDP_PASS
    """

    code = "E0235"
    title = "`{name}` is {type}, and cannot be assigned {found}"
    label = "this is {found}"
    help = "a variable keeps the type of its first assignment: cast the value, or annotate the first one"
    name: str
    type: str
    found: str


class LocalRedeclared(ErrorClass):
    """A variable is annotated a second time, with another type.

    A variable has one type in the whole function.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n: u32 = 1
            n: u64 = 2
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n: u32 = 1
            m: u64 = 2
            return XDP_PASS
    """

    code = "E0236"
    title = "`{name}` is declared twice, as {first} and as {second}"
    label = "declared again"
    help = "use another name"
    name: str
    first: str
    second: str


class NotANumber(ErrorClass):
    """An operator or cast is applied to something that is not a number.

    Operators and casts to integers work on integers, `bool` and enums.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[str, 16] = "a"
            x = name + 1
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[bytes, 16]
            x = name[0] + 1
            return XDP_PASS
    """

    code = "E0237"
    title = "`{operator}` does not work on {what}"
    label = "not a number"
    what: str
    operator: str


class BranchTypes(ErrorClass):
    """The two values of a conditional or of `and`/`or` have different types.

    The result is one value with one type, whichever side is taken.

    Bad:

        @bpf.struct
        class Pair:
            a: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            x = Pair(a=1) if n else 1
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            x = 2 if n else 1
            return XDP_PASS
    """

    code = "E0238"
    title = "the values {left} and {right} have no common type"
    label = "this is {right}"
    help = "both sides need one type: cast one"
    left: str
    right: str


class NotAContainer(ErrorClass):
    """`in` is used on something that holds no elements.

    `in` asks a map for a key, or compares with the values of a tuple that is written out.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            if 1 in n:
                return XDP_DROP
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            if n in (1, 2):
                return XDP_DROP
            return XDP_PASS
    """

    code = "E0239"
    title = "`in` does not work on {what}"
    label = "not a container"
    help = "`in` works on maps (`key in m`) and on constant tuples (`x in (1, 2)`)"
    what: str


class CompareWithNone(ErrorClass):
    """None is compared with `==`.

    Type checkers and this compiler narrow a value by `is None`; `==` compares what pointers lead to.

    Bad:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = counts.lookup(1)
            if count == None:
                return XDP_DROP
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = counts.lookup(1)
            if count is None:
                return XDP_DROP
            return XDP_PASS
    """

    code = "E0240"
    title = "compare with `None` by `is`"
    label = "`==` compares values"
    help = "write `x is None` or `x is not None`"
