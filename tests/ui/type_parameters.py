from typing import TypeVar

import pybpfc as bpf
from pybpfc import u8, u32, u64
from pybpfc.stdlib import net
from pybpfc.uapi import XDP_PASS

T = TypeVar("T")
N = TypeVar("N", bound=int)


@bpf.func
def same(a: T, b: T) -> T:
    return a


@bpf.func
def narrow(kind: type[N], x: u64) -> N:
    y: u32 = x
    return y


@bpf.func
def two(a: type[N], b: type[N]) -> u32:
    return bpf.size_of(a) + bpf.size_of(b)


@bpf.func
def layout(kind: type[T]) -> u32:
    bpf.static_assert(bpf.size_of(kind) == 4, "only words")
    return bpf.offset_of(kind, "daddr")


@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    same(1, 2)
    narrow(u32, 2)
    x = u32(3)
    narrow(x, 2)
    narrow(net, 2)
    narrow(net.iphdr, 2)
    narrow(u8, kind=u8)
    narrow(kind=u8)
    two(u8, u32)
    layout(net.iphdr)
    layout(u32)
    return XDP_PASS
