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
    title = "`{function}` takes {size} bytes of stack; a BPF function has 512"
    label = "its variables do not fit"
    help = "keep large values in a map: `scratch = bpf.PerCpuArray[T](max_entries=1)`, then `scratch.lookup(0)`"
    function: str
    size: int


class CombinedStack(ErrorClass):
    """A program and the functions it calls need more stack than BPF has.

    The 512 bytes of stack are for the program and all functions that run at the same time: the kernel adds up the
    frames along each chain of calls, each rounded up to 16 bytes (32 before kernel 6.9, and where programs are
    interpreted). Functions that the compiler puts into their callers have no frame of their own; variables in registers
    take nothing. From kernel 6.13 on x86-64, tracing programs have a stack for each function.

    Bad:

        @bpf.struct
        class Path:
            text: Annotated[bytes, 300]


        paths = bpf.HashMap[u32, Path](max_entries=16)


        @bpf.func(noinline=True)
        def remember(key: u32) -> u64:
            path = Path()
            path.text[0] = 1
            paths[key] = path
            return 0


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            path = Path()
            path.text[0] = 2
            paths[1] = path
            return i32(remember(2))

    Good:

        @bpf.struct
        class Path:
            text: Annotated[bytes, 300]


        paths = bpf.HashMap[u32, Path](max_entries=16)
        scratch = bpf.PerCpuArray[Path](max_entries=1)


        @bpf.func(noinline=True)
        def remember(key: u32) -> u64:
            path = scratch.lookup(0)
            if path is None:
                return 0
            path.text[0] = 1
            paths[key] = path
            return 0


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            path = Path()
            path.text[0] = 2
            paths[1] = path
            return i32(remember(2))
    """

    code = "E0503"
    title = "`{program}` and the functions it calls take {size} bytes of stack; BPF has 512: {chain}"
    label = "its own variables come first"
    help = "keep large values in a map: `scratch = bpf.PerCpuArray[T](max_entries=1)`, then `scratch.lookup(0)`"
    program: str
    size: int
    chain: str


class CallDepth(ErrorClass):
    """Functions call each other deeper than BPF allows.

    At most eight functions may run at the same time, the program included. Those that the compiler puts into their
    callers do not count.

    Bad:

        @bpf.func(noinline=True)
        def h(x: u64) -> u64:
            return x + bpf_ktime_get_ns()


        @bpf.func(noinline=True)
        def g(x: u64) -> u64:
            return h(x) + 1


        @bpf.func(noinline=True)
        def f(x: u64) -> u64:
            return g(x) + 1


        @bpf.func(noinline=True)
        def e(x: u64) -> u64:
            return f(x) + 1


        @bpf.func(noinline=True)
        def d(x: u64) -> u64:
            return e(x) + 1


        @bpf.func(noinline=True)
        def c(x: u64) -> u64:
            return d(x) + 1


        @bpf.func(noinline=True)
        def b(x: u64) -> u64:
            return c(x) + 1


        @bpf.func(noinline=True)
        def a(x: u64) -> u64:
            return b(x) + 1


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return i32(a(1) & 1)

    Good:

        @bpf.func
        def b(x: u64) -> u64:
            return x + bpf_ktime_get_ns()


        @bpf.func
        def a(x: u64) -> u64:
            return b(x) + 1


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return i32(a(1) & 1)
    """

    code = "E0504"
    title = "the calls of `{program}` are {depth} deep; BPF allows 8: {chain}"
    label = "1. the program"
    help = "let the compiler put functions into their callers: `@bpf.func(inline=True)`"
    program: str
    depth: int
    chain: str


