"""Mistakes that both checkers find, each on the line that says so."""

from typing import Annotated

import pybpfc as bpf
from pybpfc import u32, u64


@bpf.struct
class Event:
    ts: u64
    comm: Annotated[str, 16]


counts = bpf.HashMap[u32, u64](max_entries=64)
events = bpf.RingBuf[Event](size=4096)
limit: bpf.Const[u32] = "ten"  # error


@bpf.xdp
def wrong_context(ctx: bpf.XdpContext) -> int:
    return int(ctx.user_ip4)  # error


@bpf.xdp  # error
def other_context(ctx: bpf.SockAddrContext) -> int:
    return 0


@bpf.xdp(speed=3)  # error
def unknown_option(ctx: bpf.XdpContext) -> int:
    return 0


@bpf.xdp
def program(ctx: bpf.XdpContext) -> int:
    count = counts.lookup(1)
    count.value += 1  # error
    event = events.reserve()
    event.ts = 1  # error
    if event is not None:
        event.tz = 1  # error
        event.comm = 5  # error
        counts[event] += 1  # error
    header = ctx.packet(Event)
    print(header.ts)  # error
    return counts.get(1, 0) / 2  # error


made = Event(ts=1, comm="x", pid=3)  # error
for flow in events:
    print(flow.name)  # error
bpf.size_off(Event)  # error
