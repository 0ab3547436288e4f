"""Errors of references into packets."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class PacketIndex(ErrorClass):
    """A reference into a packet is passed to a function that indexes it by what is known at run time only.

    The verifier forgets how far the packet reaches where such a number is added to an address; each such access is
    compared with the packet's end again, which takes the context. Only where the header was taken is it at hand.

    Bad:

        @bpf.struct
        class Options:
            each: Annotated[bytes, 16]


        @bpf.func
        def option(options: Options, index: u32) -> u32:
            return options.each[index & 15]


        @bpf.tc
        def prog(ctx: bpf.SkBuff) -> int:
            options = ctx.packet(Options, 34)
            if options is None:
                return TC_ACT_OK
            return i32(option(options, ctx.mark))

    Good:

        @bpf.struct
        class Options:
            each: Annotated[bytes, 16]


        @bpf.func
        def option(ctx: bpf.SkBuff, index: u32) -> u32:
            options = ctx.packet(Options, 34)
            return options.each[index & 15] if options is not None else 0


        @bpf.tc
        def prog(ctx: bpf.SkBuff) -> int:
            return i32(option(ctx, ctx.mark))
    """

    code = "E0326"
    title = "{given} lies in a packet, where `{function}` cannot index it"
    label = "a reference into the packet"
    help = "give the function the context too, and take the header there by `ctx.packet`; or index it here"
    given: str
    function: str


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