class TailCallStack(ErrorClass):
    """A function makes a tail call while its callers hold too much of the stack.

    A tail call leaves the function's frame but not those of its callers, and 33 may follow each other; so the kernel
    allows them in functions only while the frames before take less than 256 bytes.

    Bad:

        @bpf.struct
        class Path:
            text: Annotated[bytes, 300]


        paths = bpf.HashMap[u32, Path](max_entries=16)
        next_programs = bpf.ProgArray(max_entries=4)


        @bpf.func(noinline=True)
        def go_on(ctx: bpf.XdpContext) -> i64:
            next_programs.tail_call(ctx, 0)
            return 0


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            path = Path()
            path.text[0] = 2
            paths[1] = path
            return i32(go_on(ctx))

    Good:

        @bpf.struct
        class Path:
            text: Annotated[bytes, 300]


        paths = bpf.HashMap[u32, Path](max_entries=16)
        next_programs = bpf.ProgArray(max_entries=4)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            path = Path()
            path.text[0] = 2
            paths[1] = path
            next_programs.tail_call(ctx, 0)
            return XDP_PASS
    """

    code = "E0505"
    title = "`{function}` makes a tail call with {size} bytes of its callers' stack in use; 255 are allowed"
    label = "tail call"
    help = "make the tail call in the program itself, or keep the callers' large values in a map"
    function: str
    size: int


class NestedTooDeeply(ErrorClass):
    """Statements or expressions within each other, more of them than the compiler follows.

    Each `elif` lies within the one before, and each operator of a long sum within the next. Some hundred levels are
    too many; a table, such as a map or an array, or several functions say the same with less.
    """

    code = "E0506"
    title = "`{name}` is nested too deeply to be compiled"
    label = "in this function"
    help = "make a long chain of `elif` a `match` or a map, and a long expression several statements"
    name: str


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
    """A loop has more rounds than a loop can have.

    The verifier follows the rounds of short loops; those of long ones are made by `bpf_loop`, 8,388,608 at most.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            for i in range(100_000_000):
                print(f"{i}")
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            for i in range(100):
                for j in range(1_000_000):
                    print(f"{i} {j}")
            return XDP_PASS
    """

    code = "E0508"
    title = "{count} rounds are more than a loop can make"
    label = "too many rounds"
    help = "put one loop into another; each makes 8,388,608 rounds at most"
    count: int


class EndlessLoop(ErrorClass):
    """A loop has no way out.

    Its condition is true in each round, or is the same in each, and nothing inside leaves the loop. A BPF program has
    to end.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            queue = ctx.rx_queue_index
            rounds = 0
            while queue < 8:
                rounds += 1
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            queue = ctx.rx_queue_index
            rounds = 0
            while queue < 8:
                rounds += 1
                queue += 1
            return XDP_PASS
    """

    code = "E0509"
    title = "this loop has no way out"
    label = "no `break` or `return` inside"
    help = (
        "change the condition inside, or leave by `break`; for a number of rounds write `for i in range(64)`, "
        "`for i in bpf.iter_num(a, b)`, `bpf.loop(n, fn, ctx)`, or `for k, v in m.items()` over a map"
    )


class RebindsOutside(ErrorClass):
    """A loop's body makes a name from outside stand for another struct or array.

    Names of structs and arrays are references. The body of a loop that `bpf_loop` or `bpf_for_each_map_elem` runs is a
    function of its own, which the verifier does not let keep references to the stack outside of itself.

    Bad:

        @bpf.struct
        class Seen:
            key: u32
            count: u64


        counts = bpf.HashMap[u32, u64](max_entries=64)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            most = Seen()
            for key, count in counts.items():
                if count > most.count:
                    most = Seen(key=key, count=count)
            return XDP_PASS if most.key else XDP_DROP

    Good:

        @bpf.struct
        class Seen:
            key: u32
            count: u64


        counts = bpf.HashMap[u32, u64](max_entries=64)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            most = Seen()
            for key, count in counts.items():
                if count > most.count:
                    most.key = key
                    most.count = count
            return XDP_PASS if most.key else XDP_DROP
    """

    code = "E0510"
    title = "`{name}` cannot stand for another struct or array inside this loop"
    label = "not possible in a loop that a helper runs"
    help = "set its fields or elements, or give what is made inside a name of its own"
    name: str
