"""The kernel's helpers: ids, signatures, argument and result kinds, availability.

Argument kinds, result kinds and the GPL and sleeping flags are those of `bpf_func_proto` in kernel 6.18; availability
is what that kernel answered for each program type; C types and names are those of the UAPI header `linux/bpf.h`.
"""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass

from pybpfc.abi.versions import KernelVersion, version


class ArgKind(enum.Enum):
    """What a helper's parameter accepts, by the kernel's `enum bpf_arg_type`."""

    ARG_ANYTHING = "ARG_ANYTHING"
    ARG_CONST_ALLOC_SIZE_OR_ZERO = "ARG_CONST_ALLOC_SIZE_OR_ZERO"
    ARG_CONST_MAP_PTR = "ARG_CONST_MAP_PTR"
    ARG_CONST_SIZE = "ARG_CONST_SIZE"
    ARG_CONST_SIZE_OR_ZERO = "ARG_CONST_SIZE_OR_ZERO"
    ARG_KPTR_XCHG_DEST = "ARG_KPTR_XCHG_DEST"
    ARG_PTR_TO_BTF_ID = "ARG_PTR_TO_BTF_ID"
    ARG_PTR_TO_BTF_ID_OR_NULL = "ARG_PTR_TO_BTF_ID_OR_NULL"
    ARG_PTR_TO_BTF_ID_SOCK_COMMON = "ARG_PTR_TO_BTF_ID_SOCK_COMMON"
    ARG_PTR_TO_CONST_STR = "ARG_PTR_TO_CONST_STR"
    ARG_PTR_TO_CTX = "ARG_PTR_TO_CTX"
    ARG_PTR_TO_CTX_OR_NULL = "ARG_PTR_TO_CTX_OR_NULL"
    ARG_PTR_TO_DYNPTR = "ARG_PTR_TO_DYNPTR"
    ARG_PTR_TO_FIXED_SIZE_MEM = "ARG_PTR_TO_FIXED_SIZE_MEM"
    ARG_PTR_TO_FUNC = "ARG_PTR_TO_FUNC"
    ARG_PTR_TO_MAP_KEY = "ARG_PTR_TO_MAP_KEY"
    ARG_PTR_TO_MAP_VALUE = "ARG_PTR_TO_MAP_VALUE"
    ARG_PTR_TO_MAP_VALUE_OR_NULL = "ARG_PTR_TO_MAP_VALUE_OR_NULL"
    ARG_PTR_TO_MEM = "ARG_PTR_TO_MEM"
    ARG_PTR_TO_MEM_OR_NULL = "ARG_PTR_TO_MEM_OR_NULL"
    ARG_PTR_TO_PERCPU_BTF_ID = "ARG_PTR_TO_PERCPU_BTF_ID"
    ARG_PTR_TO_RINGBUF_MEM = "ARG_PTR_TO_RINGBUF_MEM"
    ARG_PTR_TO_SOCK_COMMON = "ARG_PTR_TO_SOCK_COMMON"
    ARG_PTR_TO_SPIN_LOCK = "ARG_PTR_TO_SPIN_LOCK"
    ARG_PTR_TO_STACK_OR_NULL = "ARG_PTR_TO_STACK_OR_NULL"
    ARG_PTR_TO_TIMER = "ARG_PTR_TO_TIMER"
    ARG_PTR_TO_UNINIT_DYNPTR = "ARG_PTR_TO_UNINIT_DYNPTR"
    ARG_PTR_TO_UNINIT_FIXED_SIZE_MEM = "ARG_PTR_TO_UNINIT_FIXED_SIZE_MEM"
    ARG_PTR_TO_UNINIT_MAP_VALUE = "ARG_PTR_TO_UNINIT_MAP_VALUE"
    ARG_PTR_TO_UNINIT_MEM = "ARG_PTR_TO_UNINIT_MEM"


