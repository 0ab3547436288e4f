"""What the compiler lets through of reservations, references and packet pointers, the verifier takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernel_support import from_python

import pybpfc as bpf
from pybpfc.diagnostics.catalog.base import PRELUDE

DECLARED = """
@bpf.struct
class Event:
    first: u64
    second: u64

@bpf.struct
class Tuple:
    saddr: u32
    daddr: u32
    sport: u16
    dport: u16

@bpf.struct
class Header:
    kind: u16
    rest: u16

events = bpf.RingBuf[Event](size=4096)
counts = bpf.HashMap[u32, u64](max_entries=16)

@bpf.func
def fill(event: Event) -> u64:
    event.first = 1
    return event.second

@bpf.func(noinline=True)
def send(value: u64) -> u64:
    event = events.reserve()
    if event is None:
        return 1
    event.first = value
    events.submit(event)
    return 0

@bpf.func(noinline=True)
def pull(ctx: bpf.XdpContext) -> i64:
    return bpf_xdp_adjust_head(ctx, 4)

@bpf.func(noinline=True)
def kind(header: Header) -> u16:
    return header.kind
"""

BODIES = {
    "names": """
    event = events.reserve()
    if event is None:
        return XDP_DROP
    other = event
    other.first = fill(event)
    events.submit(other)
    return XDP_PASS
""",
    "the old name assigned anew": """
    event = events.reserve()
    if event is None:
        return XDP_DROP
    other = event
    event = events.reserve()
    if event is not None:
        events.discard(event)
    events.submit(other)
    return XDP_PASS
""",
    "in rounds": """
    for i in range(4):
        event = events.reserve()
        if event is None:
            continue
        if i == 2:
            events.discard(event)
            continue
        event.first = u64(i)
        events.submit(event)
    return XDP_PASS
""",
    "from round to round": """
    event = events.reserve()
    if event is None:
        return XDP_DROP
    for i in range(3):
        events.submit(event)
        event = events.reserve()
        if event is None:
            return XDP_DROP
    events.submit(event)
    return XDP_PASS
""",
    "left by a break": """
    for i in range(4):
        event = events.reserve()
        if event is None:
            return XDP_DROP
        if bpf_get_prandom_u32() & 1:
            events.submit(event)
            break
        events.discard(event)
    return XDP_PASS
""",
    "in rounds that a helper makes": """
    for i in bpf.iter_num(0, 100):
        event = events.reserve()
        if event is None:
            break
        event.first = u64(i)
        events.submit(event)
    return XDP_PASS
""",
    "held over such rounds": """
    event = events.reserve()
    if event is None:
        return XDP_DROP
    for i in bpf.iter_num(0, 100):
        event.first += 1
    events.submit(event)
    return XDP_PASS
""",
    "in functions": """
    return XDP_DROP if send(1) + send(2) else XDP_PASS
""",
    "packets taken again": """
    header = ctx.packet(Header)
    if header is None:
        return XDP_DROP
    found = kind(header)
    if pull(ctx):
        return XDP_DROP
    header = ctx.packet(Header)
    if header is None:
        return XDP_DROP
    return XDP_DROP if kind(header) == found else XDP_PASS
""",
    "packets taken in each round": """
    found = 0
    for i in range(3):
        header = ctx.packet(Header)
        if header is None or pull(ctx):
            break
        found += 1
    return XDP_DROP if found == 3 else XDP_PASS
""",
    "a map's value over a call that moves packets": """
    count = counts.lookup(1)
    if count is None or pull(ctx):
        return XDP_DROP
    count.value += 1
    return XDP_PASS
""",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_programs(body: str, tmp_path: Path) -> None:
    load(tmp_path, f"@bpf.xdp\ndef prog(ctx: bpf.XdpContext) -> int:{body}")


def test_sockets(tmp_path: Path) -> None:
    load(
        tmp_path,
        """
@bpf.tc
def prog(ctx: bpf.TcContext) -> int:
    found = bpf_sk_lookup_tcp(ctx, Tuple(saddr=1, dport=80), 0, 0)
    if found is None:
        return TC_ACT_OK
    bpf_sk_release(found)
    return TC_ACT_SHOT
""",
    )


def load(tmp_path: Path, program: str) -> None:
    path = tmp_path / "made.o"
    path.write_bytes(from_python(PRELUDE + DECLARED + program))
    bpf.load(path, attach=False).close()
