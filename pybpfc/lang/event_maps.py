"""Ring and perf buffers: events from programs to user space, and the other way round."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pybpfc.lang.errors import DeclarationError
from pybpfc.lang.maps import BpfMap, EventReader, in_program_only

if TYPE_CHECKING:
    from pybpfc.lang.opaque import Dynptr

E = TypeVar("E")
PAGE = 4096
_READ = "iterate over the buffer"


class EventBuffer(BpfMap, Generic[E]):
    """What the buffers have in common: reading."""

    parameters = 1

    _reader: EventReader | None = None

    def bind(self, handle: Any) -> None:
        """Connect with a created map, or with none."""
        if self._reader is not None:
            self._reader.close()
        self._reader = None
        super().bind(handle)

    @property
    def reader(self) -> EventReader:
        """The consumer of this buffer, made at its first use."""
        if self._reader is None:
            made: EventReader = self.handle.reader(self._codecs()[1])
            self._reader = made
        return self._reader

    def __iter__(self) -> Iterator[E]:
        """Events as they come; ends cleanly on Ctrl-C and when the object is closed."""
        return iter(self.reader)

    def __aiter__(self) -> AsyncIterator[E]:
        """Events as they come, without blocking the event loop."""
        return aiter(self.reader)

    def poll(self, timeout: float | None = None) -> list[E]:
        """The events that are there, waiting at most `timeout` seconds for the first (None: for ever)."""
        return self.reader.poll(timeout)

    def consume(self) -> list[E]:
        """The events that are there, without waiting."""
        return self.reader.consume()

    def batches(self, timeout: float | None = None) -> Iterator[Any]:
        """Runs of events without an object for each: numpy structured arrays over the buffer itself.

        Where numpy is missing, (memoryview, number of events, bytes from one to the next). A batch is valid until the
        next one is asked for. The loop ends when nothing came for `timeout` seconds (None: never), and as iteration
        does.
        """
        codec = self._codecs()[1]
        try:
            dtype = codec.dtype
        except ImportError:
            yield from self.reader.batches(timeout)
            return
        import numpy

        for memory, count, stride in self.reader.batches(timeout):
            yield numpy.ndarray((count,), dtype, memory, strides=(stride,))

    def fileno(self) -> int:
        """A file descriptor that is readable when there are events."""
        return self.reader.fileno()

    @property
    def lost(self) -> int:
        """How many events found no room since the load.

        Programs count the `reserve()` and `output()` calls on a ring buffer that failed, so sent = received + lost.
        Perf buffers know what the kernel tells, which it does with the next event that fits.
        """
        return self.reader.lost


def _ring_size(name: str, size: Any) -> int:
    if not isinstance(size, int) or size < PAGE or size & (size - 1) or size >= 1 << 32:
        raise DeclarationError(f"the size of a `bpf.{name}` is a power of two from {PAGE} bytes up, not {size!r}")
    return int(size)


class RingBuf(EventBuffer[E]):
    """BPF_MAP_TYPE_RINGBUF (kernel 5.8); `size` in bytes, a power of two and a multiple of the page size."""

    type_name = "BPF_MAP_TYPE_RINGBUF"

    def __init__(
        self, size: int = 256 * 1024, *, flags: int = 0, pinned: bool | str = False, numa_node: int | None = None
    ) -> None:
        super().__init__(_ring_size("RingBuf", size), flags=flags, pinned=pinned, numa_node=numa_node)

    def reserve(self) -> E | None:
        """In a program: room for one event, zeroed, or None when the buffer is full."""
        raise in_program_only("reserve", _READ)

    def reserve_dynptr(self, size: int) -> Dynptr:
        """In a program: room for a record of `size` bytes, of which nothing is there when the buffer is full (5.19).

        It has to be submitted or discarded in every case.
        """
        raise in_program_only("reserve_dynptr", _READ)

    def submit(self, event: E | Dynptr, flags: int = 0) -> None:
        """In a program: send a reserved event."""
        raise in_program_only("submit", _READ)

    def discard(self, event: E | Dynptr, flags: int = 0) -> None:
        """In a program: give a reservation back."""
        raise in_program_only("discard", _READ)

    def output(self, event: E, flags: int = 0) -> int:
        """In a program: copy an event into the buffer; 0 or a negative errno."""
        raise in_program_only("output", _READ)

    def query(self, flags: int) -> int:
        """In a program: what BPF_RB_AVAIL_DATA, BPF_RB_RING_SIZE, BPF_RB_CONS_POS or BPF_RB_PROD_POS ask for."""
        raise in_program_only("query", _READ)


class PerfEventArray(EventBuffer[E]):
    """BPF_MAP_TYPE_PERF_EVENT_ARRAY (kernel 4.3): one buffer for each CPU."""

    type_name = "BPF_MAP_TYPE_PERF_EVENT_ARRAY"
    default_entries = 0

    def output(self, ctx: object, event: E, flags: int = 0xFFFFFFFF) -> int:
        """In a program: copy an event into this CPU's buffer; 0 or a negative errno."""
        raise in_program_only("output", _READ)


class UserRingBuf(BpfMap, Generic[E]):
    """BPF_MAP_TYPE_USER_RINGBUF (kernel 6.1): messages from user space to programs."""

    type_name = "BPF_MAP_TYPE_USER_RINGBUF"
    parameters = 1

    def __init__(
        self, size: int = 256 * 1024, *, flags: int = 0, pinned: bool | str = False, numa_node: int | None = None
    ) -> None:
        super().__init__(_ring_size("UserRingBuf", size), flags=flags, pinned=pinned, numa_node=numa_node)

    def drain(self, function: Any, ctx: object = None, flags: int = 0) -> int:
        """In a program: call `function` on each message; gives how many there were, or a negative errno."""
        raise in_program_only("drain", "use `send(message)`")

    def __iter__(self) -> Iterator[E]:
        """In a program: `for message in messages:` takes the messages that are there."""
        raise in_program_only("for message in", "use `send(message)`")

    def send(self, message: E, timeout: float | None = 0) -> bool:
        """Put a message into the buffer; False when there is no room within `timeout` seconds (None: wait)."""
        send = getattr(self.handle, "send", None)
        if send is None:
            raise TypeError("this system's maps take no messages from user space")
        sent: bool = send(self._codecs()[1].encode(message), timeout)
        return sent