class RetKind(enum.Enum):
    """What a helper returns, by the kernel's `enum bpf_return_type`."""

    RET_INTEGER = "RET_INTEGER"
    RET_PTR_TO_BTF_ID = "RET_PTR_TO_BTF_ID"
    RET_PTR_TO_BTF_ID_OR_NULL = "RET_PTR_TO_BTF_ID_OR_NULL"
    RET_PTR_TO_BTF_ID_TRUSTED = "RET_PTR_TO_BTF_ID_TRUSTED"
    RET_PTR_TO_DYNPTR_MEM_OR_NULL = "RET_PTR_TO_DYNPTR_MEM_OR_NULL"
    RET_PTR_TO_MAP_VALUE = "RET_PTR_TO_MAP_VALUE"
    RET_PTR_TO_MAP_VALUE_OR_NULL = "RET_PTR_TO_MAP_VALUE_OR_NULL"
    RET_PTR_TO_MEM_OR_BTF_ID = "RET_PTR_TO_MEM_OR_BTF_ID"
    RET_PTR_TO_MEM_OR_BTF_ID_OR_NULL = "RET_PTR_TO_MEM_OR_BTF_ID_OR_NULL"
    RET_PTR_TO_RINGBUF_MEM_OR_NULL = "RET_PTR_TO_RINGBUF_MEM_OR_NULL"
    RET_PTR_TO_SOCKET_OR_NULL = "RET_PTR_TO_SOCKET_OR_NULL"
    RET_PTR_TO_SOCK_COMMON_OR_NULL = "RET_PTR_TO_SOCK_COMMON_OR_NULL"
    RET_PTR_TO_TCP_SOCK_OR_NULL = "RET_PTR_TO_TCP_SOCK_OR_NULL"
    RET_VOID = "RET_VOID"


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a helper."""

    name: str
    ctype: str
    kind: ArgKind


@dataclass(frozen=True, slots=True)
class Result:
    """What a helper returns."""

    kind: RetKind
    ctype: str


@dataclass(frozen=True, slots=True)
class Helper:
    """One helper. `invalidates_packet`: packet pointers must be taken anew after it."""

    name: str
    id: int
    params: tuple[Param, ...]
    result: Result
    since: KernelVersion
    gpl: bool
    sleepable_only: bool
    invalidates_packet: bool
    available: frozenset[str]


PROGRAM_TYPE_BITS = (
    "BPF_PROG_TYPE_SOCKET_FILTER",
    "BPF_PROG_TYPE_KPROBE",
    "BPF_PROG_TYPE_SCHED_CLS",
    "BPF_PROG_TYPE_SCHED_ACT",
    "BPF_PROG_TYPE_TRACEPOINT",
    "BPF_PROG_TYPE_XDP",
    "BPF_PROG_TYPE_PERF_EVENT",
    "BPF_PROG_TYPE_CGROUP_SKB",
    "BPF_PROG_TYPE_CGROUP_SOCK",
    "BPF_PROG_TYPE_LWT_IN",
    "BPF_PROG_TYPE_LWT_OUT",
    "BPF_PROG_TYPE_LWT_XMIT",
    "BPF_PROG_TYPE_SOCK_OPS",
    "BPF_PROG_TYPE_SK_SKB",
    "BPF_PROG_TYPE_CGROUP_DEVICE",
    "BPF_PROG_TYPE_SK_MSG",
    "BPF_PROG_TYPE_RAW_TRACEPOINT",
    "BPF_PROG_TYPE_CGROUP_SOCK_ADDR",
    "BPF_PROG_TYPE_LWT_SEG6LOCAL",
    "BPF_PROG_TYPE_LIRC_MODE2",
    "BPF_PROG_TYPE_SK_REUSEPORT",
    "BPF_PROG_TYPE_FLOW_DISSECTOR",
    "BPF_PROG_TYPE_CGROUP_SYSCTL",
    "BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE",
    "BPF_PROG_TYPE_CGROUP_SOCKOPT",
    "BPF_PROG_TYPE_TRACING",
    "BPF_PROG_TYPE_STRUCT_OPS",
    "BPF_PROG_TYPE_EXT",
    "BPF_PROG_TYPE_LSM",
    "BPF_PROG_TYPE_SK_LOOKUP",
    "BPF_PROG_TYPE_SYSCALL",
    "BPF_PROG_TYPE_NETFILTER",
)
"""Program types in the order of the bits of the last column below."""

# name, id, since, flags (G: GPL only, S: sleepable programs only, P: invalidates packet pointers), result type,
# result kind, parameters as "ctype name: kind", program types that may call it
_ROWS: tuple[tuple[str, int, str, str, str, str, str, int], ...] = (
    ("bpf_map_lookup_elem", 1, "3.19", "", "void *", "PTR_TO_MAP_VALUE_OR_NULL", "void * map: CONST_MAP_PTR; const void * key: PTR_TO_MAP_KEY", 0xffffffff),
    ("bpf_map_update_elem", 2, "3.19", "", "long", "INTEGER", "void * map: CONST_MAP_PTR; const void * key: PTR_TO_MAP_KEY; const void * value: PTR_TO_MAP_VALUE; __u64 flags: ANYTHING", 0xffffffff),
    ("bpf_map_delete_elem", 3, "3.19", "", "long", "INTEGER", "void * map: CONST_MAP_PTR; const void * key: PTR_TO_MAP_KEY", 0xffffffff),
    ("bpf_probe_read", 4, "4.1", "G", "long", "INTEGER", "void * dst: PTR_TO_UNINIT_MEM; __u32 size: CONST_SIZE_OR_ZERO; const void * unsafe_ptr: ANYTHING", 0x5a810052),
    ("bpf_ktime_get_ns", 5, "4.1", "", "__u64", "INTEGER", "", 0xffffffff),
    ("bpf_trace_printk", 6, "4.1", "G", "long", "INTEGER", "const char * fmt: PTR_TO_MEM; __u32 fmt_size: CONST_SIZE; __u64 arg1: ANYTHING; __u64 arg2: ANYTHING; __u64 arg3: ANYTHING", 0xffffffff),
    ("bpf_get_prandom_u32", 7, "4.1", "", "__u32", "INTEGER", "", 0xffffffff),
    ("bpf_get_smp_processor_id", 8, "4.1", "", "__u32", "INTEGER", "", 0xfff7ffff),
    ("bpf_skb_store_bytes", 9, "4.1", "P", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __u32 offset: ANYTHING; const void * from: PTR_TO_MEM; __u32 len: CONST_SIZE; __u64 flags: ANYTHING", 0x800280c),
    ("bpf_l3_csum_replace", 10, "4.1", "P", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __u32 offset: ANYTHING; __u64 from: ANYTHING; __u64 to: ANYTHING; __u64 size: ANYTHING", 0x800080c),
    ("bpf_l4_csum_replace", 11, "4.1", "P", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __u32 offset: ANYTHING; __u64 from: ANYTHING; __u64 to: ANYTHING; __u64 flags: ANYTHING", 0x800080c),
    ("bpf_tail_call", 12, "4.2", "P", "long", "INTEGER", "void * ctx: PTR_TO_CTX; void * prog_array_map: CONST_MAP_PTR; __u32 index: ANYTHING", 0xffffffff),
    ("bpf_clone_redirect", 13, "4.2", "P", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __u32 ifindex: ANYTHING; __u64 flags: ANYTHING", 0x800080c),
    ("bpf_get_current_pid_tgid", 14, "4.2", "", "__u64", "INTEGER", "", 0xfff7ffff),
    ("bpf_get_current_uid_gid", 15, "4.2", "", "__u64", "INTEGER", "", 0xfff7ffff),
    ("bpf_get_current_comm", 16, "4.2", "", "long", "INTEGER", "void * buf: PTR_TO_UNINIT_MEM; __u32 size_of_buf: CONST_SIZE", 0xfff7ffff),
    ("bpf_get_cgroup_classid", 17, "4.3", "", "__u32", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX", 0xfff7ffff),
    ("bpf_skb_vlan_push", 18, "4.3", "P", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __be16 vlan_proto: ANYTHING; __u16 vlan_tci: ANYTHING", 0x800000c),
    ("bpf_skb_vlan_pop", 19, "4.3", "P", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX", 0x800000c),
    ("bpf_skb_get_tunnel_key", 20, "4.3", "", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; struct bpf_tunnel_key * key: PTR_TO_UNINIT_MEM; __u32 size: CONST_SIZE; __u64 flags: ANYTHING", 0x800080c),
    ("bpf_skb_set_tunnel_key", 21, "4.3", "", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; struct bpf_tunnel_key * key: PTR_TO_MEM; __u32 size: CONST_SIZE; __u64 flags: ANYTHING", 0x800080c),
    ("bpf_perf_event_read", 22, "4.3", "G", "__u64", "INTEGER", "void * map: CONST_MAP_PTR; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_redirect", 23, "4.4", "", "long", "INTEGER", "__u32 ifindex: ANYTHING; __u64 flags: ANYTHING", 0x800082c),
    ("bpf_get_route_realm", 24, "4.4", "", "__u32", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX", 0x8040e0c),
    ("bpf_perf_event_output", 25, "4.4", "G", "long", "INTEGER", "void * ctx: PTR_TO_CTX; void * map: CONST_MAP_PTR; __u64 flags: ANYTHING; void * data: PTR_TO_MEM; __u64 size: CONST_SIZE_OR_ZERO", 0x7bc7ffff),
    ("bpf_skb_load_bytes", 26, "4.5", "", "long", "INTEGER", "const void * skb: PTR_TO_CTX; __u32 offset: ANYTHING; void * to: PTR_TO_UNINIT_MEM; __u32 len: CONST_SIZE", 0x8342e8d),
    ("bpf_get_stackid", 27, "4.6", "G", "long", "INTEGER", "void * ctx: PTR_TO_CTX; void * map: CONST_MAP_PTR; __u64 flags: ANYTHING", 0x5a810052),
    ("bpf_csum_diff", 28, "4.6", "", "__s64", "INTEGER", "__be32 * from: PTR_TO_MEM_OR_NULL; __u32 from_size: CONST_SIZE_OR_ZERO; __be32 * to: PTR_TO_MEM_OR_NULL; __u32 to_size: CONST_SIZE_OR_ZERO; __wsum seed: ANYTHING", 0x8040e2c),
    ("bpf_skb_get_tunnel_opt", 29, "4.6", "", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; void * opt: PTR_TO_UNINIT_MEM; __u32 size: CONST_SIZE", 0x800080c),
    ("bpf_skb_set_tunnel_opt", 30, "4.6", "", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; void * opt: PTR_TO_MEM; __u32 size: CONST_SIZE", 0x800080c),
    ("bpf_skb_change_proto", 31, "4.8", "P", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __be16 proto: ANYTHING; __u64 flags: ANYTHING", 0x800000c),
    ("bpf_skb_change_type", 32, "4.8", "", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __u32 type: ANYTHING", 0x800000c),
    ("bpf_skb_under_cgroup", 33, "4.8", "", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; void * map: CONST_MAP_PTR; __u32 index: ANYTHING", 0x8040e0c),
    ("bpf_get_hash_recalc", 34, "4.8", "", "__u32", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX", 0x8040e0c),
    ("bpf_get_current_task", 35, "4.8", "G", "__u64", "INTEGER", "", 0xfff7ffff),
    ("bpf_probe_write_user", 36, "4.8", "G", "long", "INTEGER", "void * dst: ANYTHING; const void * src: PTR_TO_MEM; __u32 len: CONST_SIZE", 0x8000000),
    ("bpf_current_task_under_cgroup", 37, "4.9", "", "long", "INTEGER", "void * map: CONST_MAP_PTR; __u32 index: ANYTHING", 0xfff7ffff),
    ("bpf_skb_change_tail", 38, "4.9", "P", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __u32 len: ANYTHING; __u64 flags: ANYTHING", 0x800280c),
    ("bpf_skb_pull_data", 39, "4.9", "P", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __u32 len: ANYTHING", 0x8042e0c),
    ("bpf_csum_update", 40, "4.9", "", "__s64", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __wsum csum: ANYTHING", 0x800080c),
    ("bpf_set_hash_invalid", 41, "4.9", "", "void", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX", 0x800080c),
    ("bpf_get_numa_node_id", 42, "4.10", "", "long", "INTEGER", "", 0xfff7ffff),
    ("bpf_skb_change_head", 43, "4.10", "P", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __u32 len: ANYTHING; __u64 flags: ANYTHING", 0x800280c),
    ("bpf_xdp_adjust_head", 44, "4.10", "P", "long", "INTEGER", "struct xdp_md * xdp_md: PTR_TO_CTX; int delta: ANYTHING", 0x8000020),
    ("bpf_probe_read_str", 45, "4.11", "G", "long", "INTEGER", "void * dst: PTR_TO_UNINIT_MEM; __u32 size: CONST_SIZE_OR_ZERO; const void * unsafe_ptr: ANYTHING", 0x5a810052),
    ("bpf_get_socket_cookie", 46, "4.12", "", "__u64", "INTEGER", "void * ctx: PTR_TO_CTX", 0x5a12318d),
    ("bpf_get_socket_uid", 47, "4.12", "", "__u32", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX", 0x800208d),
    ("bpf_set_hash", 48, "4.13", "", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __u32 hash: ANYTHING", 0x800000c),
    ("bpf_setsockopt", 49, "4.13", "", "long", "INTEGER", "void * bpf_socket: PTR_TO_CTX; int level: ANYTHING; int optname: ANYTHING; void * optval: PTR_TO_MEM; int optlen: CONST_SIZE", 0x1d021000),
    ("bpf_skb_adjust_room", 50, "4.13", "P", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __s32 len_diff: ANYTHING; __u32 mode: ANYTHING; __u64 flags: ANYTHING", 0x800200c),
    ("bpf_redirect_map", 51, "4.14", "", "long", "INTEGER", "void * map: CONST_MAP_PTR; __u64 key: ANYTHING; __u64 flags: ANYTHING", 0x8000020),
    ("bpf_sk_redirect_map", 52, "4.14", "", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; void * map: CONST_MAP_PTR; __u32 key: ANYTHING; __u64 flags: ANYTHING", 0x8002000),
    ("bpf_sock_map_update", 53, "4.14", "", "long", "INTEGER", "struct bpf_sock_ops * skops: PTR_TO_CTX; void * map: CONST_MAP_PTR; void * key: PTR_TO_MAP_KEY; __u64 flags: ANYTHING", 0x8001000),
    ("bpf_xdp_adjust_meta", 54, "4.15", "P", "long", "INTEGER", "struct xdp_md * xdp_md: PTR_TO_CTX; int delta: ANYTHING", 0x8000020),
    ("bpf_perf_event_read_value", 55, "4.15", "G", "long", "INTEGER", "void * map: CONST_MAP_PTR; __u64 flags: ANYTHING; struct bpf_perf_event_value * buf: PTR_TO_UNINIT_MEM; __u32 buf_size: CONST_SIZE", 0xfff7ffff),
    ("bpf_perf_prog_read_value", 56, "4.15", "G", "long", "INTEGER", "struct bpf_perf_event_data * ctx: PTR_TO_CTX; struct bpf_perf_event_value * buf: PTR_TO_UNINIT_MEM; __u32 buf_size: CONST_SIZE", 0x8000040),
    ("bpf_getsockopt", 57, "4.15", "", "long", "INTEGER", "void * bpf_socket: PTR_TO_CTX; int level: ANYTHING; int optname: ANYTHING; void * optval: PTR_TO_UNINIT_MEM; int optlen: CONST_SIZE", 0x1d021000),
    ("bpf_override_return", 58, "4.16", "G", "long", "INTEGER", "struct pt_regs * regs: PTR_TO_CTX; __u64 rc: ANYTHING", 0x8000002),
    ("bpf_sock_ops_cb_flags_set", 59, "4.16", "", "long", "INTEGER", "struct bpf_sock_ops * bpf_sock: PTR_TO_CTX; int argval: ANYTHING", 0x8001000),
    ("bpf_msg_redirect_map", 60, "4.17", "", "long", "INTEGER", "struct sk_msg_md * msg: PTR_TO_CTX; void * map: CONST_MAP_PTR; __u32 key: ANYTHING; __u64 flags: ANYTHING", 0x8008000),
    ("bpf_msg_apply_bytes", 61, "4.17", "", "long", "INTEGER", "struct sk_msg_md * msg: PTR_TO_CTX; __u32 bytes: ANYTHING", 0x8008000),
    ("bpf_msg_cork_bytes", 62, "4.17", "", "long", "INTEGER", "struct sk_msg_md * msg: PTR_TO_CTX; __u32 bytes: ANYTHING", 0x8008000),
    ("bpf_msg_pull_data", 63, "4.17", "P", "long", "INTEGER", "struct sk_msg_md * msg: PTR_TO_CTX; __u32 start: ANYTHING; __u32 end: ANYTHING; __u64 flags: ANYTHING", 0x8008000),
    ("bpf_bind", 64, "4.17", "", "long", "INTEGER", "struct bpf_sock_addr * ctx: PTR_TO_CTX; struct sockaddr * addr: PTR_TO_MEM; int addr_len: CONST_SIZE", 0x8020000),
    ("bpf_xdp_adjust_tail", 65, "4.18", "P", "long", "INTEGER", "struct xdp_md * xdp_md: PTR_TO_CTX; int delta: ANYTHING", 0x8000020),
    ("bpf_skb_get_xfrm_state", 66, "4.18", "", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __u32 index: ANYTHING; struct bpf_xfrm_state * xfrm_state: PTR_TO_UNINIT_MEM; __u32 size: CONST_SIZE; __u64 flags: ANYTHING", 0x800000c),
    ("bpf_get_stack", 67, "4.18", "G", "long", "INTEGER", "void * ctx: PTR_TO_CTX; void * buf: PTR_TO_UNINIT_MEM; __u32 size: CONST_SIZE_OR_ZERO; __u64 flags: ANYTHING", 0x5a810052),
    ("bpf_skb_load_bytes_relative", 68, "4.18", "", "long", "INTEGER", "const void * skb: PTR_TO_CTX; __u32 offset: ANYTHING; void * to: PTR_TO_UNINIT_MEM; __u32 len: CONST_SIZE; __u32 start_header: ANYTHING", 0x810008d),
    ("bpf_fib_lookup", 69, "4.18", "G", "long", "INTEGER", "void * ctx: PTR_TO_CTX; struct bpf_fib_lookup * params: PTR_TO_MEM; int plen: CONST_SIZE; __u32 flags: ANYTHING", 0x800002c),
    ("bpf_sock_hash_update", 70, "4.18", "", "long", "INTEGER", "struct bpf_sock_ops * skops: PTR_TO_CTX; void * map: CONST_MAP_PTR; void * key: PTR_TO_MAP_KEY; __u64 flags: ANYTHING", 0x8001000),
    ("bpf_msg_redirect_hash", 71, "4.18", "", "long", "INTEGER", "struct sk_msg_md * msg: PTR_TO_CTX; void * map: CONST_MAP_PTR; void * key: PTR_TO_MAP_KEY; __u64 flags: ANYTHING", 0x8008000),
    ("bpf_sk_redirect_hash", 72, "4.18", "", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; void * map: CONST_MAP_PTR; void * key: PTR_TO_MAP_KEY; __u64 flags: ANYTHING", 0x8002000),
    ("bpf_lwt_push_encap", 73, "4.18", "P", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __u32 type: ANYTHING; void * hdr: PTR_TO_MEM; __u32 len: CONST_SIZE", 0x8000a00),
    ("bpf_lwt_seg6_store_bytes", 74, "4.18", "P", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __u32 offset: ANYTHING; const void * from: PTR_TO_MEM; __u32 len: CONST_SIZE", 0x8040000),
    ("bpf_lwt_seg6_adjust_srh", 75, "4.18", "P", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __u32 offset: ANYTHING; __s32 delta: ANYTHING", 0x8040000),
    ("bpf_lwt_seg6_action", 76, "4.18", "P", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __u32 action: ANYTHING; void * param: PTR_TO_MEM; __u32 param_len: CONST_SIZE", 0x8040000),
    ("bpf_rc_repeat", 77, "4.18", "G", "long", "INTEGER", "void * ctx: PTR_TO_CTX", 0x8080000),
    ("bpf_rc_keydown", 78, "4.18", "G", "long", "INTEGER", "void * ctx: PTR_TO_CTX; __u32 protocol: ANYTHING; __u64 scancode: ANYTHING; __u32 toggle: ANYTHING", 0x8080000),
    ("bpf_skb_cgroup_id", 79, "4.18", "", "__u64", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX", 0x800008c),
    ("bpf_get_current_cgroup_id", 80, "4.18", "", "__u64", "INTEGER", "", 0xfff7ffff),
    ("bpf_get_local_storage", 81, "4.19", "", "void *", "PTR_TO_MAP_VALUE", "void * map: CONST_MAP_PTR; __u64 flags: ANYTHING", 0x19425180),
    ("bpf_sk_select_reuseport", 82, "4.19", "", "long", "INTEGER", "struct sk_reuseport_md * reuse: PTR_TO_CTX; void * map: CONST_MAP_PTR; void * key: PTR_TO_MAP_KEY; __u64 flags: ANYTHING", 0x8100000),
    ("bpf_skb_ancestor_cgroup_id", 83, "4.19", "", "__u64", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; int ancestor_level: ANYTHING", 0x800008c),
    ("bpf_sk_lookup_tcp", 84, "4.20", "", "struct bpf_sock *", "PTR_TO_SOCKET_OR_NULL", "void * ctx: PTR_TO_CTX; struct bpf_sock_tuple * tuple: PTR_TO_MEM; __u32 tuple_size: CONST_SIZE_OR_ZERO; __u64 netns: ANYTHING; __u64 flags: ANYTHING", 0x80220ac),
    ("bpf_sk_lookup_udp", 85, "4.20", "", "struct bpf_sock *", "PTR_TO_SOCKET_OR_NULL", "void * ctx: PTR_TO_CTX; struct bpf_sock_tuple * tuple: PTR_TO_MEM; __u32 tuple_size: CONST_SIZE_OR_ZERO; __u64 netns: ANYTHING; __u64 flags: ANYTHING", 0x80220ac),
    ("bpf_sk_release", 86, "4.20", "", "long", "INTEGER", "void * sock: PTR_TO_BTF_ID_SOCK_COMMON", 0x280220ac),
    ("bpf_map_push_elem", 87, "4.20", "", "long", "INTEGER", "void * map: CONST_MAP_PTR; const void * value: PTR_TO_MAP_VALUE; __u64 flags: ANYTHING", 0xffffffff),
    ("bpf_map_pop_elem", 88, "4.20", "", "long", "INTEGER", "void * map: CONST_MAP_PTR; void * value: PTR_TO_UNINIT_MAP_VALUE", 0xffffffff),
    ("bpf_map_peek_elem", 89, "4.20", "", "long", "INTEGER", "void * map: CONST_MAP_PTR; void * value: PTR_TO_UNINIT_MAP_VALUE", 0xffffffff),
    ("bpf_msg_push_data", 90, "4.20", "P", "long", "INTEGER", "struct sk_msg_md * msg: PTR_TO_CTX; __u32 start: ANYTHING; __u32 len: ANYTHING; __u64 flags: ANYTHING", 0x8008000),
    ("bpf_msg_pop_data", 91, "5.0", "P", "long", "INTEGER", "struct sk_msg_md * msg: PTR_TO_CTX; __u32 start: ANYTHING; __u32 len: ANYTHING; __u64 flags: ANYTHING", 0x8008000),
    ("bpf_rc_pointer_rel", 92, "5.0", "G", "long", "INTEGER", "void * ctx: PTR_TO_CTX; __s32 rel_x: ANYTHING; __s32 rel_y: ANYTHING", 0x8080000),
    ("bpf_spin_lock", 93, "5.1", "", "long", "VOID", "struct bpf_spin_lock * lock: PTR_TO_SPIN_LOCK", 0xfff7ffff),
    ("bpf_spin_unlock", 94, "5.1", "", "long", "VOID", "struct bpf_spin_lock * lock: PTR_TO_SPIN_LOCK", 0xfff7ffff),
    ("bpf_sk_fullsock", 95, "5.1", "", "struct bpf_sock *", "PTR_TO_SOCKET_OR_NULL", "struct bpf_sock * sk: PTR_TO_SOCK_COMMON", 0x800008c),
    ("bpf_tcp_sock", 96, "5.1", "", "struct bpf_tcp_sock *", "PTR_TO_TCP_SOCK_OR_NULL", "struct bpf_sock * sk: PTR_TO_SOCK_COMMON", 0x900108c),
    ("bpf_skb_ecn_set_ce", 97, "5.1", "", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX", 0x800008c),
    ("bpf_get_listener_sock", 98, "5.1", "", "struct bpf_sock *", "PTR_TO_SOCKET_OR_NULL", "struct bpf_sock * sk: PTR_TO_SOCK_COMMON", 0x800008c),
    ("bpf_skc_lookup_tcp", 99, "5.2", "", "struct bpf_sock *", "PTR_TO_SOCK_COMMON_OR_NULL", "void * ctx: PTR_TO_CTX; struct bpf_sock_tuple * tuple: PTR_TO_MEM; __u32 tuple_size: CONST_SIZE_OR_ZERO; __u64 netns: ANYTHING; __u64 flags: ANYTHING", 0x80220ac),
    ("bpf_tcp_check_syncookie", 100, "5.2", "G", "long", "INTEGER", "void * sk: PTR_TO_BTF_ID_SOCK_COMMON; void * iph: PTR_TO_MEM; __u32 iph_len: CONST_SIZE; struct tcphdr * th: PTR_TO_MEM; __u32 th_len: CONST_SIZE", 0x800002c),
    ("bpf_sysctl_get_name", 101, "5.2", "", "long", "INTEGER", "struct bpf_sysctl * ctx: PTR_TO_CTX; char * buf: PTR_TO_MEM; unsigned long buf_len: CONST_SIZE; __u64 flags: ANYTHING", 0x8400000),
    ("bpf_sysctl_get_current_value", 102, "5.2", "", "long", "INTEGER", "struct bpf_sysctl * ctx: PTR_TO_CTX; char * buf: PTR_TO_UNINIT_MEM; unsigned long buf_len: CONST_SIZE", 0x8400000),
    ("bpf_sysctl_get_new_value", 103, "5.2", "", "long", "INTEGER", "struct bpf_sysctl * ctx: PTR_TO_CTX; char * buf: PTR_TO_UNINIT_MEM; unsigned long buf_len: CONST_SIZE", 0x8400000),
    ("bpf_sysctl_set_new_value", 104, "5.2", "", "long", "INTEGER", "struct bpf_sysctl * ctx: PTR_TO_CTX; const char * buf: PTR_TO_MEM; unsigned long buf_len: CONST_SIZE", 0x8400000),
    ("bpf_strtol", 105, "5.2", "", "long", "INTEGER", "const char * buf: PTR_TO_MEM; unsigned long buf_len: CONST_SIZE; __u64 flags: ANYTHING; long * res: PTR_TO_UNINIT_FIXED_SIZE_MEM", 0xfff7ffff),
    ("bpf_strtoul", 106, "5.2", "", "long", "INTEGER", "const char * buf: PTR_TO_MEM; unsigned long buf_len: CONST_SIZE; __u64 flags: ANYTHING; unsigned long * res: PTR_TO_UNINIT_FIXED_SIZE_MEM", 0xfff7ffff),
    ("bpf_sk_storage_get", 107, "5.2", "", "void *", "PTR_TO_MAP_VALUE_OR_NULL", "void * map: CONST_MAP_PTR; void * sk: PTR_TO_CTX; void * value: PTR_TO_MAP_VALUE_OR_NULL; __u64 flags: ANYTHING", 0x5f02918c),
    ("bpf_sk_storage_delete", 108, "5.2", "", "long", "INTEGER", "void * map: CONST_MAP_PTR; void * sk: PTR_TO_BTF_ID_SOCK_COMMON", 0x5f02908c),
    ("bpf_send_signal", 109, "5.3", "", "long", "INTEGER", "__u32 sig: ANYTHING", 0xfff7ffff),
    ("bpf_tcp_gen_syncookie", 110, "5.3", "G", "__s64", "INTEGER", "void * sk: PTR_TO_BTF_ID_SOCK_COMMON; void * iph: PTR_TO_MEM; __u32 iph_len: CONST_SIZE; struct tcphdr * th: PTR_TO_MEM; __u32 th_len: CONST_SIZE", 0x800002c),
    ("bpf_skb_output", 111, "5.5", "G", "long", "INTEGER", "void * ctx: PTR_TO_BTF_ID; void * map: CONST_MAP_PTR; __u64 flags: ANYTHING; void * data: PTR_TO_MEM; __u64 size: CONST_SIZE_OR_ZERO", 0x5a000000),
    ("bpf_probe_read_user", 112, "5.5", "G", "long", "INTEGER", "void * dst: PTR_TO_UNINIT_MEM; __u32 size: CONST_SIZE_OR_ZERO; const void * unsafe_ptr: ANYTHING", 0xfff7ffff),
    ("bpf_probe_read_kernel", 113, "5.5", "G", "long", "INTEGER", "void * dst: PTR_TO_UNINIT_MEM; __u32 size: CONST_SIZE_OR_ZERO; const void * unsafe_ptr: ANYTHING", 0xfff7ffff),
    ("bpf_probe_read_user_str", 114, "5.5", "G", "long", "INTEGER", "void * dst: PTR_TO_UNINIT_MEM; __u32 size: CONST_SIZE_OR_ZERO; const void * unsafe_ptr: ANYTHING", 0xfff7ffff),
    ("bpf_probe_read_kernel_str", 115, "5.5", "G", "long", "INTEGER", "void * dst: PTR_TO_UNINIT_MEM; __u32 size: CONST_SIZE_OR_ZERO; const void * unsafe_ptr: ANYTHING", 0xfff7ffff),
    ("bpf_tcp_send_ack", 116, "5.6", "", "long", "INTEGER", "void * tp: PTR_TO_BTF_ID; __u32 rcv_nxt: ANYTHING", 0xc000000),
    ("bpf_send_signal_thread", 117, "5.6", "", "long", "INTEGER", "__u32 sig: ANYTHING", 0xfff7ffff),
    ("bpf_jiffies64", 118, "5.6", "", "__u64", "INTEGER", "", 0xfff7ffff),
    ("bpf_read_branch_records", 119, "5.7", "G", "long", "INTEGER", "struct bpf_perf_event_data * ctx: PTR_TO_CTX; void * buf: PTR_TO_MEM_OR_NULL; __u32 size: CONST_SIZE_OR_ZERO; __u64 flags: ANYTHING", 0x8000040),
    ("bpf_get_ns_current_pid_tgid", 120, "5.7", "", "long", "INTEGER", "__u64 dev: ANYTHING; __u64 ino: ANYTHING; struct bpf_pidns_info * nsdata: PTR_TO_UNINIT_MEM; __u32 size: CONST_SIZE", 0xfff7ffff),
    ("bpf_xdp_output", 121, "5.7", "G", "long", "INTEGER", "void * ctx: PTR_TO_BTF_ID; void * map: CONST_MAP_PTR; __u64 flags: ANYTHING; void * data: PTR_TO_MEM; __u64 size: CONST_SIZE_OR_ZERO", 0x5a000000),
    ("bpf_get_netns_cookie", 122, "5.7", "", "__u64", "INTEGER", "void * ctx: PTR_TO_CTX_OR_NULL", 0x902918d),
    ("bpf_get_current_ancestor_cgroup_id", 123, "5.7", "", "__u64", "INTEGER", "int ancestor_level: ANYTHING", 0xfff7ffff),
    ("bpf_sk_assign", 124, "5.7", "", "long", "INTEGER", "void * ctx: PTR_TO_CTX; void * sk: PTR_TO_BTF_ID_SOCK_COMMON; __u64 flags: ANYTHING", 0x2800000c),
    ("bpf_ktime_get_boot_ns", 125, "5.8", "", "__u64", "INTEGER", "", 0xffffffff),
    ("bpf_seq_printf", 126, "5.8", "G", "long", "INTEGER", "struct seq_file * m: PTR_TO_BTF_ID; const char * fmt: PTR_TO_MEM; __u32 fmt_size: CONST_SIZE; const void * data: PTR_TO_MEM_OR_NULL; __u32 data_len: CONST_SIZE_OR_ZERO", 0x1a000000),
    ("bpf_seq_write", 127, "5.8", "G", "long", "INTEGER", "struct seq_file * m: PTR_TO_BTF_ID; const void * data: PTR_TO_MEM; __u32 len: CONST_SIZE_OR_ZERO", 0x1a000000),
    ("bpf_sk_cgroup_id", 128, "5.8", "", "__u64", "INTEGER", "void * sk: PTR_TO_BTF_ID_SOCK_COMMON", 0x8000080),
    ("bpf_sk_ancestor_cgroup_id", 129, "5.8", "", "__u64", "INTEGER", "void * sk: PTR_TO_BTF_ID_SOCK_COMMON; int ancestor_level: ANYTHING", 0x8000080),
    ("bpf_ringbuf_output", 130, "5.8", "", "long", "INTEGER", "void * ringbuf: CONST_MAP_PTR; void * data: PTR_TO_MEM; __u64 size: CONST_SIZE_OR_ZERO; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_ringbuf_reserve", 131, "5.8", "", "void *", "PTR_TO_RINGBUF_MEM_OR_NULL", "void * ringbuf: CONST_MAP_PTR; __u64 size: CONST_ALLOC_SIZE_OR_ZERO; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_ringbuf_submit", 132, "5.8", "", "void", "VOID", "void * data: PTR_TO_RINGBUF_MEM; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_ringbuf_discard", 133, "5.8", "", "void", "VOID", "void * data: PTR_TO_RINGBUF_MEM; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_ringbuf_query", 134, "5.8", "", "__u64", "INTEGER", "void * ringbuf: CONST_MAP_PTR; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_csum_level", 135, "5.8", "", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __u64 level: ANYTHING", 0x800080c),
    ("bpf_skc_to_tcp6_sock", 136, "5.9", "", "struct tcp6_sock *", "PTR_TO_BTF_ID_OR_NULL", "void * sk: PTR_TO_BTF_ID_SOCK_COMMON", 0x7a26bead),
    ("bpf_skc_to_tcp_sock", 137, "5.9", "", "struct tcp_sock *", "PTR_TO_BTF_ID_OR_NULL", "void * sk: PTR_TO_BTF_ID_SOCK_COMMON", 0x7a26bead),
    ("bpf_skc_to_tcp_timewait_sock", 138, "5.9", "", "struct tcp_timewait_sock *", "PTR_TO_BTF_ID_OR_NULL", "void * sk: PTR_TO_BTF_ID_SOCK_COMMON", 0x7a26bead),
    ("bpf_skc_to_tcp_request_sock", 139, "5.9", "", "struct tcp_request_sock *", "PTR_TO_BTF_ID_OR_NULL", "void * sk: PTR_TO_BTF_ID_SOCK_COMMON", 0x7a26bead),
    ("bpf_skc_to_udp6_sock", 140, "5.9", "", "struct udp6_sock *", "PTR_TO_BTF_ID_OR_NULL", "void * sk: PTR_TO_BTF_ID_SOCK_COMMON", 0x7a26bead),
    ("bpf_get_task_stack", 141, "5.9", "", "long", "INTEGER", "struct task_struct * task: PTR_TO_BTF_ID; void * buf: PTR_TO_UNINIT_MEM; __u32 size: CONST_SIZE_OR_ZERO; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_load_hdr_opt", 142, "5.10", "", "long", "INTEGER", "struct bpf_sock_ops * skops: PTR_TO_CTX; void * searchby_res: PTR_TO_MEM; __u32 len: CONST_SIZE; __u64 flags: ANYTHING", 0x8001000),
    ("bpf_store_hdr_opt", 143, "5.10", "P", "long", "INTEGER", "struct bpf_sock_ops * skops: PTR_TO_CTX; const void * from: PTR_TO_MEM; __u32 len: CONST_SIZE; __u64 flags: ANYTHING", 0x8001000),
    ("bpf_reserve_hdr_opt", 144, "5.10", "", "long", "INTEGER", "struct bpf_sock_ops * skops: PTR_TO_CTX; __u32 len: ANYTHING; __u64 flags: ANYTHING", 0x8001000),
    ("bpf_inode_storage_get", 145, "5.10", "", "void *", "PTR_TO_MAP_VALUE_OR_NULL", "void * map: CONST_MAP_PTR; void * inode: PTR_TO_BTF_ID_OR_NULL; void * value: PTR_TO_MAP_VALUE_OR_NULL; __u64 flags: ANYTHING", 0x18000000),
    ("bpf_inode_storage_delete", 146, "5.10", "", "int", "INTEGER", "void * map: CONST_MAP_PTR; void * inode: PTR_TO_BTF_ID_OR_NULL", 0x18000000),
    ("bpf_d_path", 147, "5.10", "", "long", "INTEGER", "struct path * path: PTR_TO_BTF_ID; char * buf: PTR_TO_MEM; __u32 sz: CONST_SIZE_OR_ZERO", 0x5a000000),
    ("bpf_copy_from_user", 148, "5.10", "S", "long", "INTEGER", "void * dst: PTR_TO_UNINIT_MEM; __u32 size: CONST_SIZE_OR_ZERO; const void * user_ptr: ANYTHING", 0xfff7ffff),
    ("bpf_snprintf_btf", 149, "5.10", "", "long", "INTEGER", "char * str: PTR_TO_MEM; __u32 str_size: CONST_SIZE; struct btf_ptr * ptr: PTR_TO_MEM; __u32 btf_ptr_size: CONST_SIZE; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_seq_printf_btf", 150, "5.10", "G", "long", "INTEGER", "struct seq_file * m: PTR_TO_BTF_ID; struct btf_ptr * ptr: PTR_TO_MEM; __u32 ptr_size: CONST_SIZE_OR_ZERO; __u64 flags: ANYTHING", 0x1a000000),
    ("bpf_skb_cgroup_classid", 151, "5.10", "", "__u64", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX", 0x800000c),
    ("bpf_redirect_neigh", 152, "5.10", "", "long", "INTEGER", "__u32 ifindex: ANYTHING; struct bpf_redir_neigh * params: PTR_TO_MEM_OR_NULL; int plen: CONST_SIZE_OR_ZERO; __u64 flags: ANYTHING", 0x800000c),
    ("bpf_per_cpu_ptr", 153, "5.10", "", "void *", "PTR_TO_MEM_OR_BTF_ID_OR_NULL", "const void * percpu_ptr: PTR_TO_PERCPU_BTF_ID; __u32 cpu: ANYTHING", 0xfff7ffff),
    ("bpf_this_cpu_ptr", 154, "5.10", "", "void *", "PTR_TO_MEM_OR_BTF_ID", "const void * percpu_ptr: PTR_TO_PERCPU_BTF_ID", 0xfff7ffff),
    ("bpf_redirect_peer", 155, "5.10", "", "long", "INTEGER", "__u32 ifindex: ANYTHING; __u64 flags: ANYTHING", 0x800000c),
    ("bpf_task_storage_get", 156, "5.11", "", "void *", "PTR_TO_MAP_VALUE_OR_NULL", "void * map: CONST_MAP_PTR; struct task_struct * task: PTR_TO_BTF_ID_OR_NULL; void * value: PTR_TO_MAP_VALUE_OR_NULL; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_task_storage_delete", 157, "5.11", "", "long", "INTEGER", "void * map: CONST_MAP_PTR; struct task_struct * task: PTR_TO_BTF_ID_OR_NULL", 0xfff7ffff),
    ("bpf_get_current_task_btf", 158, "5.11", "G", "struct task_struct *", "PTR_TO_BTF_ID_TRUSTED", "", 0xfff7ffff),
    ("bpf_bprm_opts_set", 159, "5.11", "", "long", "INTEGER", "struct linux_binprm * bprm: PTR_TO_BTF_ID; __u64 flags: ANYTHING", 0x18000000),
    ("bpf_ktime_get_coarse_ns", 160, "5.11", "", "__u64", "INTEGER", "", 0x2c76bfad),
    ("bpf_ima_inode_hash", 161, "5.11", "S", "long", "INTEGER", "struct inode * inode: PTR_TO_BTF_ID; void * dst: PTR_TO_UNINIT_MEM; __u32 size: CONST_SIZE", 0x18000000),
    ("bpf_sock_from_file", 162, "5.11", "", "struct socket *", "PTR_TO_BTF_ID_OR_NULL", "struct file * file: PTR_TO_BTF_ID", 0x5a000000),
    ("bpf_check_mtu", 163, "5.12", "G", "long", "INTEGER", "void * ctx: PTR_TO_CTX; __u32 ifindex: ANYTHING; __u32 * mtu_len: PTR_TO_FIXED_SIZE_MEM; __s32 len_diff: ANYTHING; __u64 flags: ANYTHING", 0x800002c),
    ("bpf_for_each_map_elem", 164, "5.13", "", "long", "INTEGER", "void * map: CONST_MAP_PTR; void * callback_fn: PTR_TO_FUNC; void * callback_ctx: PTR_TO_STACK_OR_NULL; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_snprintf", 165, "5.13", "G", "long", "INTEGER", "char * str: PTR_TO_MEM_OR_NULL; __u32 str_size: CONST_SIZE_OR_ZERO; const char * fmt: PTR_TO_CONST_STR; __u64 * data: PTR_TO_MEM_OR_NULL; __u32 data_len: CONST_SIZE_OR_ZERO", 0xfff7ffff),
    ("bpf_sys_bpf", 166, "5.14", "", "long", "INTEGER", "__u32 cmd: ANYTHING; void * attr: PTR_TO_MEM; __u32 attr_size: CONST_SIZE", 0x48000000),
    ("bpf_btf_find_by_name_kind", 167, "5.14", "", "long", "INTEGER", "char * name: PTR_TO_MEM; int name_sz: CONST_SIZE; __u32 kind: ANYTHING; int flags: ANYTHING", 0x48000000),
    ("bpf_sys_close", 168, "5.14", "", "long", "INTEGER", "__u32 fd: ANYTHING", 0x48000000),
    ("bpf_timer_init", 169, "5.15", "G", "long", "INTEGER", "struct bpf_timer * timer: PTR_TO_TIMER; void * map: CONST_MAP_PTR; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_timer_set_callback", 170, "5.15", "G", "long", "INTEGER", "struct bpf_timer * timer: PTR_TO_TIMER; void * callback_fn: PTR_TO_FUNC", 0xfff7ffff),
    ("bpf_timer_start", 171, "5.15", "G", "long", "INTEGER", "struct bpf_timer * timer: PTR_TO_TIMER; __u64 nsecs: ANYTHING; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_timer_cancel", 172, "5.15", "G", "long", "INTEGER", "struct bpf_timer * timer: PTR_TO_TIMER", 0xfff7ffff),
    ("bpf_get_func_ip", 173, "5.15", "", "__u64", "INTEGER", "void * ctx: PTR_TO_CTX", 0x5a810052),
    ("bpf_get_attach_cookie", 174, "5.15", "", "__u64", "INTEGER", "void * ctx: PTR_TO_CTX", 0x1a810052),
    ("bpf_task_pt_regs", 175, "5.15", "G", "long", "PTR_TO_BTF_ID", "struct task_struct * task: PTR_TO_BTF_ID", 0xfff7ffff),
    ("bpf_get_branch_snapshot", 176, "5.16", "G", "long", "INTEGER", "void * entries: PTR_TO_UNINIT_MEM; __u32 size: CONST_SIZE_OR_ZERO; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_trace_vprintk", 177, "5.16", "G", "long", "INTEGER", "const char * fmt: PTR_TO_MEM; __u32 fmt_size: CONST_SIZE; const void * data: PTR_TO_MEM_OR_NULL; __u32 data_len: CONST_SIZE_OR_ZERO", 0xfff7ffff),
    ("bpf_skc_to_unix_sock", 178, "5.16", "", "struct unix_sock *", "PTR_TO_BTF_ID_OR_NULL", "void * sk: PTR_TO_BTF_ID_SOCK_COMMON", 0x7a26bead),
    ("bpf_kallsyms_lookup_name", 179, "5.16", "", "long", "INTEGER", "const char * name: PTR_TO_MEM; int name_sz: CONST_SIZE_OR_ZERO; int flags: ANYTHING; __u64 * res: PTR_TO_UNINIT_FIXED_SIZE_MEM", 0x48000000),
    ("bpf_find_vma", 180, "5.17", "", "long", "INTEGER", "struct task_struct * task: PTR_TO_BTF_ID; __u64 addr: ANYTHING; void * callback_fn: PTR_TO_FUNC; void * callback_ctx: PTR_TO_STACK_OR_NULL; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_loop", 181, "5.17", "", "long", "INTEGER", "__u32 nr_loops: ANYTHING; void * callback_fn: PTR_TO_FUNC; void * callback_ctx: PTR_TO_STACK_OR_NULL; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_strncmp", 182, "5.17", "", "long", "INTEGER", "const char * s1: PTR_TO_MEM; __u32 s1_sz: CONST_SIZE; const char * s2: PTR_TO_CONST_STR", 0xfff7ffff),
    ("bpf_get_func_arg", 183, "5.17", "", "long", "INTEGER", "void * ctx: PTR_TO_CTX; __u32 n: ANYTHING; __u64 * value: PTR_TO_UNINIT_FIXED_SIZE_MEM", 0x8000000),
    ("bpf_get_func_ret", 184, "5.17", "", "long", "INTEGER", "void * ctx: PTR_TO_CTX; __u64 * value: PTR_TO_UNINIT_FIXED_SIZE_MEM", 0x8000000),
    ("bpf_get_func_arg_cnt", 185, "5.17", "", "long", "INTEGER", "void * ctx: PTR_TO_CTX", 0x8000000),
    ("bpf_get_retval", 186, "5.18", "", "int", "INTEGER", "", 0x19424100),
    ("bpf_set_retval", 187, "5.18", "", "int", "INTEGER", "int retval: ANYTHING", 0x19424100),
    ("bpf_xdp_get_buff_len", 188, "5.18", "", "__u64", "INTEGER", "struct xdp_md * xdp_md: PTR_TO_BTF_ID", 0x5a000020),
    ("bpf_xdp_load_bytes", 189, "5.18", "", "long", "INTEGER", "struct xdp_md * xdp_md: PTR_TO_CTX; __u32 offset: ANYTHING; void * buf: PTR_TO_UNINIT_MEM; __u32 len: CONST_SIZE", 0x8000020),
    ("bpf_xdp_store_bytes", 190, "5.18", "", "long", "INTEGER", "struct xdp_md * xdp_md: PTR_TO_CTX; __u32 offset: ANYTHING; void * buf: PTR_TO_MEM; __u32 len: CONST_SIZE", 0x8000020),
    ("bpf_copy_from_user_task", 191, "5.18", "GS", "long", "INTEGER", "void * dst: PTR_TO_UNINIT_MEM; __u32 size: CONST_SIZE_OR_ZERO; const void * user_ptr: ANYTHING; struct task_struct * tsk: PTR_TO_BTF_ID; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_skb_set_tstamp", 192, "5.18", "", "long", "INTEGER", "struct __sk_buff * skb: PTR_TO_CTX; __u64 tstamp: ANYTHING; __u32 tstamp_type: ANYTHING", 0x800000c),
    ("bpf_ima_file_hash", 193, "5.18", "S", "long", "INTEGER", "struct file * file: PTR_TO_BTF_ID; void * dst: PTR_TO_UNINIT_MEM; __u32 size: CONST_SIZE", 0x18000000),
    ("bpf_kptr_xchg", 194, "5.19", "", "void *", "PTR_TO_BTF_ID_OR_NULL", "void * map_value: KPTR_XCHG_DEST; void * ptr: PTR_TO_BTF_ID_OR_NULL", 0xfff7ffff),
    ("bpf_map_lookup_percpu_elem", 195, "5.19", "", "void *", "PTR_TO_MAP_VALUE_OR_NULL", "void * map: CONST_MAP_PTR; const void * key: PTR_TO_MAP_KEY; __u32 cpu: ANYTHING", 0xfff7ffff),
    ("bpf_skc_to_mptcp_sock", 196, "5.19", "", "struct mptcp_sock *", "PTR_TO_BTF_ID_OR_NULL", "void * sk: PTR_TO_SOCK_COMMON", 0x7a26bead),
    ("bpf_dynptr_from_mem", 197, "5.19", "", "long", "INTEGER", "void * data: PTR_TO_UNINIT_MEM; __u32 size: CONST_SIZE_OR_ZERO; __u64 flags: ANYTHING; struct bpf_dynptr * ptr: PTR_TO_UNINIT_DYNPTR", 0xfff7ffff),
    ("bpf_ringbuf_reserve_dynptr", 198, "5.19", "", "long", "INTEGER", "void * ringbuf: CONST_MAP_PTR; __u32 size: ANYTHING; __u64 flags: ANYTHING; struct bpf_dynptr * ptr: PTR_TO_UNINIT_DYNPTR", 0xfff7ffff),
    ("bpf_ringbuf_submit_dynptr", 199, "5.19", "", "void", "VOID", "struct bpf_dynptr * ptr: PTR_TO_DYNPTR; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_ringbuf_discard_dynptr", 200, "5.19", "", "void", "VOID", "struct bpf_dynptr * ptr: PTR_TO_DYNPTR; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_dynptr_read", 201, "5.19", "", "long", "INTEGER", "void * dst: PTR_TO_UNINIT_MEM; __u32 len: CONST_SIZE_OR_ZERO; const struct bpf_dynptr * src: PTR_TO_DYNPTR; __u32 offset: ANYTHING; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_dynptr_write", 202, "5.19", "", "long", "INTEGER", "const struct bpf_dynptr * dst: PTR_TO_DYNPTR; __u32 offset: ANYTHING; void * src: PTR_TO_MEM; __u32 len: CONST_SIZE_OR_ZERO; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_dynptr_data", 203, "5.19", "", "void *", "PTR_TO_DYNPTR_MEM_OR_NULL", "const struct bpf_dynptr * ptr: PTR_TO_DYNPTR; __u32 offset: ANYTHING; __u32 len: CONST_ALLOC_SIZE_OR_ZERO", 0xfff7ffff),
    ("bpf_tcp_raw_gen_syncookie_ipv4", 204, "6.0", "G", "__s64", "INTEGER", "struct iphdr * iph: PTR_TO_FIXED_SIZE_MEM; struct tcphdr * th: PTR_TO_MEM; __u32 th_len: CONST_SIZE_OR_ZERO", 0x800002c),
    ("bpf_tcp_raw_gen_syncookie_ipv6", 205, "6.0", "G", "__s64", "INTEGER", "struct ipv6hdr * iph: PTR_TO_FIXED_SIZE_MEM; struct tcphdr * th: PTR_TO_MEM; __u32 th_len: CONST_SIZE_OR_ZERO", 0x800002c),
    ("bpf_tcp_raw_check_syncookie_ipv4", 206, "6.0", "G", "long", "INTEGER", "struct iphdr * iph: PTR_TO_FIXED_SIZE_MEM; struct tcphdr * th: PTR_TO_FIXED_SIZE_MEM", 0x800002c),
    ("bpf_tcp_raw_check_syncookie_ipv6", 207, "6.0", "G", "long", "INTEGER", "struct ipv6hdr * iph: PTR_TO_FIXED_SIZE_MEM; struct tcphdr * th: PTR_TO_FIXED_SIZE_MEM", 0x800002c),
    ("bpf_ktime_get_tai_ns", 208, "6.1", "", "__u64", "INTEGER", "", 0xfff7ffff),
    ("bpf_user_ringbuf_drain", 209, "6.1", "", "long", "INTEGER", "void * map: CONST_MAP_PTR; void * callback_fn: PTR_TO_FUNC; void * ctx: PTR_TO_STACK_OR_NULL; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_cgrp_storage_get", 210, "6.2", "", "void *", "PTR_TO_MAP_VALUE_OR_NULL", "void * map: CONST_MAP_PTR; struct cgroup * cgroup: PTR_TO_BTF_ID_OR_NULL; void * value: PTR_TO_MAP_VALUE_OR_NULL; __u64 flags: ANYTHING", 0xfff7ffff),
    ("bpf_cgrp_storage_delete", 211, "6.2", "", "long", "INTEGER", "void * map: CONST_MAP_PTR; struct cgroup * cgroup: PTR_TO_BTF_ID_OR_NULL", 0xfff7ffff),
)


@functools.cache
def _program_types(mask: int) -> frozenset[str]:
    return frozenset(name for bit, name in enumerate(PROGRAM_TYPE_BITS) if mask >> bit & 1)


def _param(text: str) -> Param:
    declaration, _, kind = text.partition(": ")
    ctype, _, name = declaration.rpartition(" ")
    return Param(name, ctype, ArgKind["ARG_" + kind])


def _helper(name: str, id: int, since: str, flags: str, ctype: str, kind: str, params: str, mask: int) -> Helper:
    parsed = tuple(_param(p) for p in params.split("; ")) if params else ()
    return Helper(
        name,
        id,
        parsed,
        Result(RetKind["RET_" + kind], ctype),
        version(since),
        "G" in flags,
        "S" in flags,
        "P" in flags,
        _program_types(mask),
    )


HELPERS: dict[str, Helper] = {row[0]: _helper(*row) for row in _ROWS}
HELPERS_BY_ID: dict[int, Helper] = {helper.id: helper for helper in HELPERS.values()}
