"""Iterators: programs that the kernel calls for each object of a kind; reading runs them (kernel 5.8)."""

from __future__ import annotations

import ctypes
import errno
from typing import IO, Any, ClassVar, TypeVar

from pybpfc.abi.attach_types import ATTACH_TYPES
from pybpfc.diagnostics.errors import AttachError
from pybpfc.lang.annotations import resolve
from pybpfc.lang.codec import CodecError, codec_for
from pybpfc.runtime import attributes
from pybpfc.runtime.links.base import Link, attach_error, create_link
from pybpfc.runtime.links.cgroup import open_directory
from pybpfc.runtime.programs import Program
from pybpfc.runtime.syscall import Command, address, bpf

T = TypeVar("T")

CGROUP_ORDERS = {"self": 1, "descendants_pre": 2, "descendants_post": 3, "ancestors_up": 4}


class IteratorLink(Link):
    """An iterator; each `open` walks all objects anew."""

    kind: ClassVar[str] = "iterator"

    def open(self) -> IO[bytes]:
        """A file whose reading runs the program over all objects and gives what it wrote."""
        try:
            fd = bpf(Command.ITER_CREATE, attributes.LinkFd(link_fd=self.fd))
        except OSError as error:
            raise AttachError(f"{self} can't be read", errno=error.errno or 0) from None
        return open(fd, "rb", buffering=0)

    def read(self) -> bytes:
        """All that one walk over the objects writes."""
        with self.open() as file:
            return file.read()

    def records(self, type: type[T]) -> list[T]:
        """All that one walk writes, as values of a struct; raises `CodecError` when the last of them is not whole."""
        codec, data = codec_for(resolve(type)), self.read()
        count, rest = divmod(len(data), codec.size)
        if rest:
            raise CodecError(f"{len(data)} bytes are not a number of `{type.__name__}` of {codec.size} bytes")
        return codec.decode_many(data, count)

    def text(self) -> str:
        """All that one walk writes, as text."""
        return self.read().decode(errors="replace")


class _MapTarget(ctypes.Structure):
    _fields_ = [("map_fd", ctypes.c_uint32), ("rest", ctypes.c_uint32 * 3)]


class _CgroupTarget(ctypes.Structure):
    _fields_ = [("order", ctypes.c_uint32), ("cgroup_fd", ctypes.c_uint32), ("cgroup_id", ctypes.c_uint64)]


class _TaskTarget(ctypes.Structure):
    _fields_ = [
        ("tid", ctypes.c_uint32),
        ("pid", ctypes.c_uint32),
        ("pid_fd", ctypes.c_uint32),
        ("rest", ctypes.c_uint32),
    ]


def attach(
    program: Program,
    *,
    map: Any = None,
    cgroup: str | int | None = None,
    order: str = "descendants_pre",
    pid: int = 0,
    tid: int = 0,
) -> IteratorLink:
    """Make the iterator; over a map's elements, a cgroup's hierarchy, or one process's or thread's objects if given."""
    target = f"iterator {program.section_target}"
    held = open_directory(cgroup, program) if cgroup is not None else None
    info: ctypes.Structure | None = None
    if map is not None:
        handle = getattr(map, "handle", map)
        info = _MapTarget(map_fd=handle.fd)
    elif held is not None:
        info = _CgroupTarget(order=CGROUP_ORDERS.get(order, 2), cgroup_fd=held.number)
    elif pid or tid:
        info = _TaskTarget(tid=tid, pid=pid)
    try:
        which: dict[str, Any] = {"iter": (address(info), ctypes.sizeof(info))} if info is not None else {}
        fd = create_link(program, 0, ATTACH_TYPES["BPF_TRACE_ITER"], **which)
    except OSError as error:
        raise attach_error(program, error, target, _CAUSES, ("CAP_BPF", "CAP_PERFMON")) from None
    finally:
        if held is not None:
            held.close()
    return IteratorLink(program, fd, target)


_CAUSES = {
    errno.EBADF: ("the iterator needs a map to walk over", "give `map=`"),
    errno.EINVAL: ("the target does not fit the iterator", "see which target this iterator takes"),
}
