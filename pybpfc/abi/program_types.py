"""Program types and libbpf's section names: what a hook is called, loaded as and attached by.

The order of `SECTIONS` is libbpf's: the first pattern that fits a section decides. In a pattern, `name+` is `name` or
`name/extra`, `name/` needs an extra part, and a plain `name` stands alone. `NEWER_SECTIONS` are those that no kernel up
to 6.18 can load; objects that have them are understood, so that it can be said what they need.
"""

from __future__ import annotations

import functools

from pybpfc.abi.versions import KernelVersion, version
from pybpfc.records import frozen

GPL_COMPATIBLE = frozenset(
    {"GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"}
)
"""The licences with which programs may call GPL-only helpers."""


@frozen
class ReturnRule:
    """The results a program may give; no bounds where the hook takes any.

    `enforced`: the verifier refuses programs that it cannot see to keep the bounds; elsewhere others mean nothing good.
    """

    min: int | None = None
    max: int | None = None
    enforced: bool = True

    def allows(self, value: int) -> bool:
        """Whether a program may return the value."""
        return self.min is None or self.max is None or self.min <= value <= self.max

    def __str__(self) -> str:
        if self.min is None or self.max is None:
            return "any number"
        return str(self.min) if self.min == self.max else f"{self.min} to {self.max}"


@frozen
class ProgramType:
    """One BPF program type; `context` is the UAPI struct its first argument points to, where there is one."""

    name: str
    uapi: int
    context: str
    result: ReturnRule
    since: KernelVersion
    sleepable: bool
    """Whether some of its hooks may sleep."""


@frozen
class Section:
    """One section name of libbpf; `attach` is the kind of link that attaches its programs."""

    pattern: str
    program_type: str
    expected_attach_type: str | None
    attach: str
    since: KernelVersion
    sleepable: bool = False
    needs_btf: bool = False
    frags: bool = False

    @property
    def name(self) -> str:
        """The section's fixed part."""
        return self.pattern.rstrip("+/")

    @property
    def result(self) -> ReturnRule:
        """The results that the kernel accepts from programs of this hook."""
        return RETURN_RULES.get(self.expected_attach_type or "", PROGRAM_TYPES[self.program_type].result)

    @property
    def observes(self) -> bool:
        """Whether nothing hangs on the result: 0 goes on with what the kernel was doing."""
        if self.program_type == "BPF_PROG_TYPE_TRACING":
            return self.expected_attach_type != "BPF_MODIFY_RETURN"
        return self.program_type in _OBSERVERS

    def matches(self, section: str) -> bool:
        """Whether an ELF section's name is of this kind."""
        if self.pattern.endswith("/"):
            return section.startswith(self.pattern)
        if self.pattern.endswith("+"):
            return section == self.name or section.startswith(self.name + "/")
        return section == self.pattern


_OBSERVERS = frozenset(
    "BPF_PROG_TYPE_" + name
    for name in ("KPROBE", "TRACEPOINT", "PERF_EVENT", "RAW_TRACEPOINT", "RAW_TRACEPOINT_WRITABLE")
)

