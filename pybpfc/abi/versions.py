"""Kernel versions: when a feature appeared."""

from __future__ import annotations

import functools
import os
import re
from typing import NamedTuple


class KernelVersion(NamedTuple):
    """A kernel release, ordered."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


@functools.cache
def version(text: str) -> KernelVersion:
    """`"5.8"` as a version."""
    major, _, minor = text.partition(".")
    return KernelVersion(int(major), int(minor))


def parse_version(text: str) -> KernelVersion:
    """What a user wrote, or `uname -r` says, as a version: "5.15", "5.15.0-91-generic"; raises ValueError."""
    found = re.match(r"(\d+)\.(\d+)(?:[.\-+~_]|$)", text.strip())
    if found is None:
        raise ValueError(f"`{text}` is no kernel version; write it as `5.15`")
    return KernelVersion(int(found[1]), int(found[2]))


FEATURE_SINCE: dict[str, KernelVersion] = {
    "calls": KernelVersion(4, 16),
    "globals": KernelVersion(5, 2),
    "loops": KernelVersion(5, 3),
    "exported": KernelVersion(5, 6),
    "tail calls in functions": KernelVersion(5, 10),
}
"""The first kernel whose verifier takes these: functions of the program's own, data sections, jumps backwards, functions
verified on their own, and programs that have both functions and tail calls."""


def running() -> KernelVersion:
    """The version of the running kernel; 0.0 where the system is not Linux."""
    system = os.uname() if hasattr(os, "uname") else None
    found = re.match(r"(\d+)\.(\d+)", system.release) if system is not None and system.sysname == "Linux" else None
    return KernelVersion(int(found[1]), int(found[2])) if found else KernelVersion(0, 0)
