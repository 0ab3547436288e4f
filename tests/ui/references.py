from typing import Annotated
import pybpfc as bpf
from pybpfc import *
from pybpfc.uapi import *
from pybpfc.helpers import *
@bpf.struct
class Ev:
    a: u64
    b: u64
@bpf.struct
class Eth:
    proto: u16
    x: u16
events = bpf.RingBuf[Ev](size=4096)
others = bpf.RingBuf[Ev](size=4096)
progs = bpf.ProgArray(max_entries=1)
@bpf.xdp
def p1(ctx: bpf.XdpContext) -> int:
    for i in range(4):
        e = events.reserve()
        if e is None:
            continue
        if i == 2:
            continue
        events.submit(e)
    return 2
@bpf.xdp
def p2(ctx: bpf.XdpContext) -> int:
    for i in range(4):
        e = events.reserve()
        if not e:
            break
        e.a = 1
    return 2
@bpf.xdp
def p3(ctx: bpf.XdpContext) -> int:
    e = events.reserve()
    if e is None:
        return 1
    for i in range(4):
        events.submit(e)
    return 2
@bpf.xdp
def p4(ctx: bpf.XdpContext) -> int:
    e = events.reserve()
    if e is None:
        return 1
    f = e
    events.submit(f)
    e.a = 3
    return 2
@bpf.func
def fill(e: Ev) -> u64:
    e.a = 1
    return 0
@bpf.xdp
def p5(ctx: bpf.XdpContext) -> int:
    e = events.reserve()
    if e is None:
        return 1
    events.submit(e)
    fill(e)
    return 2
@bpf.xdp
def p6(ctx: bpf.XdpContext) -> int:
    e = events.reserve()
    if e is None:
        return 1
    progs.tail_call(ctx, 0)
    events.submit(e)
    return 2
@bpf.func
def give(e: Ev) -> u64:
    events.submit(e)
    return 0
@bpf.func
def make() -> u64:
    e = events.reserve()
    if e is None:
        return 0
    e.a = 1
    return 0
@bpf.xdp
def p7(ctx: bpf.XdpContext) -> int:
    e = bpf_ringbuf_reserve(events, 16, 0)
    if e is None:
        return 1
    bpf_ringbuf_submit(e, 0)
    return i32(make())
@bpf.xdp
def p8(ctx: bpf.XdpContext) -> int:
    e = events.reserve()
    if e is None:
        return 1
    for i in bpf.iter_num(0, 10):
        e.a = 1
        events.submit(e)
        break
    return 2
@bpf.xdp
def p9(ctx: bpf.XdpContext) -> int:
    e = events.reserve()
    if e is None:
        return 1
    r = e if ctx.ingress_ifindex else e
    others.submit(e)
    return 2
@bpf.func
def pull(ctx: bpf.XdpContext) -> i64:
    return bpf_xdp_adjust_head(ctx, 4)
@bpf.xdp
def q1(ctx: bpf.XdpContext) -> int:
    eth = ctx.packet(Eth)
    if eth is None:
        return 1
    pull(ctx)
    return i32(eth.proto)
@bpf.xdp
def q2(ctx: bpf.XdpContext) -> int:
    for i in range(3):
        eth = ctx.packet(Eth)
        if eth is None:
            return 1
        x = eth.proto
        pull(ctx)
        if eth.x == 3:
            return 1
    return 2
@bpf.xdp
def q3(ctx: bpf.XdpContext) -> int:
    eth = ctx.packet(Eth)
    if eth is None:
        return 1
    for i in range(3):
        if eth.x == 3:
            return 1
        pull(ctx)
    return 2
@bpf.xdp
def q4(ctx: bpf.XdpContext) -> int:
    eth = ctx.packet(Eth)
    if eth is None:
        return 1
    for i in bpf.iter_num(0, 3):
        pull(ctx)
    return i32(eth.x)
@bpf.func
def later(eth: Eth, ctx: bpf.XdpContext) -> i64:
    pull(ctx)
    return i64(eth.x)
@bpf.xdp
def q5(ctx: bpf.XdpContext) -> int:
    eth = ctx.packet(Eth)
    if eth is None:
        return 1
    return i32(later(eth, ctx))
@bpf.xdp
def q6(ctx: bpf.XdpContext) -> int:
    eth = ctx.packet(Eth)
    if eth is None:
        return 1
    x = i64(eth.x) + pull(ctx) + i64(eth.x)
    return i32(x)
@bpf.struct
class Tuple:
    saddr: u32
    daddr: u32
    sport: u16
    dport: u16
@bpf.tc
def s1(ctx: bpf.TcContext) -> int:
    sk = bpf_sk_lookup_tcp(ctx, Tuple(), 0, 0)
    if sk is None:
        return 0
    if ctx.mark:
        bpf_sk_release(sk)
    return 0
@bpf.tc
def s2(ctx: bpf.TcContext) -> int:
    sk = bpf_sk_lookup_tcp(ctx, Tuple(), 0, 0)
    if sk is None:
        return 0
    bpf_sk_release(sk)
    bpf_sk_release(sk)
    return 0
@bpf.struct
class Outer:
    inner: Ev
    last: u64
nested = bpf.RingBuf[Outer](size=4096)
@bpf.xdp
def n1(ctx: bpf.XdpContext) -> int:
    e = nested.reserve()
    if e is None:
        return 1
    inner = e.inner
    nested.submit(e)
    inner.a = 1
    return 2
@bpf.xdp
def n2(ctx: bpf.XdpContext) -> int:
    e = nested.reserve()
    if e is None:
        return 1
    f = e
    e = nested.reserve()
    if e is not None:
        nested.submit(e)
    return 2
@bpf.xdp
def n3(ctx: bpf.XdpContext) -> int:
    for i in bpf.iter_num(0, 8):
        e = nested.reserve()
        if e is None:
            continue
        if i == 3:
            break
        nested.discard(e)
    return 2
