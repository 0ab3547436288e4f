"""Loads, stores and atomics of generated code: the fast path for plain memory, the region's own way for the rest."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from pybpfc.abi import insn as isa
from pybpfc.vm.errors import VmError
from pybpfc.vm.regions import Order
from pybpfc.vm.values import MASK64, Pointer, Value, demand_set, no_memory, null_unchecked

_LETTERS = {1: "b", 2: "h", 4: "i", 8: "q"}

Load = Callable[[Any, int], Value]
Store = Callable[[Any, int, Value], None]
Probe = Callable[[int, int], bytes]


def _prepare(pointer: object) -> Pointer:
    """The pointer, if it may be used."""
    if not isinstance(pointer, Pointer):
        raise no_memory(pointer)
    if pointer.unchecked:
        raise null_unchecked(pointer)
    return pointer


def make_load(size: int, order: Order, signed: bool = False, probe: Probe | None = None) -> Load:
    """The function that loads `size` bytes; signed ones are extended to 64 bits.

    With `probe`, numbers are addresses of kernel memory, as pointers of BTF types are.
    """
    letter = _LETTERS[size] if signed else _LETTERS[size].upper()
    unpack = struct.Struct(("<" if order == "little" else ">") + letter).unpack_from
    extend = 1 << (8 * size - 1)

    def load(pointer: Any, offset: int) -> Value:
        if pointer.__class__ is Pointer and not pointer.unchecked:
            region = pointer.region
            at = pointer.offset + offset
            if region.direct and 0 <= at <= region.size - size:
                value: int = unpack(region.data, at)[0]
                return value & MASK64 if signed else value
        if probe is not None and pointer.__class__ is int:
            number: int = unpack(probe((pointer + offset) & MASK64, size))[0]
            return number & MASK64
        found = _prepare(pointer)
        wide = found.region.load(found.offset + offset, size, order)
        return ((found.region.number(wide) ^ extend) - extend) & MASK64 if signed else wide

    return load


def make_store(size: int, order: Order) -> Store:
    """The function that stores the lower `size` bytes of a value."""
    pack = struct.Struct(("<" if order == "little" else ">") + _LETTERS[size].upper()).pack_into
    mask = (1 << 8 * size) - 1

    def store(pointer: Any, offset: int, value: Value) -> None:
        if pointer.__class__ is Pointer and not pointer.unchecked:
            region = pointer.region
            at = pointer.offset + offset
            if region.direct and region.writable and 0 <= at <= region.size - size and value.__class__ is int:
                pack(region.data, at, value & mask)
                return
        found = _prepare(pointer)
        found.region.store(found.offset + offset, size, value, order)

    return store


_OPERATIONS: dict[int, Callable[[int, int], int]] = {
    isa.BPF_ADD: lambda a, b: a + b,
    isa.BPF_OR: lambda a, b: a | b,
    isa.BPF_AND: lambda a, b: a & b,
    isa.BPF_XOR: lambda a, b: a ^ b,
    isa.BPF_XCHG & ~isa.BPF_FETCH: lambda a, b: b,
}


def make_atomic(size: int, kind: int, order: Order) -> Callable[[Any, int, Value], int] | None:
    """The function of a read-modify-write operation; it gives the old value. None for an unknown operation."""
    operation = _OPERATIONS.get(kind & ~isa.BPF_FETCH)
    if (
        operation is None
        or size < 4
        or (kind & ~isa.BPF_FETCH == isa.BPF_XCHG & ~isa.BPF_FETCH and kind != isa.BPF_XCHG)
    ):
        return None
    mask = (1 << 8 * size) - 1

    def atomic(pointer: Any, offset: int, value: Value) -> int:
        found = _prepare(pointer)
        at = found.offset + offset
        old = found.region.load_for_update(at, size, order)
        found.region.store(at, size, operation(old, _number(value) & mask) & mask, order)
        return old

    return atomic


def make_exchange(size: int, order: Order) -> Callable[[Any, int, Value, Value], int] | None:
    """The function of compare-and-exchange: (pointer, offset, expected, new) → the old value."""
    if size < 4:
        return None
    mask = (1 << 8 * size) - 1

    def exchange(pointer: Any, offset: int, expected: Value, value: Value) -> int:
        found = _prepare(pointer)
        at = found.offset + offset
        old = found.region.load_for_update(at, size, order)
        wanted, new = _number(expected) & mask, _number(value) & mask
        if old == wanted:
            found.region.store(at, size, new, order)
        return old

    return exchange


def _number(value: Value) -> int:
    demand_set(value)
    if isinstance(value, int):
        return value
    raise VmError(f"an atomic operation on {value.describe()}")