# name, number, context, result bounds, since
_TYPES: tuple[tuple[str, int, str, int | None, int | None, str], ...] = (
    ("SOCKET_FILTER", 1, "__sk_buff", None, None, "3.19"),
    ("KPROBE", 2, "pt_regs", None, None, "4.1"),
    ("SCHED_CLS", 3, "__sk_buff", None, None, "4.1"),
    ("SCHED_ACT", 4, "__sk_buff", None, None, "4.1"),
    ("TRACEPOINT", 5, "", None, None, "4.7"),
    ("XDP", 6, "xdp_md", 0, 4, "4.8"),
    ("PERF_EVENT", 7, "bpf_perf_event_data", None, None, "4.9"),
    ("CGROUP_SKB", 8, "__sk_buff", 0, 1, "4.10"),
    ("CGROUP_SOCK", 9, "bpf_sock", 0, 1, "4.10"),
    ("LWT_IN", 10, "__sk_buff", None, None, "4.10"),
    ("LWT_OUT", 11, "__sk_buff", None, None, "4.10"),
    ("LWT_XMIT", 12, "__sk_buff", None, None, "4.10"),
    ("SOCK_OPS", 13, "bpf_sock_ops", 0, 1, "4.13"),
    ("SK_SKB", 14, "__sk_buff", None, None, "4.14"),
    ("CGROUP_DEVICE", 15, "bpf_cgroup_dev_ctx", 0, 1, "4.15"),
    ("SK_MSG", 16, "sk_msg_md", None, None, "4.17"),
    ("RAW_TRACEPOINT", 17, "bpf_raw_tracepoint_args", None, None, "4.17"),
    ("CGROUP_SOCK_ADDR", 18, "bpf_sock_addr", 0, 3, "4.17"),
    ("LWT_SEG6LOCAL", 19, "__sk_buff", None, None, "4.18"),
    ("LIRC_MODE2", 20, "", None, None, "4.18"),
    ("SK_REUSEPORT", 21, "sk_reuseport_md", None, None, "4.19"),
    ("FLOW_DISSECTOR", 22, "__sk_buff", None, None, "4.20"),
    ("CGROUP_SYSCTL", 23, "bpf_sysctl", 0, 1, "5.2"),
    ("RAW_TRACEPOINT_WRITABLE", 24, "bpf_raw_tracepoint_args", None, None, "5.2"),
    ("CGROUP_SOCKOPT", 25, "bpf_sockopt", 0, 1, "5.3"),
    ("TRACING", 26, "", None, None, "5.5"),
    ("STRUCT_OPS", 27, "", None, None, "5.6"),
    ("EXT", 28, "", None, None, "5.6"),
    ("LSM", 29, "", None, None, "5.7"),
    ("SK_LOOKUP", 30, "bpf_sk_lookup", 0, 1, "5.9"),
    ("SYSCALL", 31, "", None, None, "5.14"),
    ("NETFILTER", 32, "bpf_nf_ctx", 0, 1, "6.4"),
)

_MAY_SLEEP = frozenset(("KPROBE", "TRACING", "STRUCT_OPS", "LSM", "SYSCALL"))

PROGRAM_TYPES: dict[str, ProgramType] = {
    "BPF_PROG_TYPE_" + name: ProgramType(
        "BPF_PROG_TYPE_" + name,
        number,
        context,
        ReturnRule(low, high, name != "XDP"),
        version(since),
        name in _MAY_SLEEP,
    )
    for name, number, context, low, high, since in _TYPES
}
"""The program types by name."""

_NOTHING, _VERDICT, _ONE = ReturnRule(0, 0), ReturnRule(0, 1), ReturnRule(1, 1)

RETURN_RULES: dict[str, ReturnRule] = {
    "BPF_CGROUP_INET_INGRESS": _VERDICT,
    "BPF_CGROUP_INET_EGRESS": ReturnRule(0, 3),
    "BPF_CGROUP_INET4_BIND": ReturnRule(0, 3),
    "BPF_CGROUP_INET6_BIND": ReturnRule(0, 3),
    "BPF_CGROUP_INET4_CONNECT": _VERDICT,
    "BPF_CGROUP_INET6_CONNECT": _VERDICT,
    "BPF_CGROUP_UNIX_CONNECT": _VERDICT,
    "BPF_CGROUP_UDP4_SENDMSG": _VERDICT,
    "BPF_CGROUP_UDP6_SENDMSG": _VERDICT,
    "BPF_CGROUP_UNIX_SENDMSG": _VERDICT,
    "BPF_CGROUP_UDP4_RECVMSG": _ONE,
    "BPF_CGROUP_UDP6_RECVMSG": _ONE,
    "BPF_CGROUP_UNIX_RECVMSG": _ONE,
    "BPF_CGROUP_INET4_GETPEERNAME": _ONE,
    "BPF_CGROUP_INET6_GETPEERNAME": _ONE,
    "BPF_CGROUP_UNIX_GETPEERNAME": _ONE,
    "BPF_CGROUP_INET4_GETSOCKNAME": _ONE,
    "BPF_CGROUP_INET6_GETSOCKNAME": _ONE,
    "BPF_CGROUP_UNIX_GETSOCKNAME": _ONE,
    "BPF_TRACE_KPROBE_SESSION": _VERDICT,
    "BPF_TRACE_UPROBE_SESSION": _VERDICT,
    "BPF_TRACE_FENTRY": _NOTHING,
    "BPF_TRACE_FEXIT": _NOTHING,
    "BPF_TRACE_ITER": _VERDICT,
    "BPF_LSM_MAC": ReturnRule(-4095, 0),
    "BPF_LSM_CGROUP": _VERDICT,
}
"""The results that hooks accept, by attach type, where they are narrower than those of the program type."""

