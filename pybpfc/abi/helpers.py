"""The kernel's helpers: ids, signatures, argument and result kinds, availability.

Argument kinds, result kinds and the GPL and sleeping flags are those of `bpf_func_proto` in kernel 6.18; availability
is what that kernel answered for each program type, completed from its sources for hooks that it was built without; C
types and names are those of the UAPI header `linux/bpf.h`. The rows are in `helper_table`.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Mapping

from pybpfc.abi.helper_table import LATER, ROWS, Row
from pybpfc.abi.tables import LazyTable
from pybpfc.abi.versions import KernelVersion, version
from pybpfc.records import frozen, replace


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
    ARG_PTR_TO_BTF_ID_SOCK_COMMON_OR_NULL = "ARG_PTR_TO_BTF_ID_SOCK_COMMON_OR_NULL"
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
    ARG_PTR_TO_SOCKET_OR_NULL = "ARG_PTR_TO_SOCKET_OR_NULL"
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


@frozen
class Param:
    """One parameter of a helper.

    `writes`: the helper writes to the memory; `size`: how much memory it takes, where that is fixed; `releases`: the
    helper takes the reference over, so that the program must not use it any more.
    """

    name: str
    ctype: str
    kind: ArgKind
    writes: bool = False
    size: int = 0
    releases: bool = False


@frozen
class Result:
    """What a helper returns. `acquires`: a reference that the program must give back."""

    kind: RetKind
    ctype: str
    acquires: bool = False


@frozen
class Helper:
    """One helper.

    `invalidates_packet`: packet pointers must be taken anew after it; `reads_packet`: memory arguments may lie in the
    packet. `attach_types` names, for program types in which only some hooks may call it, those hooks.
    """

    name: str
    id: int
    params: tuple[Param, ...]
    result: Result
    since: KernelVersion
    gpl: bool
    sleepable_only: bool
    invalidates_packet: bool
    available: frozenset[str]
    doc: str
    reads_packet: bool
    attach_types: Mapping[str, frozenset[str]]

    def __hash__(self) -> int:
        return self.id

    def usable(self, program_type: str, attach_type: str | None = None) -> bool:
        """Whether a program of this type, for this hook if it is known, may call the helper."""
        hooks = self.attach_types.get(program_type)
        return program_type in self.available and (hooks is None or attach_type is None or attach_type in hooks)

    def since_in(self, program_type: str) -> KernelVersion:
        """The first kernel that lets programs of this type call the helper."""
        for since, types in LATER.get(self.name, ()):
            if program_type in program_types(types):
                return version(since)
        return self.since

    def params_in(self, program_type: str) -> tuple[Param, ...]:
        """The parameters as programs of this type have them: some hooks give a socket where others give the context."""
        for types, index, kind in VARIANTS.get(self.name, ()):
            if program_type.removeprefix(_PREFIX) in types:
                changed = replace(self.params[index], kind=kind)
                return (*self.params[:index], changed, *self.params[index + 1 :])
        return self.params


_PREFIX = "BPF_PROG_TYPE_"

ALL = (
    "SOCKET_FILTER KPROBE SCHED_CLS SCHED_ACT TRACEPOINT XDP PERF_EVENT CGROUP_SKB CGROUP_SOCK LWT_IN LWT_OUT LWT_XMIT "
    "SOCK_OPS SK_SKB CGROUP_DEVICE SK_MSG RAW_TRACEPOINT CGROUP_SOCK_ADDR LWT_SEG6LOCAL LIRC_MODE2 SK_REUSEPORT "
    "FLOW_DISSECTOR CGROUP_SYSCTL RAW_TRACEPOINT_WRITABLE CGROUP_SOCKOPT TRACING STRUCT_OPS EXT LSM SK_LOOKUP SYSCALL "
    "NETFILTER"
)
GROUPS: dict[str, frozenset[str]] = {
    "all": frozenset(ALL.split()),
    "base": frozenset(ALL.split()) - {"LIRC_MODE2"},
    "tracing": frozenset(
        ("KPROBE", "TRACEPOINT", "PERF_EVENT", "RAW_TRACEPOINT", "RAW_TRACEPOINT_WRITABLE", "TRACING", "LSM", "SYSCALL")
    ),
    "tc": frozenset(("SCHED_CLS", "SCHED_ACT")),
    "lwt": frozenset(("LWT_IN", "LWT_OUT", "LWT_XMIT", "LWT_SEG6LOCAL")),
}
"""Groups of program types that the rows name. `base`: what `bpf_base_func_proto` serves."""

_TYPED = frozenset(("TRACING", "LSM", "SYSCALL"))

VARIANTS: dict[str, tuple[tuple[frozenset[str], int, ArgKind], ...]] = {
    "bpf_get_socket_cookie": ((_TYPED, 0, ArgKind.ARG_PTR_TO_BTF_ID_SOCK_COMMON_OR_NULL),),
    "bpf_setsockopt": ((_TYPED | {"STRUCT_OPS"}, 0, ArgKind.ARG_PTR_TO_BTF_ID_SOCK_COMMON),),
    "bpf_getsockopt": ((_TYPED | {"STRUCT_OPS"}, 0, ArgKind.ARG_PTR_TO_BTF_ID_SOCK_COMMON),),
    "bpf_sk_storage_get": ((frozenset(("CGROUP_SOCK",)), 1, ArgKind.ARG_PTR_TO_CTX),),
    "bpf_sk_assign": ((frozenset(("SK_LOOKUP",)), 1, ArgKind.ARG_PTR_TO_SOCKET_OR_NULL),),
    "bpf_xdp_get_buff_len": ((_TYPED, 0, ArgKind.ARG_PTR_TO_BTF_ID),),
}
"""Program types that give a helper another kind of argument: types, index of the parameter, its kind there."""

ACQUIRES = frozenset(
    ("bpf_sk_lookup_tcp", "bpf_sk_lookup_udp", "bpf_skc_lookup_tcp", "bpf_ringbuf_reserve", "bpf_kptr_xchg")
)
"""Helpers whose result the program must give back."""

_TRAMPOLINE = "BPF_TRACE_FENTRY BPF_TRACE_FEXIT BPF_MODIFY_RETURN"
_RETVAL_HOOKS = (
    "BPF_CGROUP_INET4_BIND BPF_CGROUP_INET6_BIND BPF_CGROUP_INET4_CONNECT BPF_CGROUP_INET6_CONNECT "
    "BPF_CGROUP_UNIX_CONNECT BPF_CGROUP_UDP4_SENDMSG BPF_CGROUP_UDP6_SENDMSG BPF_CGROUP_UNIX_SENDMSG"
)

# helper → program type → the only attach types in which it may be called
_HOOKS: dict[str, dict[str, str]] = {
    "bpf_bind": {"CGROUP_SOCK_ADDR": "BPF_CGROUP_INET4_CONNECT BPF_CGROUP_INET6_CONNECT"},
    "bpf_get_retval": {"CGROUP_SOCK_ADDR": _RETVAL_HOOKS, "LSM": "BPF_LSM_CGROUP"},
    "bpf_set_retval": {"CGROUP_SOCK_ADDR": _RETVAL_HOOKS, "LSM": "BPF_LSM_CGROUP"},
    "bpf_setsockopt": {"CGROUP_SOCKOPT": "BPF_CGROUP_SETSOCKOPT", "TRACING": "BPF_TRACE_ITER", "LSM": "BPF_LSM_CGROUP"},
    "bpf_getsockopt": {"CGROUP_SOCKOPT": "BPF_CGROUP_SETSOCKOPT", "TRACING": "BPF_TRACE_ITER", "LSM": "BPF_LSM_CGROUP"},
    "bpf_get_local_storage": {"LSM": "BPF_LSM_CGROUP"},
    "bpf_seq_printf": {"TRACING": "BPF_TRACE_ITER"},
    "bpf_seq_write": {"TRACING": "BPF_TRACE_ITER"},
    "bpf_seq_printf_btf": {"TRACING": "BPF_TRACE_ITER"},
    "bpf_get_attach_cookie": {"TRACING": f"BPF_TRACE_RAW_TP {_TRAMPOLINE}", "LSM": "BPF_LSM_MAC"},
    "bpf_get_func_arg": {"TRACING": _TRAMPOLINE, "LSM": "BPF_LSM_MAC"},
    "bpf_get_func_arg_cnt": {"TRACING": _TRAMPOLINE, "LSM": "BPF_LSM_MAC"},
    "bpf_get_func_ret": {"TRACING": "BPF_TRACE_FEXIT BPF_MODIFY_RETURN", "LSM": "BPF_LSM_MAC"},
}


@functools.cache
def program_types(text: str) -> frozenset[str]:
    """The program types that a row of the table means: names and groups, `-NAME` taken out."""
    names: set[str] = set()
    for word in text.split():
        if word.startswith("-"):
            names.discard(word[1:])
        else:
            names |= GROUPS.get(word, {word})
    return frozenset(_PREFIX + name for name in names)


@functools.cache
def _available(text: str) -> frozenset[str]:
    return program_types(text) | {_PREFIX + "EXT"}


def _param(text: str) -> Param:
    declaration, _, description = text.partition(": ")
    kind, *marks = description.split(" ")
    name = declaration.rsplit(" ", 1)[-1].lstrip("*")
    fixed = next((int(m) for m in marks if m.isdigit()), 0)
    writes = "w" in marks or "UNINIT" in kind
    return Param(name, declaration.removesuffix(name).rstrip(), ArgKind["ARG_" + kind], writes, fixed, "r" in marks)


def _helper(name: str, row: Row) -> Helper:
    number, since, flags, ctype, kind, params, available, doc = row
    return Helper(
        name,
        number,
        tuple(map(_param, params.split("; "))) if params else (),
        Result(RetKind["RET_" + kind], ctype, name in ACQUIRES),
        version(since),
        gpl="G" in flags,
        sleepable_only="S" in flags,
        invalidates_packet="P" in flags,
        available=_available(available),
        doc=doc,
        reads_packet="D" in flags,
        attach_types={_PREFIX + t: frozenset(hooks.split()) for t, hooks in _HOOKS.get(name, {}).items()},
    )


HELPERS: Mapping[str, Helper] = LazyTable(ROWS, _helper)
"""The helpers by name, made when they are first looked up."""

HELPER_NAMES: dict[int, str] = {row[0]: name for name, row in ROWS.items()}
"""The helpers' names by their numbers."""


def helper_by_id(number: int) -> Helper | None:
    """The helper with a number; None when there is none."""
    name = HELPER_NAMES.get(number)
    return HELPERS[name] if name is not None else None
