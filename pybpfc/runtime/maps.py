"""Created maps, in raw bytes: the handle that the map objects of user code work through.

Iteration asks the kernel for many entries at once where it can (kernel 5.6), and walks from key to key elsewhere;
both survive entries being deleted meanwhile.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.lang.errors import NotLoadedError
from pybpfc.records import frozen
from pybpfc.runtime import attributes
from pybpfc.runtime.cpus import possible_cpus
from pybpfc.runtime.syscall import BPF_F_MMAPABLE, ENOTSUPP, Command, Fd, address, bpf, object_info, object_pin

if TYPE_CHECKING:
    from pybpfc.lang.codec import Codec
    from pybpfc.runtime.events import EventReader
    from pybpfc.runtime.user_ringbuf import UserRingBufWriter

BPF_ANY, BPF_NOEXIST, BPF_EXIST = 0, 1, 2

_NO_BATCH = frozenset({errno.EINVAL, errno.EOPNOTSUPP, ENOTSUPP, errno.E2BIG})
_BATCH_BYTES = 1 << 18

TYPE_NAMES = {kind.uapi: name for name, kind in MAP_TYPES.items()}
"""The kernel's names of map types by number."""


@frozen
class MapInfo:
    """What the kernel tells of a map."""

    id: int
    name: str
    type_name: str
    key_size: int
    value_size: int
    max_entries: int
    flags: int
    map_extra: int
    btf_id: int
    btf_key_type_id: int
    btf_value_type_id: int


def map_info(fd: int) -> MapInfo:
    """What the kernel tells of the map behind a descriptor."""
    raw = attributes.MapInfo()
    object_info(fd, raw)
    return MapInfo(
        raw.id,
        raw.name.decode(errors="replace"),
        TYPE_NAMES.get(raw.type, f"map type {raw.type}"),
        raw.key_size,
        raw.value_size,
        raw.max_entries,
        raw.map_flags,
        raw.map_extra,
        raw.btf_id,
        raw.btf_key_type_id,
        raw.btf_value_type_id,
    )


