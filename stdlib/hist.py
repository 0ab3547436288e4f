"""Slots of histograms."""

from __future__ import annotations

from pybpfc.lang.functions import func
from pybpfc.lang.integers import u32, u64


@func
def log2(x: u64) -> u32:
    """The slot of a power-of-two histogram: 0 for 0 and 1, then the position of the highest bit."""
    slot: u32 = 0
    if x >= 1 << 32:
        x = x >> 32
        slot = 32
    if x >= 1 << 16:
        x = x >> 16
        slot += 16
    if x >= 1 << 8:
        x = x >> 8
        slot += 8
    if x >= 1 << 4:
        x = x >> 4
        slot += 4
    if x >= 1 << 2:
        x = x >> 2
        slot += 2
    if x >= 1 << 1:
        slot += 1
    return slot


@func
def linear(x: u64, step: u64) -> u64:
    """The slot of a histogram with slots of one width."""
    return x // step