# pattern, program type, expected attach type, kind of attachment, since, flags (S sleepable, B needs BTF, F frags)
_SECTIONS: tuple[tuple[str, str, str | None, str, str, str], ...] = (
    ("socket", "SOCKET_FILTER", None, "socket", "3.19", ""),
    ("sk_reuseport/migrate", "SK_REUSEPORT", "BPF_SK_REUSEPORT_SELECT_OR_MIGRATE", "reuseport", "5.14", ""),
    ("sk_reuseport", "SK_REUSEPORT", "BPF_SK_REUSEPORT_SELECT", "reuseport", "4.19", ""),
    ("kprobe+", "KPROBE", None, "kprobe", "4.1", ""),
    ("uprobe+", "KPROBE", None, "uprobe", "4.3", ""),
    ("uprobe.s+", "KPROBE", None, "uprobe", "6.0", "S"),
    ("kretprobe+", "KPROBE", None, "kprobe", "4.1", ""),
    ("uretprobe+", "KPROBE", None, "uprobe", "4.3", ""),
    ("uretprobe.s+", "KPROBE", None, "uprobe", "6.0", "S"),
    ("kprobe.multi+", "KPROBE", "BPF_TRACE_KPROBE_MULTI", "kprobe_multi", "5.18", ""),
    ("kretprobe.multi+", "KPROBE", "BPF_TRACE_KPROBE_MULTI", "kprobe_multi", "5.18", ""),
    ("kprobe.session+", "KPROBE", "BPF_TRACE_KPROBE_SESSION", "kprobe_multi", "6.10", ""),
    ("uprobe.multi+", "KPROBE", "BPF_TRACE_UPROBE_MULTI", "uprobe_multi", "6.6", ""),
    ("uretprobe.multi+", "KPROBE", "BPF_TRACE_UPROBE_MULTI", "uprobe_multi", "6.6", ""),
    ("uprobe.session+", "KPROBE", "BPF_TRACE_UPROBE_SESSION", "uprobe_multi", "6.13", ""),
    ("uprobe.multi.s+", "KPROBE", "BPF_TRACE_UPROBE_MULTI", "uprobe_multi", "6.6", "S"),
    ("uretprobe.multi.s+", "KPROBE", "BPF_TRACE_UPROBE_MULTI", "uprobe_multi", "6.6", "S"),
    ("uprobe.session.s+", "KPROBE", "BPF_TRACE_UPROBE_SESSION", "uprobe_multi", "6.13", "S"),
    ("ksyscall+", "KPROBE", None, "ksyscall", "4.17", ""),
    ("kretsyscall+", "KPROBE", None, "ksyscall", "4.17", ""),
    ("usdt+", "KPROBE", None, "usdt", "4.3", ""),
    ("usdt.s+", "KPROBE", None, "usdt", "6.0", "S"),
    ("tc/ingress", "SCHED_CLS", "BPF_TCX_INGRESS", "tcx", "6.6", ""),
    ("tc/egress", "SCHED_CLS", "BPF_TCX_EGRESS", "tcx", "6.6", ""),
    ("tcx/ingress", "SCHED_CLS", "BPF_TCX_INGRESS", "tcx", "6.6", ""),
    ("tcx/egress", "SCHED_CLS", "BPF_TCX_EGRESS", "tcx", "6.6", ""),
    ("tc", "SCHED_CLS", None, "tc", "4.1", ""),
    ("classifier", "SCHED_CLS", None, "tc", "4.1", ""),
    ("action", "SCHED_ACT", None, "tc", "4.1", ""),
    ("netkit/primary", "SCHED_CLS", "BPF_NETKIT_PRIMARY", "netkit", "6.7", ""),
    ("netkit/peer", "SCHED_CLS", "BPF_NETKIT_PEER", "netkit", "6.7", ""),
    ("tracepoint+", "TRACEPOINT", None, "tracepoint", "4.7", ""),
    ("tp+", "TRACEPOINT", None, "tracepoint", "4.7", ""),
    ("raw_tracepoint+", "RAW_TRACEPOINT", None, "raw_tracepoint", "4.17", ""),
    ("raw_tp+", "RAW_TRACEPOINT", None, "raw_tracepoint", "4.17", ""),
    ("raw_tracepoint.w+", "RAW_TRACEPOINT_WRITABLE", None, "raw_tracepoint", "5.2", ""),
    ("raw_tp.w+", "RAW_TRACEPOINT_WRITABLE", None, "raw_tracepoint", "5.2", ""),
    ("tp_btf+", "TRACING", "BPF_TRACE_RAW_TP", "tracing", "5.5", "B"),
    ("fentry+", "TRACING", "BPF_TRACE_FENTRY", "tracing", "5.5", "B"),
    ("fentry.s+", "TRACING", "BPF_TRACE_FENTRY", "tracing", "5.10", "BS"),
    ("fmod_ret+", "TRACING", "BPF_MODIFY_RETURN", "tracing", "5.7", "B"),
    ("fmod_ret.s+", "TRACING", "BPF_MODIFY_RETURN", "tracing", "5.10", "BS"),
    ("fexit+", "TRACING", "BPF_TRACE_FEXIT", "tracing", "5.5", "B"),
    ("fexit.s+", "TRACING", "BPF_TRACE_FEXIT", "tracing", "5.10", "BS"),
    ("freplace+", "EXT", None, "freplace", "5.6", "B"),
    ("lsm+", "LSM", "BPF_LSM_MAC", "tracing", "5.7", "B"),
    ("lsm.s+", "LSM", "BPF_LSM_MAC", "tracing", "5.10", "BS"),
    ("lsm_cgroup+", "LSM", "BPF_LSM_CGROUP", "cgroup", "6.0", "B"),
    ("iter+", "TRACING", "BPF_TRACE_ITER", "iter", "5.8", "B"),
    ("iter.s+", "TRACING", "BPF_TRACE_ITER", "iter", "5.18", "BS"),
    ("syscall", "SYSCALL", None, "none", "5.14", "S"),
    ("xdp.frags/devmap", "XDP", "BPF_XDP_DEVMAP", "map", "5.18", "F"),
    ("xdp/devmap", "XDP", "BPF_XDP_DEVMAP", "map", "5.8", ""),
    ("xdp.frags/cpumap", "XDP", "BPF_XDP_CPUMAP", "map", "5.18", "F"),
    ("xdp/cpumap", "XDP", "BPF_XDP_CPUMAP", "map", "5.9", ""),
    ("xdp.frags", "XDP", "BPF_XDP", "xdp", "5.18", "F"),
    ("xdp", "XDP", "BPF_XDP", "xdp", "4.8", ""),
    ("perf_event", "PERF_EVENT", None, "perf_event", "4.9", ""),
    ("lwt_in", "LWT_IN", None, "route", "4.10", ""),
    ("lwt_out", "LWT_OUT", None, "route", "4.10", ""),
    ("lwt_xmit", "LWT_XMIT", None, "route", "4.10", ""),
    ("lwt_seg6local", "LWT_SEG6LOCAL", None, "route", "4.18", ""),
    ("sockops", "SOCK_OPS", "BPF_CGROUP_SOCK_OPS", "cgroup", "4.13", ""),
    ("sk_skb/stream_parser", "SK_SKB", "BPF_SK_SKB_STREAM_PARSER", "sockmap", "4.14", ""),
    ("sk_skb/stream_verdict", "SK_SKB", "BPF_SK_SKB_STREAM_VERDICT", "sockmap", "4.14", ""),
    ("sk_skb/verdict", "SK_SKB", "BPF_SK_SKB_VERDICT", "sockmap", "5.13", ""),
    ("sk_skb", "SK_SKB", None, "sockmap", "4.14", ""),
    ("sk_msg", "SK_MSG", "BPF_SK_MSG_VERDICT", "sockmap", "4.17", ""),
    ("lirc_mode2", "LIRC_MODE2", "BPF_LIRC_MODE2", "lirc", "4.18", ""),
    ("flow_dissector", "FLOW_DISSECTOR", "BPF_FLOW_DISSECTOR", "netns", "4.20", ""),
    ("cgroup_skb/ingress", "CGROUP_SKB", "BPF_CGROUP_INET_INGRESS", "cgroup", "4.10", ""),
    ("cgroup_skb/egress", "CGROUP_SKB", "BPF_CGROUP_INET_EGRESS", "cgroup", "4.10", ""),
    ("cgroup/skb", "CGROUP_SKB", None, "cgroup", "4.10", ""),
    ("cgroup/sock_create", "CGROUP_SOCK", "BPF_CGROUP_INET_SOCK_CREATE", "cgroup", "4.10", ""),
    ("cgroup/sock_release", "CGROUP_SOCK", "BPF_CGROUP_INET_SOCK_RELEASE", "cgroup", "5.9", ""),
    ("cgroup/sock", "CGROUP_SOCK", "BPF_CGROUP_INET_SOCK_CREATE", "cgroup", "4.10", ""),
    ("cgroup/post_bind4", "CGROUP_SOCK", "BPF_CGROUP_INET4_POST_BIND", "cgroup", "4.17", ""),
    ("cgroup/post_bind6", "CGROUP_SOCK", "BPF_CGROUP_INET6_POST_BIND", "cgroup", "4.17", ""),
    ("cgroup/bind4", "CGROUP_SOCK_ADDR", "BPF_CGROUP_INET4_BIND", "cgroup", "4.17", ""),
    ("cgroup/bind6", "CGROUP_SOCK_ADDR", "BPF_CGROUP_INET6_BIND", "cgroup", "4.17", ""),
    ("cgroup/connect4", "CGROUP_SOCK_ADDR", "BPF_CGROUP_INET4_CONNECT", "cgroup", "4.17", ""),
    ("cgroup/connect6", "CGROUP_SOCK_ADDR", "BPF_CGROUP_INET6_CONNECT", "cgroup", "4.17", ""),
    ("cgroup/connect_unix", "CGROUP_SOCK_ADDR", "BPF_CGROUP_UNIX_CONNECT", "cgroup", "6.7", ""),
    ("cgroup/sendmsg4", "CGROUP_SOCK_ADDR", "BPF_CGROUP_UDP4_SENDMSG", "cgroup", "4.18", ""),
    ("cgroup/sendmsg6", "CGROUP_SOCK_ADDR", "BPF_CGROUP_UDP6_SENDMSG", "cgroup", "4.18", ""),
    ("cgroup/sendmsg_unix", "CGROUP_SOCK_ADDR", "BPF_CGROUP_UNIX_SENDMSG", "cgroup", "6.7", ""),
    ("cgroup/recvmsg4", "CGROUP_SOCK_ADDR", "BPF_CGROUP_UDP4_RECVMSG", "cgroup", "5.2", ""),
    ("cgroup/recvmsg6", "CGROUP_SOCK_ADDR", "BPF_CGROUP_UDP6_RECVMSG", "cgroup", "5.2", ""),
    ("cgroup/recvmsg_unix", "CGROUP_SOCK_ADDR", "BPF_CGROUP_UNIX_RECVMSG", "cgroup", "6.7", ""),
    ("cgroup/getpeername4", "CGROUP_SOCK_ADDR", "BPF_CGROUP_INET4_GETPEERNAME", "cgroup", "5.8", ""),
    ("cgroup/getpeername6", "CGROUP_SOCK_ADDR", "BPF_CGROUP_INET6_GETPEERNAME", "cgroup", "5.8", ""),
    ("cgroup/getpeername_unix", "CGROUP_SOCK_ADDR", "BPF_CGROUP_UNIX_GETPEERNAME", "cgroup", "6.7", ""),
    ("cgroup/getsockname4", "CGROUP_SOCK_ADDR", "BPF_CGROUP_INET4_GETSOCKNAME", "cgroup", "5.8", ""),
    ("cgroup/getsockname6", "CGROUP_SOCK_ADDR", "BPF_CGROUP_INET6_GETSOCKNAME", "cgroup", "5.8", ""),
    ("cgroup/getsockname_unix", "CGROUP_SOCK_ADDR", "BPF_CGROUP_UNIX_GETSOCKNAME", "cgroup", "6.7", ""),
    ("cgroup/sysctl", "CGROUP_SYSCTL", "BPF_CGROUP_SYSCTL", "cgroup", "5.2", ""),
    ("cgroup/getsockopt", "CGROUP_SOCKOPT", "BPF_CGROUP_GETSOCKOPT", "cgroup", "5.3", ""),
    ("cgroup/setsockopt", "CGROUP_SOCKOPT", "BPF_CGROUP_SETSOCKOPT", "cgroup", "5.3", ""),
    ("cgroup/dev", "CGROUP_DEVICE", "BPF_CGROUP_DEVICE", "cgroup", "4.15", ""),
    ("struct_ops+", "STRUCT_OPS", None, "struct_ops", "5.6", "B"),
    ("struct_ops.s+", "STRUCT_OPS", None, "struct_ops", "6.3", "BS"),
    ("sk_lookup", "SK_LOOKUP", "BPF_SK_LOOKUP", "netns", "5.9", ""),
    ("netfilter", "NETFILTER", "BPF_NETFILTER", "netfilter", "6.4", ""),
)

