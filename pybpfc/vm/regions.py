"""Memory: regions with bounds and permissions. The stack knows which of its bytes were written, and keeps pointers.

Plain regions (`direct`) are read and written by the fast paths of `access`; what those do not take comes here, where
an access is carried out or explained.
"""

from __future__ import annotations

import itertools
from typing import Literal

from pybpfc.abi.stack import MAX_STACK
from pybpfc.lang.types import Space
from pybpfc.vm.errors import VmError
from pybpfc.vm.values import MASK64, NonScalar, Value, demand_set

Order = Literal["little", "big"]

_addresses = itertools.count(0xFFFF_8880_0000_0000, 1 << 24)


class Region:
    """A piece of memory. `direct`: nothing but bounds to check; `dead`: why it must not be used any more."""

    __slots__ = ("_address", "data", "dead", "direct", "label", "movable", "size", "space", "writable")

    def __init__(self, label: str, data: bytearray, space: Space, *, writable: bool = True) -> None:
        self.label = label
        self.data = data
        self.size = len(data)
        self.space = space
        self.writable = writable
        self.direct = True
        self.movable = True
        self.dead = ""
        self._address = 0

    @property
    def address(self) -> int:
        """A made-up address, for printing."""
        if not self._address:
            self._address = next(_addresses)
        return self._address

    def kill(self, reason: str) -> None:
        """End the region's life: accesses from now on fail with `reason`."""
        self.dead = reason
        self.size = 0
        self.direct = False

    # -------------------------------------------------------------------------- programs

    def load(self, at: int, size: int, order: Order) -> Value:
        """Read a number, or a pointer where the region keeps them."""
        self.check(at, size)
        return int.from_bytes(self.data[at : at + size], order)

    def store(self, at: int, size: int, value: Value, order: Order) -> None:
        """Write a number, or a pointer where the region keeps them."""
        self.check(at, size, writing=True)
        self.data[at : at + size] = (self.number(value) & MASK64 >> 64 - 8 * size).to_bytes(size, order)

    def load_for_update(self, at: int, size: int, order: Order) -> int:
        """The old value of an atomic operation."""
        if self.space in (Space.CTX, Space.PACKET):
            raise VmError(
                f"an atomic operation on {self.label}", remedy="atomics work on map values, globals and the stack"
            )
        self.check(at, size, writing=True)
        if at % size:
            raise VmError(f"an atomic operation of {size} bytes at offset {at} of {self.label}, which is not aligned")
        value = self.load(at, size, order)
        return self.number(value)

    # --------------------------------------------------------------------------- helpers

    def read(self, at: int, size: int) -> bytes:
        """Bytes, as helpers read them."""
        self.check(at, size)
        return bytes(self.data[at : at + size])

    def write(self, at: int, data: bytes) -> None:
        """Bytes, as helpers write them."""
        self.check(at, len(data), writing=True)
        self.data[at : at + len(data)] = data

    def probe(self, at: int, size: int) -> bytes | None:
        """Bytes as `bpf_probe_read_kernel` reads them: whatever is there; None outside."""
        if self.dead or at < 0 or at + size > self.size:
            return None
        return bytes(self.data[at : at + size])

    # ---------------------------------------------------------------------------- checks

    def check(self, at: int, size: int, *, writing: bool = False) -> None:
        """Raise `VmError` unless the access is allowed."""
        if self.dead:
            raise VmError(f"{self.label} is used although {self.dead}")
        if at < 0 or at + size > self.size:
            raise self.outside(at, size)
        if writing and not self.writable:
            raise VmError(f"{self.label} is read-only")

    def outside(self, at: int, size: int) -> VmError:
        """The error of an access out of bounds."""
        remedy = ""
        if self.space is Space.PACKET:
            remedy = "check the length first: `ctx.packet(T, offset)` gives None when the packet is too short"
        return VmError(f"{size} bytes at offset {at} of {self.label} lie outside its {self.size} bytes", remedy=remedy)

    def number(self, value: Value) -> int:
        """`value`, which must be a number here."""
        demand_set(value)
        if isinstance(value, int):
            return value
        raise VmError(f"{value.describe()} would be stored in {self.label}, where it means nothing to others")


