"""Kernel and user memory: what `bpf_probe_read_*` and BTF pointers find at an address.

A test gives it as `memory={address: bytes}`, or lets it be placed: a `UserMemory` or `KernelMemory` among a context's
values becomes an address there.
"""

from __future__ import annotations

import bisect
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from pybpfc.vm.errors import VmError
from pybpfc.vm.regions import Order
from pybpfc.vm.values import MASK64

USER_BASE = 0x7F00_0000_0000
KERNEL_BASE = 0xFFFF_9000_0000_0000
_USER_END = 1 << 47
_GAP = 64


class _Memory:
    """Contents that want an address: bytes, text (a NUL is appended), or a list that becomes an array of 8-byte
    numbers; strings and further memory in it become pointers, None the null pointer."""

    user = True

    def __init__(self, contents: bytes | bytearray | str | Iterable[Any]) -> None:
        self.contents = contents

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.contents!r})"


class UserMemory(_Memory):
    """Memory of a user process, as the arguments of system calls point to.

    `UserMemory("/etc/passwd")` is a string, `UserMemory(["ls", "-l", None])` an argv.
    """


class KernelMemory(_Memory):
    """Memory of the kernel: the object behind a kprobe's or raw tracepoint's argument."""

    user = False


class AddressSpace:
    """Placed memory, by address."""

    def __init__(self, order: Order, contents: Mapping[int, Any] | None = None) -> None:
        self.order: Order = order
        self._starts: list[int] = []
        self._pieces: dict[int, bytearray] = {}
        self._next = {True: USER_BASE, False: KERNEL_BASE}
        for address, value in (contents or {}).items():
            given = value.contents if isinstance(value, _Memory) else value
            self.put(address, self._encode(given, not isinstance(address, int) or self.is_user(address)))

    def put(self, address: int, data: bytes | bytearray) -> None:
        """Place bytes at an address of the caller's choice; raises `VmError` where something else lies."""
        if not isinstance(address, int) or not 0 < address <= MASK64 - len(data):
            raise VmError(f"memory can't be placed at {address!r}")
        at = bisect.bisect_left(self._starts, address)
        before = self._starts[at - 1] if at else None
        behind = self._starts[at] if at < len(self._starts) else None
        if (before is not None and before + len(self._pieces[before]) > address) or (
            behind is not None and address + len(data) > behind
        ):
            raise VmError(f"the memory at {address:#x} overlaps other memory")
        self._starts.insert(at, address)
        self._pieces[address] = bytearray(data)

    def place(self, value: Any, *, user: bool | None = None) -> int:
        """Place a `UserMemory`, `KernelMemory`, bytes, text or list; returns the address. Numbers are addresses."""
        if value is None:
            return 0
        if isinstance(value, int):
            return int(value) & MASK64
        if isinstance(value, _Memory):
            return self.place(value.contents, user=value.user)
        data = self._encode(value, user if user is not None else True)
        side = user if user is not None else True
        while True:
            address = self._next[side]
            self._next[side] = -(-(address + len(data) + _GAP) // _GAP) * _GAP
            at = bisect.bisect_left(self._starts, address)
            if at == len(self._starts) or self._starts[at] >= address + len(data):
                self.put(address, data)
                return address

    def _encode(self, value: Any, user: bool) -> bytes:
        if isinstance(value, str):
            return value.encode() + b"\0"
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value)
        if isinstance(value, Iterable) and not isinstance(value, Mapping):
            numbers = [self.place(item, user=None if isinstance(item, _Memory) else user) for item in value]
            return struct.pack(f"{'<' if self.order == 'little' else '>'}{len(numbers)}Q", *numbers)
        raise VmError(f"{value!r} can't be placed in memory; give bytes, a string, or a list of them")

    # ------------------------------------------------------------------------------ access

    def _find(self, address: int) -> tuple[bytearray, int] | None:
        at = bisect.bisect_right(self._starts, address)
        if not at:
            return None
        start = self._starts[at - 1]
        piece = self._pieces[start]
        return (piece, address - start) if address < start + len(piece) else None

    def read(self, address: int, size: int) -> bytes | None:
        """Bytes at an address; None where a part of them is not there."""
        out = b""
        while len(out) < size:
            found = self._find(address + len(out))
            if found is None:
                return None
            piece, offset = found
            out += bytes(piece[offset : offset + size - len(out)])
        return out

    def write(self, address: int, data: bytes) -> bool:
        """Change bytes at an address; False where a part of them is not there."""
        if self.read(address, len(data)) is None:
            return False
        done = 0
        while done < len(data):
            found = self._find(address + done)
            if found is None:
                return False
            piece, offset = found
            count = min(len(piece) - offset, len(data) - done)
            piece[offset : offset + count] = data[done : done + count]
            done += count
        return True

    def read_string(self, address: int, limit: int) -> bytes | None:
        """Bytes up to and including a NUL, at most `limit`; None where memory ends before that."""
        out = b""
        while len(out) < limit:
            found = self._find(address + len(out))
            if found is None:
                return None
            piece, offset = found
            part = bytes(piece[offset : offset + limit - len(out)])
            end = part.find(b"\0")
            if end >= 0:
                return out + part[: end + 1]
            out += part
        return out

    def probe(self, address: int, size: int) -> bytes:
        """Bytes through a BTF pointer: the kernel gives zeros where there is nothing."""
        return self.read(address, size) or bytes(size)

    @staticmethod
    def is_user(address: int) -> bool:
        """Whether an address belongs to user space."""
        return address < _USER_END
