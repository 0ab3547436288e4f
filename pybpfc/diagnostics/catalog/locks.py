"""E08xx: `with`, spin locks, and what belongs to the kernel in map values."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class NotAContextManager(ErrorClass):
    """`with` takes a spin lock; Python's context managers have no meaning in a BPF program.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            with ctx:
                return XDP_PASS

    Good:

        @bpf.struct
        class Shared:
            lock: bpf.SpinLock
            packets: u64


        shared = bpf.Array[Shared](max_entries=1)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            s = shared.lookup(0)
            if s is not None:
                with bpf.spin_lock(s.lock):
                    s.packets += 1
            return XDP_PASS
    """

    code = "E0801"
    title = "`with` takes `bpf.spin_lock(…)`, not `{found}`"
    label = "not a lock"
    help = "write `with bpf.spin_lock(value.lock):`, where `value` comes from a map and `lock` is a `bpf.SpinLock`"
    found: str


class LockGivesNothing(ErrorClass):
    """`with bpf.spin_lock(…)` has no `as`: a lock that is held has no value.

    Bad:

        @bpf.struct
        class Shared:
            lock: bpf.SpinLock
            packets: u64


        shared = bpf.Array[Shared](max_entries=1)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            s = shared.lookup(0)
            if s is not None:
                with bpf.spin_lock(s.lock) as held:
                    s.packets += 1
            return XDP_PASS

    Good:

        @bpf.struct
        class Shared:
            lock: bpf.SpinLock
            packets: u64


        shared = bpf.Array[Shared](max_entries=1)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            s = shared.lookup(0)
            if s is not None:
                with bpf.spin_lock(s.lock):
                    s.packets += 1
            return XDP_PASS
    """

    code = "E0802"
    title = "a lock that is held has no value to name"
    label = "leave `as …` out"
    help = "work with the map's value itself in the block"


class NotALock(ErrorClass):
    """`bpf.spin_lock` takes the `bpf.SpinLock` field of a map's value.

    A lock guards the value that it is part of, so it cannot stand alone, in a local variable or in a global one. A
    function looks the value up itself: of a parameter it is not known whether a map holds it.

    Bad:

        @bpf.struct
        class Shared:
            lock: bpf.SpinLock
            packets: u64


        shared = bpf.Array[Shared](max_entries=1)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            s = shared.lookup(0)
            if s is not None:
                with bpf.spin_lock(s.packets):
                    s.packets += 1
            return XDP_PASS

    Good:

        @bpf.struct
        class Shared:
            lock: bpf.SpinLock
            packets: u64


        shared = bpf.Array[Shared](max_entries=1)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            s = shared.lookup(0)
            if s is not None:
                with bpf.spin_lock(s.lock):
                    s.packets += 1
            return XDP_PASS
    """

    code = "E0803"
    title = "`bpf.spin_lock` takes a lock in a map's value, not {found}"
    label = "not the lock of a map's value"
    help = "declare `lock: bpf.SpinLock` in the struct that the map holds, and pass `value.lock`"
    found: str


class CallUnderLock(ErrorClass):
    """Nothing is called while a spin lock is held: the kernel lets no helper run there, and no second lock be taken.

    Operations of maps, `print`, loops over run-time ranges and such are helpers too. Functions that only compute are
    fine where they are inlined.

    Bad:

        @bpf.struct
        class Shared:
            lock: bpf.SpinLock
            seen: u64


        shared = bpf.Array[Shared](max_entries=1)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            s = shared.lookup(0)
            if s is not None:
                with bpf.spin_lock(s.lock):
                    s.seen = bpf_ktime_get_ns()
            return XDP_PASS

    Good:

        @bpf.struct
        class Shared:
            lock: bpf.SpinLock
            seen: u64


        shared = bpf.Array[Shared](max_entries=1)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            s = shared.lookup(0)
            if s is not None:
                now = bpf_ktime_get_ns()
                with bpf.spin_lock(s.lock):
                    s.seen = now
            return XDP_PASS
    """

    code = "E0804"
    title = "`{name}` is called while a spin lock is held"
    label = "nothing may be called here"
    help = "call it before or after the `with` block; let functions that only compute be `@bpf.func(inline=True)`"
    name: str


class ReturnsUnderLock(ErrorClass):
    """A struct is returned from within a `with` block: it would be copied after the lock was released.

    Bad:

        @bpf.struct
        class Pair:
            a: u64
            b: u64


        @bpf.struct
        class Shared:
            lock: bpf.SpinLock
            pair: Pair


        shared = bpf.Array[Shared](max_entries=1)


        @bpf.func
        def taken() -> Pair:
            s = shared.lookup(0)
            if s is None:
                return Pair()
            with bpf.spin_lock(s.lock):
                return s.pair


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PASS if taken().a == 0 else XDP_DROP

    Good:

        @bpf.struct
        class Pair:
            a: u64
            b: u64


        @bpf.struct
        class Shared:
            lock: bpf.SpinLock
            pair: Pair


        shared = bpf.Array[Shared](max_entries=1)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            s = shared.lookup(0)
            if s is None:
                return XDP_DROP
            with bpf.spin_lock(s.lock):
                a = s.pair.a
            return XDP_PASS if a == 0 else XDP_DROP
    """

    code = "E0805"
    title = "a struct cannot be returned from within the block of a lock"
    label = "copied only after the lock is released"
    help = "copy what is needed in the block, and return it behind the block"


class KernelsOwnField(ErrorClass):
    """A lock, timer or the like in a map's value is the kernel's: programs cannot read, write or copy it.

    That goes for copies of the whole value, too.

    Bad:

        @bpf.struct
        class Shared:
            lock: bpf.SpinLock
            packets: u64


        shared = bpf.Array[Shared](max_entries=2)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            s = shared.lookup(0)
            if s is not None:
                s.lock = bpf.SpinLock()
            return XDP_PASS

    Good:

        @bpf.struct
        class Shared:
            lock: bpf.SpinLock
            packets: u64


        shared = bpf.Array[Shared](max_entries=2)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            s = shared.lookup(0)
            if s is not None:
                s.packets = 0
            return XDP_PASS
    """

    code = "E0806"
    title = "this would touch the `{name}` in a map's value, which is the kernel's"
    label = "reads or writes it"
    help = "copy and set the other fields one by one"
    name: str
