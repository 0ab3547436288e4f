"""E09xx: functions called while compiling, callbacks, timers and dynptrs."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class ConstantCall(ErrorClass):
    """The function runs while the program is compiled, and refused what it was given.

    Bad:

        from pybpfc.stdlib import net


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            ip = ctx.packet(net.iphdr, 14)
            if ip is not None and ip.saddr == net.ip4("10.0.0.256"):
                return XDP_DROP
            return XDP_PASS

    Good:

        from pybpfc.stdlib import net


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            ip = ctx.packet(net.iphdr, 14)
            if ip is not None and ip.saddr == net.ip4("10.0.0.25"):
                return XDP_DROP
            return XDP_PASS
    """

    code = "E0901"
    title = "`{name}` does not take this: {reason}"
    label = "called while the program is compiled"
    name: str
    reason: str


class NotATimer(ErrorClass):
    """The kernel runs timers in map values only: a timer is a field of a struct that came from a map.

    Bad:

        @bpf.struct
        class Entry:
            timer: bpf.Timer
            hits: u64


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            entry = Entry()
            entry.timer.cancel()
            return XDP_PASS

    Good:

        @bpf.struct
        class Entry:
            timer: bpf.Timer
            hits: u64


        entries = bpf.Array[Entry](max_entries=1)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            entry = entries.lookup(0)
            if entry is not None:
                entry.timer.cancel()
            return XDP_PASS
    """

    code = "E0902"
    title = "a timer lies in a map's value, and this is {found}"
    label = "not a timer of a map's value"
    help = "make a `bpf.Timer` a field of the map's struct, and take the struct by `lookup`"
    found: str


class TimerMap(ErrorClass):
    """A timer belongs to the map whose value it lies in: a hash map, an LRU hash map or an array.

    Bad:

        @bpf.struct
        class Entry:
            timer: bpf.Timer
            hits: u64


        entries = bpf.Array[Entry](max_entries=1)
        counts = bpf.Array[u64](max_entries=1)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            entry = entries.lookup(0)
            if entry is not None:
                entry.timer.init(counts)
            return XDP_PASS

    Good:

        @bpf.struct
        class Entry:
            timer: bpf.Timer
            hits: u64


        entries = bpf.Array[Entry](max_entries=1)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            entry = entries.lookup(0)
            if entry is not None:
                entry.timer.init(entries)
            return XDP_PASS
    """

    code = "E0903"
    title = "this timer cannot belong to {found}"
    label = "the map of `{value}` is wanted"
    help = "pass the map that the value with the timer was looked up in"
    found: str
    value: str


class TimerCallback(ErrorClass):
    """A timer calls a `@bpf.func` function with the key and the value of the entry that it lies in.

    Bad:

        @bpf.struct
        class Entry:
            timer: bpf.Timer
            hits: u64


        entries = bpf.HashMap[u32, Entry](max_entries=16)


        @bpf.func
        def expired(entry: Entry) -> None:
            entry.hits = 0


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            entry = entries.lookup(0)
            if entry is not None:
                entry.timer.set_callback(expired)
            return XDP_PASS

    Good:

        @bpf.struct
        class Entry:
            timer: bpf.Timer
            hits: u64


        entries = bpf.HashMap[u32, Entry](max_entries=16)


        @bpf.func
        def expired(key: u32, entry: Entry) -> None:
            entry.hits = 0


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            entry = entries.lookup(0)
            if entry is not None:
                entry.timer.set_callback(expired)
            return XDP_PASS
    """

    code = "E0904"
    title = "a timer cannot call `{name}`"
    label = "takes something else"
    help = "declare it as `def {name}(key: {key}, value: {value}) -> None:`"
    name: str
    key: str
    value: str


class NotOfAMap(ErrorClass):
    """A function that uses a lock or a timer of its parameter takes values of maps only.

    Bad:

        @bpf.struct
        class Shared:
            lock: bpf.SpinLock
            hits: u64


        @bpf.func
        def count(shared: Shared) -> None:
            with bpf.spin_lock(shared.lock):
                shared.hits += 1


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count(Shared())
            return XDP_PASS

    Good:

        @bpf.struct
        class Shared:
            lock: bpf.SpinLock
            hits: u64


        table = bpf.Array[Shared](max_entries=1)


        @bpf.func
        def count(shared: Shared) -> None:
            with bpf.spin_lock(shared.lock):
                shared.hits += 1


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            shared = table.lookup(0)
            if shared is not None:
                count(shared)
            return XDP_PASS
    """

    code = "E0905"
    title = "the function takes a map's value, and this is {found}"
    label = "not from a map"
    help = "pass what `lookup` gave"
    found: str


class DynptrMade(ErrorClass):
    """A dynptr leads to memory from the start: a record of a ring buffer, or a map's value.

    Bad:

        events = bpf.RingBuf[u64](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            record = bpf.Dynptr()
            events.submit(record)
            return XDP_PASS

    Good:

        events = bpf.RingBuf[u64](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            record = events.reserve_dynptr(8)
            events.submit(record)
            return XDP_PASS
    """

    code = "E0906"
    title = "a `bpf.Dynptr` is not made by itself"
    label = "leads nowhere"
    help = "take one from `events.reserve_dynptr(size)` or `bpf.dynptr_from_mem(place)`"


class DynptrHelper(ErrorClass):
    """The kernel's helpers fill a dynptr that the caller has room for; in Python a call gives it, and it has methods.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            bpf_dynptr_from_mem(0, 0, 0, 0)
            return XDP_PASS

    Good:

        values = bpf.Array[u64](max_entries=1)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            value = values.lookup(0)
            if value is not None:
                window = bpf.dynptr_from_mem(value.value)
                window.write(0, u32(1))
            return XDP_PASS
    """

    code = "E0907"
    title = "programs do not call `{name}` themselves"
    label = "has another form in Python"
    help = "write `{instead}`"
    name: str
    instead: str


class DynptrMemory(ErrorClass):
    """The kernel makes dynptrs over values of maps and global variables; others need no such pointer.

    Bad:

        @bpf.struct
        class Buffer:
            data: Annotated[bytes, 64]


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            buffer = Buffer()
            window = bpf.dynptr_from_mem(buffer.data)
            window.write(0, u32(1))
            return XDP_PASS

    Good:

        @bpf.struct
        class Buffer:
            data: Annotated[bytes, 64]


        buffers = bpf.PerCpuArray[Buffer](max_entries=1)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            buffer = buffers.lookup(0)
            if buffer is not None:
                window = bpf.dynptr_from_mem(buffer.data)
                window.write(0, u32(1))
            return XDP_PASS
    """

    code = "E0908"
    title = "a dynptr leads to a map's value or a global variable, not to {found}"
    label = "other memory"
    help = "keep it in a `bpf.PerCpuArray` of one entry, or in a `bpf.Global`"
    found: str


class DynptrValue(ErrorClass):
    """How many bytes a plain number takes is not said: `u8(1)` is one, `u64(1)` are eight.

    Bad:

        events = bpf.RingBuf[u64](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            record = events.reserve_dynptr(8)
            record.write(0, 1)
            events.submit(record)
            return XDP_PASS

    Good:

        events = bpf.RingBuf[u64](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            record = events.reserve_dynptr(8)
            record.write(0, u64(1))
            events.submit(record)
            return XDP_PASS
    """

    code = "E0909"
    title = "how many bytes has {value}?"
    label = "has no size"
    help = "give it a type: `u32({value})`"
    value: int


class LooseOperation(ErrorClass):
    """A function of a struct of operations belongs to no class.

    The kernel takes such functions only together, as one struct: a class decorated with `@bpf.struct_ops` has them as
    methods, or names those that are decorated alone.

    Bad:

        @bpf.struct_ops("tcp_congestion_ops")
        def ssthresh(sk) -> u32:
            return 2

    Good:

        @bpf.struct_ops("tcp_congestion_ops")
        class careful:
            name = "careful"

            def ssthresh(self, sk) -> u32:
                return 2
    """

    code = "E0910"
    title = "`{name}` is a function of no `{struct}`"
    label = "decorated alone"
    help = 'write it in a class: `@bpf.struct_ops("{struct}") class …`, or name it in one'
    name: str
    struct: str


class UnknownOperation(ErrorClass):
    """A struct of operations of this kernel has no such member.

    The names of methods and values of the class are those of the kernel's struct; `pybpfc list -v struct_ops` shows
    them. What is no member belongs outside of the class.

    Bad:

        @bpf.struct_ops("tcp_congestion_ops")
        class careful:
            name = "careful"

            def sstresh(self, sk) -> u32:
                return 2

    Good:

        @bpf.struct_ops("tcp_congestion_ops")
        class careful:
            name = "careful"

            def ssthresh(self, sk) -> u32:
                return 2
    """

    code = "E0911"
    title = "`{struct}` has no member `{name}`"
    label = "not a member of this kernel's"
    struct: str
    name: str


class InvalidOperation(ErrorClass):
    """A member of a struct of operations is given something else than it is.

    Function pointers take methods; numbers and texts take constants that fit, texts with room for a NUL.

    Bad:

        @bpf.struct_ops("tcp_congestion_ops")
        class careful:
            name = "much more careful than others"

            def ssthresh(self, sk) -> u32:
                return 2

    Good:

        @bpf.struct_ops("tcp_congestion_ops")
        class careful:
            name = "careful"

            def ssthresh(self, sk) -> u32:
                return 2
    """

    code = "E0912"
    title = "`{name}` cannot be set to this"
    label = "{reason}"
    name: str
    reason: str
