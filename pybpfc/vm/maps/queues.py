"""Queues, stacks and bloom filters: maps without keys."""

from __future__ import annotations

import errno
from collections import deque

from pybpfc.formats.spec import MapSpec
from pybpfc.vm.maps.base import BPF_ANY, BPF_EXIST, BPF_NOEXIST, VmMap
from pybpfc.vm.regions import Order


class Queue(VmMap):
    """BPF_MAP_TYPE_QUEUE and STACK."""

    def __init__(self, spec: MapSpec, cpus: int, order: Order, fd: int = 0, lockable: bool = False) -> None:
        super().__init__(spec, cpus, order, fd, lockable)
        self._values: deque[bytes] = deque()
        self._last_first = self.type_name == "BPF_MAP_TYPE_STACK"

    def add(self, value: bytes, flags: int) -> int:
        """Add an element; with BPF_EXIST the oldest one makes room."""
        if flags & BPF_NOEXIST or flags > BPF_EXIST:
            return -errno.EINVAL
        if len(self._values) >= self.max_entries:
            if not flags & BPF_EXIST:
                return -errno.E2BIG
            self._values.popleft()
        self._values.append(value)
        return 0

    def take_next(self) -> bytes | None:
        """Take the next element."""
        if not self._values:
            return None
        return self._values.pop() if self._last_first else self._values.popleft()

    def show_next(self, value: bytes = b"") -> bytes | None:
        """The next element, left in place."""
        if not self._values:
            return None
        return self._values[-1 if self._last_first else 0]

    def lookup(self, key: bytes, flags: int = 0) -> bytes | None:
        """The next element."""
        return self.show_next()

    def store(self, key: bytes, value: bytes, flags: int) -> int:
        """Add an element."""
        return self.add(value, flags)

    def erase(self, key: bytes) -> int:
        """Elements are taken, not deleted."""
        return -errno.EINVAL

    def pop(self) -> bytes | None:
        """Take the next element; None when there is none."""
        return self.take_next()

    def peek(self) -> bytes | None:
        """The next element, left where it is; None when there is none."""
        return self.show_next()


class BloomFilter(VmMap):
    """BPF_MAP_TYPE_BLOOM_FILTER. It remembers exactly: unlike the kernel's it is never wrong."""

    def __init__(self, spec: MapSpec, cpus: int, order: Order, fd: int = 0, lockable: bool = False) -> None:
        super().__init__(spec, cpus, order, fd, lockable)
        self._values: set[bytes] = set()

    def add(self, value: bytes, flags: int) -> int:
        """Add a value."""
        if flags != BPF_ANY:
            return -errno.EINVAL
        self._values.add(value)
        return 0

    def show_next(self, value: bytes) -> bytes | None:
        """The value itself when it was added."""
        return value if value in self._values else None

    def store(self, key: bytes, value: bytes, flags: int) -> int:
        """Add a value."""
        return self.add(value, flags)

    def contains_value(self, value: bytes) -> bool:
        """Whether a value was added."""
        return bytes(value) in self._values
