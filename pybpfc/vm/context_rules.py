"""Which parts of its context a program may read and write, by program type and attach type, as the verifier has it.

Sizes are those of one access: a field read by "124" may be taken apart, one read by "4" is read whole. `~` before the
sizes: accesses begin where the field begins.
"""

from __future__ import annotations

from dataclasses import dataclass

from pybpfc.abi.contexts import ContextField, ContextStruct

_SKB = dict.fromkeys(("data", "data_end", "data_meta", "remote_ip4", "local_ip4", "remote_ip6", "local_ip6"), "4")
_SOCK = dict.fromkeys(("family", "type", "protocol", "state", "rx_queue_mapping", "src_port"), "~124")
_SOCK_WHOLE = dict.fromkeys(("bound_dev_if", "mark", "priority"), "4")

_SIZES: dict[str, dict[str, str]] = {
    "__sk_buff": {**_SKB, "cb": "1248", "tstamp_type": "1"},
    "bpf_sock_addr": {
        **dict.fromkeys(("user_family", "family", "type", "protocol"), "4"),
        **dict.fromkeys(("user_ip6", "msg_src_ip6"), "1248"),
    },
    "bpf_sock_ops": {"skb_tcp_flags": "~124"},
    "bpf_sock": {**_SOCK, **_SOCK_WHOLE, "dst_port": "124"},
    "bpf_cgroup_dev_ctx": {"major": "4", "minor": "4"},
    "sk_reuseport_md": {"eth_protocol": "24", "hash": "4"},
}
_WHOLE = frozenset({"xdp_md", "bpf_sock_ops", "sk_msg_md", "bpf_sockopt"})
"""Contexts whose fields are all read whole."""

_ADDRESSES = "family remote_ip4 local_ip4 remote_ip6 local_ip6 remote_port local_port"
_LWT = ("LWT_IN", "LWT_OUT", "LWT_XMIT", "LWT_SEG6LOCAL")
_TIMES = "tstamp tstamp_type hwtstamp"

_HIDDEN: dict[str, str] = {
    "SCHED_CLS": f"{_ADDRESSES} flow_keys",
    "SCHED_ACT": f"{_ADDRESSES} flow_keys",
    "CGROUP_SKB": "tc_classid wire_len tstamp_type data_meta flow_keys",
    "SOCKET_FILTER": f"tc_classid {_ADDRESSES} {_TIMES} wire_len flow_keys data data_end data_meta",
    **dict.fromkeys(
        ("LWT_IN", "LWT_OUT", "LWT_XMIT", "LWT_SEG6LOCAL"),
        f"tc_classid {_ADDRESSES} {_TIMES} wire_len data_meta flow_keys",
    ),
    "SK_SKB": f"mark tc_classid {_TIMES} wire_len data_meta flow_keys",
    "BPF_CGROUP_INET_SOCK_CREATE": "src_ip4 src_ip6 src_port",
    "BPF_CGROUP_INET_SOCK_RELEASE": "src_ip4 src_ip6 src_port",
    "BPF_CGROUP_INET4_POST_BIND": "src_ip6 bound_dev_if mark priority",
    "BPF_CGROUP_INET6_POST_BIND": "src_ip4 bound_dev_if mark priority",
    "BPF_CGROUP_SETSOCKOPT": "retval",
}
_SHOWN: dict[str, str] = {"FLOW_DISSECTOR": "data data_end flow_keys"}
"""Where few fields are there at all."""

_QUEUEING = "mark queue_mapping priority tc_index cb tc_classid tstamp"
_WRITABLE: dict[str, str] = {
    "SCHED_CLS": _QUEUEING,
    "SCHED_ACT": _QUEUEING,
    "CGROUP_SKB": "mark priority cb tstamp",
    "SOCKET_FILTER": "cb",
    **dict.fromkeys(_LWT, "mark priority cb"),
    "SK_SKB": "priority tc_index",
    "FLOW_DISSECTOR": "",
    "XDP": "",
    "BPF_CGROUP_INET4_POST_BIND": "",
    "BPF_CGROUP_INET6_POST_BIND": "",
    "BPF_CGROUP_GETSOCKOPT": "optlen retval",
    "BPF_CGROUP_SETSOCKOPT": "level optname optlen",
}
_WIDE_WRITES = frozenset({"user_ip6", "msg_src_ip6"})


@dataclass(frozen=True, slots=True)
class Rules:
    """What the programs of one hook may do with their context."""

    struct: ContextStruct
    hidden: frozenset[str]
    writable: frozenset[str]

    def readable(self, field: ContextField, at: int, size: int) -> bool:
        """Whether `size` bytes at an offset may be read as (a part of) a field."""
        if field.name in self.hidden:
            return False
        if field.name == "dst_port" and at + size > field.offset + field.size and at != field.offset:
            return False  # the zeros behind it are read with it, not alone
        sizes = _SIZES.get(self.struct.name, {}).get(field.name, "")
        if not sizes:
            whole = self.struct.name in _WHOLE or field.size == 8
            sizes = str(min(field.size, 8) if field.size == 8 else 4) if whole else "124"
        return str(size) in sizes and (not sizes.startswith("~") or at == field.offset)

    def may_write(self, field: ContextField, at: int, size: int) -> bool:
        """Whether `size` bytes at an offset may be written."""
        if field.name not in self.writable or field.name in self.hidden:
            return False
        if field.name == "cb":
            return True
        if field.name in _WIDE_WRITES and size == 8:
            return True
        return size == (8 if field.size == 8 else 4)


def rules(struct: ContextStruct, program_type: str, attach_type: str | None) -> Rules:
    """The rules of a hook; `program_type` without its prefix."""
    names = {f.name for f in struct.fields}
    hidden = set(_HIDDEN.get(attach_type or "", _HIDDEN.get(program_type, "")).split())
    if program_type in _SHOWN:
        hidden = names - set(_SHOWN[program_type].split())
    if program_type == "CGROUP_SOCK_ADDR":
        hidden |= _other_addresses(attach_type or "")
    if program_type == "XDP" and attach_type != "BPF_XDP_DEVMAP":
        hidden.add("egress_ifindex")
    listed = _WRITABLE.get(attach_type or "", _WRITABLE.get(program_type))
    writable = {f.name for f in struct.fields if f.writable} if listed is None else set(listed.split())
    return Rules(struct, frozenset(hidden), frozenset(writable))


def _other_addresses(attach_type: str) -> set[str]:
    """The addresses of `bpf_sock_addr` that a hook does not have."""
    here = "4" if "4_" in attach_type else "6" if "6_" in attach_type else ""
    hidden = {f"user_ip{n}" for n in "46" if n != here}
    return hidden | {f"msg_src_ip{n}" for n in "46" if n != here or "SENDMSG" not in attach_type}
