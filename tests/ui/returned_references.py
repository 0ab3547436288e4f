from typing import Annotated

import pybpfc as bpf
from pybpfc import i32, u32, u64
from pybpfc.helpers import bpf_skb_pull_data
from pybpfc.stdlib import net


@bpf.struct
class Point:
    x: u32
    more: Annotated[list[u32], 4]


points = bpf.HashMap[u32, Point](max_entries=4)


@bpf.func
def made(x: u32) -> Point | None:
    point = Point(x=x)
    if x == 0:
        return None
    other = point
    if x == 1:
        return other
    return points.lookup(x)


@bpf.func
def part(point: Point) -> bpf.Ptr[Point]:
    points: Annotated[list[Point], 2]
    for p in points:
        if p.x == 0:
            return p
    return point


@bpf.func(noinline=True)
def itself(point: Point) -> bpf.Ptr[Point]:
    return point


@bpf.func(exported=True)
def exported(point: Point | None, address: bpf.UserPtr[u64]) -> Point:
    return Point(x=1)


@bpf.func(exported=True)
def exported_reference(x: u32) -> Point | None:
    return points.lookup(x)


@bpf.func
def header(ctx: bpf.SkBuff) -> net.ethhdr | None:
    return ctx.packet(net.ethhdr)


@bpf.func
def pull(ctx: bpf.SkBuff) -> None:
    bpf_skb_pull_data(ctx, 20)


@bpf.func
def pull_more(ctx: bpf.SkBuff) -> None:
    pull(ctx)


@bpf.func
def of_another_context(ctx: bpf.XdpContext) -> u32:
    return ctx.rx_queue_index


@bpf.func
def of_any_context(ctx: bpf.Context, other: bpf.PacketContext) -> u32:
    return ctx.nothing


@bpf.tc
def prog(ctx: bpf.SkBuff) -> int:
    point = made(3)
    if point is None:
        return 0
    part(point)
    itself(point)
    exported(point, ctx.len)
    exported_reference(1)
    of_another_context(ctx)
    of_any_context(ctx, ctx)
    of_any_context(3, ctx)
    of_any_context(ctx, point)
    eth = header(ctx)
    if eth is None:
        return 0
    pull_more(ctx)
    return i32(eth.h_proto)
