"""`stdlib.net`: the cursor over a packet's headers, and checksums, in the machine and in the kernel."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from language import module, results

from pybpfc.compiler import compile_source
from pybpfc.diagnostics.errors import CompileError

ETHERNET = bytes(12)
VLAN = b"\x81\x00\x00\x05"
IP4 = bytes.fromhex("46000073000040004011b861c0a80001c0a800c7") + bytes(4)
UDP = struct.pack(">HHHH", 1000, 53, 8, 0)
IP6 = bytes([0x60, 0, 0, 0, 0, 64, 0, 64]) + bytes(32)

FOUR = """
@bpf.func(noinline=True)
def transport(cursor: net.Cursor, protocol: u8) -> i32:
    if protocol == IPPROTO_UDP:
        udp = cursor.read(net.udphdr)
        return -1 if udp is None else i32(udp.dest)
    return -2

@bpf.tc
def prog(ctx: bpf.SkBuff) -> int:
    cursor = net.Cursor(ctx)
    eth = cursor.read(net.ethhdr)
    if eth is None:
        return -3
    protocol = eth.h_proto
    for _ in range(2):
        if protocol == ETH_P_8021Q:
            vlan = cursor.read(net.vlan_hdr)
            if vlan is None:
                return -4
            protocol = vlan.h_vlan_encapsulated_proto
    if protocol != ETH_P_IP:
        return -5
    ip = cursor.read(net.iphdr)
    if ip is None:
        return -6
    cursor.skip((ip.version_ihl & 15) * 4 - 20)
    return transport(cursor, ip.protocol)
"""
SIX = """
@bpf.struct
class Extension:
    nexthdr: u8
    hdrlen: u8
    rest: Annotated[bytes, 6]

@bpf.func
def last_header(cursor: net.Cursor, first: u8) -> u8:
    kind = first
    for _ in range(6):
        if kind not in (IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS):
            return kind
        extension = cursor.read(Extension)
        if extension is None:
            return 255
        cursor.skip(u32(extension.hdrlen) * 8)
        kind = extension.nexthdr
    return kind

@bpf.tc
def prog(ctx: bpf.SkBuff) -> int:
    cursor = net.Cursor(ctx)
    eth = cursor.read(net.ethhdr)
    if eth is None or eth.h_proto != ETH_P_IPV6:
        return -1
    ip = cursor.read(net.ipv6hdr)
    if ip is None:
        return -2
    kind = last_header(cursor, ip.nexthdr)
    bpf_skb_pull_data(ctx, 60)
    port = cursor.read(be16)
    return -3 if port is None else i32(port.value) + i32(kind) * 1000 + i32(cursor.offset) * 100_000
"""
DEFAULT = b"\x08\x00"
TAGGED = VLAN + DEFAULT
CHAIN = bytes([43, 1]) + bytes(14) + bytes([6, 0]) + bytes(6)


@pytest.mark.parametrize(
    ("source", "packet", "expected"),
    [
        (FOUR, ETHERNET + DEFAULT + IP4 + UDP, 53),
        (FOUR, ETHERNET + TAGGED + IP4 + UDP, 53),
        (FOUR, ETHERNET + VLAN + TAGGED + IP4 + UDP, 53),
        (FOUR, ETHERNET + VLAN + VLAN + TAGGED + IP4 + UDP, -5),
        (FOUR, ETHERNET + TAGGED + IP4 + UDP[:7], -1),
        (FOUR, ETHERNET + TAGGED + IP4[:18], -6),
        (SIX, ETHERNET + b"\x86\xdd" + IP6 + CHAIN + b"\x00\x16" + bytes(8), 22 + 6000 + 80 * 100_000),
        (SIX, ETHERNET + b"\x86\xdd" + IP6 + CHAIN[:17], -3),
    ],
)
def test_cursor(source: str, packet: bytes, expected: int, tmp_path: Path) -> None:
    assert set(results(tmp_path, source, packet).values()) == {expected}


def test_cursor_in_a_loop(tmp_path: Path) -> None:
    source = """
@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    n = ctx.data_end - ctx.data
    cursor = net.Cursor(ctx)
    t = 0
    for i in range(min(n, 40)):
        b = cursor.read(u8)
        if b is None:
            break
        t += i32(b.value)
    return i32(t)
"""
    packet = bytes(range(20, 54))
    assert set(results(tmp_path, source, packet).values()) == {sum(packet)}


CHECKSUMS = """
@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    ip = ctx.packet(net.iphdr)
    if ip is None:
        return 0
    first = net.ip_csum(ip)
    ip.check = first
    source = ip.saddr
    ip.saddr = 0x01FF_0304
    ip.check = net.csum_replace(ip.check, source, ip.saddr)
    length = ip.tot_len
    ip.tot_len = 20
    ip.check = net.csum_replace(ip.check, length, ip.tot_len)
    return i32(first) * 2 + (ip.check == net.ip_csum(ip))
"""


def checksum(header: bytes) -> int:
    total = sum(struct.unpack(">5H", header[:10])) + sum(struct.unpack(">4H", header[12:20]))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@pytest.mark.parametrize("seed", range(4))
def test_checksums(seed: int, tmp_path: Path) -> None:
    header = b"\x45" + random.Random(seed).randbytes(19)
    assert set(results(tmp_path, CHECKSUMS, header + bytes(40)).values()) == {checksum(header) * 2 + 1}


@pytest.mark.parametrize(
    ("program", "codes"),
    [
        ("@bpf.xdp\ndef prog(ctx: bpf.XdpContext) -> int:\n    net.Cursor()\n    return 1", ["E0215"]),
        ("@bpf.xdp\ndef prog(ctx: bpf.XdpContext) -> int:\n    net.Cursor(3)\n    return 1", ["E0201"]),
        ("@bpf.xdp\ndef prog(ctx: bpf.XdpContext) -> int:\n    c = net.Cursor(ctx)\n    e = c.read(net.ethhdr)\n    return i32(e.h_proto)", ["E0301"]),
        ("@bpf.xdp\ndef prog(ctx: bpf.XdpContext) -> int:\n    c = net.Cursor(ctx)\n    e = c.read(net.ethhdr)\n    if e is None:\n        return 1\n    bpf_xdp_adjust_head(ctx, 4)\n    return i32(e.h_proto)", ["E0304"]),
        ("@bpf.cgroup_sock_create\ndef prog(ctx: bpf.SockContext) -> int:\n    net.Cursor(ctx)\n    return 1", ["E0312"]),
    ],
)  # fmt: skip
def test_mistakes(program: str, codes: list[str], tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        compile_source(module(tmp_path, program + "\n"), use_cache=False)
    assert [d.code for d in caught.value.diagnostics] == codes
