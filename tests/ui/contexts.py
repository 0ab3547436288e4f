from __future__ import annotations
import pybpfc as bpf
globals()[1]=2
@bpf.xdp
def a(ctx: 4) -> int:
    return 2
@bpf.xdp
def b(ctx: bpf.TracepointContext) -> int:
    return 2
@bpf.tracepoint("syscalls/sys_enter_openat")
def c(ctx: bpf.XdpContext) -> int:
    return 0
@bpf.xdp
def d(ctx: "bpf.XdpContext") -> int:
    return 2
@bpf.xdp
def e(ctx: bpf.PacketContext) -> int:
    return 2
@bpf.xdp
def f(ctx: nothing) -> int:
    return 2
@bpf.xdp
def g(ctx) -> int:
    return undefined_name
@bpf.socket_filter
def h(ctx: bpf.XdpContext) -> int:
    return 2
