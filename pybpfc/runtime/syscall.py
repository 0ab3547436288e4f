"""bpf(2) and its neighbours by ctypes, and file descriptors that always close.

Every function raises `OSError` with the kernel's own errno; turning that into an explanation is the business of the
callers, who know what was attempted.
"""

from __future__ import annotations

import ctypes
import enum
import errno
import os
from typing import Any

from pybpfc.runtime import attributes

_NUMBERS = {
    "x86_64": {"bpf": 321, "perf_event_open": 298},
    "aarch64": {"bpf": 280, "perf_event_open": 241},
    "riscv64": {"bpf": 280, "perf_event_open": 241},
    "loongarch64": {"bpf": 280, "perf_event_open": 241},
    "s390x": {"bpf": 351, "perf_event_open": 331},
    "ppc64le": {"bpf": 361, "perf_event_open": 319},
}
"""System call numbers by machine; the ones below 424 differ between architectures, the newer ones are the same."""

_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432


class Command(enum.IntEnum):
    """The commands of bpf(2)."""

    MAP_CREATE = 0
    MAP_LOOKUP_ELEM = 1
    MAP_UPDATE_ELEM = 2
    MAP_DELETE_ELEM = 3
    MAP_GET_NEXT_KEY = 4
    PROG_LOAD = 5
    OBJ_PIN = 6
    OBJ_GET = 7
    PROG_ATTACH = 8
    PROG_DETACH = 9
    PROG_TEST_RUN = 10
    PROG_GET_NEXT_ID = 11
    MAP_GET_NEXT_ID = 12
    PROG_GET_FD_BY_ID = 13
    MAP_GET_FD_BY_ID = 14
    OBJ_GET_INFO_BY_FD = 15
    PROG_QUERY = 16
    RAW_TRACEPOINT_OPEN = 17
    BTF_LOAD = 18
    BTF_GET_FD_BY_ID = 19
    TASK_FD_QUERY = 20
    MAP_LOOKUP_AND_DELETE_ELEM = 21
    MAP_FREEZE = 22
    BTF_GET_NEXT_ID = 23
    MAP_LOOKUP_BATCH = 24
    MAP_LOOKUP_AND_DELETE_BATCH = 25
    MAP_UPDATE_BATCH = 26
    MAP_DELETE_BATCH = 27
    LINK_CREATE = 28
    LINK_UPDATE = 29
    LINK_GET_FD_BY_ID = 30
    LINK_GET_NEXT_ID = 31
    ENABLE_STATS = 32
    ITER_CREATE = 33
    LINK_DETACH = 34
    PROG_BIND_MAP = 35


ENOTSUPP = 524
"""The kernel's own "not supported", which libc does not know."""

BPF_F_MMAPABLE = 1 << 10
PERF_FLAG_FD_CLOEXEC = 8

_libc: Any = None
_call: Any = None
_bpf_number = 0


def _prepare() -> Any:
    """Look libc's syscall(2) up, once; on systems without bpf(2) every later call fails with ENOSYS."""
    global _libc, _call, _bpf_number
    _libc = ctypes.CDLL(None, use_errno=True)
    _call = _libc.syscall
    _call.restype = ctypes.c_long
    numbers = _NUMBERS.get(os.uname().machine) if os.uname().sysname == "Linux" else None
    _bpf_number = numbers["bpf"] if numbers else -1
    return _call


def bpf(command: int, attribute: ctypes.Structure) -> int:
    """One bpf(2) call; a program load that a signal interrupted is repeated, as the kernel asks."""
    call = _call or _prepare()
    attempts = 5
    while True:
        result: int = call(_bpf_number, command, ctypes.byref(attribute), ctypes.sizeof(attribute))
        if result >= 0:
            return result
        number = ctypes.get_errno()
        attempts -= 1
        if number == errno.EAGAIN and command == Command.PROG_LOAD and attempts > 0:
            continue
        raise OSError(number, os.strerror(number) if number != ENOTSUPP else "Operation not supported by the kernel")


def bpf_fd(command: int, attribute: ctypes.Structure) -> Fd:
    """A bpf(2) call that makes a descriptor; the kernel sets O_CLOEXEC on all of them."""
    return Fd(bpf(command, attribute))


