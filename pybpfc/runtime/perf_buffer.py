"""Perf buffers: one ring per CPU, read from memory shared with the kernel (4.3).

The program writes to the entry of its CPU in a PERF_EVENT_ARRAY; each entry is a perf event with a mapped ring:
a page that holds the positions, then the records.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import select
import struct
from typing import TYPE_CHECKING, Any

from pybpfc.lang.codec import Codec, CodecError
from pybpfc.runtime.attributes import PerfEventAttr
from pybpfc.runtime.cpus import online_cpus
from pybpfc.runtime.events import CHUNK, Batch, EventReader
from pybpfc.runtime.permissions import permission_denied
from pybpfc.runtime.ringbuf import fence
from pybpfc.runtime.syscall import perf_event_open

if TYPE_CHECKING:
    from pybpfc.runtime.maps import Map

PERF_TYPE_SOFTWARE, PERF_COUNT_SW_BPF_OUTPUT = 1, 10
PERF_SAMPLE_RAW = 1 << 10
PERF_EVENT_IOC_ENABLE = 0x2400
RECORD_LOST, RECORD_SAMPLE = 2, 9
DATA_HEAD, DATA_TAIL = 1024 // 8, 1032 // 8

PAGES = 64
"""How many pages each CPU's ring has; a power of two."""


class _CpuRing:
    """The ring of one CPU."""

    def __init__(self, cpu: int, pages: int) -> None:
        request = PerfEventAttr(
            type=PERF_TYPE_SOFTWARE,
            config=PERF_COUNT_SW_BPF_OUTPUT,
            sample_type=PERF_SAMPLE_RAW,
            sample_period=1,
            wakeup_events=1,
        )
        self.cpu = cpu
        self.fd = perf_event_open(request, -1, cpu)
        self.size = pages * mmap.PAGESIZE
        try:
            self.memory = mmap.mmap(
                self.fd.number, mmap.PAGESIZE + self.size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE
            )
        except OSError:
            self.fd.close()
            raise
        self.control = memoryview(self.memory)[: mmap.PAGESIZE].cast("Q")
        self.data = memoryview(self.memory)[mmap.PAGESIZE :]

    def piece(self, position: int, length: int) -> bytes:
        """`length` bytes at a position, put together where the ring wraps."""
        start = position % self.size
        head = bytes(self.data[start : start + length])
        return head if len(head) == length else head + bytes(self.data[: length - len(head)])

    def close(self) -> None:
        self.control.release()
        self.data.release()
        self.memory.close()
        self.fd.close()


class _Bytes:
    """Decodes an event to its bytes."""

    def __init__(self, size: int) -> None:
        self.size = size

    def decode(self, buffer: bytes, offset: int = 0) -> bytes:
        return buffer[offset : offset + self.size]


class PerfBufferReader(EventReader):
    """The consumer of a PERF_EVENT_ARRAY."""

    def __init__(self, target: Map, codec: Codec, pages: int = PAGES) -> None:
        super().__init__(target.name)
        self._codec: Codec | _Bytes = codec
        self._event_size = codec.size
        self._lost = 0
        self._rings: list[_CpuRing] = []
        try:
            for cpu in online_cpus():
                if cpu < target.max_entries:
                    self._open(target, cpu, pages)
        except OSError as error:
            self.close()
            if error.errno in (errno.EPERM, errno.EACCES):
                action = f"reading the perf buffer `{target.name}`"
                raise permission_denied(action, ("CAP_PERFMON",), number=error.errno) from None
            raise

    def _open(self, target: Map, cpu: int, pages: int) -> None:
        try:
            ring = _CpuRing(cpu, pages)
        except OSError as error:
            if error.errno == errno.ENODEV:  # the CPU went offline meanwhile
                return
            raise
        self._rings.append(ring)
        target.update(struct.pack("I", cpu), struct.pack("I", ring.fd.number))
        fcntl.ioctl(ring.fd.number, PERF_EVENT_IOC_ENABLE, 0)
        self._epoll.register(ring.fd.number, select.EPOLLIN)

    @property
    def lost(self) -> int:
        """How many events the kernel dropped because a ring was full, as far as read."""
        return self._lost

    def _drain(self, limit: int) -> list[Any]:
        events: list[Any] = []
        for ring in self._rings:
            position, end = ring.control[DATA_TAIL], ring.control[DATA_HEAD]
            fence()
            try:
                while position < end and len(events) < limit:
                    kind, _, size = struct.unpack("IHH", ring.piece(position, 8))
                    record = ring.piece(position + 8, size - 8)
                    position += size
                    self._take(kind, record, events)
            finally:
                fence()
                ring.control[DATA_TAIL] = position
        return events

    def _take_batch(self) -> Batch | None:
        codec, self._codec = self._codec, _Bytes(self._event_size)
        try:
            records = self._drain(CHUNK)
        finally:
            self._codec = codec
        size = self._event_size or max(map(len, records), default=0)
        if not records:
            return None
        return memoryview(b"".join(record.ljust(size, b"\0") for record in records)), len(records), size

    def _finish_batch(self) -> None:
        """The batch was a copy: its room was given back when it was taken."""

    def _take(self, kind: int, record: bytes, events: list[Any]) -> None:
        if kind == RECORD_LOST:
            self._lost += struct.unpack_from("Q", record, 8)[0]
        elif kind == RECORD_SAMPLE:
            (length,) = struct.unpack_from("I", record)
            if length < self._event_size:
                raise CodecError(
                    f"an event of {length} bytes in `{self.name}`, which holds events of {self._event_size}"
                )
            events.append(self._codec.decode(record, 4) if self._event_size else record[4 : 4 + length])

    def _release(self) -> None:
        for ring in self._rings:
            ring.close()
        self._rings.clear()
