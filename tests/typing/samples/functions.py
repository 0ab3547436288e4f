"""Functions of programs: type parameters, keywords, methods."""

from typing import TypeVar, assert_type

import pybpfc as bpf
from pybpfc import u8, u32, u64
from pybpfc.stdlib import net
from pybpfc.uapi import XDP_DROP, XDP_PASS

T = TypeVar("T")
N = TypeVar("N", bound=int)


@bpf.struct
class Point:
    x: u32
    y: u32

    def total(self, factor: u32 = 1, *, plus: u32 = 0) -> u32:
        return self.x * factor + self.y + plus

    def x_as(self, kind: type[N]) -> N:
        return kind(self.x)


@bpf.func
def low(kind: type[N], x: u64) -> N:
    part: N = kind(x)
    return part


@bpf.func
def fresh(kind: type[T]) -> T:
    bpf.static_assert(bpf.size_of(kind) > 0, "empty")
    return kind()


@bpf.func(inline=True)
def header(ctx: bpf.XdpContext, kind: type[T], offset: int = 0) -> T | None:
    return ctx.packet(kind, offset)


@bpf.func
def split(x: u64) -> tuple[u32, Point]:
    return u32(x >> 32), Point(x=u32(x), y=0)


@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    point = fresh(Point)
    assert_type(point, Point)
    assert_type(low(u8, 300), int)
    assert_type(point.x_as(u32), int)
    high, rest = split(5)
    assert_type(rest, Point)
    pair = (high, u8(3))
    point.x = pair[1]
    ip = header(ctx, net.iphdr, 14)
    if ip is None:
        return XDP_DROP
    assert_type(ip, net.iphdr)
    point.total(plus=2, factor=3)
    point.total(1, 2)  # error
    header(ctx, kind=3)  # error
    return XDP_PASS
