"""The user ring buffer: messages from this process to programs (kernel 6.1).

The mirror image of the ring buffer: the kernel owns the consumer's position, we write the producer's and the data.
"""

from __future__ import annotations

import mmap
import os
import select
import struct
import threading
import time

from pybpfc.runtime.ringbuf import HEADER, fence
from pybpfc.runtime.syscall import Fd


class UserRingBufWriter:
    """The producer of one user ring buffer; there must be only one, in all processes."""

    def __init__(self, fd: int, size: int, name: str = "") -> None:
        self.name = name
        self._fd = Fd(os.dup(fd))
        self._size = size
        self._lock = threading.Lock()
        page = mmap.PAGESIZE
        self._consumer_page = mmap.mmap(fd, page, mmap.MAP_SHARED, mmap.PROT_READ)
        self._producer_pages = mmap.mmap(
            fd, page + 2 * size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=page
        )
        self._consumer = memoryview(self._consumer_page)[:8].cast("Q")
        self._producer = memoryview(self._producer_pages)[:8].cast("Q")
        self._data = memoryview(self._producer_pages)[page:]

    def send(self, message: bytes, timeout: float | None = 0) -> bool:
        """Put a message into the buffer; False when there is no room within `timeout` seconds (None: wait)."""
        length = HEADER + (len(message) + 7) // 8 * 8
        if length > self._size:
            raise ValueError(f"a message of {len(message)} bytes does not fit `{self.name}`, which has {self._size}")
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._put(message, length):
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            waiter = select.poll()
            waiter.register(self._fd.number, select.POLLOUT)
            waiter.poll(None if left is None else max(1, int(left * 1000)))
        return True

    def _put(self, message: bytes, length: int) -> bool:
        with self._lock:
            position = self._producer[0]
            if position - self._consumer[0] + length > self._size:
                return False
            start = position & (self._size - 1)
            self._data[start : start + HEADER] = struct.pack("=II", len(message), 0)
            self._data[start + HEADER : start + HEADER + len(message)] = message
            fence()
            self._producer[0] = position + length
            return True

    def close(self) -> None:
        """Give the memory back."""
        for view in (self._consumer, self._producer, self._data):
            view.release()
        self._consumer_page.close()
        self._producer_pages.close()
        self._fd.close()
