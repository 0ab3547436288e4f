"""Maps of things that user space names by a number: programs, other maps, devices, CPUs, sockets, cgroups."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

from pybpfc.formats.spec import MapSpec
from pybpfc.vm.maps.base import BPF_ANY, BPF_EXIST, VmMap, check_flags
from pybpfc.vm.regions import Order
from pybpfc.vm.values import MapReference, Pointer, Value

Resolve = Callable[[int], Any]
"""What a number given in place of a descriptor stands for; None for nothing."""


class SlotMap(VmMap):
    """Entries are objects of the simulation, by index or by key."""

    by_key = False

    def __init__(self, spec: MapSpec, cpus: int, order: Order, fd: int = 0, lockable: bool = False) -> None:
        super().__init__(spec, cpus, order, fd, lockable)
        self.slots: dict[bytes, Any] = {}
        self.resolve: Resolve = lambda number: None
        self.by_key = "HASH" in self.type_name

    def index(self, key: bytes) -> int:
        """A key as a number."""
        return int.from_bytes(key, self.order)

    def at(self, index: int) -> Any:
        """The entry at an index, or None."""
        return self.slots.get((index & 0xFFFF_FFFF).to_bytes(4, self.order))

    def put_object(self, key: bytes, value: Any, flags: int = BPF_ANY) -> int:
        """Store an object: 0 or a negative errno."""
        if self.by_key:
            if flags > BPF_EXIST:
                return -errno.EINVAL
            wrong = check_flags(flags, key in self.slots)
            if wrong:
                return wrong
            if key not in self.slots and len(self.slots) >= self.max_entries:
                return -errno.E2BIG
        elif self.index(key) >= self.max_entries:
            return -errno.E2BIG
        elif flags != BPF_ANY:
            return -errno.EINVAL
        self.slots[key] = value
        return 0

    def store(self, key: bytes, value: bytes, flags: int) -> int:
        """Store what a number stands for."""
        found = self.resolve(int.from_bytes(value[:4], self.order))
        return -errno.EBADF if found is None else self.put_object(key, found, flags)

    def remove(self, key: bytes) -> int:
        """Empty a slot."""
        if not self.by_key and self.index(key) >= self.max_entries:
            return -errno.E2BIG
        return 0 if self.slots.pop(key, None) is not None else -errno.ENOENT

    def lookup(self, key: bytes, flags: int = 0) -> bytes | None:
        """The number of the object in a slot, or None."""
        self.check_key(key)
        found = self.slots.get(key)
        return None if found is None else self.number_of(found).to_bytes(4, self.order)

    def number_of(self, value: Any) -> int:
        """The number that user space reads."""
        return int(getattr(value, "fd", 0))

    def key_list(self) -> list[bytes]:
        """The keys in use."""
        return list(self.slots)


class ProgramArray(SlotMap):
    """BPF_MAP_TYPE_PROG_ARRAY."""


class MapOfMaps(SlotMap):
    """BPF_MAP_TYPE_ARRAY_OF_MAPS and HASH_OF_MAPS."""

    def find(self, key: bytes, cpu: int) -> Value:
        """A reference to the map."""
        found = self.slots.get(key)
        return MapReference(found, True) if isinstance(found, VmMap) else 0

    def put_object(self, key: bytes, value: Any, flags: int = BPF_ANY) -> int:
        """Store a map; it must be like the declared inner map."""
        inner = self.spec.inner
        if not isinstance(value, VmMap):
            return -errno.EINVAL
        if inner is not None and (inner.type, inner.key_size, inner.value_size) != (
            value.spec.type,
            value.key_size,
            value.value_size,
        ):
            return -errno.EINVAL
        return super().put_object(key, value, flags)


class TargetMap(SlotMap):
    """Device, CPU, socket and cgroup maps: the bytes that user space stored, for redirection and membership."""

    def find(self, key: bytes, cpu: int) -> Value:
        """A reference to a copy of what was stored."""
        found = self.slots.get(key)
        if not isinstance(found, bytes):
            return 0
        region = self.region(found)
        region.writable = False
        return Pointer(region, 0, True)

    def store(self, key: bytes, value: bytes, flags: int) -> int:
        """Store as it is."""
        return self.put_object(key, value, BPF_ANY if not self.by_key and flags <= BPF_EXIST else flags)

    def lookup(self, key: bytes, flags: int = 0) -> bytes | None:
        """What was stored, or None."""
        self.check_key(key)
        found = self.slots.get(key)
        return found if isinstance(found, bytes) else None
