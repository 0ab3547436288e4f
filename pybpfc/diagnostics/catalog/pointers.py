"""E03xx: None and pointers."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class MayBeNone(ErrorClass):
    """A value that may be None is used without a check.

    A lookup finds nothing when the key is absent, a reservation fails when the buffer is full, a packet may be too
    short. Reading through None would be a fault; the verifier refuses it.

    Bad:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = counts.lookup(1)
            count.value += 1
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = counts.lookup(1)
            if count is not None:
                count.value += 1
            return XDP_PASS
    """

    code = "E0301"
    title = "`{name}` may be None"
    label = "used without a check"
    help = "check it first: `if {name} is None:` and leave"
    name: str


class PointerArithmetic(ErrorClass):
    """Arithmetic on a pointer.

    The verifier follows each pointer with its bounds; computed addresses would lose them.

    Bad:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = counts.lookup(1)
            if count is not None:
                x = count + 8
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = counts.lookup(1)
            if count is not None:
                x = count.value + 8
            return XDP_PASS
    """

    code = "E0302"
    title = "`{operator}` does not work on pointers"
    label = "pointer arithmetic"
    help = "index an array, or take a packet pointer at an offset: `ctx.packet(T, offset)`"
    operator: str


class UserPointerAccess(ErrorClass):
    """Memory of user space or of the kernel is read directly.

    An address of user space or of kernel memory the verifier knows nothing of may not be mapped: only helpers that
    check it may read there.

    Bad:

        @bpf.tracepoint("syscalls/sys_enter_openat")
        def prog(ctx: bpf.TracepointContext) -> int:
            first = ctx.filename[0]
            return 0

    Good:

        @bpf.tracepoint("syscalls/sys_enter_openat")
        def prog(ctx: bpf.TracepointContext) -> int:
            name: Annotated[str, 64]
            bpf_probe_read_user_str(name, ctx.filename)
            return 0
    """

    code = "E0303"
    title = "`{type}` cannot be read directly"
    label = "memory that may not be mapped"
    help = "copy it with `bpf_probe_read_user(dst, src)` or `bpf_probe_read_kernel(dst, src)`"
    type: str


class StalePacketPointer(ErrorClass):
    """A packet pointer is used after a helper that may move the packet.

    Some helpers move the packet or change its size. The verifier forgets all packet pointers at such a call.

    Bad:

        @bpf.struct
        class Ethernet:
            target: Annotated[bytes, 6]
            source: Annotated[bytes, 6]
            protocol: be16


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            eth = ctx.packet(Ethernet)
            if eth is None:
                return XDP_PASS
            bpf_xdp_adjust_head(ctx, 4)
            x = eth.protocol
            return XDP_PASS

    Good:

        @bpf.struct
        class Ethernet:
            target: Annotated[bytes, 6]
            source: Annotated[bytes, 6]
            protocol: be16


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            bpf_xdp_adjust_head(ctx, 4)
            eth = ctx.packet(Ethernet)
            if eth is None:
                return XDP_PASS
            x = eth.protocol
            return XDP_PASS
    """

    code = "E0304"
    title = "`{name}` is no longer valid after `{helper}`"
    label = "may point into freed memory"
    help = "take it again with `ctx.packet(…)` after the call"
    name: str
    helper: str


class NeverNone(ErrorClass):
    """A value that cannot be None is compared with None.

    Only lookups, reservations, packet pointers and the like can be None. An integer never is.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            if bpf_get_prandom_u32() is None:
                return XDP_DROP
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            if bpf_get_prandom_u32() == 0:
                return XDP_DROP
            return XDP_PASS
    """

    code = "E0305"
    title = "{what} is never None"
    label = "cannot be None"
    help = "compare integers with 0"
    what: str


class PointerIndex(ErrorClass):
    """A pointer to one value is indexed.

    A pointer leads to one value of its type; what lies behind it is unknown.

    Bad:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = counts.lookup(1)
            if count is not None:
                x = count[1]
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = counts.lookup(1)
            if count is not None:
                x = count.value
            return XDP_PASS
    """

    code = "E0306"
    title = "`{type}` points to one value"
    label = "only index 0 is there"
    help = "use `.value`, or declare the memory as an array: `Annotated[list[T], N]`"
    type: str


class UnboundedOffset(ErrorClass):
    """A packet offset may be larger than the verifier follows.

    The verifier follows packet offsets up to 65535 only, and a larger one would never be inside the packet.

    Bad:

        @bpf.struct
        class Ethernet:
            target: Annotated[bytes, 6]
            source: Annotated[bytes, 6]
            protocol: be16


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            eth = ctx.packet(Ethernet, n)
            return XDP_PASS

    Good:

        @bpf.struct
        class Ethernet:
            target: Annotated[bytes, 6]
            source: Annotated[bytes, 6]
            protocol: be16


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            eth = ctx.packet(Ethernet, min(n, 1500))
            return XDP_PASS
    """

    code = "E0311"
    title = "the offset into the packet may be larger than {limit}"
    label = "not bounded"
    help = "bound it: `ctx.packet(T, min(offset, 1500))`"
    limit: int


class NoPacket(ErrorClass):
    """The context has no packet data.

    Only hooks that see packet data have a packet.

    Bad:

        @bpf.struct
        class Ethernet:
            target: Annotated[bytes, 6]
            source: Annotated[bytes, 6]
            protocol: be16


        @bpf.tracepoint("syscalls/sys_enter_openat")
        def prog(ctx: bpf.TracepointContext) -> int:
            eth = ctx.packet(Ethernet)
            return 0

    Good:

        @bpf.struct
        class Ethernet:
            target: Annotated[bytes, 6]
            source: Annotated[bytes, 6]
            protocol: be16


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            eth = ctx.packet(Ethernet)
            return XDP_PASS
    """

    code = "E0312"
    title = "`{context}` has no packet"
    label = "no packet data here"
    help = "`ctx.packet(…)` works in xdp, tc and the other programs that see packet data"
    context: str
