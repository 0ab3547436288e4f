"""Standard streams: closed ones, readers that go away, full disks."""

from __future__ import annotations

import errno
import io
import os
import sys


def open_closed_streams() -> None:
    """Take the numbers of closed standard streams, which the next files opened would get; writing there fails."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - open until the process ends
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names and source lines may have what a terminal lacks


def flush() -> str | None:
    """Write out what is left: None when that went well, else what to say of it, "" for nothing.

    A reader that went away wants no words. Python would try again at its end, and complain in words of its own.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        discard()
        return "" if error.errno == errno.EPIPE else f"standard output: {error.strerror}"
    return None


def discard() -> None:
    """Let go of what standard output still holds."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
