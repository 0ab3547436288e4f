"""Maps of the VM: the kernel's behaviour in Python containers; user space works on them as on the kernel's."""

from __future__ import annotations

import errno
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.formats.spec import MapSpec
from pybpfc.vm.memory import Region, VmError

BPF_ANY, BPF_NOEXIST, BPF_EXIST = 0, 1, 2
_NAMES = {m.uapi: m.name.removeprefix("BPF_MAP_TYPE_") for m in MAP_TYPES.values()}


class VmMap:
    """One map. Values live in regions, so that programs hold references to them."""

    def __init__(self, spec: MapSpec, cpus: int) -> None:
        self.spec = spec
        self.name = spec.name
        self.kind = _NAMES.get(spec.type, "")
        self.possible_cpus = cpus
        self.per_cpu = "PERCPU" in self.kind
        self.entries: OrderedDict[bytes, list[Region]] = OrderedDict()
        self.records: list[bytes] = []
        self.lost = 0
        if self.kind in ("ARRAY", "PERCPU_ARRAY"):
            for index in range(spec.max_entries):
                self.entries[index.to_bytes(4, "little")] = self._fresh()
        if spec.initial is not None:
            self.entries[bytes(4)][0].data[:] = spec.initial
            self.entries[bytes(4)][0].writable = not spec.read_only

    def _fresh(self) -> list[Region]:
        count = self.possible_cpus if self.per_cpu else 1
        return [Region(f"a value of `{self.name}`", bytearray(self.spec.value_size)) for _ in range(count)]

    # ---------------------------------------------------------------------- programs

    def find(self, key: bytes, cpu: int = 0) -> Region | None:
        """The value a program sees under a key."""
        if self.kind == "LPM_TRIE":
            found = self._longest(key)
        else:
            found = self.entries.get(key)
        if found is None:
            return None
        if self.kind.startswith("LRU"):
            self.entries.move_to_end(key)
        return found[cpu if self.per_cpu else 0]

    def _longest(self, key: bytes) -> list[Region] | None:
        wanted, address = int.from_bytes(key[:4], "little"), key[4:]
        best: tuple[int, list[Region]] | None = None
        for stored, value in self.entries.items():
            length = int.from_bytes(stored[:4], "little")
            same = length <= wanted and _prefix(address, length) == _prefix(stored[4:], length)
            if same and (best is None or length > best[0]):
                best = length, value
        return best[1] if best is not None else None

    def put(self, key: bytes, value: bytes, flags: int, cpu: int | None = None) -> int:
        """Store a value as the kernel does: 0 or a negative errno. Without a CPU, `value` holds all CPUs' values."""
        if flags & ~3 or flags == 3:
            return -errno.EINVAL
        found = self.entries.get(key)
        if self.kind in ("ARRAY", "PERCPU_ARRAY"):
            if found is None:
                return -errno.E2BIG
            if flags == BPF_NOEXIST:
                return -errno.EEXIST
        elif flags == BPF_NOEXIST and found is not None:
            return -errno.EEXIST
        elif flags == BPF_EXIST and found is None:
            return -errno.ENOENT
        elif found is None and len(self.entries) >= self.spec.max_entries:
            if not self.kind.startswith("LRU"):
                return -errno.E2BIG
            self.entries.popitem(last=False)
        if found is None:
            found = self.entries[key] = self._fresh()
        self._fill(found, value, cpu)
        return 0

    def _fill(self, regions: list[Region], value: bytes, cpu: int | None) -> None:
        size = self.spec.value_size
        stride = -(-size // 8) * 8 if self.per_cpu else size
        for index, region in enumerate(regions):
            if self.per_cpu and cpu is not None:
                if index == cpu:
                    region.data[:] = value[:size]
            else:
                at = index * stride
                region.data[:] = value[at : at + size].ljust(size, b"\0")

    def remove(self, key: bytes) -> int:
        """Delete an entry: 0 or a negative errno."""
        if self.kind in ("ARRAY", "PERCPU_ARRAY"):
            return -errno.EINVAL
        return 0 if self.entries.pop(key, None) is not None else -errno.ENOENT

    # -------------------------------------------------------------- queues and events

    def push(self, value: bytes, flags: int = 0) -> None:
        """Add to a queue, stack or bloom filter; raises OSError when it is full."""
        if self.kind != "BLOOM_FILTER" and len(self.records) >= self.spec.max_entries:
            if not flags & BPF_EXIST:
                raise OSError(errno.E2BIG, "the map is full", self.name)
            self.records.pop(0)
        self.records.append(value)

    def pop(self) -> bytes | None:
        """Take the next element."""
        if not self.records:
            return None
        return self.records.pop() if self.kind == "STACK" else self.records.pop(0)

    def peek(self) -> bytes | None:
        """The next element, left in place."""
        return (self.records[-1] if self.kind == "STACK" else self.records[0]) if self.records else None

    def contains_value(self, value: bytes) -> bool:
        """Whether a bloom filter may hold a value."""
        return value in self.records

    def emit(self, record: bytes) -> bool:
        """Send an event; False when a ring buffer is full."""
        if self.kind == "RINGBUF" and sum(len(r) + 8 for r in self.records) + len(record) + 8 > self.spec.max_entries:
            self.lost += 1
            return False
        self.records.append(record)
        return True

    # ------------------------------------------------------------------- user space

    @property
    def fd(self) -> int:
        """There is none; raises `VmError`."""
        raise VmError(f"`{self.name}` lives in the VM and has no file descriptor")

    @property
    def type_name(self) -> str:
        """The kernel's name of its type."""
        return f"BPF_MAP_TYPE_{self.kind}"

    @property
    def max_entries(self) -> int:
        """How many entries it can hold."""
        return self.spec.max_entries

    @property
    def flags(self) -> int:
        """The flags it was made with."""
        return self.spec.flags

    def take(self, key: bytes, flags: int = 0) -> bytes | None:
        """Take an entry out of the map."""
        value = self.lookup(key)
        self.remove(key)
        return value

    def update_many(self, entries: Iterable[tuple[bytes, bytes]], flags: int = 0) -> None:
        """Store many values; raises OSError at the first that does not fit."""
        for key, value in entries:
            self.update(key, value, flags)

    def delete_many(self, keys: Iterable[bytes]) -> None:
        """Delete many entries."""
        for key in keys:
            self.remove(key)

    def lookup(self, key: bytes, flags: int = 0) -> bytes | None:
        """The value, or all CPUs' values."""
        found = self._longest(key) if self.kind == "LPM_TRIE" else self.entries.get(key)
        return None if found is None else self._raw(found)

    def _raw(self, regions: list[Region]) -> bytes:
        if not self.per_cpu:
            return bytes(regions[0].data)
        stride = -(-self.spec.value_size // 8) * 8
        return b"".join(bytes(r.data).ljust(stride, b"\0") for r in regions)

    def update(self, key: bytes, value: bytes, flags: int = 0) -> None:
        """Store a value; raises OSError."""
        result = self.put(key, value, flags)
        if result < 0:
            raise OSError(-result, "the map cannot be updated", self.name)

    def delete(self, key: bytes) -> bool:
        """Delete an entry; False when there is none."""
        return self.remove(key) == 0

    def keys(self) -> Iterator[bytes]:
        """All keys."""
        return iter(list(self.entries))

    def items(self, batch: int | None = None) -> Iterator[tuple[bytes, bytes]]:
        """All entries."""
        return iter([(key, self._raw(value)) for key, value in self.entries.items()])

    def pin(self, path: str) -> None:
        """There is nothing to pin."""
        raise VmError(f"`{self.name}` lives in the VM; only maps in the kernel can be pinned")

    def close(self) -> None:
        """Nothing to give back."""

    def reader(self, codec: Any) -> VmReader:
        """A reader of the events."""
        return VmReader(self, codec)


class VmReader:
    """Reads a buffer's events; iteration ends with them, as nothing runs meanwhile."""

    def __init__(self, map: VmMap, codec: Any) -> None:
        self.map = map
        self.codec = codec

    @property
    def lost(self) -> int:
        """Events that found the buffer full."""
        return self.map.lost

    def consume(self) -> list[Any]:
        """The events that are there."""
        records, self.map.records = self.map.records, []
        return [self.codec.decode(r) for r in records]

    def poll(self, timeout: float | None = None) -> list[Any]:
        """The events that are there; there is nothing to wait for."""
        return self.consume()

    def batches(self, timeout: float | None = None) -> Iterator[tuple[memoryview, int, int]]:
        """All records as one batch: their bytes, how many, and the distance between them."""
        records, self.map.records = self.map.records, []
        if records:
            yield memoryview(b"".join(records)), len(records), len(records[0])

    def fileno(self) -> int:
        """There is none; raises `VmError`."""
        raise VmError(f"`{self.map.name}` lives in the VM and has no file descriptor")

    def __iter__(self) -> Iterator[Any]:
        return iter(self.consume())

    async def __aiter__(self) -> AsyncIterator[Any]:
        for event in self.consume():
            yield event

    def close(self) -> None:
        """Nothing to give back."""


def _prefix(data: bytes, bits: int) -> int:
    total = len(data) * 8
    return int.from_bytes(data, "big") >> max(0, total - bits)
