"""Histograms as text, from the counts of a map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def histogram(counts: Mapping[Any, int], *, kind: str = "log2", title: str = "", width: int = 40) -> str:
    """A table of slots, counts and bars.

    With `kind` "log2" slot n holds the values of n bits: 0, 1, 2 to 3, 4 to 7, …; other kinds show the slots as they
    are. Slots between the first and the last that have no count are shown too where slots are numbers.
    """
    if kind not in ("log2", "linear"):
        raise ValueError(f"a histogram is log2 or linear, not {kind!r}")
    lines = [title] if title else []
    if not counts:
        return "\n".join([*lines, "(no values)"])
    slots = list(counts)
    if all(isinstance(slot, int) for slot in slots):
        slots = list(range(0 if kind == "log2" else min(slots), max(slots) + 1))
    shown = [_bounds(slot) if kind == "log2" else str(slot) for slot in slots]
    label, most = max(len(s) for s in shown), max(counts.values())
    number = max(len(str(most)), len("count"))
    lines.append(f"{'value':>{label}} : {'count':>{number}}  distribution")
    for slot, text in zip(slots, shown, strict=True):
        count = counts.get(slot, 0)
        bar = "*" * (count * width // most if most else 0)
        lines.append(f"{text:>{label}} : {count:>{number}} |{bar:<{width}}|")
    return "\n".join(lines)


def _bounds(slot: Any) -> str:
    """The values that slot `n` of a log2 histogram holds."""
    if not isinstance(slot, int):
        return str(slot)
    if slot <= 1:
        return str(max(slot, 0))
    return f"{1 << (slot - 1)} -> {(1 << slot) - 1}"
