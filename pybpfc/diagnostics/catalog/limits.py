"""E05xx: loops, stack and the other limits of a BPF program."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class LoopBound(ErrorClass):
    """The verifier cannot see that a loop ends.

    The verifier follows a loop round by round until it ends, and refuses one whose end it cannot see.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            for i in range(n):
                print(f"{i}")
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            for i in range(min(n, 64)):
                print(f"{i}")
            return XDP_PASS
    """

    code = "E0501"
    title = "this loop has no bound that the verifier can see"
    label = "may run for ever"
    help = (
        "bound it, `range(min(n, 64))`; or use `bpf.loop(n, fn, ctx)`, `for i in bpf.iter_num(a, b)`, "
        "or `for k, v in m.items()` over a map"
    )


class StackTooLarge(ErrorClass):
    """A function needs more stack than BPF has.

    Each BPF function has at most 512 bytes of stack for its variables, parameters that did not fit registers, and the
    keys and values it hands to maps.

    Bad:

        @bpf.struct
        class Path:
            text: Annotated[bytes, 300]


        @bpf.func(noinline=True)
        def first(path: Path) -> u64:
            return u64(path.text[0])


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            a = Path()
            b = Path()
            return i32(first(a) + first(b))

    Good:

        @bpf.struct
        class Path:
            text: Annotated[bytes, 300]


        scratch = bpf.PerCpuArray[Path](max_entries=2)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            a = scratch.lookup(0)
            b = scratch.lookup(1)
            if a is None or b is None:
                return XDP_PASS
            return i32(a.text[0] + b.text[0])
    """

    code = "E0502"
    title = "`{function}` needs more stack than the 512 bytes that BPF has"
    label = "its variables do not fit"
    help = "keep large values in a map: `scratch = bpf.PerCpuArray[Event](max_entries=1)`"
    function: str


class VariableTooLarge(ErrorClass):
    """One local variable is larger than the stack.

    Variables live on the stack, which has 512 bytes.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            names: Annotated[bytes, 4096]
            return XDP_PASS

    Good:

        @bpf.struct
        class Scratch:
            names: Annotated[bytes, 4096]


        scratch = bpf.PerCpuArray[Scratch](max_entries=1)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            names = scratch.lookup(0)
            if names is None:
                return XDP_PASS
            return XDP_PASS
    """

    code = "E0507"
    title = "`{name}` takes {size} bytes; the stack has 512"
    label = "does not fit the stack"
    help = "keep it in a map: `scratch = bpf.PerCpuArray[T](max_entries=1)`, then `scratch.lookup(0)`"
    name: str
    size: int


class LoopTooLong(ErrorClass):
    """A constant loop runs more often than the verifier follows.

    The verifier follows every round of a loop and gives up after a million instructions.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            for i in range(100_000_000):
                print(f"{i}")
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            for i in range(64):
                print(f"{i}")
            return XDP_PASS
    """

    code = "E0508"
    title = "{count} rounds are more than the verifier follows"
    label = "too many rounds"
    help = "use `bpf.loop(n, fn, ctx)` or `bpf.iter_num(a, b)`, which the verifier checks once"
    count: int
