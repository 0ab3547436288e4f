"""The BPF ring buffer, read from memory shared with the kernel (5.8).

The buffer is two mappings: a page with the consumer's position, which we write, and a page with the producer's
position followed by the data, mapped twice in a row so that no record is ever torn. A record is a header of 8 bytes
(length, with a busy and a discard bit) and its data, padded to 8 bytes. Waiting costs a system call, reading none.

A run of records of the expected length is recognised by comparing their headers all at once, in C, and decoded in one
comprehension: 1 to 2 million events a second.
"""

from __future__ import annotations

import errno
import mmap
import os
import select
import threading
from collections.abc import Callable
from typing import Any

from pybpfc.diagnostics.errors import LoadError
from pybpfc.lang.codec import Codec, CodecError
from pybpfc.runtime.events import Batch, EventReader
from pybpfc.runtime.syscall import Fd

BUSY, DISCARD, LENGTH = 1 << 31, 1 << 30, (1 << 30) - 1
HEADER = 8

_WINDOW = 32
"""How many headers are looked at at once to begin with; runs of equal records double it."""


class RingBufReader(EventReader):
    """The consumer of one ring buffer. There must be only one, in all processes."""

    def __init__(self, fd: int, size: int, codec: Codec, name: str = "") -> None:
        super().__init__(name)
        self._fd = Fd(os.dup(fd))
        self._mask = size - 1
        self._codec = codec
        self._event_size = codec.size
        self._stride = HEADER + (codec.size + 7) // 8 * 8
        self._batch_end = 0
        self.count_lost: Callable[[], int] | None = None
        page = mmap.PAGESIZE
        try:
            self._consumer_page = mmap.mmap(fd, page, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
            self._producer_pages = mmap.mmap(fd, page + 2 * size, mmap.MAP_SHARED, mmap.PROT_READ, offset=page)
        except OSError as error:
            self.close()
            raise LoadError(
                f"the ring buffer `{name}` can't be mapped into memory",
                errno=error.errno or 0,
                remedy="raise RLIMIT_MEMLOCK, or make it smaller" if error.errno == errno.EPERM else "make it smaller",
            ) from None
        self._consumer = memoryview(self._consumer_page)[:8].cast("Q")
        self._producer = memoryview(self._producer_pages)[:8].cast("Q")
        self._data = memoryview(self._producer_pages)[page:]
        self._words = self._data.cast("I")
        self._epoll.register(self._fd.number, select.EPOLLIN)

    @property
    def lost(self) -> int:
        """How many events found no room, where the object counts them; the kernel itself does not."""
        return self.count_lost() if self.count_lost is not None else 0

    @property
    def backlog(self) -> int:
        """How many bytes wait to be read."""
        return 0 if self._closed else self._producer[0] - self._consumer[0]

    def _drain(self, limit: int) -> list[Any]:
        position, end = self._consumer[0], self._producer[0]
        if position == end:
            return []
        fence()
        events: list[Any] = []
        window = _WINDOW
        try:
            while position != end and len(events) < limit:
                start = position & self._mask
                count = min((end - position) // self._stride, limit - len(events), window)
                taken = self._take_run(events, start, count) if count and self._event_size else 0
                if taken:
                    position += taken * self._stride
                    window = 2 * window if taken == window else _WINDOW
                    continue
                step = self._take_one(events, start)
                if step == 0:
                    break
                position += step
        except CodecError:
            if not events:
                position += self._step(position & self._mask)
                raise
            # what was read before the bad record is delivered first; the next call meets the record again
        finally:
            fence()
            self._consumer[0] = position
        return events

    def _take_run(self, events: list[Any], start: int, count: int) -> int:
        """Take up to `count` finished records of the expected length; returns how many there were."""
        stride, count = self._stride, self._equal(start, count)
        if count:
            events += self._codec.decode_many(self._data, count, stride, start + HEADER)
        return count

    def _equal(self, start: int, count: int) -> int:
        """How many records from `start`, at most `count`, are finished and of the expected length."""
        stride, size = self._stride, self._event_size
        headers = self._words[start // 4 : (start + count * stride) // 4 : stride // 4].tolist()
        fence()
        if headers.count(size) == count:
            return count
        return next(index for index, header in enumerate(headers) if header != size)

    def _take_batch(self) -> Batch | None:
        position, end = self._consumer[0], self._producer[0]
        fence()
        while position != end:
            start = position & self._mask
            header = self._words[start // 4]
            if header & BUSY:
                break
            if header & DISCARD:
                position += self._step(start)
                continue
            count = self._finished(start, (end - position) // self._stride) or 1
            self._check(header & LENGTH)
            stride = self._stride if header == self._event_size else self._step(start)
            self._batch_end = position + count * stride
            first = start + HEADER
            return self._data[first : start + count * stride], count, stride
        self._consumer[0] = position
        return None

    def _finish_batch(self) -> None:
        fence()
        self._consumer[0] = self._batch_end

    def _finished(self, start: int, count: int) -> int:
        """How many finished records of the expected length lie in a row from `start`, at most `count`."""
        done, window = 0, _WINDOW
        while done < count:
            wanted = min(window, count - done)
            found = self._equal(start + done * self._stride, wanted)
            done += found
            if found < wanted:
                break
            window *= 2
        return done

    def _take_one(self, events: list[Any], start: int) -> int:
        """Take one record of any length, or skip a discarded one; returns its length in the buffer, 0 if unfinished."""
        header = self._words[start // 4]
        if header & BUSY:
            return 0
        if not header & DISCARD:
            length = header & LENGTH
            self._check(length)
            fence()
            first = start + HEADER
            events.append(
                self._codec.decode(self._data, first) if self._event_size else bytes(self._data[first : first + length])
            )
        return self._step(start)

    def _check(self, length: int) -> None:
        if length < self._event_size:
            raise CodecError(f"`{self.name}` has events of {self._event_size} bytes, but there is one of {length}")

    def _step(self, start: int) -> int:
        return HEADER + ((self._words[start // 4] & LENGTH) + 7) // 8 * 8

    def _release(self) -> None:
        try:
            for name in ("_words", "_data", "_producer", "_consumer"):
                view = getattr(self, name, None)
                if view is not None:
                    view.release()
            for name in ("_consumer_page", "_producer_pages"):
                memory = getattr(self, name, None)
                if memory is not None:
                    memory.close()
        except BufferError:
            pass  # the user still holds a batch: the memory goes when the batch does
        self._fd.close()


_barrier = (threading.Lock(), threading.Lock())


def _no_fence() -> None:
    """X86 keeps loads in order among loads and stores in order among stores."""


def _lock_fence() -> None:
    """Taking two locks one after the other orders what precedes before what follows on every architecture."""
    for lock in _barrier:
        with lock:
            pass


fence = _no_fence if os.uname().machine in ("x86_64", "i686") else _lock_fence
