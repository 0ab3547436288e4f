"""UAPI contexts: what a program's first argument points to, field by field.

Offsets and sizes are those of `linux/bpf.h`. Fields in network byte order are `big_endian`, or `short` where the kernel
keeps a 16-bit number in network byte order in four bytes (`protocol`, `user_port`). `writable` is what the kernel's
verifier lets programs of some hook write. Registers depend on the machine: see `registers`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal, TypeAlias

from pybpfc.abi.tables import LazyTable
from pybpfc.records import frozen

ByteOrder: TypeAlias = Literal["little", "big"]


@frozen
class ContextField:
    """One field: offset and size in bytes; `pointer` names what it leads to, if it is an address.

    The verifier takes a `nullable` pointer for one that may be null until the program has looked.
    """

    name: str
    offset: int
    size: int
    signed: bool
    big_endian: bool
    pointer: str
    writable: bool
    short: bool = False
    nullable: bool = False

    def encode(self, value: int, order: ByteOrder) -> bytes:
        """The field's bytes on a machine of a byte order; `value` is in host order. May raise OverflowError."""
        if self.short:
            raw = value.to_bytes(2, "big")
            return raw + bytes(self.size - 2) if order == "little" else bytes(self.size - 2) + raw
        return value.to_bytes(self.size, "big" if self.big_endian else order, signed=value < 0)

    def decode(self, data: bytes | bytearray, order: ByteOrder) -> int:
        """The number, in host order, that the field's bytes stand for."""
        if self.short:
            return int.from_bytes(data[:2] if order == "little" else data[self.size - 2 : self.size], "big")
        return int.from_bytes(data[: self.size], "big" if self.big_endian else order, signed=self.signed)


@frozen
class ContextStruct:
    """One context."""

    name: str
    size: int
    fields: tuple[ContextField, ...]

    def field(self, name: str) -> ContextField | None:
        """The field of a name."""
        return next((f for f in self.fields if f.name == name), None)


# name → size, fields as "name offset size flags"; flags: s signed, b big-endian, h a 16-bit big-endian number in four
# bytes, w writable, *name a pointer to it, ? one that may be null
_ROWS: dict[str, tuple[int, str]] = {
    "__sk_buff": (
        192,
        "len 0 4; pkt_type 4 4; mark 8 4 w; queue_mapping 12 4 w; protocol 16 4 h; vlan_present 20 4; vlan_tci 24 4; "
        "vlan_proto 28 4 h; priority 32 4 w; ingress_ifindex 36 4; ifindex 40 4; tc_index 44 4 w; cb 48 20 w; "
        "hash 68 4; tc_classid 72 4 w; data 76 4; data_end 80 4; napi_id 84 4; family 88 4; remote_ip4 92 4 b; "
        "local_ip4 96 4 b; remote_ip6 100 16 b; local_ip6 116 16 b; remote_port 132 4 b; local_port 136 4; "
        "data_meta 140 4; flow_keys 144 8 *bpf_flow_keys; tstamp 152 8 w; wire_len 160 4; gso_segs 164 4; "
        "sk 168 8 ?*bpf_sock; gso_size 176 4; tstamp_type 180 1; hwtstamp 184 8",
    ),
    "xdp_md": (
        24,
        "data 0 4; data_end 4 4; data_meta 8 4; ingress_ifindex 12 4; rx_queue_index 16 4; egress_ifindex 20 4",
    ),
    "bpf_sock_addr": (
        72,
        "user_family 0 4; user_ip4 4 4 bw; user_ip6 8 16 bw; user_port 24 4 hw; family 28 4; type 32 4; "
        "protocol 36 4; msg_src_ip4 40 4 bw; msg_src_ip6 44 16 bw; sk 64 8 *bpf_sock",
    ),
    "bpf_sock_ops": (
        224,
        "op 0 4; args 4 16; reply 4 4 w; replylong 4 16; family 20 4; remote_ip4 24 4 b; local_ip4 28 4 b; "
        "remote_ip6 32 16 b; local_ip6 48 16 b; remote_port 64 4 b; local_port 68 4; is_fullsock 72 4; "
        "snd_cwnd 76 4; srtt_us 80 4; bpf_sock_ops_cb_flags 84 4; state 88 4; rtt_min 92 4; snd_ssthresh 96 4; "
        "rcv_nxt 100 4; snd_nxt 104 4; snd_una 108 4; mss_cache 112 4; ecn_flags 116 4; rate_delivered 120 4; "
        "rate_interval_us 124 4; packets_out 128 4; retrans_out 132 4; total_retrans 136 4; segs_in 140 4; "
        "data_segs_in 144 4; segs_out 148 4; data_segs_out 152 4; lost_out 156 4; sacked_out 160 4; "
        "sk_txhash 164 4 w; bytes_received 168 8; bytes_acked 176 8; sk 184 8 ?*bpf_sock; skb_data 192 8 *void; "
        "skb_data_end 200 8 *void; skb_len 208 4; skb_tcp_flags 212 4; skb_hwtstamp 216 8",
    ),
    "sk_msg_md": (
        80,
        "data 0 8 *void; data_end 8 8 *void; family 16 4; remote_ip4 20 4 b; local_ip4 24 4 b; remote_ip6 28 16 b; "
        "local_ip6 44 16 b; remote_port 60 4 b; local_port 64 4; size 68 4; sk 72 8 *bpf_sock",
    ),
    "sk_reuseport_md": (
        56,
        "data 0 8 *void; data_end 8 8 *void; len 16 4; eth_protocol 20 4 h; ip_protocol 24 4; bind_inany 28 4; "
        "hash 32 4; sk 40 8 *bpf_sock; migrating_sk 48 8 ?*bpf_sock",
    ),
    "bpf_sk_lookup": (
        72,
        "sk 0 8 ?*bpf_sock; cookie 0 8; family 8 4; protocol 12 4; remote_ip4 16 4 b; remote_ip6 20 16 b; "
        "remote_port 36 2 b; local_ip4 40 4 b; local_ip6 44 16 b; local_port 60 4; ingress_ifindex 64 4",
    ),
    "bpf_sock": (
        80,
        "bound_dev_if 0 4 w; family 4 4; type 8 4; protocol 12 4; mark 16 4 w; priority 20 4 w; src_ip4 24 4 b; "
        "src_ip6 28 16 b; src_port 44 4; dst_port 48 2 b; dst_ip4 52 4 b; dst_ip6 56 16 b; state 72 4; "
        "rx_queue_mapping 76 4 s",
    ),
    "bpf_sysctl": (8, "write 0 4; file_pos 4 4 w"),
    "bpf_sockopt": (
        40,
        "sk 0 8 *bpf_sock; optval 8 8 *void; optval_end 16 8 *void; level 24 4 sw; optname 28 4 sw; optlen 32 4 sw; "
        "retval 36 4 sw",
    ),
    "bpf_cgroup_dev_ctx": (12, "access_type 0 4; major 4 4; minor 8 4"),
    "bpf_flow_keys": (
        56,
        "nhoff 0 2 w; thoff 2 2 w; addr_proto 4 2 w; is_frag 6 1 w; is_first_frag 7 1 w; is_encap 8 1 w; ip_proto 9 1 w; "
        "n_proto 10 2 bw; sport 12 2 bw; dport 14 2 bw; ipv4_src 16 4 bw; ipv4_dst 20 4 bw; ipv6_src 16 16 bw; "
        "ipv6_dst 32 16 bw; flags 48 4 w; flow_label 52 4 bw",
    ),
    "bpf_tcp_sock": (
        112,
        "snd_cwnd 0 4; srtt_us 4 4; rtt_min 8 4; snd_ssthresh 12 4; rcv_nxt 16 4; snd_nxt 20 4; snd_una 24 4; "
        "mss_cache 28 4; ecn_flags 32 4; rate_delivered 36 4; rate_interval_us 40 4; packets_out 44 4; "
        "retrans_out 48 4; total_retrans 52 4; segs_in 56 4; data_segs_in 60 4; segs_out 64 4; data_segs_out 68 4; "
        "lost_out 72 4; sacked_out 76 4; bytes_received 80 8; bytes_acked 88 8; dsack_dups 96 4; delivered 100 4; "
        "delivered_ce 104 4; icsk_retransmits 108 4",
    ),
    "bpf_nf_ctx": (16, "state 0 8 *nf_hook_state; skb 8 8 *sk_buff"),
    "bpf_raw_tracepoint_args": (96, "args 0 96"),
}

