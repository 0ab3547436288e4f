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

        from pybpfc.stdlib import net

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            eth = ctx.packet(net.ethhdr)
            if eth is None:
                return XDP_PASS
            bpf_xdp_adjust_head(ctx, 4)
            x = eth.h_proto
            return XDP_PASS

    Good:

        from pybpfc.stdlib import net

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            bpf_xdp_adjust_head(ctx, 4)
            eth = ctx.packet(net.ethhdr)
            if eth is None:
                return XDP_PASS
            x = eth.h_proto
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


class PointerStored(ErrorClass):
    """A kernel address would be stored where user space can read it.

    Kernel addresses must not become visible to user space.
    """

    code = "E0307"
    title = "a pointer to {space} memory cannot be stored in {where}"
    label = "would leak a kernel address"
    help = "store what it points to"
    space: str
    where: str


class PointerReturned(ErrorClass):
    """A function returns the address of its own variable.

    A variable's memory is gone when its function has returned.
    """

    code = "E0308"
    title = "`{name}` ends with the function that returns it"
    label = "lives on this function's stack"
    help = "let the caller pass the struct in, or return its values"
    name: str


class PointerComparison(ErrorClass):
    """Pointers are compared in a way that has no meaning.

    Addresses of different objects have no order.
    """

    code = "E0309"
    title = "pointers cannot be compared with `{operator}`"
    label = "addresses have no order"
    help = "compare what they point to"
    operator: str


class KernelMemoryWrite(ErrorClass):
    """Kernel memory is written.

    The kernel lets a program read this memory only.
    """

    code = "E0310"
    title = "`{type}` is read-only memory"
    label = "cannot be written"
    help = "copy it into a local struct and change that"
    type: str


class UnboundedOffset(ErrorClass):
    """A packet offset may be larger than the verifier follows.

    The verifier follows packet offsets up to 65535 only, and a larger one would never be inside the packet.

    Bad:

        from pybpfc.stdlib import net

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = u64(bpf_get_prandom_u32())
            ip = ctx.packet(net.iphdr, n)
            return XDP_PASS

    Good:

        from pybpfc.stdlib import net

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = u64(bpf_get_prandom_u32())
            ip = ctx.packet(net.iphdr, min(n, 1500))
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

        from pybpfc.stdlib import net


        @bpf.tracepoint("syscalls/sys_enter_openat")
        def prog(ctx: bpf.TracepointContext) -> int:
            eth = ctx.packet(net.ethhdr)
            return 0

    Good:

        from pybpfc.stdlib import net

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            eth = ctx.packet(net.ethhdr)
            return XDP_PASS
    """

    code = "E0312"
    title = "`{context}` has no packet"
    label = "no packet data here"
    help = "`ctx.packet(…)` works in xdp, tc and the other programs that see packet data"
    context: str


class PointerFromInteger(ErrorClass):
    """An integer is made into a pointer.

    The verifier accepts pointers it has followed from where they came from, not made-up numbers.
    """

    code = "E0313"
    title = "{found} cannot be made into `{type}`"
    label = "the verifier accepts no made-up addresses"
    help = "declare the field or parameter as `bpf.UserPtr[T]` and read it with a helper"
    found: str
    type: str


class ReassignedReference(ErrorClass):
    """A struct local is rebound to another kind of memory.

    The verifier follows a variable as one kind of memory.
    """

    code = "E0314"
    title = "`{name}` refers to {first} memory and cannot be rebound to {second} memory"
    label = "another kind of memory"
    help = "use another name"
    name: str
    first: str
    second: str
