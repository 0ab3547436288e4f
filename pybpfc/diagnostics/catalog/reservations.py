"""E041x: what a program takes it gives back: reservations and references, on every path."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class ReservationLeak(ErrorClass):
    """A path leaves the function with a reservation still open.

    A reserved record blocks the ring buffer until it is submitted or discarded; the verifier refuses a program that
    may forget one.

    Bad:

        @bpf.struct
        class Event:
            pid: u32
            size: u32


        events = bpf.RingBuf[Event](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is None:
                return XDP_PASS
            if event.pid == 0:
                return XDP_DROP
            events.submit(event)
            return XDP_PASS

    Good:

        @bpf.struct
        class Event:
            pid: u32
            size: u32


        events = bpf.RingBuf[Event](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is None:
                return XDP_PASS
            if event.pid == 0:
                events.discard(event)
                return XDP_DROP
            events.submit(event)
            return XDP_PASS
    """

    code = "E0410"
    title = "`{name}` is {open} on this path"
    label = "the function ends here"
    help = "call `submit` or `discard` on every path where the reservation is not None"
    name: str
    open: str = "neither submitted nor discarded"


class UseAfterRelease(ErrorClass):
    """A reservation is used after it was submitted or discarded.

    After `submit` the record belongs to user space, which may be reading it already.

    Bad:

        @bpf.struct
        class Event:
            pid: u32
            size: u32


        events = bpf.RingBuf[Event](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is None:
                return XDP_PASS
            events.submit(event)
            event.pid = 1
            return XDP_PASS

    Good:

        @bpf.struct
        class Event:
            pid: u32
            size: u32


        events = bpf.RingBuf[Event](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is None:
                return XDP_PASS
            event.pid = 1
            events.submit(event)
            return XDP_PASS
    """

    code = "E0411"
    title = "`{name}` {certainty} {given_back}"
    label = "used afterwards"
    help = "write all fields before `submit`"
    name: str
    certainty: str
    given_back: str = "submitted or discarded"


class ReservationOverwritten(ErrorClass):
    """A variable that holds an open reservation is assigned again.

    The variable is the only way to the reserved record, which must still be submitted or discarded.

    Bad:

        @bpf.struct
        class Event:
            pid: u32
            size: u32


        events = bpf.RingBuf[Event](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is None:
                return XDP_PASS
            event = events.reserve()
            if event is not None:
                events.submit(event)
            return XDP_PASS

    Good:

        @bpf.struct
        class Event:
            pid: u32
            size: u32


        events = bpf.RingBuf[Event](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is None:
                return XDP_PASS
            events.submit(event)
            event = events.reserve()
            if event is not None:
                events.submit(event)
            return XDP_PASS
    """

    code = "E0412"
    title = "`{name}` still holds a {noun}"
    label = "overwritten here"
    help = "give it back first"
    name: str
    noun: str = "reservation"


class ReleasedInLoop(ErrorClass):
    """A reservation made before a loop is given back in a loop that a helper runs.

    The body of `bpf.loop`, of `for i in bpf.iter_num(a, b)` and of loops over maps is a function that the kernel calls
    in each round; the verifier lets it give back only what it took in the same round.

    Bad:

        events = bpf.RingBuf[u64](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is None:
                return XDP_PASS
            for i in bpf.iter_num(0, 8):
                events.submit(event)
                break
            return XDP_PASS

    Good:

        events = bpf.RingBuf[u64](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is None:
                return XDP_PASS
            for i in bpf.iter_num(0, 8):
                event.value += 1
            events.submit(event)
            return XDP_PASS
    """

    code = "E0414"
    title = "`{name}` was taken before this loop and is given back in it"
    label = "in a function that the helper runs"
    help = "give it back behind the loop, or take it in the loop"
    name: str


class TestedInLoop(ErrorClass):
    """What was taken before a loop that a helper runs is tested for None in it.

    The body of such a loop is a function that the kernel calls in each round. Where the test shows that nothing was
    taken, older kernels (6.1 is one) lose track of it, as it was not this function that took it.

    Bad:

        events = bpf.RingBuf[u64](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            for i in bpf.iter_num(0, 8):
                if event is not None:
                    event.value += 1
            if event is not None:
                events.submit(event)
            return XDP_PASS

    Good:

        events = bpf.RingBuf[u64](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is None:
                return XDP_PASS
            for i in bpf.iter_num(0, 8):
                event.value += 1
            events.submit(event)
            return XDP_PASS
    """

    code = "E0445"
    title = "`{name}` was taken before this loop and is tested for None in it"
    label = "in a function that the helper runs"
    help = "test it before the loop: `if {name} is None:` and leave"
    name: str


class TailCallInLoop(ErrorClass):
    """A tail call in a loop that a helper runs.

    The body of `bpf.loop`, of `for i in bpf.iter_num(a, b)` and of loops over maps is a function that the kernel calls
    in each round. A tail call would leave that function, not the program; the verifier refuses it.

    Bad:

        programs = bpf.ProgArray(max_entries=4)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            for i in bpf.iter_num(0, 4):
                programs.tail_call(ctx, 1)
            return XDP_PASS

    Good:

        programs = bpf.ProgArray(max_entries=4)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            for i in bpf.iter_num(0, 4):
                if i == 3:
                    break
            programs.tail_call(ctx, 1)
            return XDP_PASS
    """

    code = "E0415"
    title = "a tail call cannot be made in a loop that a helper runs"
    label = "in a function that the helper runs"
    help = "leave the loop with `break` and make the tail call behind it"


class NotAReservation(ErrorClass):
    """`submit` or `discard` gets something that was not reserved.

    `submit` and `discard` end what `reserve` began; other data is sent with `output`.

    Bad:

        @bpf.struct
        class Event:
            pid: u32
            size: u32


        events = bpf.RingBuf[Event](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = Event(pid=1)
            events.submit(event)
            return XDP_PASS

    Good:

        @bpf.struct
        class Event:
            pid: u32
            size: u32


        events = bpf.RingBuf[Event](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = Event(pid=1)
            events.output(event)
            return XDP_PASS
    """

    code = "E0413"
    title = "`{method}` takes a variable that holds a {noun}, not {found}"
    label = "nothing was taken here"
    help = "pass the variable that `reserve()` was assigned to"
    method: str
    found: str
    noun: str = "reservation"
