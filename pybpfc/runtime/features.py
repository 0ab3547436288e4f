"""What the running kernel can: found out by trying, one question at a time, each answer remembered.

Versions are not trusted (distributions port features back), and a question that the process may not ask raises
`PermissionDenied` instead of answering no.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import struct
from collections.abc import Sequence

from pybpfc.abi.attach_types import ATTACH_TYPES
from pybpfc.abi.helpers import HELPERS
from pybpfc.abi.insn import ISA_SINCE
from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.abi.program_types import PROGRAM_TYPES, SECTIONS, Section
from pybpfc.abi.versions import KernelVersion, version
from pybpfc.diagnostics.errors import PermissionDenied
from pybpfc.records import frozen
from pybpfc.runtime.attributes import BtfLoad, LinkCreate, MapCreate, ProgLoad
from pybpfc.runtime.permissions import missing, needed_for, permission_denied
from pybpfc.runtime.syscall import ENOTSUPP, Command, Fd, address, bpf, buffer_of

_INSN = struct.Struct("=BBhi")
_RETURN_0 = _INSN.pack(0xB7, 0, 0, 0) + _INSN.pack(0x95, 0, 0, 0)
_RETURN_1 = _INSN.pack(0xB7, 0, 0, 1) + _INSN.pack(0x95, 0, 0, 0)

BPF_F_NO_PREALLOC = 1
BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS = 1 << 4, 1 << 5


@frozen
class Answer:
    """Whether the kernel has a feature, and which kernel had it first."""

    name: str
    available: bool
    since: KernelVersion

    def __bool__(self) -> bool:
        return self.available


# ------------------------------------------------------------------------------- permission


def refusal(program_type: str = "BPF_PROG_TYPE_TRACEPOINT") -> PermissionDenied | None:
    """Why this process may not load programs of a type; None when it may. Says nothing about the kernel's age."""
    if bpf_missing():
        return PermissionDenied("this system has no bpf(2)", errno=errno.ENOSYS, remedy="use Linux, or `bpf.simulate`")
    try:
        trial = _try_program(_RETURN_1, program_type, attach_type=_FIXED_ATTACH.get(program_type), logged=True)
    except PermissionDenied as error:
        return error
    if trial.number in (errno.EPERM, errno.EACCES) and not trial.log:
        return permission_denied("loading programs", needed_for(program_type), number=trial.number)
    return None


@functools.cache
def bpf_missing() -> bool:
    """Whether the system has no bpf(2) at all: not Linux, or a kernel built without it."""
    try:
        bpf(Command.PROG_LOAD, ProgLoad())
    except OSError as error:
        return error.errno == errno.ENOSYS
    return False


# ------------------------------------------------------------------------------ loading trials


@frozen
class _Trial:
    """How a trial load went: the kernel's errno (0: loaded) and its log."""

    number: int
    log: str


def _try_program(
    insns: bytes,
    program_type: str,
    *,
    attach_type: str | int | None = None,
    flags: int = 0,
    logged: bool = False,
    target: int = 0,
) -> _Trial:
    """Load a program and throw it away. `target` is the kernel type it is for, where that is asked for."""
    code, license = buffer_of(insns), ctypes.create_string_buffer(b"GPL")
    log = ctypes.create_string_buffer(8192) if logged else None
    request = ProgLoad(
        prog_type=PROGRAM_TYPES[program_type].uapi,
        insn_cnt=len(insns) // 8,
        insns=address(code),
        license=address(license),
        expected_attach_type=attach_type if isinstance(attach_type, int) else ATTACH_TYPES.get(attach_type or "", 0),
        attach_btf_id=target,
        prog_flags=flags,
        log_level=1 if logged else 0,
        log_size=8192 if logged else 0,
        log_buf=address(log),
    )
    number = 0
    try:
        Fd(bpf(Command.PROG_LOAD, request)).close()
    except OSError as error:
        number = error.errno or errno.EINVAL
    text = log.value.decode(errors="replace") if log is not None else ""
    if number in (errno.EPERM, errno.EACCES) and not text and missing(needed_for(program_type)):
        raise permission_denied("asking the kernel what it can", needed_for(program_type), number=number)
    return _Trial(number, text)


