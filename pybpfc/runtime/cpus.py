"""Which CPUs the kernel counts with."""

from __future__ import annotations

import functools
import os


@functools.cache
def possible_cpus() -> int:
    """How many values a per-CPU map holds for each key: one for each CPU that could ever appear."""
    cpus = _read("/sys/devices/system/cpu/possible")
    return max(cpus) + 1 if cpus else os.cpu_count() or 1


def online_cpus() -> list[int]:
    """The numbers of the CPUs that run now."""
    return _read("/sys/devices/system/cpu/online") or list(range(os.cpu_count() or 1))


def _read(path: str) -> list[int]:
    try:
        with open(path, encoding="utf-8") as file:
            return parse_list(file.read())
    except OSError:
        return []


def parse_list(text: str) -> list[int]:
    """`0-3,8` as numbers; the kernel's form of CPU sets."""
    numbers: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            numbers.extend(range(int(first), int(last or first) + 1))
    return numbers
