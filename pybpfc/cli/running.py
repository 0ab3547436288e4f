"""`pybpfc run`: constants from the command line, events on standard output."""

from __future__ import annotations

import selectors
import sys
import time
from typing import Any

import click

from pybpfc.lang.event_maps import EventBuffer

_LONGEST_WAIT = 3600.0
"""Seconds; epoll_wait(2) takes milliseconds as an int."""


def parse_consts(given: tuple[str, ...]) -> dict[str, Any]:
    """`NAME=VALUE` pairs; values are integers or text."""
    out: dict[str, Any] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier():
            raise click.UsageError(f"--set takes NAME=VALUE, not {pair!r}")
        try:
            out[name] = int(text, 0)
        except ValueError:
            out[name] = text
    return out


def print_events(obj: Any, end: float | None) -> None:
    """Print the events of all buffers until `end` (a monotonic time) or Ctrl-C."""
    buffers = {name: m for name, m in obj.maps.items() if isinstance(m, EventBuffer)}
    try:
        if not buffers:
            while end is None or time.monotonic() < end:
                time.sleep(0.1 if end is None else min(0.1, max(0.0, end - time.monotonic())))
            return
        with selectors.DefaultSelector() as selector:
            for buffer in buffers.values():
                selector.register(buffer.fileno(), selectors.EVENT_READ, buffer)
            while end is None or time.monotonic() < end:
                wait = None if end is None else min(_LONGEST_WAIT, max(0.0, end - time.monotonic()))
                for key, _ in selector.select(wait):
                    for event in key.data.consume():
                        print(event)
                sys.stdout.flush()
    except KeyboardInterrupt:
        return
    finally:
        _tell_losses(buffers)


def _tell_losses(buffers: dict[str, EventBuffer[Any]]) -> None:
    for name, buffer in buffers.items():
        if buffer.lost:
            print(f"{name}: {buffer.lost} events lost", file=sys.stderr)