_FIXED_ATTACH = {
    "BPF_PROG_TYPE_CGROUP_SOCK_ADDR": "BPF_CGROUP_INET4_CONNECT",
    "BPF_PROG_TYPE_CGROUP_SOCKOPT": "BPF_CGROUP_SETSOCKOPT",
    "BPF_PROG_TYPE_CGROUP_DEVICE": "BPF_CGROUP_DEVICE",
    "BPF_PROG_TYPE_CGROUP_SYSCTL": "BPF_CGROUP_SYSCTL",
    "BPF_PROG_TYPE_SK_LOOKUP": "BPF_SK_LOOKUP",
    "BPF_PROG_TYPE_NETFILTER": "BPF_NETFILTER",
    "BPF_PROG_TYPE_TRACING": "BPF_TRACE_RAW_TP",
    "BPF_PROG_TYPE_LSM": "BPF_LSM_MAC",
}
"""Attach types without which a type's programs can't be loaded, or lack helpers."""


@functools.cache
def have_program_type(name: str) -> Answer:
    """Whether programs of a type can be loaded: `have_program_type("BPF_PROG_TYPE_XDP")`."""
    kind = PROGRAM_TYPES[name]
    flags = BPF_F_SLEEPABLE if name == "BPF_PROG_TYPE_SYSCALL" else 0
    trial = _try_program(_RETURN_1, name, attach_type=_FIXED_ATTACH.get(name), flags=flags, logged=True)
    return Answer(name, trial.number in (0, ENOTSUPP) or _complained(trial), kind.since)


def _complained(trial: _Trial) -> bool:
    """Whether the verifier had something to say, i.e. knew the type: those with BTF targets want one."""
    return any(line for line in trial.log.splitlines() if line and not line.startswith("processed "))


@functools.cache
def have_section(pattern: str) -> Answer:
    """Whether programs of a section can be loaded: `have_section("tcx/ingress")`; `pattern` as in `abi.SECTIONS`."""
    kind = _section(pattern)
    if not have_program_type(kind.program_type):
        return Answer(pattern, False, kind.since)
    flags = (BPF_F_SLEEPABLE if kind.sleepable else 0) | (BPF_F_XDP_HAS_FRAGS if kind.frags else 0)
    if kind.attach in ("tcx", "netkit"):
        return Answer(pattern, _have_link(kind), kind.since)
    trial = _try_program(_RETURN_1, kind.program_type, attach_type=kind.expected_attach_type, flags=flags, logged=True)
    return Answer(pattern, trial.number in (0, ENOTSUPP) or _complained(trial), kind.since)


_PMUS = {"kprobe": "kprobe", "ksyscall": "kprobe", "uprobe": "uprobe", "usdt": "uprobe"}
"""The perf events behind kinds of attachments, which a kernel may lack that loads the programs."""


@functools.cache
def have_hook(pattern: str) -> Answer:
    """Whether programs of a section can be loaded and there is something to attach them to: `have_hook("kprobe")`."""
    kind, loads = _section(pattern), have_section(pattern)
    if not loads:
        return loads
    available = True
    if kind.attach in _PMUS:
        available = os.path.exists(f"/sys/bus/event_source/devices/{_PMUS[kind.attach]}/type")
    elif kind.attach in ("kprobe_multi", "uprobe_multi"):
        available = _link_error(kind, LinkCreate()) == errno.EFAULT  # only who has such links reads what they lead to
    return Answer(pattern, available, kind.since)


def _have_link(kind: Section) -> bool:
    """Whether the kernel makes links of this attach type: those without it don't look for the interface."""
    return _link_error(kind, LinkCreate(target_fd=0x7FFFFFFF)) in (0, errno.ENODEV)


