"""E011x: functions, exceptions and other Python that a program in the kernel cannot have."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class NestedFunction(ErrorClass):
    """A function is defined inside another.

    A function of the language lives at module level; there are no closures made at run time.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            def twice(x: u64) -> u64:
                return x * 2
            return XDP_PASS

    Good:

        @bpf.func
        def twice(x: u64) -> u64:
            return x * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = twice(2)
            return XDP_PASS
    """

    code = "E0110"
    title = "a function cannot be defined inside another"
    label = "nested `def`"
    help = "move it to module level and decorate it with `@bpf.func`"


class LambdaExpression(ErrorClass):
    """A lambda is used.

    BPF has no function objects: a function is called by its name or given to a helper that takes a callback.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            twice = lambda x: x * 2
            return XDP_PASS

    Good:

        @bpf.func
        def twice(x: u64) -> u64:
            return x * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = twice(2)
            return XDP_PASS
    """

    code = "E0111"
    title = "`lambda` is not supported in a BPF program"
    label = "there are no function objects in BPF"
    help = "define a function with `@bpf.func` at module level"


class Comprehension(ErrorClass):
    """A comprehension or generator expression is used.

    A comprehension makes a list whose length is known only when it has run; BPF has no memory for that.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            squares = [i * i for i in range(4)]
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            squares: Annotated[list[u64], 4]
            for i in range(4):
                squares[i] = u64(i * i)
            return XDP_PASS
    """

    code = "E0112"
    title = "comprehensions are not supported in a BPF program"
    label = "would need a list of unknown size"
    help = "declare an array, `values: Annotated[list[u32], 8]`, and fill it in a `for` loop"


class TryStatement(ErrorClass):
    """A try statement is used.

    Nothing raises in a BPF program: a helper or map operation says by its result whether it worked.

    Bad:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            try:
                del counts[1]
            except KeyError:
                pass
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            if 1 in counts:
                del counts[1]
            return XDP_PASS
    """

    code = "E0113"
    title = "`try` is not supported in a BPF program"
    label = "nothing raises in BPF"
    help = "test the value that the helper or map operation returns"


class RaiseStatement(ErrorClass):
    """A raise statement is used.

    There is no one to catch an exception in the kernel.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            raise ValueError
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_ABORTED
    """

    code = "E0114"
    title = "`raise` is not supported in a BPF program"
    label = "nothing could catch it"
    help = "return a value that the caller tests, or use `assert`"


class YieldExpression(ErrorClass):
    """A generator is written.

    A program runs from its first line to its return each time its hook fires.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            yield 1
            return XDP_PASS

    Good:

        events = bpf.RingBuf[u64](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is not None:
                event.value = 1
                events.submit(event)
            return XDP_PASS
    """

    code = "E0115"
    title = "`yield` is not supported in a BPF program"
    label = "a program runs to its end"
    help = "send values to user space through a `bpf.RingBuf`"


class AsyncCode(ErrorClass):
    """Asynchronous code is written.

    A program cannot wait: the kernel runs it to its end.

    Bad:

        @bpf.xdp
        async def prog(ctx: bpf.XdpContext) -> int:
            await other()
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PASS
    """

    code = "E0116"
    title = "`async` and `await` are not supported in a BPF program"
    label = "a program runs to its end"
    help = "to run something later, use a BPF timer"


class StarParameter(ErrorClass):
    """A function takes any number of arguments.

    Arguments are passed in registers: their number and types are fixed when the function is compiled.

    Bad:

        @bpf.func
        def first(*values: u64) -> u64:
            return 0


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = first(1, 2)
            return XDP_PASS

    Good:

        @bpf.func
        def first(a: u64, b: u64) -> u64:
            return a


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = first(1, 2)
            return XDP_PASS
    """

    code = "E0117"
    title = "`*{name}` parameters are not supported in a BPF program"
    label = "the number of arguments must be known"
    help = "list the parameters one by one, five at most"
    name: str


class StarExpression(ErrorClass):
    """A starred expression is used.

    How many values `*` stands for would be known only at run time.

    Bad:

        PAIR = (1, 2)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = max(*PAIR)
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = max(1, 2)
            return XDP_PASS
    """

    code = "E0118"
    title = "`*` unpacking is not supported in a BPF program"
    label = "its length is not known"
    help = "write the elements one by one"


class Recursion(ErrorClass):
    """A function calls itself, directly or through others.

    BPF calls need a bound that the verifier can see, and it does not accept a function that calls itself.

    Bad:

        @bpf.func
        def count(n: u64) -> u64:
            return 0 if n == 0 else count(n - 1) + 1


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = count(3)
            return XDP_PASS

    Good:

        @bpf.func
        def count(n: u64) -> u64:
            total: u64 = 0
            for i in range(min(n, 64)):
                total += 1
            return total


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = count(3)
            return XDP_PASS
    """

    code = "E0119"
    title = "`{name}` calls itself: {path}"
    label = "recursive call"
    help = "write it as a loop: BPF has no recursion"
    name: str
    path: str


class TooManyParameters(ErrorClass):
    """A function has more than five parameters.

    Arguments are passed in the registers r1 to r5.

    Bad:

        @bpf.func
        def add(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64) -> u64:
            return a + b + c + d + e + f


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = add(1, 2, 3, 4, 5, 6)
            return XDP_PASS

    Good:

        @bpf.struct
        class Parts:
            a: u64
            b: u64


        @bpf.func
        def add(parts: Parts) -> u64:
            return parts.a + parts.b


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = add(Parts(a=1, b=2))
            return XDP_PASS
    """

    code = "E0120"
    title = "`{name}` has {count} parameters; a BPF function takes at most 5"
    label = "one parameter too many"
    help = "pass a `@bpf.struct` that holds them"
    name: str
    count: int
