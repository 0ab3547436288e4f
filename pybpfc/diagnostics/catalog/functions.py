"""E07xx: functions, their parameters and results, tuples, and containers of constants."""

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


class OwnMemoryReturned(ErrorClass):
    """A function returns a reference to a struct or array that it made itself.

    Such memory lies on the function's stack and is gone when it returns. A result declared as the struct itself is
    copied to the caller; one that may be None is a reference, as in Python, and leads to a map's value, to the packet
    or to what was passed in.

    Bad:

        @bpf.struct
        class Point:
            x: u32


        @bpf.func
        def positive(x: u32) -> Point | None:
            point = Point(x=x)
            if x == 0:
                return None
            return point


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            point = positive(ctx.rx_queue_index)
            return XDP_PASS if point is not None else XDP_DROP

    Good:

        @bpf.struct
        class Point:
            x: u32


        @bpf.func
        def positive(point: Point, x: u32) -> bool:
            point.x = x
            return x != 0


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            point = Point()
            return XDP_PASS if positive(point, ctx.rx_queue_index) else XDP_DROP
    """

    code = "E0704"
    title = "this reference leads to the function's own memory, which is gone when it returns"
    label = "a `{type}` of this function"
    help = "declare the result as `{type}`, which is copied, or fill a `{type}` that the caller passes in"
    type: str


class ReferenceNotInlined(ErrorClass):
    """A function that is never inlined returns a reference to what was passed in.

    The kernel refuses a called function that returns an address of its caller's stack.

    Bad:

        @bpf.struct
        class Point:
            x: u32


        @bpf.func(noinline=True)
        def larger(a: Point, b: Point) -> bpf.Ptr[Point]:
            return a if a.x > b.x else b


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            point = larger(Point(x=1), Point(x=2))
            return XDP_PASS if point.x == 2 else XDP_DROP

    Good:

        @bpf.struct
        class Point:
            x: u32


        @bpf.func
        def larger(a: Point, b: Point) -> bpf.Ptr[Point]:
            return a if a.x > b.x else b


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            point = larger(Point(x=1), Point(x=2))
            return XDP_PASS if point.x == 2 else XDP_DROP
    """

    code = "E0705"
    title = "`{name}` returns a reference to an argument, which a called function cannot"
    label = "never inlined"
    help = "leave out `noinline=True`: then it is inlined"
    name: str


class ExportedSignature(ErrorClass):
    """A function that is verified on its own takes or returns what the kernel does not allow there.

    The verifier knows the arguments of such a function by its types alone: numbers, the context, and structs and arrays
    by reference. Its result is a number.

    Bad:

        @bpf.struct
        class Point:
            x: u32


        @bpf.func(exported=True)
        def point(x: u32) -> Point:
            return Point(x=x)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PASS if point(1).x == 1 else XDP_DROP

    Good:

        @bpf.struct
        class Point:
            x: u32


        @bpf.func(exported=True)
        def fill(point: Point, x: u32) -> None:
            point.x = x


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            point = Point()
            fill(point, 1)
            return XDP_PASS if point.x == 1 else XDP_DROP
    """

    code = "E0706"
    title = "`{name}` {what}, which a function verified on its own cannot"
    label = "not allowed with `exported=True`"
    help = "pass numbers, the context or structs, return a number, or leave out `exported=True`"
    name: str
    what: str


class TupleElement(ErrorClass):
    """A tuple holds something else than numbers.

    A tuple is a handful of numbers that a function returns or a name keeps. A returned tuple may hold structs and
    arrays too, which are copied to the caller; one that is kept would have to refer to them, as Python's tuples do.

    Bad:

        @bpf.struct
        class Point:
            x: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            point = Point(x=1)
            pair = (point, 2)
            return XDP_PASS if pair[1] == 2 else XDP_DROP

    Good:

        @bpf.struct
        class Point:
            x: u32


        @bpf.func
        def made(x: u32) -> tuple[Point, u32]:
            return Point(x=x), 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            point, number = made(1)
            return XDP_PASS if number == 2 else XDP_DROP
    """

    code = "E0707"
    title = "{what} cannot be an element of a tuple here"
    label = "not a number"
    help = "declare a `@bpf.struct` that holds it"
    what: str


class ConstantContainer(ErrorClass):
    """A container of the module holds constants that a program has no use for here.

    Tuples, lists, sets and dicts of the module are constants. Numbers, and rows of as many numbers each, become an
    array of the object, which loops and `in` walk over. Texts can be taken by a constant index or key, and be compared
    with by `in` when there are few.

    Bad:

        NAMES = ("eth0", "eth1")


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            for name in NAMES:
                pass
            return XDP_PASS

    Good:

        PORTS = (80, 443)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            for port in PORTS:
                if ctx.rx_queue_index == port:
                    return XDP_DROP
            return XDP_PASS
    """

    code = "E0708"
    title = "{what} cannot be used as an array here"
    label = "not an array of numbers"
    help = "hold numbers in it, take an element by a constant, or fill a map from user space"
    what: str


class ConstantKey(ErrorClass):
    """A dict of the module is asked with a key that only the run knows.

    Such a dict exists while the program is compiled; what is looked up in a run is a map.

    Bad:

        LIMITS = {80: 100, 443: 200}


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            limit = LIMITS[ctx.rx_queue_index]
            return XDP_PASS

    Good:

        LIMITS = {80: 100, 443: 200}


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            for port, limit in LIMITS.items():
                if ctx.rx_queue_index == port and limit > 100:
                    return XDP_DROP
            return XDP_PASS
    """

    code = "E0709"
    title = "the key for `{name}`, a Python dict, must be known at compile time"
    label = "not constant"
    help = "declare a `bpf.HashMap` and fill it from user space, or loop over `{name}.items()`"
    name: str


class MissingKey(ErrorClass):
    """A dict of the module has no such key.

    Python would raise `KeyError`; here it is known while compiling.

    Bad:

        LIMITS = {"http": 100}


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_DROP if ctx.rx_queue_index > LIMITS["htpp"] else XDP_PASS

    Good:

        LIMITS = {"http": 100}


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_DROP if ctx.rx_queue_index > LIMITS["http"] else XDP_PASS
    """

    code = "E0710"
    title = "`{name}` has no key {key}"
    label = "no such key"
    name: str
    key: str
