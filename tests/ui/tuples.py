import pybpfc as bpf
from pybpfc import u8, u32, u64
from pybpfc.uapi import XDP_PASS


@bpf.struct
class Point:
    x: u32


@bpf.func
def two(x: u32) -> tuple[u32, u64]:
    if x == 1:
        return x
    if x == 2:
        return x, x, x
    return u64(x), "a"


@bpf.func
def any_number(x: u32) -> tuple[u32, ...]:
    return x, x


@bpf.func
def maybe(x: u32) -> tuple[Point | None, u32]:
    return None, x


@bpf.func
def takes(pair: tuple[u32, u32]) -> u32:
    return pair[0]


@bpf.func
def good(x: u32) -> tuple[Point, u32]:
    return Point(x=x), x


@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    a, b, c = good(1)
    d = a
    pair = (1, 2)
    pair[0] = 3
    pair[2]
    pair[ctx.rx_queue_index]
    pair.first = 1
    point, e = good(1)
    kept = (point, e)
    nothing = (None, ())
    narrow: tuple[u8, u8] = (1, 300)
    other: tuple[u8, u8] = (1, 2, 3)
    if pair:
        pass
    f, *g = pair
    x, y = e
    return XDP_PASS
