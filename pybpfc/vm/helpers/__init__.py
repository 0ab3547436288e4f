"""The kernel's helpers as the machine has them, and those that a test gives."""

from __future__ import annotations

from pybpfc.vm.helpers import checksum, dynptr, events, format, kernel, maps, memory, network, system, timers
from pybpfc.vm.helpers.base import HELPER_FUNCTIONS, KERNEL_FUNCTIONS, Function
from pybpfc.vm.helpers.overrides import marking_null, missing, override

__all__ = [
    "HELPER_FUNCTIONS",
    "KERNEL_FUNCTIONS",
    "Function",
    "checksum",
    "dynptr",
    "events",
    "format",
    "kernel",
    "maps",
    "marking_null",
    "memory",
    "missing",
    "network",
    "override",
    "system",
    "timers",
]
