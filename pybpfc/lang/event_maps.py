"""Ring and perf buffers: events from programs to user space."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pybpfc.lang.errors import DeclarationError
from pybpfc.lang.maps import BpfMap, in_program_only

E = TypeVar("E")
PAGE = 4096

class EventBuffer(BpfMap, Generic[E]):
    """What the buffers have in common: reading."""

    parameters = 1

    _reader: Any = None

    def bind(self, handle: Any) -> None:
        """Connect with a created map, or with none."""
        if self._reader is not None:
            self._reader.close()
        self._reader = None
        super().bind(handle)

    @property
    def reader(self) -> Any:
        """The consumer of this buffer, made at its first use."""
        if self._reader is None:
            self._reader = self.handle.reader(self._codecs()[1])
        return self._reader

    def __iter__(self) -> Iterator[E]:
        """Events as they come; ends cleanly on Ctrl-C and when the object is closed."""
        return iter(self.reader)

    def __aiter__(self) -> AsyncIterator[E]:
        """Events as they come, without blocking the event loop."""
        result: AsyncIterator[E] = self.reader.__aiter__()
        return result

    def poll(self, timeout: float | None = None) -> list[E]:
        """The events that are there, waiting at most `timeout` seconds for the first (None: for ever)."""
        result: list[E] = self.reader.poll(timeout)
        return result

    def consume(self) -> list[E]:
        """The events that are there, without waiting."""
        result: list[E] = self.reader.consume()
        return result

    def fileno(self) -> int:
        """A file descriptor that is readable when there are events."""
        result: int = self.reader.fileno()
        return result

    @property
    def lost(self) -> int:
        """How many events were lost, as far as the kernel tells."""
        result: int = self.reader.lost
        return result


class RingBuf(EventBuffer[E]):
    """BPF_MAP_TYPE_RINGBUF (kernel 5.8); `size` in bytes, a power of two and a multiple of the page size."""

    type_name = "BPF_MAP_TYPE_RINGBUF"

    def __init__(self, size: int = 256 * 1024, *, flags: int = 0, pinned: bool | str = False, numa_node: int | None = None) -> None:
        if size < PAGE or size & (size - 1):
            raise DeclarationError(f"a ring buffer's size is a power of two from {PAGE} bytes up, not {size}")
        super().__init__(size, flags=flags, pinned=pinned, numa_node=numa_node)

    def reserve(self) -> E | None:
        """In a program: room for one event, or None when the buffer is full."""
        raise in_program_only("reserve")

    def submit(self, event: E, flags: int = 0) -> None:
        """In a program: send a reserved event."""
        raise in_program_only("submit")

    def discard(self, event: E, flags: int = 0) -> None:
        """In a program: give a reservation back."""
        raise in_program_only("discard")

    def output(self, event: E, flags: int = 0) -> int:
        """In a program: copy an event into the buffer; 0 or a negative errno."""
        raise in_program_only("output")


class PerfEventArray(EventBuffer[E]):
    """BPF_MAP_TYPE_PERF_EVENT_ARRAY (kernel 4.3): one buffer for each CPU."""

    type_name = "BPF_MAP_TYPE_PERF_EVENT_ARRAY"
    default_entries = 0

    def output(self, ctx: object, event: E, flags: int = 0xFFFFFFFF) -> int:
        """In a program: copy an event into this CPU's buffer; 0 or a negative errno."""
        raise in_program_only("output")
