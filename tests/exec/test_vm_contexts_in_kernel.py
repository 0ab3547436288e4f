"""Contexts in the machine and in the kernel, for the program types that the kernel runs on request."""

from __future__ import annotations

import itertools
import random
import struct

import pytest
from oracle import assembled, both, from_c

from pybpfc.abi import insn as isa
from pybpfc.abi.contexts import CONTEXTS
from pybpfc.abi.insn import Insn
from pybpfc.abi.program_types import PROGRAM_TYPES, match_section
from pybpfc.abi.versions import running, version
from pybpfc.diagnostics.errors import LoadError
from pybpfc.formats.spec import ObjectSpec
from pybpfc.runtime.loader import load_object
from pybpfc.vm import Machine, VmError


def loads(section: str, *places: tuple[int, int]) -> ObjectSpec:
    """A program that adds up context fields, given as size and offset."""
    insns = [Insn(isa.BPF_ALU64 | isa.BPF_MOV | isa.BPF_X, 6, 1), Insn(isa.BPF_ALU64 | isa.BPF_MOV, 0, imm=1)]
    for size, offset in places:
        insns += [
            Insn(isa.BPF_LDX | isa.BPF_MEM | size, 2, 6, offset),
            Insn(isa.BPF_ALU64 | isa.BPF_MUL, 0, imm=31),
            Insn(isa.BPF_ALU64 | isa.BPF_ADD | isa.BPF_X, 0, 2),
        ]
    return assembled([*insns, Insn(isa.EXIT)], section)


SECTIONS = (
    "xdp", "xdp/devmap", "tc", "cgroup_skb/egress", "socket", "lwt_in", "lwt_xmit", "sk_skb/stream_verdict",
    "flow_dissector", "cgroup/connect4", "cgroup/connect6", "cgroup/bind4", "cgroup/sendmsg4", "cgroup/sendmsg6",
    "cgroup/recvmsg4", "cgroup/getpeername6", "sockops", "sk_msg", "sk_lookup", "cgroup/sock_create",
    "cgroup/sock_release", "cgroup/post_bind4", "cgroup/post_bind6", "cgroup/sysctl", "cgroup/getsockopt",
    "cgroup/setsockopt", "cgroup/dev", "sk_reuseport",
)  # fmt: skip
SIZES = (isa.BPF_B, isa.BPF_H, isa.BPF_W, isa.BPF_DW)


def one_access(section: str, size: int, offset: int, *, writing: bool) -> ObjectSpec:
    """A program that reads or writes a part of its context and gives 1, which every hook takes."""
    zero, one = (Insn(isa.BPF_ALU64 | isa.BPF_MOV, r, imm=n) for r, n in ((2, 0), (0, 1)))
    read = Insn(isa.BPF_LDX | isa.BPF_MEM | size, 2, 1, offset)
    write = Insn(isa.BPF_STX | isa.BPF_MEM | size, 1, 2, offset)
    return assembled([zero, write if writing else read, one, Insn(isa.EXIT)], section)


def kernel_takes_it(spec: ObjectSpec) -> bool:
    try:
        load_object(spec, attach=False).close()
    except LoadError:
        return False
    return True


def machine_takes_it(spec: ObjectSpec) -> bool:
    try:
        Machine(spec).run("prog", bytes(64))
    except VmError:
        return False
    return True


@pytest.mark.skipif(running() < version("6.18"), reason="the machine's rules are those of kernel 6.18")
@pytest.mark.parametrize("section", SECTIONS)
def test_the_same_parts_of_contexts_can_be_read_and_written(section: str) -> None:
    """Where the verifier refuses an access, so does the machine."""
    with both(loads(section)):
        pass
    kind = match_section(section)
    assert kind is not None
    size_of_context = CONTEXTS[PROGRAM_TYPES[kind.program_type].context].size
    different: list[tuple[str, int, int, bool]] = []
    for writing, size in itertools.product((False, True), SIZES):
        width = isa.WIDTHS[size]
        for offset in range(0, size_of_context + 8, width):
            spec = one_access(section, size, offset, writing=writing)
            taken = kernel_takes_it(spec)
            if taken != machine_takes_it(spec):
                different.append(("write" if writing else "read", width, offset, taken))
    assert different == []