_X86 = "r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss"
_ARM = " ".join(f"x{number}" for number in range(31)) + " sp pc pstate"
_REGISTERS: dict[str, str] = {"x86_64": _X86, "aarch64": _ARM}


def _field(text: str) -> ContextField:
    name, offset, size, *rest = text.split(" ")
    flags, _, pointer = (rest[0] if rest else "").partition("*")
    signed, big = "s" in flags, "b" in flags
    return ContextField(name, int(offset), int(size), signed, big, pointer, "w" in flags, "h" in flags, "?" in flags)


def registers(machine: str) -> ContextStruct:
    """`pt_regs` of a machine, `x86_64` or `aarch64`; raises KeyError for others."""
    names = _REGISTERS[machine].split()
    fields = tuple(ContextField(name, 8 * i, 8, False, False, "", False) for i, name in enumerate(names))
    return ContextStruct("pt_regs", 8 * len(names), fields)


def perf_event_data(machine: str) -> ContextStruct:
    """`bpf_perf_event_data` of a machine: its registers, then the sample."""
    regs = registers(machine)
    sample = ("sample_period", "addr")
    fields = tuple(ContextField(name, regs.size + 8 * i, 8, False, False, "", False) for i, name in enumerate(sample))
    return ContextStruct("bpf_perf_event_data", regs.size + 16, regs.fields + fields)


_MACHINE = os.uname().machine if hasattr(os, "uname") else ""
MACHINE = {"arm64": "aarch64"}.get(_MACHINE, _MACHINE if _MACHINE in _REGISTERS else "x86_64")
"""The machine whose registers the table below has: this one, if its registers are known."""


def _context(name: str, row: tuple[int, str]) -> ContextStruct:
    match name:
        case "pt_regs":
            return registers(MACHINE)
        case "bpf_perf_event_data":
            return perf_event_data(MACHINE)
        case _:
            return ContextStruct(name, row[0], tuple(map(_field, row[1].split("; "))))


CONTEXTS: Mapping[str, ContextStruct] = LazyTable(
    _ROWS | {"pt_regs": (0, ""), "bpf_perf_event_data": (0, "")}, _context
)
"""The contexts by the name of their C struct."""
