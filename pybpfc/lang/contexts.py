"""Contexts: what a program's first argument leads to, as type checkers see it.

The compiler takes the layout from the kernel's tables; these classes give the fields their names and types for
editors and checkers, and `__bpf_context__`, the kernel's struct, to functions that take a context as a parameter.
Addresses and ports that the kernel stores in network order are read and written in host order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable

    from pybpfc.lang.integers import u16, u32, u64
    from pybpfc.lang.pointers import Ptr

T = TypeVar("T")


class Context:
    """The base of all contexts; they exist in programs only."""

    __bpf_context__: ClassVar[str] = ""
    """The kernel's struct; empty where the hook decides what the context looks like."""
    __bpf_programs__: ClassVar[tuple[str, ...]] = ()
    """The program types of a context without a struct of its own."""


class BufferContext(Context):
    """A context that leads to bytes: a packet, or the value of a socket option."""

    if TYPE_CHECKING:

        @overload
        def packet(self, type: Callable[[int], int], offset: int = 0) -> Ptr[int] | None: ...
        @overload
        def packet(self, type: type[T], offset: int = 0) -> T | None: ...
        def packet(self, type: Any, offset: int = 0) -> Any:
            """In a program: a bounds-checked reference into the packet, or None where it is too short."""

    else:

        def packet(self, type: Any, offset: int = 0) -> Any:
            """In a program: a bounds-checked reference into the packet, or None where it is too short."""
            raise TypeError("`ctx.packet` works inside a BPF program only")


class PacketContext(BufferContext):
    """A context that carries a packet."""

    data: u32
    data_end: u32


class TracepointContext(Context):
    """A tracepoint's record: its fields by the names of its format, strings and arrays included."""

    __bpf_programs__ = ("BPF_PROG_TYPE_TRACEPOINT",)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class RawTracepointContext(Context):
    """`bpf_raw_tracepoint_args`: a raw tracepoint's arguments."""

    __bpf_context__ = "bpf_raw_tracepoint_args"
    args: list[u64]


class XdpContext(PacketContext):
    """`xdp_md`: a packet at the driver."""

    __bpf_context__ = "xdp_md"
    data_meta: u32
    ingress_ifindex: u32
    rx_queue_index: u32
    egress_ifindex: u32


class SkBuff(PacketContext):
    """`__sk_buff`: a packet in the network stack."""

    __bpf_context__ = "__sk_buff"
    len: u32
    pkt_type: u32
    mark: u32
    queue_mapping: u32
    protocol: u32
    vlan_present: u32
    vlan_tci: u32
    vlan_proto: u32
    priority: u32
    ingress_ifindex: u32
    ifindex: u32
    tc_index: u32
    cb: list[u32]
    hash: u32
    tc_classid: u32
    napi_id: u32
    family: u32
    remote_ip4: u32
    local_ip4: u32
    remote_ip6: list[u32]
    local_ip6: list[u32]
    remote_port: u32
    local_port: u32
    data_meta: u32
    tstamp: u64
    wire_len: u32
    gso_segs: u32
    gso_size: u32
    tstamp_type: u32
    hwtstamp: u64
    flow_keys: Any
    sk: Any


SkBuffContext: TypeAlias = SkBuff
TcContext: TypeAlias = SkBuff
SocketFilterContext: TypeAlias = SkBuff
CgroupSkbContext: TypeAlias = SkBuff
SkSkbContext: TypeAlias = SkBuff
LwtContext: TypeAlias = SkBuff
FlowDissectorContext: TypeAlias = SkBuff


class SockAddrContext(Context):
    """`bpf_sock_addr`: the address of a bind, connect, sendmsg, …."""

    __bpf_context__ = "bpf_sock_addr"
    user_family: u32
    user_ip4: u32
    user_ip6: list[u32]
    user_port: u32
    family: u32
    type: u32
    protocol: u32
    msg_src_ip4: u32
    msg_src_ip6: list[u32]
    sk: Any


class SockContext(Context):
    """`bpf_sock`: a socket being made, bound or released."""

    __bpf_context__ = "bpf_sock"
    bound_dev_if: u32
    family: u32
    type: u32
    protocol: u32
    mark: u32
    priority: u32
    src_ip4: u32
    src_ip6: list[u32]
    src_port: u32
    dst_port: u16
    dst_ip4: u32
    dst_ip6: list[u32]
    state: u32
    rx_queue_mapping: int


