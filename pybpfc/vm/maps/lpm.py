"""BPF_MAP_TYPE_LPM_TRIE: the longest prefix that fits an address."""

from __future__ import annotations

import errno

from pybpfc.formats.spec import MapSpec
from pybpfc.vm.maps.base import BPF_EXIST, BPF_NOEXIST, VmMap
from pybpfc.vm.regions import Order, Region
from pybpfc.vm.values import Pointer, Value


class PrefixTrie(VmMap):
    """Keys are a u32 prefix length in the machine's order and the data, most significant bit first."""

    def __init__(self, spec: MapSpec, cpus: int, order: Order, fd: int = 0, lockable: bool = False) -> None:
        super().__init__(spec, cpus, order, fd, lockable)
        self._bits = (spec.key_size - 4) * 8
        self._entries: dict[tuple[int, int], tuple[bytes, Region]] = {}

    def _split(self, key: bytes) -> tuple[int, int]:
        return int.from_bytes(key[:4], self.order), int.from_bytes(key[4:], "big")

    def _cut(self, number: int, length: int) -> tuple[int, int]:
        return length, number >> (self._bits - length)

    def _longest(self, key: bytes) -> tuple[bytes, Region] | None:
        length, number = self._split(key)
        if length > self._bits:
            return None
        for tried in sorted({n for n, _ in self._entries if n <= length}, reverse=True):
            found = self._entries.get(self._cut(number, tried))
            if found is not None:
                return found
        return None

    def find(self, key: bytes, cpu: int) -> Value:
        """A reference to the value of the longest prefix that the key begins with."""
        found = self._longest(key)
        return Pointer(found[1], 0, True) if found is not None else 0

    def put(self, key: bytes, value: bytes, flags: int, cpu: int) -> int:
        """Store a prefix."""
        length, number = self._split(key)
        if flags > BPF_EXIST or length > self._bits:
            return -errno.EINVAL
        place = self._cut(number, length)
        if place in self._entries:
            if flags == BPF_NOEXIST:
                return -errno.EEXIST
        elif flags == BPF_EXIST:
            return -errno.ENOENT
        elif len(self._entries) >= self.max_entries:
            return -errno.ENOSPC
        self._entries[place] = key, self.region(value)
        return 0

    def remove(self, key: bytes) -> int:
        """Delete a prefix."""
        length, number = self._split(key)
        if length > self._bits:
            return -errno.EINVAL
        return 0 if self._entries.pop(self._cut(number, length), None) is not None else -errno.ENOENT

    def lookup(self, key: bytes, flags: int = 0) -> bytes | None:
        """The value of the longest prefix that the key begins with, or None."""
        self.check_key(key)
        found = self._longest(key)
        return bytes(found[1].data) if found is not None else None

    def store(self, key: bytes, value: bytes, flags: int) -> int:
        """As programs do."""
        return self.put(key, value, flags, 0)

    def key_list(self) -> list[bytes]:
        """All prefixes, longer ones first as the kernel gives them."""
        return [key for _, (key, _) in sorted(self._entries.items(), key=lambda e: (-e[0][0], e[0][1]))]
