"""Hash maps and arrays, plain, per CPU, and with the oldest entries dropped."""

from __future__ import annotations

import errno

from pybpfc.formats.spec import MapSpec
from pybpfc.lang.types import Space
from pybpfc.vm.maps.base import BPF_EXIST, BPF_F_LOCK, BPF_NOEXIST, VmMap, check_flags, rounded
from pybpfc.vm.regions import Order, Region
from pybpfc.vm.values import Pointer, Value


class HashTable(VmMap):
    """BPF_MAP_TYPE_HASH and LRU_HASH. An update puts new memory under the key: references keep the old value."""

    def __init__(self, spec: MapSpec, cpus: int, order: Order, fd: int = 0, lockable: bool = False) -> None:
        super().__init__(spec, cpus, order, fd, lockable)
        self.entries: dict[bytes, Region] = {}
        self.least_recent_goes = "LRU" in self.type_name

    def find(self, key: bytes, cpu: int) -> Value:
        """A reference to the value."""
        found = self.entries.get(key)
        if found is None:
            return 0
        if self.least_recent_goes:
            self.entries[key] = self.entries.pop(key)
        return Pointer(found, 0, True)

    def put(self, key: bytes, value: bytes, flags: int, cpu: int) -> int:
        """Store a value."""
        if flags & ~BPF_F_LOCK > BPF_EXIST or (flags & BPF_F_LOCK and (self.least_recent_goes or not self.lockable)):
            return -errno.EINVAL
        old = self.entries.get(key)
        wrong = check_flags(flags, old is not None)
        if wrong:
            return wrong
        if flags & BPF_F_LOCK and old is not None:
            old.data[:] = value
            return 0
        if old is None:
            if len(self.entries) >= self.max_entries and not self.make_room():
                return -errno.E2BIG
        elif self.least_recent_goes:
            del self.entries[key]
        self.entries[key] = self.region(value)
        return 0

    def make_room(self) -> bool:
        """Drop the entry that was not used for the longest time, in maps that do so."""
        if self.least_recent_goes and self.entries:
            del self.entries[next(iter(self.entries))]
            return True
        return False

    def remove(self, key: bytes) -> int:
        """Delete an entry."""
        return 0 if self.entries.pop(key, None) is not None else -errno.ENOENT

    def elements(self, cpu: int) -> list[tuple[bytes, Pointer]]:
        """All entries."""
        return [(key, Pointer(value)) for key, value in self.entries.items()]

    def lookup(self, key: bytes, flags: int = 0) -> bytes | None:
        """The value under a key, or None; user space's look does not make an entry recent."""
        self.check_key(key)
        found = self.entries.get(key)
        return bytes(found.data) if found is not None else None

    def store(self, key: bytes, value: bytes, flags: int) -> int:
        """As programs do."""
        return self.put(key, value, flags, 0)

    def key_list(self) -> list[bytes]:
        """All keys."""
        return list(self.entries)


class PerCpuHashTable(VmMap):
    """BPF_MAP_TYPE_PERCPU_HASH and LRU_PERCPU_HASH: programs see and change their CPU's value only."""

    def __init__(self, spec: MapSpec, cpus: int, order: Order, fd: int = 0, lockable: bool = False) -> None:
        super().__init__(spec, cpus, order, fd, lockable)
        self.entries: dict[bytes, list[Region]] = {}
        self.least_recent_goes = "LRU" in self.type_name

    @property
    def stored_size(self) -> int:
        """The size of all CPUs' values."""
        return rounded(self.value_size) * self.possible_cpus

    def find(self, key: bytes, cpu: int) -> Value:
        """A reference to the CPU's value."""
        found = self.entries.get(key)
        if found is None or not 0 <= cpu < self.possible_cpus:
            return 0
        if self.least_recent_goes:
            self.entries[key] = self.entries.pop(key)
        return Pointer(found[cpu], 0, True)

    def _entry(self, key: bytes, flags: int) -> list[Region] | int:
        """The entry to write to, made if it may be; or a negative errno."""
        if flags > BPF_EXIST:
            return -errno.EINVAL
        found = self.entries.get(key)
        wrong = check_flags(flags, found is not None)
        if wrong:
            return wrong
        if found is None:
            if len(self.entries) >= self.max_entries:
                if not self.least_recent_goes or not self.entries:
                    return -errno.E2BIG
                del self.entries[next(iter(self.entries))]
            found = self.entries[key] = [self.region() for _ in range(self.possible_cpus)]
        return found

    def put(self, key: bytes, value: bytes, flags: int, cpu: int) -> int:
        """Change the CPU's value in place; a new entry is zero on the others."""
        entry = self._entry(key, flags)
        if isinstance(entry, int):
            return entry
        entry[cpu].data[:] = value
        return 0

    def remove(self, key: bytes) -> int:
        """Delete an entry."""
        return 0 if self.entries.pop(key, None) is not None else -errno.ENOENT

    def elements(self, cpu: int) -> list[tuple[bytes, Pointer]]:
        """All entries, with the CPU's values."""
        return [(key, Pointer(values[cpu])) for key, values in self.entries.items()]

    def lookup(self, key: bytes, flags: int = 0) -> bytes | None:
        """All CPUs' values, each padded to 8 bytes; or None."""
        self.check_key(key)
        found = self.entries.get(key)
        return joined(found) if found is not None else None

    def store(self, key: bytes, value: bytes, flags: int) -> int:
        """Set all CPUs' values."""
        entry = self._entry(key, flags)
        if isinstance(entry, int):
            return entry
        spread(entry, value)
        return 0

    def key_list(self) -> list[bytes]:
        """All keys."""
        return list(self.entries)


