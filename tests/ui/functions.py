import pybpfc as bpf
from pybpfc import u32
from pybpfc.stdlib import net
from pybpfc.uapi import XDP_PASS


@bpf.func
def mixed(a: u32, /, b: u32, *, c: u32 = 2) -> u32:
    return a + b + c


@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    x = u32(3)
    mixed(1, 2, 3)
    mixed(1, c=3)
    mixed(a=1, b=2)
    bpf.static_assert(x == 3)
    bpf.static_assert(bpf.size_of(net.iphdr) == 20, x)
    bpf.static_assert(bpf.size_of(net.iphdr) == 21)
    bpf.static_assert(True, "a", "b")
    y = bpf.static_assert(True)
    bpf.offset_of(net.iphdr, "dadr")
    bpf.offset_of(net.iphdr)
    bpf.offset_of(net.iphdr, x)
    return XDP_PASS
