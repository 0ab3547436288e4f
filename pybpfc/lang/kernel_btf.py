"""The running kernel's own types, and those of another kernel from a file. They are read when first needed.

The index of each large BTF is kept in the cache directory, under the size and checksums of what it indexes.
"""

from __future__ import annotations

import errno
import functools
import os
import stat
from mmap import MAP_PRIVATE, PROT_READ, mmap
from typing import BinaryIO
from zlib import crc32

from pybpfc.diagnostics.errors import LoadError
from pybpfc.files import cache_directory, cache_enabled, write_atomically
from pybpfc.formats.btf import Btf
from pybpfc.formats.btf_file import read_btf
from pybpfc.formats.btf_index import BtfIndex
from pybpfc.formats.errors import BadBtf

FOLDER = "/sys/kernel/btf"
PATH = f"{FOLDER}/vmlinux"
ENVIRONMENT = "PYBPFC_BTF"
"""The variable that names a file with the types of the kernel that programs are meant for."""
KEPT = 8
"""How many indexes are kept, the latest written."""
SMALL = 1 << 18
"""BTF of fewer bytes is indexed anew each time: that takes 2 ms at most."""


@functools.lru_cache(maxsize=1)
def vmlinux_btf() -> Btf:
    """The running kernel's types; raises LoadError where the kernel does not publish them."""
    try:
        return _open(PATH)
    except OSError as error:
        raise LoadError(
            f"the kernel does not tell its types: {PATH} can't be read",
            errno=error.errno or errno.ENOENT,
            remedy="it takes a kernel built with CONFIG_DEBUG_INFO_BTF=y, as all big distributions have",
        ) from None
    except BadBtf as error:
        raise LoadError(f"{PATH} does not parse: {error}") from None


@functools.lru_cache(maxsize=16)
def module_btf(name: str) -> Btf:
    """The types of a loaded kernel module, with the kernel's as their base (kernel 5.11). Raises LoadError."""
    path = os.path.join(FOLDER, name)
    if not name or "/" in name or name in (".", "..", "vmlinux"):
        raise LoadError(f"{name!r} is no kernel module", errno=errno.ENOENT)
    return open_btf(path, vmlinux_btf())


def module_names() -> list[str]:
    """The loaded modules that publish types."""
    try:
        return sorted(name for name in os.listdir(FOLDER) if name != "vmlinux")
    except OSError:
        return []


def target_btf(path: str | None = None) -> Btf:
    """The types of the kernel that programs are for: of the file `path`, or that PYBPFC_BTF names, or the running."""
    path = path or os.environ.get(ENVIRONMENT)
    if not path:
        return vmlinux_btf()
    try:
        state = os.stat(path)
    except OSError:
        return open_btf(path)  # which says what is wrong
    return _from_file(os.path.abspath(path), (state.st_ino, state.st_size, state.st_mtime_ns))


@functools.lru_cache(maxsize=2)
def _from_file(path: str, state: tuple[int, ...]) -> Btf:
    return open_btf(path)


def open_btf(path: str, base: Btf | None = None) -> Btf:
    """The types in a file, of raw BTF or ELF with a `.BTF` section. Raises LoadError for files that are neither."""
    try:
        return _open(path, base)
    except OSError as error:
        raise LoadError(f"{path} can't be read", errno=error.errno or errno.EIO) from None
    except BadBtf as error:
        remedy = "it takes raw BTF, such as /sys/kernel/btf/vmlinux, or an ELF file with a .BTF section"
        raise LoadError(f"{path}: {error}", remedy=remedy) from None


def _open(path: str, base: Btf | None = None) -> Btf:
    with open(path, "rb", opener=_open_at_once) as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise BadBtf("this is no regular file")
        data = _mapped(file, state.st_size) if path.startswith(FOLDER + "/") else read_btf(file)
    if len(data) < SMALL or not cache_enabled():
        return Btf(data, base)
    key = _key(data) + (b"/" + _key(base.raw) if base is not None else b"")
    kept = os.path.join(cache_directory(), "btf", key.decode().replace("/", "-"))
    try:
        with open(kept, "rb") as known:
            index = BtfIndex.unpack(known.read(), key)
    except OSError:
        index = None
    if index is not None:
        return Btf(data, base, index)
    made = Btf(data, base)
    _keep(kept, made.index.pack(key))
    return made


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe would wait for who writes


def _mapped(file: BinaryIO, size: int) -> bytes | mmap:
    """The kernel's own memory (kernel 6.16), or a copy."""
    try:
        return mmap(file.fileno(), size, flags=MAP_PRIVATE, prot=PROT_READ)
    except (OSError, ValueError):
        return file.read()


def _key(data: bytes | mmap) -> bytes:
    """What tells one BTF from others: its size, and checksums of two halves, 1 ms for a kernel's."""
    view, half = memoryview(data), len(data) // 2
    return b"%d-%08x%08x" % (len(data), crc32(view[:half]), crc32(view[half:]))


def _keep(path: str, content: bytes) -> None:
    """Write an index, in place of the oldest when there are many; a cache that cannot be written is no error."""
    folder = os.path.dirname(path)
    try:
        os.makedirs(folder, exist_ok=True)
        write_atomically(path, content)
        with os.scandir(folder) as found:
            by_age = sorted((entry.stat().st_mtime_ns, entry.path) for entry in found if entry.is_file())
        for _, old in by_age[:-KEPT]:
            os.unlink(old)
    except OSError:
        return
