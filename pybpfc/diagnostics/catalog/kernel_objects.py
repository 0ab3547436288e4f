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