class SockOpsContext(BufferContext):
    """`bpf_sock_ops`: an event of a TCP connection; `ctx.packet(T)` leads to its segment, where it has one."""

    __bpf_context__ = "bpf_sock_ops"
    op: u32
    args: list[u32]
    reply: u32
    replylong: list[u32]
    family: u32
    remote_ip4: u32
    local_ip4: u32
    remote_ip6: list[u32]
    local_ip6: list[u32]
    remote_port: u32
    local_port: u32
    is_fullsock: u32
    snd_cwnd: u32
    srtt_us: u32
    bpf_sock_ops_cb_flags: u32
    state: u32
    rtt_min: u32
    snd_ssthresh: u32
    rcv_nxt: u32
    snd_nxt: u32
    snd_una: u32
    mss_cache: u32
    ecn_flags: u32
    rate_delivered: u32
    rate_interval_us: u32
    packets_out: u32
    retrans_out: u32
    total_retrans: u32
    segs_in: u32
    data_segs_in: u32
    segs_out: u32
    data_segs_out: u32
    lost_out: u32
    sacked_out: u32
    sk_txhash: u32
    bytes_received: u64
    bytes_acked: u64
    sk: Any
    skb_data: Any
    skb_data_end: Any
    skb_len: u32
    skb_tcp_flags: u32
    skb_hwtstamp: u64


class SkMsgContext(PacketContext):
    """`sk_msg_md`: a message being sent on a socket of a sockmap."""

    __bpf_context__ = "sk_msg_md"
    family: u32
    remote_ip4: u32
    local_ip4: u32
    remote_ip6: list[u32]
    local_ip6: list[u32]
    remote_port: u32
    local_port: u32
    size: u32
    sk: Any


class SkReuseportContext(PacketContext):
    """`sk_reuseport_md`: a packet for one of several sockets on a port."""

    __bpf_context__ = "sk_reuseport_md"
    len: u32
    eth_protocol: u32
    ip_protocol: u32
    bind_inany: u32
    hash: u32
    sk: Any
    migrating_sk: Any


class SkLookupContext(Context):
    """`bpf_sk_lookup`: a connection that looks for its socket."""

    __bpf_context__ = "bpf_sk_lookup"
    sk: Any
    cookie: u64
    family: u32
    protocol: u32
    remote_ip4: u32
    remote_ip6: list[u32]
    remote_port: u16
    local_ip4: u32
    local_ip6: list[u32]
    local_port: u32
    ingress_ifindex: u32


class SysctlContext(Context):
    """`bpf_sysctl`: a sysctl being read or written."""

    __bpf_context__ = "bpf_sysctl"
    write: u32
    file_pos: u32


class SockoptContext(BufferContext):
    """`bpf_sockopt`: a getsockopt or setsockopt; `ctx.packet(T)` leads to the option's value."""

    __bpf_context__ = "bpf_sockopt"
    sk: Any
    optval: Any
    optval_end: Any
    level: int
    optname: int
    optlen: int
    retval: int


class CgroupDeviceContext(Context):
    """`bpf_cgroup_dev_ctx`: a device being opened or made."""

    __bpf_context__ = "bpf_cgroup_dev_ctx"
    access_type: u32
    major: u32
    minor: u32


class NetfilterContext(Context):
    """`bpf_nf_ctx`: a packet at a netfilter hook."""

    __bpf_context__ = "bpf_nf_ctx"
    state: Any
    skb: Any


class _Open(Context):
    """A context whose fields depend on the machine or on the hook's target."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class KprobeContext(_Open):
    """`pt_regs`: the registers at a probe, by the kernel's names for the machine."""

    __bpf_context__ = "pt_regs"


UprobeContext: TypeAlias = KprobeContext
UsdtContext: TypeAlias = KprobeContext


class PerfEventContext(_Open):
    """`bpf_perf_event_data`: the registers and the sample of a perf event."""

    __bpf_context__ = "bpf_perf_event_data"
    sample_period: u64
    addr: u64


class TracingContext(_Open):
    """The arguments of a BTF-typed hook (`tp_btf`, `fentry`, `lsm`, …), each a u64."""

    __bpf_programs__ = ("BPF_PROG_TYPE_TRACING", "BPF_PROG_TYPE_LSM", "BPF_PROG_TYPE_EXT")


class IterContext(_Open):
    """What an iterator visits, e.g. `ctx.task`."""

    __bpf_programs__ = ("BPF_PROG_TYPE_TRACING",)


class LircContext(_Open):
    """A sample of an infrared receiver."""

    __bpf_programs__ = ("BPF_PROG_TYPE_LIRC_MODE2",)


class SyscallContext(_Open):
    """The memory that BPF_PROG_TEST_RUN hands to a `syscall` program."""

    __bpf_programs__ = ("BPF_PROG_TYPE_SYSCALL",)


def context_class(program_type: str, struct: str) -> type[Context] | None:
    """The class that stands for the context of a program type; None where there is none."""
    for cls in _classes(Context):
        if program_type in cls.__bpf_programs__ or (struct and cls.__bpf_context__ == struct):
            return cls
    return None


def fits_program(cls: type[Context], program_type: str, struct: str) -> bool:
    """Whether a parameter of this class takes the context of such a program."""
    if cls.__bpf_context__:
        return cls.__bpf_context__ == struct
    if cls.__bpf_programs__:
        return program_type in cls.__bpf_programs__
    expected = context_class(program_type, struct)
    return expected is None or issubclass(expected, cls)


def _classes(base: type[Context]) -> list[type[Context]]:
    return [found for cls in base.__subclasses__() for found in (cls, *_classes(cls))]