def perf_event_open(attribute: attributes.PerfEventAttr, pid: int, cpu: int, group: int = -1) -> Fd:
    """perf_event_open(2); the descriptor closes on exec."""
    call = _call or _prepare()
    attribute.size = ctypes.sizeof(attribute)
    numbers = _NUMBERS.get(os.uname().machine)
    number = numbers["perf_event_open"] if numbers else -1
    result = call(number, ctypes.byref(attribute), pid, cpu, group, PERF_FLAG_FD_CLOEXEC)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return Fd(result)


def mount_detached(filesystem: str) -> Fd:
    """A file system mounted nowhere, to be reached through the descriptor only; needs CAP_SYS_ADMIN and kernel 5.2.

    It leaves the system's mount table alone and disappears with the descriptor.
    """
    call = _call or _prepare()
    context = Fd(_checked(call(_FSOPEN, filesystem.encode(), 1)))
    with context:
        _checked(call(_FSCONFIG, context.number, 6, None, None, 0))  # FSCONFIG_CMD_CREATE
        return Fd(_checked(call(_FSMOUNT, context.number, 1, 0)))  # FSMOUNT_CLOEXEC


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def address(buffer: ctypes.Array[Any] | ctypes.Structure | None) -> int:
    """Where a ctypes object lies; the caller keeps it alive during the call."""
    return ctypes.addressof(buffer) if buffer is not None else 0


def buffer_of(data: bytes) -> ctypes.Array[ctypes.c_char]:
    """A ctypes buffer with a copy of `data`, without a terminating zero."""
    return (ctypes.c_char * len(data)).from_buffer_copy(data)


def object_name(name: str) -> bytes:
    """`name` as the kernel takes it for maps and programs: 15 characters of letters, digits, `_` and `.`."""
    fitting = "".join(c if c.isascii() and (c.isalnum() or c in "_.") else "_" for c in name)
    return fitting[:15].encode()


class Fd:
    """A file descriptor that belongs to one object; closed by `close`, by `with`, or when nobody holds it."""

    __slots__ = ("_number",)

    def __init__(self, number: int) -> None:
        self._number = number

    @property
    def number(self) -> int:
        """The descriptor; raises ValueError once closed."""
        if self._number < 0:
            raise ValueError("this descriptor is closed")
        return self._number

    def fileno(self) -> int:
        """The descriptor, for `select` and friends."""
        return self.number

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._number < 0

    def close(self) -> None:
        """Close the descriptor; closing again does nothing."""
        number, self._number = self._number, -1
        if number >= 0:
            os.close(number)

    def duplicate(self) -> Fd:
        """Another descriptor of the same kernel object, closed on exec."""
        return Fd(os.dup(self.number))

    def __enter__(self) -> Fd:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self, close: Any = os.close) -> None:
        number, self._number = getattr(self, "_number", -1), -1
        if number >= 0:
            try:
                close(number)
            except OSError:
                pass  # at interpreter exit the descriptor may be gone already

    def __repr__(self) -> str:
        return f"Fd({self._number})" if self._number >= 0 else "Fd(closed)"


def object_info(fd: int, info: ctypes.Structure) -> int:
    """Fill `info` with what the kernel tells of a program, map, BTF or link; returns how many bytes it filled."""
    attribute = attributes.ObjectInfo(bpf_fd=fd, info_len=ctypes.sizeof(info), info=address(info))
    bpf(Command.OBJ_GET_INFO_BY_FD, attribute)
    return int(attribute.info_len)


def object_pin(fd: int, path: str) -> None:
    """Pin a program, map or link at `path` in a BPF file system."""
    text = ctypes.create_string_buffer(os.fsencode(path))
    bpf(Command.OBJ_PIN, attributes.Object(pathname=address(text), bpf_fd=fd))


def object_get(path: str, flags: int = 0) -> Fd:
    """Open what is pinned at `path`."""
    text = ctypes.create_string_buffer(os.fsencode(path))
    return bpf_fd(Command.OBJ_GET, attributes.Object(pathname=address(text), file_flags=flags))


def object_by_id(command: int, number: int) -> Fd:
    """Open a program, map, BTF or link by its id."""
    return bpf_fd(command, attributes.ObjectId(id=number))


def next_ids(command: int) -> list[int]:
    """The ids of all programs, maps, BTFs or links of the system."""
    found: list[int] = []
    attribute = attributes.ObjectId()
    while True:
        attribute.id = found[-1] if found else 0
        try:
            bpf(command, attribute)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return found
            raise
        found.append(int(attribute.next_id))