_NEWER: tuple[tuple[str, str, str | None, str, str, str], ...] = (
    ("fsession+", "TRACING", "BPF_TRACE_FSESSION", "tracing", "7.0", "B"),
    ("fsession.s+", "TRACING", "BPF_TRACE_FSESSION", "tracing", "7.0", "BS"),
    ("tracepoint.s+", "TRACEPOINT", None, "tracepoint", "7.2", "S"),
    ("tp.s+", "TRACEPOINT", None, "tracepoint", "7.2", "S"),
    ("raw_tracepoint.s+", "RAW_TRACEPOINT", None, "raw_tracepoint", "7.2", "S"),
    ("raw_tp.s+", "RAW_TRACEPOINT", None, "raw_tracepoint", "7.2", "S"),
    ("tp_btf.s+", "TRACING", "BPF_TRACE_RAW_TP", "tracing", "7.2", "BS"),
    ("fentry.multi+", "TRACING", "BPF_TRACE_FENTRY_MULTI", "tracing_multi", "7.2", "B"),
    ("fexit.multi+", "TRACING", "BPF_TRACE_FEXIT_MULTI", "tracing_multi", "7.2", "B"),
    ("fsession.multi+", "TRACING", "BPF_TRACE_FSESSION_MULTI", "tracing_multi", "7.2", "B"),
    ("fentry.multi.s+", "TRACING", "BPF_TRACE_FENTRY_MULTI", "tracing_multi", "7.2", "BS"),
    ("fexit.multi.s+", "TRACING", "BPF_TRACE_FEXIT_MULTI", "tracing_multi", "7.2", "BS"),
    ("fsession.multi.s+", "TRACING", "BPF_TRACE_FSESSION_MULTI", "tracing_multi", "7.2", "BS"),
)


def _section(row: tuple[str, str, str | None, str, str, str]) -> Section:
    pattern, kind, attach_type, attach, since, flags = row
    needs = ("S" in flags, "B" in flags, "F" in flags)
    return Section(pattern, "BPF_PROG_TYPE_" + kind, attach_type, attach, version(since), *needs)


SECTIONS: tuple[Section, ...] = tuple(map(_section, _SECTIONS))
"""libbpf's sections, in the order in which they are tried."""
NEWER_SECTIONS: tuple[Section, ...] = tuple(map(_section, _NEWER))
"""Sections of kernels after 6.18."""


def result_rule(section: str) -> ReturnRule:
    """The results that programs of an ELF section may give."""
    kind = match_section(section)
    return kind.result if kind is not None else ReturnRule()


@functools.lru_cache(maxsize=256)
def match_section(section: str) -> Section | None:
    """The kind of an ELF section by its name; None when it holds no program. A leading `?` (no autoload) is ignored."""
    name = section.removeprefix("?")
    return next((s for s in (*SECTIONS, *NEWER_SECTIONS) if s.matches(name)), None)
