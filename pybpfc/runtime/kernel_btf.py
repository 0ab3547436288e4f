"""What programs attach to, by the running kernel's types."""

from __future__ import annotations

import errno

from pybpfc.diagnostics.errors import LoadError
from pybpfc.lang.kernel_btf import vmlinux_btf

_PREFIXES = {
    "BPF_TRACE_RAW_TP": ("btf_trace_", "TYPEDEF", "tracepoint"),
    "BPF_LSM_MAC": ("bpf_lsm_", "FUNC", "LSM hook"),
    "BPF_LSM_CGROUP": ("bpf_lsm_", "FUNC", "LSM hook"),
    "BPF_TRACE_ITER": ("bpf_iter_", "FUNC", "iterator"),
}


def attach_target(attach_type: str, name: str) -> int:
    """The id of the type that a program of this attach type names as its target; raises LoadError without one."""
    prefix, kind, what = _PREFIXES.get(attach_type, ("", "FUNC", "function"))
    found = vmlinux_btf().find(prefix + name, kind)
    if found is None:
        raise LoadError(
            f"this kernel has no {what} `{name}`",
            errno=errno.ENOENT,
            remedy="see `pybpfc list`; names differ between kernel versions and configurations",
        )
    return found.id
