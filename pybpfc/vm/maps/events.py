"""Ring buffers and perf event arrays: from programs to whoever reads them."""

from __future__ import annotations

import errno
import io
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pybpfc.formats.spec import MapSpec
from pybpfc.lang.codec import CodecError
from pybpfc.lang.types import Space
from pybpfc.vm.maps.base import VmMap
from pybpfc.vm.regions import Order, Region

if TYPE_CHECKING:
    from pybpfc.lang.codec import Codec

HEADER = 8
MAX_RECORD = (1 << 32) // 4 - 1
NO_WAKEUP, FORCE_WAKEUP = 1, 2
_AVAILABLE, _SIZE, _CONSUMER, _PRODUCER = range(4)
_CURRENT_CPU = 0xFFFF_FFFF

Listener = Callable[[str, int, bytes], None]
"""Called with map, CPU and bytes when an event is sent."""


@dataclass(eq=False, slots=True)
class Record:
    """A record of a ring buffer. `region` is the program's view while it is reserved."""

    region: Region
    size: int
    reserved: bool = True
    discarded: bool = False
    data: bytes = b""

    @property
    def footprint(self) -> int:
        """The room it takes in the buffer."""
        return -(-(self.size + HEADER) // 8) * 8


class EventMap(VmMap):
    """What event buffers have in common: events queue up until they are read."""

    def __init__(self, spec: MapSpec, cpus: int, order: Order, fd: int = 0, lockable: bool = False) -> None:
        super().__init__(spec, cpus, order, fd, lockable)
        self.lost = 0
        self.listener: Listener | None = None

    def take_events(self, limit: int) -> list[bytes]:
        """Up to `limit` events, taken out."""
        raise NotImplementedError

    def reader(self, codec: Codec) -> EventReader:
        """A reader whose events `codec` decodes; one of no size leaves them bytes."""
        return EventReader(self, codec)


class RingBuffer(EventMap):
    """BPF_MAP_TYPE_RINGBUF: as full as the kernel's would be, read in the order of the reservations."""

    def __init__(self, spec: MapSpec, cpus: int, order: Order, fd: int = 0, lockable: bool = False) -> None:
        super().__init__(spec, cpus, order, fd, lockable)
        self._records: deque[Record] = deque()
        self.produced = 0
        self.consumed = 0

    def reserve(self, size: int, flags: int = 0) -> Record | None:
        """Room for a record; None where the kernel gives null."""
        record = Record(Region(f"a reservation of `{self.name}`", bytearray(0), Space.RINGBUF), size)
        oversized = size > MAX_RECORD or record.footprint > self.max_entries
        if flags or oversized or self.produced + record.footprint - self.consumed > self.max_entries - 1:
            self.lost += 1
            return None
        record.region = Region(f"a reservation of `{self.name}`", bytearray(size), Space.RINGBUF)
        self._records.append(record)
        self.produced += record.footprint
        return record

    def commit(self, record: Record, cpu: int, *, discard: bool = False) -> None:
        """Submit or discard a record."""
        record.data = bytes(record.region.data)
        record.reserved, record.discarded = False, discard
        record.region.kill("it was discarded before" if discard else "it was submitted before")
        if not discard and self.listener is not None:
            self.listener(self.name, cpu, record.data)

    def output(self, data: bytes, flags: int, cpu: int) -> int:
        """Copy a record into the buffer."""
        if flags & ~(NO_WAKEUP | FORCE_WAKEUP):
            return -errno.EINVAL
        record = self.reserve(len(data))
        if record is None:
            return -errno.EAGAIN
        record.region.data[:] = data
        self.commit(record, cpu)
        return 0

    def query(self, what: int) -> int:
        """`bpf_ringbuf_query`."""
        answers = {
            _AVAILABLE: self.produced - self.consumed,
            _SIZE: self.max_entries,
            _CONSUMER: self.consumed,
            _PRODUCER: self.produced,
        }
        return answers.get(what, 0)

    def take_events(self, limit: int) -> list[bytes]:
        """Finished records up to the first unfinished one."""
        out: list[bytes] = []
        while self._records and len(out) < limit and not self._records[0].reserved:
            record = self._records.popleft()
            self.consumed += record.footprint
            if not record.discarded:
                out.append(record.data)
        return out


class PerfEventArray(EventMap):
    """BPF_MAP_TYPE_PERF_EVENT_ARRAY, as if a reader had opened the buffer of every CPU."""

    def __init__(self, spec: MapSpec, cpus: int, order: Order, fd: int = 0, lockable: bool = False) -> None:
        super().__init__(spec, cpus, order, fd, lockable)
        self._events: deque[bytes] = deque()

    def output(self, data: bytes, index: int, cpu: int) -> int:
        """Send an event to the buffer of a CPU; only one's own accepts it."""
        index = cpu if index == _CURRENT_CPU else index
        if index >= self.max_entries:
            return -errno.E2BIG
        if index >= self.possible_cpus:
            return -errno.ENOENT
        if index != cpu:
            return -errno.EOPNOTSUPP
        self._events.append(data)
        if self.listener is not None:
            self.listener(self.name, cpu, data)
        return 0

    def remove(self, key: bytes) -> int:
        """The buffers of all CPUs stay open."""
        return -errno.ENOENT

    def take_events(self, limit: int) -> list[bytes]:
        """Events in the order they were sent."""
        return [self._events.popleft() for _ in range(min(limit, len(self._events)))]


class UserRingBuffer(EventMap):
    """BPF_MAP_TYPE_USER_RINGBUF: user space writes, programs drain."""

    def __init__(self, spec: MapSpec, cpus: int, order: Order, fd: int = 0, lockable: bool = False) -> None:
        super().__init__(spec, cpus, order, fd, lockable)
        self._samples: deque[bytes] = deque()

    def store(self, key: bytes, value: bytes, flags: int) -> int:
        """Nothing but samples."""
        return -errno.EOPNOTSUPP

    def push(self, value: bytes, flags: int = 0) -> None:
        """Write a sample."""
        used = sum(-(-(len(s) + HEADER) // 8) * 8 for s in self._samples)
        if used + len(value) + HEADER > self.max_entries:
            raise self.refused(errno.ENOSPC)
        self._samples.append(bytes(value))

    def send(self, message: bytes, timeout: float | None = 0) -> bool:
        """Write a sample, as user space does; False when there is no room. No program runs meanwhile to make some."""
        if -(-(len(message) + HEADER) // 8) * 8 > self.max_entries:
            raise ValueError(
                f"a message of {len(message)} bytes does not fit `{self.name}`, which has {self.max_entries}"
            )
        try:
            self.push(message)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return False
        return True

    def next_sample(self) -> bytes | None:
        """Take the next sample."""
        return self._samples.popleft() if self._samples else None

    def take_events(self, limit: int) -> list[bytes]:
        """Samples that no program took."""
        return [self._samples.popleft() for _ in range(min(limit, len(self._samples)))]


class EventReader:
    """Reads a simulated buffer. Nothing happens meanwhile, so waiting and loops end with the events that are there."""

    def __init__(self, source: EventMap, codec: Codec) -> None:
        self._source = source
        self._codec = codec
        self._closed = False

    @property
    def lost(self) -> int:
        """How many events found no room."""
        return self._source.lost

    def consume(self, limit: int = 1 << 62) -> list[Any]:
        """The events that are there."""
        return [] if self._closed else [self.decode(data) for data in self._source.take_events(limit)]

    def poll(self, timeout: float | None = None) -> list[Any]:
        """The events that are there; there is nothing to wait for."""
        return self.consume()

    def decode(self, data: bytes) -> Any:
        """One event."""
        size = self._codec.size
        if not size:
            return data
        if len(data) < size:
            raise CodecError(f"an event of {len(data)} bytes in `{self._source.name}`, which holds events of {size}")
        return self._codec.decode(data)

    def batches(self, timeout: float | None = None) -> Iterator[tuple[memoryview, int, int]]:
        """The events that are there as one run: memory, count, distance."""
        events = [] if self._closed else self._source.take_events(1 << 62)
        size = self._codec.size
        if events and size:
            stride = -(-size // 8) * 8
            yield memoryview(b"".join(e[:size].ljust(stride, b"\0") for e in events)), len(events), stride

    def __iter__(self) -> Iterator[Any]:
        """The events that are there."""
        while events := self.consume(1):
            yield events[0]

    async def __aiter__(self) -> AsyncIterator[Any]:
        """The events that are there."""
        for event in self:
            yield event

    def fileno(self) -> int:
        """A simulated buffer has no descriptor."""
        raise io.UnsupportedOperation(f"the buffer `{self._source.name}` is simulated and has no descriptor")

    def close(self) -> None:
        """End the reading."""
        self._closed = True