class StackFrame(Region):
    """The stack of one call. Offsets count from its lower end; r10 points to its upper end."""

    __slots__ = ("pointers", "written")

    def __init__(self, written: bool = False) -> None:
        super().__init__("the stack", bytearray(MAX_STACK), Space.STACK)
        self.direct = False
        self.written = bytearray(b"\1" * MAX_STACK if written else MAX_STACK)
        self.pointers: dict[int, NonScalar] = {}

    def load(self, at: int, size: int, order: Order) -> Value:
        """Read a number or a stored pointer; every byte must have been written."""
        if at < 0 or at + size > MAX_STACK or at % size or self.dead:
            self._refuse(at, size)
        if self.pointers:
            kept = self.pointers.get(at & -8)
            if kept is not None:
                if size == 8:
                    return kept
                raise VmError(f"{size} bytes of {kept.describe()} on the stack are read as a number")
        if self.written.find(0, at, at + size) >= 0:
            raise self._unwritten(at, size)
        return int.from_bytes(self.data[at : at + size], order)

    def store(self, at: int, size: int, value: Value, order: Order) -> None:
        """Write a number or a pointer."""
        if at < 0 or at + size > MAX_STACK or at % size or self.dead:
            self._refuse(at, size)
        if self.pointers and at & -8 in self.pointers:
            self._forget(at, size)
        if isinstance(value, int):
            self.data[at : at + size] = (value & MASK64 >> 64 - 8 * size).to_bytes(size, order)
            self.written[at : at + size] = b"\1" * size
            return
        demand_set(value)
        if size != 8:
            raise VmError(f"{size} of the 8 bytes of {value.describe()} are stored")
        self.pointers[at] = value
        self.written[at : at + 8] = bytes(8)

    def load_for_update(self, at: int, size: int, order: Order) -> int:
        """The old value of an atomic operation."""
        return self.number(self.load(at, size, order))

    def read(self, at: int, size: int) -> bytes:
        """Bytes, as helpers read them: all must have been written, and none belong to a pointer."""
        self.check(at, size)
        if size and self.written.find(0, at, at + size) >= 0:
            raise self._unwritten(at, size)
        return bytes(self.data[at : at + size])

    def write(self, at: int, data: bytes) -> None:
        """Bytes, as helpers write them."""
        size = len(data)
        self.check(at, size, writing=True)
        if self.pointers:
            self._forget(at, size)
        self.data[at : at + size] = data
        self.written[at : at + size] = b"\1" * size

    def mark(self, at: int, size: int) -> None:
        """Count bytes as written, whatever they hold."""
        self.check(at, size, writing=True)
        self._forget(at, size)
        self.written[at : at + size] = b"\1" * size

    def _forget(self, at: int, size: int) -> None:
        """Pointers that an access overlaps are gone; what is left of them was never written as a number."""
        for place in [p for p in self.pointers if at < p + 8 and p < at + size]:
            del self.pointers[place]

    def _refuse(self, at: int, size: int) -> None:
        self.check(at, size)
        raise VmError(f"{size} bytes at {at - MAX_STACK} of the stack are not aligned to their size")

    def outside(self, at: int, size: int) -> VmError:
        """The error of an access out of bounds."""
        return VmError(f"{size} bytes at {at - MAX_STACK} of the stack lie outside its {MAX_STACK} bytes")

    def _unwritten(self, at: int, size: int) -> VmError:
        first = self.written.find(0, at, at + size)
        kept = self.pointers.get(first & -8)
        if kept is not None:
            return VmError(f"{kept.describe()} on the stack is read as data")
        return VmError(
            f"{size} bytes at {at - MAX_STACK} of the stack are read, of which byte {first - at} was never written",
            remedy="give the variable a value on every path, padding included",
        )
