"""The running kernel's own types, read when first needed."""

from __future__ import annotations

import errno
import functools

from pybpfc.diagnostics.errors import LoadError
from pybpfc.formats.btf import Btf
from pybpfc.formats.errors import BadBtf

PATH = "/sys/kernel/btf/vmlinux"


@functools.lru_cache(maxsize=1)
def vmlinux_btf() -> Btf:
    """The kernel's types; raises LoadError where the kernel does not publish them."""
    try:
        with open(PATH, "rb") as file:
            return Btf(file.read())
    except OSError as error:
        raise LoadError(
            f"the kernel does not tell its types: {PATH} can't be read",
            errno=error.errno or errno.ENOENT,
            remedy="it takes a kernel built with CONFIG_DEBUG_INFO_BTF=y, as all big distributions have",
        ) from None
    except BadBtf as error:
        raise LoadError(f"{PATH} does not parse: {error}") from None


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
