"""What the kernel's printf for programs takes, and since when."""

from __future__ import annotations

import re

from pybpfc.abi.versions import KernelVersion

BPRINTF_SINCE = KernelVersion(5, 13)
"""`bpf_bprintf_prepare`: `%%`, widths, flags, `X`, `c`, and any number of texts in a line of `bpf_trace_printk`."""
_FIRST = re.compile(rb"[^%]*(?:%(?:l{0,2}[diux]|(?:p|s)(?![0-9A-Za-z]))[^%]*)*")


def printk_since(pattern: bytes) -> KernelVersion:
    """The first kernel whose `bpf_trace_printk` takes a format."""
    old = _FIRST.fullmatch(pattern) is not None and pattern.count(b"%s") <= 1
    return KernelVersion(4, 1) if old else BPRINTF_SINCE