class ArrayTable(VmMap):
    """BPF_MAP_TYPE_ARRAY, data sections included: values stay in place. An element's memory is made when it is used."""

    def __init__(self, spec: MapSpec, cpus: int, order: Order, fd: int = 0, lockable: bool = False) -> None:
        super().__init__(spec, cpus, order, fd, lockable)
        self._elements: dict[int, Region] = {}
        if spec.initial is not None:
            label = f"section `{spec.section}`"
            section = Region(label, bytearray(spec.initial), Space.GLOBAL, writable=not spec.read_only)
            self._elements[0] = section

    def element(self, index: int) -> Region:
        """The memory of an element."""
        found = self._elements.get(index)
        if found is None:
            found = self._elements[index] = self.region()
        return found

    def index(self, key: bytes) -> int:
        """A key as a number."""
        return int.from_bytes(key, self.order)

    def find(self, key: bytes, cpu: int) -> Value:
        """A reference to the element."""
        index = self.index(key)
        return Pointer(self.element(index), 0, True) if index < self.max_entries else 0

    def put(self, key: bytes, value: bytes, flags: int, cpu: int) -> int:
        """Change an element in place."""
        wrong = refuse_array_update(self, self.index(key), flags)
        if not wrong:
            self.element(self.index(key)).data[:] = value
        return wrong

    def remove(self, key: bytes) -> int:
        """Elements can't be deleted."""
        return -errno.EINVAL

    def elements(self, cpu: int) -> list[tuple[bytes, Pointer]]:
        """All elements."""
        return [(i.to_bytes(4, self.order), Pointer(self.element(i))) for i in range(self.max_entries)]

    def lookup(self, key: bytes, flags: int = 0) -> bytes | None:
        """An element, or None outside the array."""
        self.check_key(key)
        index = self.index(key)
        if index >= self.max_entries:
            return None
        found = self._elements.get(index)
        return bytes(found.data) if found is not None else bytes(self.value_size)

    def store(self, key: bytes, value: bytes, flags: int) -> int:
        """As programs do; constants are frozen."""
        if self.spec.read_only:
            return -errno.EPERM
        return self.put(key, value, flags, 0)

    def key_list(self) -> list[bytes]:
        """All indexes."""
        return [i.to_bytes(4, self.order) for i in range(self.max_entries)]


class PerCpuArrayTable(VmMap):
    """BPF_MAP_TYPE_PERCPU_ARRAY."""

    def __init__(self, spec: MapSpec, cpus: int, order: Order, fd: int = 0, lockable: bool = False) -> None:
        super().__init__(spec, cpus, order, fd, lockable)
        self._elements: dict[int, list[Region]] = {}

    @property
    def stored_size(self) -> int:
        """The size of all CPUs' values."""
        return rounded(self.value_size) * self.possible_cpus

    def element(self, index: int) -> list[Region]:
        """The memory of an element, by CPU."""
        found = self._elements.get(index)
        if found is None:
            found = self._elements[index] = [self.region() for _ in range(self.possible_cpus)]
        return found

    def index(self, key: bytes) -> int:
        """A key as a number."""
        return int.from_bytes(key, self.order)

    def find(self, key: bytes, cpu: int) -> Value:
        """A reference to the CPU's value."""
        index = self.index(key)
        if index >= self.max_entries or not 0 <= cpu < self.possible_cpus:
            return 0
        return Pointer(self.element(index)[cpu], 0, True)

    def put(self, key: bytes, value: bytes, flags: int, cpu: int) -> int:
        """Change the CPU's value in place."""
        wrong = refuse_array_update(self, self.index(key), flags)
        if not wrong:
            self.element(self.index(key))[cpu].data[:] = value
        return wrong

    def remove(self, key: bytes) -> int:
        """Elements can't be deleted."""
        return -errno.EINVAL

    def elements(self, cpu: int) -> list[tuple[bytes, Pointer]]:
        """All elements, with the CPU's values."""
        return [(i.to_bytes(4, self.order), Pointer(self.element(i)[cpu])) for i in range(self.max_entries)]

    def lookup(self, key: bytes, flags: int = 0) -> bytes | None:
        """All CPUs' values, each padded to 8 bytes; or None."""
        self.check_key(key)
        index = self.index(key)
        return joined(self.element(index)) if index < self.max_entries else None

    def store(self, key: bytes, value: bytes, flags: int) -> int:
        """Set all CPUs' values."""
        wrong = -errno.EINVAL if flags > BPF_EXIST else refuse_array_update(self, self.index(key), flags)
        if not wrong:
            spread(self.element(self.index(key)), value)
        return wrong

    def key_list(self) -> list[bytes]:
        """All indexes."""
        return [i.to_bytes(4, self.order) for i in range(self.max_entries)]


def refuse_array_update(array: VmMap, index: int, flags: int) -> int:
    """Why an array, whose elements all exist, does not take an update: a negative errno, or 0."""
    if flags & ~BPF_F_LOCK > BPF_EXIST:
        return -errno.EINVAL
    if index >= array.max_entries:
        return -errno.E2BIG
    if flags & BPF_NOEXIST:
        return -errno.EEXIST
    return -errno.EINVAL if flags & BPF_F_LOCK and not array.lockable else 0


def joined(values: list[Region]) -> bytes:
    """All CPUs' values as user space gets them."""
    return b"".join(bytes(v.data).ljust(rounded(v.size), b"\0") for v in values)


def spread(values: list[Region], raw: bytes) -> None:
    """Set all CPUs' values as user space gives them."""
    for cpu, value in enumerate(values):
        start = cpu * rounded(value.size)
        value.data[:] = raw[start : start + value.size]
