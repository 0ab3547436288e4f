"""Why the kernel says EPERM: capabilities, namespaces, lockdown, seccomp, in words with a remedy."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from typing import TypeVar

from pybpfc.abi.versions import KernelVersion, running
from pybpfc.diagnostics.errors import PermissionDenied

_T = TypeVar("_T")

_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21, "CAP_SYS_RESOURCE": 24, "CAP_PERFMON": 38, "CAP_BPF": 39}

_CLASSES = {
    "CAP_NET_ADMIN": "SCHED_CLS SCHED_ACT XDP CGROUP_SKB CGROUP_SOCK CGROUP_SOCK_ADDR LWT_IN LWT_OUT LWT_XMIT "
    "LWT_SEG6LOCAL SOCK_OPS SK_SKB SK_MSG FLOW_DISSECTOR SK_REUSEPORT SK_LOOKUP NETFILTER "
    "CGROUP_SOCKOPT CGROUP_SYSCTL CGROUP_DEVICE",
    "CAP_PERFMON": "KPROBE TRACEPOINT PERF_EVENT RAW_TRACEPOINT RAW_TRACEPOINT_WRITABLE TRACING LSM STRUCT_OPS EXT",
}
"""Program types by the capability they need besides CAP_BPF."""


def needed_for(program_type: str) -> tuple[str, ...]:
    """The capabilities that loading a program of this type takes (kernel 5.8 and later)."""
    short = program_type.removeprefix("BPF_PROG_TYPE_")
    return ("CAP_BPF", *(capability for capability, types in _CLASSES.items() if short in types.split()))


def effective_capabilities() -> frozenset[str]:
    """Those of the capabilities that matter here which this process has."""
    mask = int(_status().get("CapEff", "0"), 16)
    return frozenset(name for name, bit in _CAPABILITIES.items() if mask >> bit & 1)


def missing(needed: Iterable[str]) -> list[str]:
    """The capabilities of `needed` that this process lacks; CAP_SYS_ADMIN stands for all but the network's."""
    held = effective_capabilities()
    covered = {"CAP_BPF", "CAP_PERFMON"} if "CAP_SYS_ADMIN" in held else set()
    return [name for name in needed if name not in held and name not in covered]


def permission_denied(
    action: str, needed: Iterable[str], *, number: int = errno.EPERM, log: str = ""
) -> PermissionDenied:
    """The exception for an EPERM or EACCES on `action`, naming what is missing as far as it can be seen."""
    lacking = missing(needed)
    if lacking:
        names = " and ".join(lacking)
        return PermissionDenied(
            f"{action} needs {names}, which this process does not have",
            errno=number,
            remedy=f"run it as root (sudo), or grant {names} to the process, "
            f"e.g. `AmbientCapabilities={' '.join(lacking)}` in a systemd unit",
        )
    cause, remedy = _other_reason()
    detail = f": {log.strip().splitlines()[-1]}" if log.strip() else ""
    return PermissionDenied(f"the kernel does not permit {action}{detail}; {cause}", errno=number, remedy=remedy)


def _other_reason() -> tuple[str, str]:
    """What else forbids bpf() to a process that has the capabilities."""
    if not _in_first_user_namespace():
        return (
            "the process runs in a user namespace, where capabilities do not cover BPF",
            "run it in the host's user namespace, or mount a bpffs with a delegated BPF token (kernel 6.9)",
        )
    if _status().get("Seccomp", "0") != "0":
        return (
            "a seccomp filter of the container is in force",
            "allow bpf and perf_event_open in the container's seccomp profile "
            "(docker: --security-opt seccomp=unconfined)",
        )
    lockdown = _lockdown()
    if lockdown and lockdown != "none":
        return (
            f"kernel lockdown is in `{lockdown}` mode",
            "boot without `lockdown=` (or without Secure Boot), or use a hook that lockdown leaves open",
        )
    return (
        "a security module or a setting of this kernel forbids it",
        "see `dmesg` and the audit log; check `sysctl kernel.perf_event_paranoid kernel.unprivileged_bpf_disabled`",
    )


def _status() -> dict[str, str]:
    """The fields of /proc/self/status that are about privilege."""
    fields: dict[str, str] = {}
    try:
        with open("/proc/thread-self/status", encoding="utf-8", errors="replace") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name in ("CapEff", "Seccomp"):
                    fields[name] = value.strip()
    except OSError:
        pass  # without /proc nothing is known, and the general advice is given
    return fields


def _in_first_user_namespace() -> bool:
    try:
        with open("/proc/self/uid_map", encoding="utf-8") as file:
            return file.read().split() == ["0", "0", "4294967295"]
    except OSError:
        return True


def _lockdown() -> str:
    try:
        with open("/sys/kernel/security/lockdown", encoding="utf-8") as file:
            text = file.read()
    except OSError:
        return ""
    return text.partition("[")[2].partition("]")[0]


def exhausted(number: int) -> tuple[str, str] | None:
    """Cause and remedy of an errno that is about the system and not about what was asked: no more files, no bpf(2)."""
    match number:
        case errno.EMFILE:
            return "this process has too many files open", "raise its limit (`ulimit -n`), or close some objects"
        case errno.ENFILE:
            return "the system has too many files open", "raise `sysctl fs.file-max`"
        case errno.ENOMEM:
            return "the kernel has no memory for it", "make it smaller, or free some"
        case errno.ENOSYS:
            return "this system has no bpf(2)", "use Linux; `bpf.simulate` runs programs on any system"
        case _:
            return None


def with_memory_limit_raised(attempt: Callable[[], _T]) -> _T:
    """Call `attempt`; if the memlock limit of kernels before 5.11 seems to forbid it, raise the limit and try again."""
    try:
        return attempt()
    except PermissionError:
        if running() >= KernelVersion(5, 11) or not _raise_memory_limit():
            raise
        return attempt()


def _raise_memory_limit() -> bool:
    """Set RLIMIT_MEMLOCK to infinity; False when that changes nothing or is not allowed."""
    import resource

    if resource.getrlimit(resource.RLIMIT_MEMLOCK) == (resource.RLIM_INFINITY, resource.RLIM_INFINITY):
        return False
    try:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (OSError, ValueError):
        return False
    return True
