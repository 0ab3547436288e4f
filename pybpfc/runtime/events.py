"""Reading events: what ring and perf buffers share. Waiting, looping, asyncio, a clean end."""

from __future__ import annotations

import abc
import os
import select
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from types import FrameType
from typing import Any

CHUNK = 2048
"""How many events a loop takes out of the buffer at once, so that programs get the room back early."""


Batch = tuple[memoryview, int, int]
"""A run of events: their memory, their number, and the bytes from one to the next."""


class EventReader(abc.ABC):
    """The consumer of a buffer. Subclasses say which descriptors tell of events and how to take events out."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.RLock()  # reentrant: a signal handler may close the reader anywhere
        self._closed = False
        self._waiting = 0
        self._pending: list[Any] = []
        self._epoll = select.epoll(flags=select.EPOLL_CLOEXEC)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._wake, select.EPOLLIN)

    # ------------------------------------------------------------ what the subclasses provide

    @abc.abstractmethod
    def _drain(self, limit: int) -> list[Any]:
        """Up to `limit` events that are there (a few more are fine); called with the lock held."""

    @abc.abstractmethod
    def _take_batch(self) -> Batch | None:
        """A run of events in memory, left in the buffer until `_finish_batch`; called with the lock held."""

    @abc.abstractmethod
    def _finish_batch(self) -> None:
        """Give the memory of the last batch back to the programs; called with the lock held."""

    @abc.abstractmethod
    def _release(self) -> None:
        """Let go of memory and descriptors; called once, with the lock held."""

    @property
    def lost(self) -> int:
        """How many events the kernel says it dropped."""
        return 0

    # ------------------------------------------------------------------------------ reading

    def consume(self, limit: int = 1 << 62) -> list[Any]:
        """The events that are there, without waiting."""
        with self._lock:
            if self._closed:
                return []
            pending, self._pending = self._pending, []
            try:
                return pending + self._drain(limit) if pending else self._drain(limit)
            except ValueError:
                if self._closed:  # by a signal handler, just now
                    return pending
                raise

    def poll(self, timeout: float | None = None) -> list[Any]:
        """The events that are there, waiting at most `timeout` seconds for the first (None: for ever)."""
        return self._next_events(timeout, 1 << 62)

    def _next_events(self, timeout: float | None, limit: int, stopped: Callable[[], bool] = bool) -> list[Any]:
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._closed and not stopped():
            events = self.consume(limit)
            if events:
                return events
            if not self._wait(deadline):
                break
        return []

    def batches(self, timeout: float | None = None) -> Iterator[Batch]:
        """Runs of events as memory, without an object for each: (memory, number of events, bytes between them).

        A batch is valid until the next one is asked for. The loop ends when nothing came for `timeout` seconds
        (None: never), on Ctrl-C, and when the reader is closed.
        """
        with _Interrupt(self) as interrupt:
            while not self._closed and not interrupt.requested:
                batch = self._next_batch(timeout, interrupt)
                if batch is None:
                    return
                try:
                    yield batch
                finally:
                    with self._lock:
                        if not self._closed:
                            self._finish_batch()

    def _next_batch(self, timeout: float | None, interrupt: _Interrupt) -> Batch | None:
        deadline = None if timeout is None else time.monotonic() + timeout
        while not interrupt.requested:
            with self._lock:
                batch = None if self._closed else self._take_batch()
            if batch is not None or self._closed or not self._wait(deadline):
                return batch
        return None

    def _wait(self, deadline: float | None) -> bool:
        """Wait for events; False when the time is over or the reader closed."""
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return False
        with self._lock:
            if self._closed:
                return False
            self._waiting += 1
        try:
            self._epoll.poll(left)
        finally:
            with self._lock:
                self._waiting -= 1
                self._close_descriptors()
        return not self._closed

    def wake(self, awake: bool = True) -> None:
        """Let waiters return at once from now on, or wait again."""
        with self._lock:
            if self._closed:
                return
            if awake:
                os.eventfd_write(self._wake, 1)
                return
            try:
                os.eventfd_read(self._wake)
            except BlockingIOError:
                pass  # nobody had asked

    def _close_descriptors(self) -> None:
        """Close what waiting takes, once nobody waits any more: closing under a waiter would never wake it."""
        if self._closed and not self._waiting and not self._epoll.closed:
            self._epoll.close()
            os.close(self._wake)

    def fileno(self) -> int:
        """A descriptor that is readable when there are events."""
        return self._epoll.fileno()

    def __iter__(self) -> Iterator[Any]:
        """Events as they come; the loop ends on Ctrl-C, and when the reader is closed."""
        with _Interrupt(self) as interrupt:
            while not self._closed and not interrupt.requested:
                events = self._next_events(None, CHUNK, lambda: interrupt.requested)
                taken = 0
                try:
                    for event in events:
                        taken += 1
                        yield event
                        if interrupt.requested:
                            return
                finally:
                    if taken < len(events):  # the loop was left: the rest is for whoever reads next
                        self._pending = events[taken:] + self._pending

    async def __aiter__(self) -> AsyncIterator[Any]:
        """Events as they come, leaving the event loop free while there are none."""
        import asyncio

        loop = asyncio.get_running_loop()
        while not self._closed:
            events = self.consume(CHUNK)
            taken = 0
            try:
                for event in events:
                    taken += 1
                    yield event
            finally:
                if taken < len(events):
                    self._pending = events[taken:] + self._pending
            if events:
                await asyncio.sleep(0)
                continue
            ready = loop.create_future()
            number = self.fileno()
            loop.add_reader(number, _wake, ready)
            try:
                await ready
            finally:
                loop.remove_reader(number)

    # ------------------------------------------------------------------------------- ending

    def close(self) -> None:
        """End all loops over this reader and give its memory back."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            os.eventfd_write(self._wake, 1)
            self._release()
            self._close_descriptors()

    def __enter__(self) -> EventReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self.close()


def _wake(future: Any) -> None:
    if not future.done():
        future.set_result(None)


class _Interrupt:
    """Turns the first Ctrl-C into a request to end the loop, so that the loop's body is never cut short.

    The second one interrupts as usual. Only where Python's own handler is in place, in the main thread.
    """

    def __init__(self, reader: EventReader) -> None:
        self.requested = False
        self._reader = reader
        self._previous: Any = None

    def __enter__(self) -> _Interrupt:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._previous = signal.signal(signal.SIGINT, self._handle)
        return self

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            signal.default_int_handler(number, frame)
        self.requested = True
        self._reader.wake()

    def __exit__(self, *_: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
            self._reader.wake(False)
