"""Python's tuples, lists, sets and dicts of constants, as programs see those of a module."""

from __future__ import annotations

from typing import Any

from pybpfc.frontend.symbols import ConstMapping, ConstSequence

MAX_ELEMENTS = 1 << 16
"""More constants than this belong in a map."""


def constant_container(name: str, value: Any) -> ConstSequence | ConstMapping | None:
    """What a container means in a program; None when it holds something else than constants."""
    if len(value) > MAX_ELEMENTS:
        return None
    if isinstance(value, dict):
        items = tuple(value.items())
        known = all(_is_scalar(key) and _is_constant(item) for key, item in items)
        return ConstMapping(name, items) if known else None
    values = tuple(value)
    if isinstance(value, set | frozenset):
        if len({type(v) for v in values if not isinstance(v, int)} | {int for v in values if isinstance(v, int)}) > 1:
            return None
        values = tuple(sorted(values)) if all(map(_is_scalar, values)) else values
    return ConstSequence(name, values, type(value).__name__) if all(map(_is_constant, values)) else None


def _is_scalar(value: Any) -> bool:
    return isinstance(value, int | str | bytes)


def _is_constant(value: Any) -> bool:
    return _is_scalar(value) or (isinstance(value, tuple | list) and all(map(_is_constant, value)))
