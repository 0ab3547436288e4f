"""Reading events: what ring and perf buffers share. Waiting, looping, asyncio, a clean end."""

from __future__ import annotations

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


class EventReader:
    """The consumer of a buffer. Subclasses say which descriptors tell of events and how to take events out."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._closed = False
        self._epoll = select.epoll(flags=select.EPOLL_CLOEXEC)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._wake, select.EPOLLIN)

    # ------------------------------------------------------------ what the subclasses provide

    def _drain(self, limit: int) -> list[Any]:
        """Up to `limit` events that are there (a few more are fine); called with the lock held."""
        raise NotImplementedError

    def _release(self) -> None:
        """Let go of memory and descriptors; called once, with the lock held."""
        raise NotImplementedError

    @property
    def lost(self) -> int:
        """How many events the kernel says it dropped."""
        return 0

    # ------------------------------------------------------------------------------ reading

    def consume(self, limit: int = 1 << 62) -> list[Any]:
        """The events that are there, without waiting."""
        with self._lock:
            return [] if self._closed else self._drain(limit)

    def poll(self, timeout: float | None = None) -> list[Any]:
        """The events that are there, waiting at most `timeout` seconds for the first (None: for ever)."""
        return self._next_events(timeout, 1 << 62)

    def _next_events(self, timeout: float | None, limit: int, stopped: Callable[[], bool] = bool) -> list[Any]:
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._closed and not stopped():
            events = self.consume(limit)
            if events:
                return events
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                break
            try:
                self._epoll.poll(left)
            except ValueError:
                break  # another thread closed the reader
        return []

    def fileno(self) -> int:
        """A descriptor that is readable when there are events."""
        return self._epoll.fileno()

    def __iter__(self) -> Iterator[Any]:
        """Events as they come; the loop ends on Ctrl-C, and when the reader is closed."""
        with _Interrupt(self._wake) as interrupt:
            while not self._closed and not interrupt.requested:
                for event in self._next_events(None, CHUNK, lambda: interrupt.requested):
                    yield event
                    if interrupt.requested:
                        return

    async def __aiter__(self) -> AsyncIterator[Any]:
        """Events as they come, leaving the event loop free while there are none."""
        import asyncio

        loop = asyncio.get_running_loop()
        while not self._closed:
            events = self.consume(CHUNK)
            for event in events:
                yield event
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
        if self._closed:
            return
        self._closed = True
        os.eventfd_write(self._wake, 1)
        with self._lock:
            self._release()
        self._epoll.close()
        os.close(self._wake)

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

    def __init__(self, wake: int) -> None:
        self.requested = False
        self._wake = wake
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
        os.eventfd_write(self._wake, 1)

    def __exit__(self, *_: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
            try:
                os.eventfd_read(self._wake)  # a later loop must not see this request
            except OSError:
                pass  # there was none, or the reader is closed
