"""What all maps of the machine share: the program's side with the kernel's errors, and the user's side over it.

Programs see values as regions of memory, so that a pointer from a lookup stays what it is in the kernel: a reference.
Operations of programs give 0 or a negative errno; those of user space raise OSError.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.formats.spec import MapSpec
from pybpfc.lang.types import Space
from pybpfc.vm.errors import VmError
from pybpfc.vm.regions import Order, Region
from pybpfc.vm.values import MapReference, Pointer, Value

if TYPE_CHECKING:
    from pybpfc.lang.codec import Codec

BPF_ANY, BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK = 0, 1, 2, 4

TYPE_NAMES = {kind.uapi: name for name, kind in MAP_TYPES.items()}
"""The kernel's names of map types by number."""

NOT_SUPPORTED = 524
"""ENOTSUPP, which the kernel gives but no libc names."""


class VmMap:
    """One map. Subclasses say what its operations do; those they leave out do not exist for its type."""

    def __init__(self, spec: MapSpec, cpus: int, order: Order, fd: int = 0, lockable: bool = False) -> None:
        self.spec = spec
        self.name = spec.name
        self.type_name = TYPE_NAMES.get(spec.type, f"map type {spec.type}")
        self.key_size = spec.key_size
        self.value_size = spec.value_size
        self.max_entries = spec.max_entries
        self.flags = spec.flags
        self.possible_cpus = cpus
        self.order: Order = order
        self.number = fd
        self.lockable = lockable

    @property
    def fd(self) -> int:
        """A number that stands for the map where the kernel takes a descriptor; it means nothing to the system."""
        return self.number

    @property
    def stored_size(self) -> int:
        """The size of a value in user space."""
        return self.value_size

    def region(self, contents: bytes | None = None) -> Region:
        """Memory for one value."""
        data = bytearray(self.value_size) if contents is None else bytearray(contents)
        return Region(f"a value of map `{self.name}`", data, Space.MAP_VALUE)

    # ------------------------------------------------------------------------- programs

    def find(self, key: bytes, cpu: int) -> Value:
        """`bpf_map_lookup_elem`: a reference to the value, which may be null; or 0."""
        raise self.unsupported("bpf_map_lookup_elem")

    def put(self, key: bytes, value: bytes, flags: int, cpu: int) -> int:
        """`bpf_map_update_elem`."""
        raise self.unsupported("bpf_map_update_elem")

    def remove(self, key: bytes) -> int:
        """`bpf_map_delete_elem`."""
        raise self.unsupported("bpf_map_delete_elem")

    def add(self, value: bytes, flags: int) -> int:
        """`bpf_map_push_elem`."""
        raise self.unsupported("bpf_map_push_elem")

    def take_next(self) -> bytes | None:
        """`bpf_map_pop_elem`; None when empty."""
        raise self.unsupported("bpf_map_pop_elem")

    def show_next(self, value: bytes) -> bytes | None:
        """`bpf_map_peek_elem`, given what is in the program's buffer; None when there is none."""
        raise self.unsupported("bpf_map_peek_elem")

    def elements(self, cpu: int) -> list[tuple[bytes, Pointer]]:
        """What `bpf_for_each_map_elem` visits."""
        raise self.unsupported("bpf_for_each_map_elem")

    def key_of(self, region: Region) -> bytes | None:
        """The key under which a value lies, or None when it was deleted."""
        for cpu in range(self.possible_cpus):
            for key, value in self.elements(cpu):
                if value.region is region:
                    return key
        return None

    def unsupported(self, operation: str) -> VmError:
        """The error of an operation that the map's type does not have."""
        return VmError(f"`{operation}` does not work on map `{self.name}` of type {self.type_name}")

    def reference(self) -> MapReference:
        """The map as programs hold it."""
        return MapReference(self)

    # ----------------------------------------------------------------------- user space

    def lookup(self, key: bytes, flags: int = 0) -> bytes | None:
        """The value under a key, or None."""
        raise self.refused(errno.EOPNOTSUPP)

    def store(self, key: bytes, value: bytes, flags: int) -> int:
        """What an update from user space does: 0 or a negative errno."""
        return -errno.EOPNOTSUPP

    def erase(self, key: bytes) -> int:
        """What a deletion from user space does: 0 or a negative errno."""
        return self.remove(key)

    def key_list(self) -> list[bytes]:
        """All keys."""
        raise self.refused(errno.EOPNOTSUPP)

    def update(self, key: bytes, value: bytes, flags: int = 0) -> None:
        """Store a value; raises OSError."""
        self.check_key(key)
        if len(value) != self.stored_size:
            raise ValueError(f"map `{self.name}` holds values of {self.stored_size} bytes, not {len(value)}")
        self.demand(self.store(key, bytes(value), flags))

    def delete(self, key: bytes) -> bool:
        """Delete an entry; False when there is none."""
        self.check_key(key)
        try:
            result = self.erase(key)
        except VmError:
            raise self.refused(errno.EOPNOTSUPP) from None
        if result == -errno.ENOENT:
            return False
        self.demand(result)
        return True

    def take(self, key: bytes, flags: int = 0) -> bytes | None:
        """The value under a key, removed in one step; None when there is none."""
        value = self.lookup(key)
        if value is not None:
            self.delete(key)
        return value

    def keys(self) -> Iterator[bytes]:
        """All keys, as they are now."""
        return iter(self.key_list())

    def items(self, batch: int | None = None) -> Iterator[tuple[bytes, bytes]]:
        """All entries."""
        for key in self.key_list():
            value = self.lookup(key)
            if value is not None:
                yield key, value

    def update_many(self, entries: Iterable[tuple[bytes, bytes]], flags: int = 0) -> None:
        """Store many entries."""
        for key, value in entries:
            self.update(key, value, flags)

    def delete_many(self, keys: Iterable[bytes]) -> None:
        """Delete many entries; missing ones are skipped."""
        for key in list(keys):
            self.delete(key)

    def pop(self) -> bytes | None:
        """Take the next element of a queue or stack."""
        raise self.refused(errno.EOPNOTSUPP)

    def peek(self) -> bytes | None:
        """The next element of a queue or stack, left where it is."""
        raise self.refused(errno.EOPNOTSUPP)

    def push(self, value: bytes, flags: int = 0) -> None:
        """Add an element to a queue, stack or bloom filter."""
        self.update(b"", value, flags)

    def contains_value(self, value: bytes) -> bool:
        """Whether a bloom filter may hold a value."""
        raise self.refused(errno.EOPNOTSUPP)

    def pin(self, path: str) -> None:
        """Only maps of the kernel can be pinned; raises OSError."""
        raise OSError(errno.EOPNOTSUPP, f"map `{self.name}` lives in the simulation and can't be pinned at {path}")

    def reader(self, codec: Codec) -> Any:
        """A reader of an event buffer."""
        raise TypeError(f"map `{self.name}` is no event buffer")

    def close(self) -> None:
        """There is nothing to give back."""

    def check_key(self, key: bytes) -> None:
        """Raise ValueError for a key of the wrong size."""
        if len(key) != self.key_size:
            raise ValueError(f"map `{self.name}` has keys of {self.key_size} bytes, not {len(key)}")

    def demand(self, result: int) -> None:
        """Raise the OSError of a negative errno."""
        if result < 0:
            raise self.refused(-result)

    def refused(self, number: int) -> OSError:
        """The OSError of an operation on this map."""
        match number:
            case errno.E2BIG | errno.ENOSPC:
                text = f"map `{self.name}` has no room: its max_entries is {self.max_entries}"
            case errno.EEXIST:
                text = f"map `{self.name}` has the entry already"
            case errno.ENOENT:
                text = f"map `{self.name}` has no such entry"
            case errno.EOPNOTSUPP:
                text = f"maps of type {self.type_name} such as `{self.name}` do not have this operation"
            case _:
                text = f"map `{self.name}`: {os.strerror(number)}"
        return OSError(number, text)

    def __repr__(self) -> str:
        return f"<simulated map {self.name!r} {self.type_name.removeprefix('BPF_MAP_TYPE_').lower()}>"


def check_flags(flags: int, exists: bool) -> int:
    """What keyed maps answer to BPF_NOEXIST and BPF_EXIST."""
    if flags & ~BPF_F_LOCK == BPF_NOEXIST and exists:
        return -errno.EEXIST
    if flags & ~BPF_F_LOCK == BPF_EXIST and not exists:
        return -errno.ENOENT
    return 0


def rounded(size: int) -> int:
    """The room that one CPU's value takes among those of all CPUs."""
    return -(-size // 8) * 8
