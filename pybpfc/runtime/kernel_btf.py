"""The running kernel's own types, read when first needed."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Iterator

from pybpfc.diagnostics.errors import LoadError
from pybpfc.formats.btf import Btf
from pybpfc.formats.errors import BadBtf, FormatError

FOLDER = "/sys/kernel/btf"
PATH = f"{FOLDER}/vmlinux"
ENVIRONMENT = "PYBPFC_BTF"
"""The variable that names a file with the types of the kernel, for kernels that do not publish them."""


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


def module_btfs() -> Iterator[Btf]:
    """The types of each loaded module, which go on where the kernel's end (kernel 5.11)."""
    base = vmlinux_btf()
    try:
        names = sorted(os.listdir(FOLDER))
    except OSError:
        return
    for name in names:
        if name == "vmlinux":
            continue
        try:
            with open(f"{FOLDER}/{name}", "rb") as file:
                yield Btf(file.read(), base)
        except OSError:
            continue  # unloaded in the meantime
        except BadBtf as error:
            raise LoadError(f"{FOLDER}/{name} does not parse: {error}") from None


def read_btf(path: str) -> Btf:
    """The types in a file: BTF as it is, or the section `.BTF` of an ELF file; raises LoadError."""
    from pybpfc.formats.elf import section_of

    try:
        with open(path, "rb") as file:
            if file.read(4) == b"\x7fELF":
                return Btf(section_of(file, ".BTF"))
            file.seek(0)
            return Btf(file.read())
    except OSError as error:
        raise LoadError(
            f"{path} can't be read", errno=error.errno or errno.EIO, remedy="name a file with the kernel's BTF"
        ) from None
    except FormatError as error:
        raise LoadError(
            f"{path} has no usable BTF: {error}", remedy="name a BTF file, or an ELF file with a section .BTF"
        ) from None


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