def _link_error(kind: Section, request: LinkCreate) -> int:
    """The errno of a link that can't be made; its addresses are nobody's."""
    if kind.attach == "kprobe_multi":
        request.kprobe_multi.cnt = request.kprobe_multi.syms = 1
    elif kind.attach == "uprobe_multi":
        request.uprobe_multi.cnt = request.uprobe_multi.path = request.uprobe_multi.offsets = 1
    code, license = buffer_of(_RETURN_0), ctypes.create_string_buffer(b"GPL")
    attach_type = ATTACH_TYPES[kind.expected_attach_type or ""]
    load = ProgLoad(
        prog_type=PROGRAM_TYPES[kind.program_type].uapi,
        insn_cnt=len(_RETURN_0) // 8,
        insns=address(code),
        license=address(license),
        expected_attach_type=attach_type,
        prog_flags=BPF_F_SLEEPABLE if kind.sleepable else 0,
    )
    try:
        with Fd(bpf(Command.PROG_LOAD, load)) as program:
            request.prog_fd, request.attach_type = program.number, attach_type
            Fd(bpf(Command.LINK_CREATE, request)).close()
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES):
            action = "asking the kernel which links it has"
            raise permission_denied(action, needed_for(kind.program_type), number=error.errno) from None
        return error.errno or errno.EINVAL
    return 0


def _section(pattern: str) -> Section:
    for kind in SECTIONS:
        if pattern in (kind.pattern, kind.name):
            return kind
    raise KeyError(pattern)


_ABSENT = ("invalid func unknown", "unknown func", "cannot use helper", "program of this type cannot use")


@functools.cache
def have_helper(program_type: str, helper: str) -> Answer:
    """Whether programs of a type may call a helper: `have_helper("BPF_PROG_TYPE_XDP", "bpf_ringbuf_output")`."""
    known = HELPERS[helper]
    if not have_program_type(program_type):
        return Answer(helper, False, known.since)
    call = _INSN.pack(0x85, 0, 0, known.id) + _RETURN_0
    sleeps = program_type == "BPF_PROG_TYPE_SYSCALL" or (known.sleepable_only and program_type in _MAY_SLEEP)
    flags = BPF_F_SLEEPABLE if sleeps else 0
    targets = _targets(program_type)
    if not targets:  # such a program can't be tried: what kernel 6.18 says has to do
        return Answer(helper, known.usable(program_type), known.since)
    available = False
    for target, attach_type in targets:
        trial = _try_program(call, program_type, attach_type=attach_type, flags=flags, logged=True, target=target)
        absent = any(words in trial.log for words in _ABSENT)
        available = available or trial.number == 0 or (bool(trial.log) and not absent)
    return Answer(helper, available, known.since)


_TARGETS = {
    "BPF_PROG_TYPE_TRACING": (
        ("btf_trace_sys_enter", "TYPEDEF", "BPF_TRACE_RAW_TP"),
        ("bpf_iter_task", "FUNC", "BPF_TRACE_ITER"),
        ("vfs_read", "FUNC", "BPF_TRACE_FENTRY"),
    ),
    "BPF_PROG_TYPE_LSM": (("bpf_lsm_file_open", "FUNC", "BPF_LSM_MAC"),),
    "BPF_PROG_TYPE_STRUCT_OPS": (("tcp_congestion_ops", "STRUCT", "ssthresh"),),
}
"""Types of the kernel that trial programs are attached to, where a program without a target is refused unread."""