def test_raw_tracepoint_arguments() -> None:
    rng = random.Random(1)
    with both(
        loads("raw_tracepoint/sys_enter", (isa.BPF_DW, 0), (isa.BPF_DW, 8), (isa.BPF_W, 16), (isa.BPF_B, 27))
    ) as m:
        for _ in range(10):
            ctx = rng.randbytes(96)
            there = m.loaded.programs["prog"].test_run(ctx=ctx)
            assert m.machine.run("prog", ctx=ctx).retval == there.retval


def test_syscall_programs_change_their_context() -> None:
    insns = [
        Insn(isa.BPF_LDX | isa.BPF_MEM | isa.BPF_DW, 2, 1, 8),
        Insn(isa.BPF_ALU64 | isa.BPF_MUL, 2, imm=5),
        Insn(isa.BPF_STX | isa.BPF_MEM | isa.BPF_DW, 1, 2, 0),
        Insn(isa.BPF_ALU64 | isa.BPF_MOV | isa.BPF_X, 0, 2),
        Insn(isa.EXIT),
    ]
    with both(assembled(insns, "syscall")) as m:
        ctx = struct.pack("<2Q", 0, 77)
        there = m.loaded.programs["prog"].test_run(ctx=ctx)
        here = m.machine.run("prog", ctx=ctx)
        assert (here.retval, bytes(here.ctx)) == (there.retval, there.ctx) == (385, struct.pack("<2Q", 385, 77))


FLOW = """
SEC("flow_dissector") int dissect(struct __sk_buff *ctx) {
  struct { u16 nhoff, thoff, addr_proto; u8 is_frag, is_first_frag, is_encap, ip_proto; u16 n_proto, sport, dport; } *keys
    = (void *)ctx->flow_keys;
  u8 *p = (void *)(u64)ctx->data;
  if (p + 20 > (u8 *)(u64)ctx->data_end) return 2;
  keys->thoff = keys->nhoff + 20; keys->ip_proto = p[9]; keys->sport = *(u16 *)(p + 12);
  return 0;
}
"""


def test_flow_dissectors() -> None:
    rng = random.Random(2)
    with both(from_c(FLOW)) as m:
        for _ in range(10):
            packet = bytes(12) + b"\x08\0" + rng.randbytes(60)
            there = m.loaded.programs["dissect"].test_run(data=packet)
            here = m.machine.run("dissect", packet)
            assert here.retval == there.retval
            assert here.data[:14] == there.data[:14]


LOOKUP = """
struct bpf_sk_lookup { u64 cookie; u32 family, protocol, remote_ip4, remote_ip6[4]; u16 remote_port, pad;
  u32 local_ip4, local_ip6[4], local_port, ingress_ifindex; };
u64 seen[8];
SEC("sk_lookup") int look(struct bpf_sk_lookup *ctx) {
  seen[0] = ctx->family; seen[1] = ctx->protocol; seen[2] = ctx->remote_ip4; seen[3] = ctx->remote_port;
  seen[4] = ctx->local_ip4; seen[5] = ctx->local_port; seen[6] = ctx->ingress_ifindex;
  return 1;
}
"""


def test_socket_lookups() -> None:
    ctx = {
        "family": 2,
        "protocol": 6,
        "remote_ip4": 0x01020304,
        "remote_port": 4321,
        "local_ip4": 0x7F000001,
        "local_port": 80,
    }
    with both(from_c(LOOKUP)) as m:
        there = m.loaded.programs["look"].test_run(ctx=ctx)
        here = m.machine.run("look", ctx=ctx)
        assert here.retval == there.retval
        assert m.machine.globals.seen == m.loaded.globals.seen
