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


def running() -> KernelVersion:
    """The version of the running kernel; 0.0 where the system is not Linux."""
    system = os.uname() if hasattr(os, "uname") else None
    found = re.match(r"(\d+)\.(\d+)", system.release) if system is not None and system.sysname == "Linux" else None
    return KernelVersion(int(found[1]), int(found[2])) if found else KernelVersion(0, 0)