@functools.cache
def _targets(program_type: str) -> tuple[tuple[int, str | int | None], ...]:
    """What to attach a trial program to: types of the kernel and attach types; nothing where it doesn't tell types."""
    if program_type not in _TARGETS:
        return ((0, _FIXED_ATTACH.get(program_type)),)
    from pybpfc.diagnostics.errors import LoadError
    from pybpfc.lang.kernel_btf import vmlinux_btf

    try:
        btf = vmlinux_btf()
    except LoadError:
        return ()
    out: list[tuple[int, str | int | None]] = []
    for name, kind, attach_type in _TARGETS[program_type]:
        found = btf.find(name, kind)
        if found is None:
            continue
        # a struct_ops program implements a member, whose number takes the place of the attach type
        members = [member.name for member in found.members]
        out.append((found.id, members.index(attach_type) if members else attach_type))
    return tuple(out)


_MAY_SLEEP = frozenset({"BPF_PROG_TYPE_KPROBE", "BPF_PROG_TYPE_SYSCALL"})


# ------------------------------------------------------------------------------ instructions

_STORE_0 = _INSN.pack(0x7A, 10, -8, 0)
_ISA_TRIALS = {
    "v1": b"",
    "v2": _INSN.pack(0xA5, 0, 0, 5),  # jump if below
    "v3": _INSN.pack(0x16, 0, 0, 1),  # jump if the lower halves are equal
    "atomics": _STORE_0 + _INSN.pack(0xDB, 10, -8, 1),  # fetch and add
    "v4": _INSN.pack(0xD7, 0, 0, 16),  # swap the bytes of the lowest 16 bits
    "may_goto": _INSN.pack(0xE5, 0, 0, 0),
    "load_acquire": _STORE_0 + _INSN.pack(0xDB, 0xA0, -8, 0x100),
}
"""One instruction of each level of the ISA, behind a move of a number to r0 and before an exit."""


@functools.cache
def have_isa(level: str) -> Answer:
    """Whether the kernel runs a level of the instruction set, or what came beside them: `have_isa("v3")`."""
    trial = _try_program(_RETURN_1[:8] + _ISA_TRIALS[level] + _RETURN_0, "BPF_PROG_TYPE_SOCKET_FILTER")
    return Answer(level, trial.number == 0, ISA_SINCE[level])


def isa_levels() -> tuple[str, ...]:
    """What `have_isa` can be asked."""
    return tuple(_ISA_TRIALS)


# ------------------------------------------------------------------------------------- maps

_SHAPES: dict[str, tuple[int, int, int, int]] = {
    "STACK_TRACE": (4, 8, 1, 0),
    "CGROUP_STORAGE": (16, 8, 0, 0),
    "PERCPU_CGROUP_STORAGE": (16, 8, 0, 0),
    "LPM_TRIE": (8, 8, 1, BPF_F_NO_PREALLOC),
    "QUEUE": (0, 8, 1, 0),
    "STACK": (0, 8, 1, 0),
    "BLOOM_FILTER": (0, 8, 1, 0),
    "RINGBUF": (0, 0, 4096, 0),
    "USER_RINGBUF": (0, 0, 4096, 0),
    "ARENA": (0, 0, 1, 1 << 10),
    "SK_STORAGE": (4, 8, 0, BPF_F_NO_PREALLOC),
    "INODE_STORAGE": (4, 8, 0, BPF_F_NO_PREALLOC),
    "TASK_STORAGE": (4, 8, 0, BPF_F_NO_PREALLOC),
    "CGRP_STORAGE": (4, 8, 0, BPF_F_NO_PREALLOC),
}
"""Key size, value size, entries and flags of the smallest map of the types that don't take 4, 4, 1, 0."""