class Map:
    """A map of the kernel; keys and values are bytes, as they lie in its memory.

    Per-CPU maps give and take the values of all possible CPUs, each padded to 8 bytes.
    """

    def __init__(
        self, fd: Fd, name: str, type_name: str, key_size: int, value_size: int, max_entries: int, flags: int = 0
    ) -> None:
        self.name = name
        self.type_name = type_name
        self.key_size = key_size
        self.value_size = value_size
        self.max_entries = max_entries
        self.flags = flags
        self.possible_cpus = possible_cpus()
        self.pinned: list[str] = []
        kind = MAP_TYPES.get(type_name)
        self.per_cpu = kind.per_cpu if kind is not None else False
        self.stored_size = -(-value_size // 8) * 8 * self.possible_cpus if self.per_cpu else value_size
        self._fd = fd
        self._lock = threading.Lock()
        self._key = (ctypes.c_char * max(key_size, 1))()
        self._value = (ctypes.c_char * max(self.stored_size, 1))()
        self._element = attributes.MapElement(
            map_fd=fd.number, key=address(self._key) if key_size else 0, value=address(self._value)
        )
        self._batches: bool | None = None
        self._readers: list[EventReader] = []
        self._writer: UserRingBufWriter | None = None
        self.owner: object = None
        self.count_lost: Callable[[], int] | None = None

    @classmethod
    def from_fd(cls, fd: Fd, name: str = "") -> Map:
        """The map behind a descriptor, e.g. of a pinned one."""
        info = map_info(fd.number)
        return cls(fd, name or info.name, info.type_name, info.key_size, info.value_size, info.max_entries, info.flags)

    # ------------------------------------------------------------------------- one element

    def lookup(self, key: bytes, flags: int = 0) -> bytes | None:
        """The value under a key, or None."""
        return self._get(Command.MAP_LOOKUP_ELEM, key, flags)

    def take(self, key: bytes, flags: int = 0) -> bytes | None:
        """The value under a key, removed from the map in one step (hash maps from kernel 5.14), or None."""
        return self._get(Command.MAP_LOOKUP_AND_DELETE_ELEM, key, flags)

    def update(self, key: bytes, value: bytes, flags: int = 0) -> None:
        """Store a value; raises OSError."""
        if len(value) != self.stored_size:
            raise ValueError(f"map `{self.name}` holds values of {self.stored_size} bytes, not {len(value)}")
        with self._lock:
            self._set_key(key)
            self._value.raw = value
            self._element.flags = flags
            try:
                bpf(Command.MAP_UPDATE_ELEM, self._element)
            except OSError as error:
                raise self._explained(error, flags) from None

    def delete(self, key: bytes) -> bool:
        """Delete an entry; False when there is none."""
        with self._lock:
            self._set_key(key)
            request = attributes.MapElement(map_fd=self.fd, key=self._element.key)  # no value: the kernel insists
            try:
                bpf(Command.MAP_DELETE_ELEM, request)
            except OSError as error:
                if error.errno == (errno.EINVAL if self.type_name == "BPF_MAP_TYPE_SOCKMAP" else errno.ENOENT):
                    return False
                raise self._explained(error) from None
        return True

    def pop(self) -> bytes | None:
        """Take the next element of a queue or stack."""
        return self._get(Command.MAP_LOOKUP_AND_DELETE_ELEM, b"", 0)

    def peek(self) -> bytes | None:
        """The next element of a queue or stack, left where it is."""
        return self._get(Command.MAP_LOOKUP_ELEM, b"", 0)

    def push(self, value: bytes, flags: int = 0) -> None:
        """Add an element to a queue, stack or bloom filter."""
        self.update(b"", value, flags)

    def contains_value(self, value: bytes) -> bool:
        """Whether a bloom filter may hold `value`."""
        with self._lock:
            self._value.raw = value
            self._element.flags = 0
            try:
                bpf(Command.MAP_LOOKUP_ELEM, self._element)
            except OSError as error:
                if error.errno == errno.ENOENT:
                    return False
                raise self._explained(error) from None
        return True

    def _get(self, command: Command, key: bytes, flags: int) -> bytes | None:
        with self._lock:
            self._set_key(key)
            self._element.flags = flags
            try:
                bpf(command, self._element)
            except OSError as error:
                if error.errno == errno.ENOENT:
                    return None
                raise self._explained(error) from None
            return self._value.raw if self.stored_size else b""

    def _set_key(self, key: bytes) -> None:
        if len(key) != self.key_size:
            raise ValueError(f"map `{self.name}` has keys of {self.key_size} bytes, not {len(key)}")
        if key:
            self._key.raw = key

    # ------------------------------------------------------------------------ many elements

    def keys(self) -> Iterator[bytes]:
        """All keys, each once; entries deleted meanwhile don't disturb."""
        if self._batches is False:
            return self._walk()
        return (key for key, _ in self.items())

    def items(self, batch: int | None = None) -> Iterator[tuple[bytes, bytes]]:
        """All entries; `batch` is how many are asked of the kernel at once."""
        key_size, value_size = self.key_size, self.stored_size
        for keys, values, count in self.batches(batch):
            if not value_size:
                yield from ((keys[i : i + key_size], b"") for i in range(0, count * key_size, key_size))
                continue
            yield from zip(
                (keys[i : i + key_size] for i in range(0, count * key_size, key_size)),
                (values[i : i + value_size] for i in range(0, count * value_size, value_size)),
                strict=True,
            )

    def batches(self, size: int | None = None) -> Iterator[tuple[bytes, bytes, int]]:
        """All entries as runs: the keys one after the other, the values likewise, and their number."""
        if self._batches is not False:
            try:
                yield from self._kernel_batches(size)
                return
            except _NoBatch:
                self._batches = False
        for key in self._walk():
            value = self.lookup(key)
            if value is not None:
                yield key, value, 1

    def _kernel_batches(self, size: int | None) -> Iterator[tuple[bytes, bytes, int]]:
        count = size or self._batch_size()
        tokens = [(ctypes.c_char * max(self.key_size, 8))() for _ in range(2)]
        keys, values = self._run_buffers(count)
        request = attributes.MapBatch(keys=address(keys), values=address(values))
        current, stalls = 0, 0
        while True:
            request.count, request.map_fd, request.out_batch = count, self.fd, address(tokens[current])
            number = self._batch_call(Command.MAP_LOOKUP_BATCH, request)
            if number == errno.ENOSPC:  # one bucket holds more entries than asked for
                count *= 2
                keys, values = self._run_buffers(count)
                request.keys, request.values = address(keys), address(values)
                continue
            filled = int(request.count) if number in (0, errno.ENOENT, errno.EINTR) else 0
            if number not in (0, errno.ENOENT, errno.EINTR):
                if self._batches is None and number in _NO_BATCH:
                    raise _NoBatch
                raise self._explained(OSError(number, os.strerror(number)))
            self._batches = True
            if filled:
                yield keys.raw[: filled * self.key_size], values.raw[: filled * self.stored_size], filled
            if number == errno.ENOENT:
                return
            stalls = 0 if filled else stalls + 1
            if stalls > 100:
                raise OSError(errno.EINTR, f"the entries of map `{self.name}` change too fast to be read")
            if filled:
                request.in_batch, current = address(tokens[current]), 1 - current

    def _batch_size(self) -> int:
        return max(16, min(self.max_entries or 1, _BATCH_BYTES // max(self.key_size + self.stored_size, 1)))

    def _run_buffers(self, count: int) -> tuple[ctypes.Array[ctypes.c_char], ctypes.Array[ctypes.c_char]]:
        keys = (ctypes.c_char * max(count * self.key_size, 1))()
        return keys, (ctypes.c_char * max(count * self.stored_size, 1))()

    def _batch_call(self, command: Command, request: attributes.MapBatch) -> int:
        """The errno of a batch command, 0 for success."""
        try:
            bpf(command, request)
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def _walk(self) -> Iterator[bytes]:
        """Keys one by one. When the key in hand is deleted the kernel starts over, so those seen are remembered."""
        seen: set[bytes] = set()
        key: bytes | None = None
        budget = 8 * max(self.max_entries, 1024)
        while budget > 0:
            key = self.next_key(key)
            if key is None:
                return
            budget -= 1
            if key not in seen:
                seen.add(key)
                yield key

    def next_key(self, key: bytes | None) -> bytes | None:
        """The key behind `key`, or the first one; None at the end."""
        previous = (ctypes.c_char * max(self.key_size, 1)).from_buffer_copy(key) if key is not None else None
        following = (ctypes.c_char * max(self.key_size, 1))()
        request = attributes.MapElement(map_fd=self.fd, key=address(previous), value=address(following))
        try:
            bpf(Command.MAP_GET_NEXT_KEY, request)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return None
            raise self._explained(error) from None
        return following.raw

    def update_many(self, entries: Iterable[tuple[bytes, bytes]], flags: int = 0) -> None:
        """Store many entries, in one call where the kernel can."""
        pairs = list(entries)
        keys, values = [k for k, _ in pairs], [v for _, v in pairs]
        done = self._run(Command.MAP_UPDATE_BATCH, keys, values, flags) if len(pairs) > 1 else 0
        for key, value in pairs[done:]:
            self.update(key, value, flags)

    def delete_many(self, keys: Iterable[bytes]) -> None:
        """Delete many entries, in one call where the kernel can; missing ones are skipped."""
        todo = list(keys)
        done = self._run(Command.MAP_DELETE_BATCH, todo, None, 0) if len(todo) > 1 else 0
        for key in todo[done:]:
            self.delete(key)

    def _run(self, command: Command, keys: list[bytes], values: list[bytes] | None, flags: int) -> int:
        """How many leading entries a batch command took."""
        if self._batches is False:
            return 0
        sizes = (self.key_size, self.stored_size)
        if any(len(k) != sizes[0] for k in keys) or any(len(v) != sizes[1] for v in values or ()):
            return 0  # the single operations say what is wrong
        key_run = ctypes.create_string_buffer(b"".join(keys), len(keys) * self.key_size)
        value_run = (
            ctypes.create_string_buffer(b"".join(values), len(values) * sizes[1]) if values is not None else None
        )
        request = attributes.MapBatch(
            keys=address(key_run), values=address(value_run), count=len(keys), map_fd=self.fd, elem_flags=flags
        )
        number = self._batch_call(command, request)
        return len(keys) if number == 0 else 0 if number in _NO_BATCH else min(int(request.count), len(keys))

    # --------------------------------------------------------------------------- as a whole

    @property
    def fd(self) -> int:
        """The descriptor; raises NotLoadedError once closed."""
        if self._fd.closed:
            raise NotLoadedError(f"map `{self.name}` was closed with its object")
        return self._fd.number

    def fileno(self) -> int:
        """The descriptor."""
        return self.fd

    @property
    def info(self) -> MapInfo:
        """What the kernel tells of the map."""
        return map_info(self.fd)

    def freeze(self) -> None:
        """Make the map read-only for user space from now on; programs keep their rights."""
        bpf(Command.MAP_FREEZE, attributes.MapFd(map_fd=self.fd))

    def pin(self, path: str) -> None:
        """Pin the map in a BPF file system, so that it outlives the process."""
        object_pin(self.fd, path)
        self.pinned.append(path)

    def unpin(self) -> None:
        """Remove the pins that this object made."""
        for path in self.pinned:
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass  # somebody else removed it: the goal is reached
        self.pinned.clear()

    def memory(self, *, writable: bool = True) -> mmap.mmap:
        """The values of an array made with BPF_F_MMAPABLE (kernel 5.5), as memory shared with the programs."""
        if not self.flags & BPF_F_MMAPABLE:
            raise OSError(errno.EINVAL, f"map `{self.name}` was not created with BPF_F_MMAPABLE")
        page = mmap.PAGESIZE
        length = -(-(-(-self.value_size // 8) * 8 * self.max_entries) // page) * page
        protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
        return mmap.mmap(self.fd, length, flags=mmap.MAP_SHARED, prot=protection)

    def reader(self, codec: Codec) -> EventReader:
        """A reader of a ring or perf buffer, whose events `codec` decodes; one of no size leaves them bytes."""
        reader: EventReader
        if self.type_name == "BPF_MAP_TYPE_RINGBUF":
            from pybpfc.runtime.ringbuf import RingBufReader

            reader = RingBufReader(self.fd, self.max_entries, codec, self.name)
            reader.count_lost = self.count_lost
        elif self.type_name == "BPF_MAP_TYPE_PERF_EVENT_ARRAY":
            from pybpfc.runtime.perf_buffer import PerfBufferReader

            reader = PerfBufferReader(self, codec)
        else:
            raise TypeError(f"map `{self.name}` is no event buffer")
        self._readers.append(reader)
        return reader

    def send(self, message: bytes, timeout: float | None = 0) -> bool:
        """Put a message into a user ring buffer; False when there is no room within `timeout` seconds (None: wait)."""
        if self._writer is None:
            from pybpfc.runtime.user_ringbuf import UserRingBufWriter

            self._writer = UserRingBufWriter(self.fd, self.max_entries, self.name)
        return self._writer.send(message, timeout)

    def close(self) -> None:
        """Let go of the map; it lives on while a program, a pin or another descriptor holds it."""
        for reader in self._readers:
            reader.close()
        self._readers.clear()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        with self._lock:
            self._element.map_fd = 0xFFFFFFFF
            self._fd.close()

    def __enter__(self) -> Map:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<map {self.name!r} {self.type_name.removeprefix('BPF_MAP_TYPE_').lower()}>"

    def _explained(self, error: OSError, flags: int = 0) -> Exception:
        """The error with its cause in words, as far as the operation tells."""
        number = error.errno or errno.EIO
        match number:
            case errno.EBADF if self._fd.closed:
                return NotLoadedError(f"map `{self.name}` was closed with its object")
            case errno.E2BIG:
                limit = f"its max_entries is {self.max_entries}"
                text = f"map `{self.name}` has no room: {limit}"
            case errno.EEXIST:
                text = f"map `{self.name}` has this key already (BPF_NOEXIST)"
            case errno.ENOENT if flags & BPF_EXIST:
                text = f"map `{self.name}` does not have this key (BPF_EXIST)"
            case errno.EPERM:
                text = f"map `{self.name}` may not be written (frozen or read-only) or CAP_BPF is missing"
            case errno.EINVAL | errno.EOPNOTSUPP | 524:
                text = f"maps of type {self.type_name} do not take this operation, or not with these arguments"
            case errno.ENOMEM:
                text = f"no memory for the entry in map `{self.name}`"
            case _:
                text = f"map `{self.name}`: {os.strerror(number)}"
        return OSError(number, text)


class _NoBatch(Exception):
    """The kernel has no batch operations for this map."""
