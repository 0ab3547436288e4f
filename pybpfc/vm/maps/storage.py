"""Storage that belongs to objects of the kernel, and stack traces."""

from __future__ import annotations

import errno

from pybpfc.formats.spec import MapSpec
from pybpfc.vm.maps.base import BPF_EXIST, VmMap, check_flags, rounded
from pybpfc.vm.maps.tables import joined, spread
from pybpfc.vm.regions import Order, Region
from pybpfc.vm.values import Pointer, Value

CREATE = 1
"""BPF_LOCAL_STORAGE_GET_F_CREATE."""


class LocalStorage(VmMap):
    """SK_, INODE_, TASK_ and CGRP_STORAGE: a value for each object. Objects are told apart by their addresses.

    User space's keys are descriptors; in the simulation they are the lower 32 bits of the address.
    """

    def __init__(self, spec: MapSpec, cpus: int, order: Order, fd: int = 0, lockable: bool = False) -> None:
        super().__init__(spec, cpus, order, fd, lockable)
        self._values: dict[int, Region] = {}

    def get(self, owner: int, initial: bytes | None, flags: int) -> Value:
        """`bpf_*_storage_get`: a reference to the owner's value, or 0."""
        if flags & ~CREATE or not owner:
            return 0
        found = self._values.get(owner)
        if found is None:
            if not flags & CREATE:
                return 0
            found = self._values[owner] = self.region(initial)
        return Pointer(found, 0, True)

    def drop(self, owner: int) -> int:
        """`bpf_*_storage_delete`."""
        return 0 if self._values.pop(owner, None) is not None else -errno.ENOENT

    def _owner(self, key: bytes) -> int | None:
        number = int.from_bytes(key, self.order)
        return next((owner for owner in self._values if owner & 0xFFFF_FFFF == number), None)

    def lookup(self, key: bytes, flags: int = 0) -> bytes | None:
        """An owner's value, or None."""
        owner = self._owner(key)
        return bytes(self._values[owner].data) if owner is not None else None

    def store(self, key: bytes, value: bytes, flags: int) -> int:
        """Set an owner's value."""
        owner = self._owner(key)
        wrong = -errno.EINVAL if flags > BPF_EXIST else check_flags(flags, owner is not None)
        if not wrong:
            self._values[int.from_bytes(key, self.order) if owner is None else owner] = self.region(value)
        return wrong

    def erase(self, key: bytes) -> int:
        """Drop an owner's value."""
        owner = self._owner(key)
        return -errno.ENOENT if owner is None else self.drop(owner)

    def key_list(self) -> list[bytes]:
        """The owners."""
        return [(owner & 0xFFFF_FFFF).to_bytes(4, self.order) for owner in self._values]


class CgroupLocal(VmMap):
    """BPF_MAP_TYPE_CGROUP_STORAGE and PERCPU_CGROUP_STORAGE: the value of the cgroup that a program is attached to."""

    def __init__(self, spec: MapSpec, cpus: int, order: Order, fd: int = 0, lockable: bool = False) -> None:
        super().__init__(spec, cpus, order, fd, lockable)
        self._values = [self.region() for _ in range(cpus if "PERCPU" in self.type_name else 1)]

    @property
    def stored_size(self) -> int:
        """The size of a value, or of all CPUs' values."""
        return self.value_size if len(self._values) == 1 else rounded(self.value_size) * self.possible_cpus

    def local(self, cpu: int) -> Pointer:
        """`bpf_get_local_storage`."""
        return Pointer(self._values[cpu if len(self._values) > 1 else 0])

    def lookup(self, key: bytes, flags: int = 0) -> bytes | None:
        """The value, whatever the key: the simulation has one cgroup."""
        return bytes(self._values[0].data) if len(self._values) == 1 else joined(self._values)

    def store(self, key: bytes, value: bytes, flags: int) -> int:
        """Set the value."""
        spread(self._values, value)
        return 0

    def erase(self, key: bytes) -> int:
        """The value stays as long as the cgroup."""
        return -errno.EINVAL

    def key_list(self) -> list[bytes]:
        """One key: of cgroup 1."""
        return [(1).to_bytes(8, self.order).ljust(self.key_size, b"\0")[: self.key_size]]


class StackTraces(VmMap):
    """BPF_MAP_TYPE_STACK_TRACE: call stacks by id; equal stacks have equal ids."""

    def __init__(self, spec: MapSpec, cpus: int, order: Order, fd: int = 0, lockable: bool = False) -> None:
        super().__init__(spec, cpus, order, fd, lockable)
        self._stacks: dict[int, bytes] = {}

    def keep(self, addresses: list[int]) -> int:
        """Store a stack; gives its id, or a negative errno when the map is full."""
        depth = self.value_size // 8
        words = [*addresses[:depth], *[0] * (depth - len(addresses))]
        raw = b"".join(a.to_bytes(8, self.order) for a in words)
        for number, known in self._stacks.items():
            if known == raw:
                return number
        if len(self._stacks) >= self.max_entries:
            return -errno.EEXIST
        number = next(n for n in range(self.max_entries) if n not in self._stacks)
        self._stacks[number] = raw
        return number

    def remove(self, key: bytes) -> int:
        """Programs can't delete stacks; user space can."""
        return 0 if self._stacks.pop(int.from_bytes(key, self.order), None) is not None else -errno.ENOENT

    def lookup(self, key: bytes, flags: int = 0) -> bytes | None:
        """The addresses of a stack, innermost first, filled up with zeros; or None."""
        return self._stacks.get(int.from_bytes(key, self.order))

    def key_list(self) -> list[bytes]:
        """The ids."""
        return [n.to_bytes(4, self.order) for n in self._stacks]