@functools.cache
def have_map_type(name: str) -> Answer:
    """Whether maps of a type can be created: `have_map_type("BPF_MAP_TYPE_RINGBUF")`."""
    kind = MAP_TYPES[name]
    short = name.removeprefix("BPF_MAP_TYPE_")
    key, value, entries, flags = _SHAPES.get(short, (4, 4, 1, 0))
    held: list[Fd] = []
    request = MapCreate(map_type=kind.uapi, key_size=key, value_size=value, max_entries=entries, map_flags=flags)
    try:
        if short.endswith("OF_MAPS"):
            held.append(_create(MapCreate(map_type=2, key_size=4, value_size=4, max_entries=1)))
            request.inner_map_fd = held[0].number
        elif short.endswith("_STORAGE") and "CGROUP" not in short:
            held.append(_load(_blob([_INT_4, _int(8, 0)])))
            request.btf_fd, request.btf_key_type_id, request.btf_value_type_id = held[0].number, 1, 2
        elif short == "STRUCT_OPS":
            request.btf_vmlinux_value_type_id = 1  # no struct_ops value: known types answer ENOTSUPP or ENOENT
        held.append(_create(request))
        available = True
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES):
            raise permission_denied("asking the kernel which maps it has", ("CAP_BPF",), number=error.errno) from None
        available = short == "STRUCT_OPS" and error.errno != errno.EINVAL
    finally:
        for fd in held:
            fd.close()
    return Answer(name, available, kind.since)


def _create(request: MapCreate) -> Fd:
    return Fd(bpf(Command.MAP_CREATE, request))


# ------------------------------------------------------------------------------------- types


def _head(name: int, kind: int, vlen: int = 0, size: int = 0, flag: bool = False) -> bytes:
    return struct.pack("=III", name, kind << 24 | vlen | (1 << 31 if flag else 0), size)


def _int(size: int, name: int = 1) -> bytes:
    return _head(name or 1, 1, size=size) + struct.pack("=I", size * 8)


_STRINGS = b"\0int\0x\0.data\0"
_INT_4, _X, _DATA = struct.pack("=IIII", 1, 1 << 24, 4, 32), 5, 7

_BTF_TRIALS: dict[str, tuple[str, list[bytes]]] = {
    "func": ("5.0", [_INT_4, _head(0, 13), _head(_X, 12, size=2)]),
    "func_global": ("5.6", [_INT_4, _head(0, 13), _head(_X, 12, 1, 2)]),
    "datasec": (
        "5.2",
        [_INT_4, _head(_X, 14, size=1) + struct.pack("=I", 1), _head(_DATA, 15, 1, 4) + struct.pack("=III", 2, 0, 4)],
    ),
    "float": ("5.13", [_head(_X, 16, size=4)]),
    "decl_tag": (
        "5.16",
        [_INT_4, _head(_X, 14, size=1) + struct.pack("=I", 1), _head(_X, 17, size=2) + struct.pack("=i", -1)],
    ),
    "type_tag": ("5.17", [_INT_4, _head(_X, 18, size=1), _head(0, 2, size=2)]),
    "enum_signed": ("6.0", [_head(_X, 6, 1, 4, True) + struct.pack("=Ii", _DATA - 2, -1)]),
    "enum64": ("6.0", [_head(_X, 19, 1, 8) + struct.pack("=III", _DATA - 2, 0, 1)]),
}


@functools.cache
def btf_feature(name: str) -> bool:
    """Whether the kernel takes a kind of type: `func`, `datasec`, `float`, `decl_tag`, `type_tag`, `enum64`, …."""
    try:
        _load(_blob(_BTF_TRIALS[name][1])).close()
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES):
            raise permission_denied(
                "asking the kernel which types it knows", ("CAP_BPF",), number=error.errno
            ) from None
        return False
    return True


def btf_features() -> tuple[str, ...]:
    """What `btf_feature` can be asked."""
    return tuple(_BTF_TRIALS)


def btf_feature_since(name: str) -> KernelVersion:
    """The first kernel that takes a kind of type."""
    return version(_BTF_TRIALS[name][0])


def _blob(types: Sequence[bytes]) -> bytes:
    body = b"".join(types)
    return struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(body), len(body), len(_STRINGS)) + body + _STRINGS


def _load(blob: bytes) -> Fd:
    buffer = buffer_of(blob)
    return Fd(bpf(Command.BTF_LOAD, BtfLoad(btf=address(buffer), btf_size=len(blob))))
