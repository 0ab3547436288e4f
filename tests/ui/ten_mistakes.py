"""Ten different mistakes: all are reported in one run, each at its place, and none of them twice."""

from typing import Annotated

import pybpfc as bpf
from pybpfc import u8, u32, u64
from pybpfc.helpers import bpf_get_prandom_u32, bpf_ktime_get_ns
from pybpfc.uapi import XDP_DROP, XDP_PASS


@bpf.struct
class Event:
    pid: u32
    comm: Annotated[str, 16]


events = bpf.RingBuf[Event](size=4096)
counts = bpf.HashMap[u32, u64](max_entries=64)
limit: bpf.Const[u32] = 10


@bpf.func
def average(total: u64, number: u64) -> u64:
    return total / number


@bpf.xdp
def first(ctx: bpf.XdpContext) -> int:
    global limit
    limit = 3
    squares = [i * i for i in range(8)]
    old = counts[1]
    total = counts.lookup(1)
    total.value += average(old, 3)
    größe: u8 = 300
    return XDP_PAS


@bpf.xdp
def second(ctx: bpf.XdpContext) -> int:
    event = events.reserve()
    if event is None:
        return XDP_DROP
    event.pid = bpf_ktime_get_ns()
    event.comn = "x"
    for i in range(bpf_get_prandom_u32()):
        print(f"{i}")
    events.submit(event)
    return XDP_PASS
