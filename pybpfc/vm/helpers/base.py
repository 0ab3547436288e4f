"""The table of helpers, and what they share: taking registers for what the kernel would take them for.

A helper is a function of the execution and the registers of its parameters; it returns a number (negative errnos
included), a pointer, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from pybpfc.vm.errors import VmError
from pybpfc.vm.regions import Region
from pybpfc.vm.values import (
    FunctionReference,
    MapReference,
    NonScalar,
    Pointer,
    Reference,
    Value,
    demand_set,
    no_memory,
    null_unchecked,
)

if TYPE_CHECKING:
    from pybpfc.vm.execution import Execution
    from pybpfc.vm.maps.base import VmMap

Function = Callable[..., Any]
F = TypeVar("F", bound=Function)
M = TypeVar("M", bound="VmMap")

HELPER_FUNCTIONS: dict[str, Function] = {}
"""What the machine has, by the kernel's names."""

KERNEL_FUNCTIONS: dict[str, Function] = {}
"""Kernel functions (kfuncs) that the machine has, by name; they get all five argument registers."""


def helper(*names: str) -> Callable[[F], F]:
    """Enter a function as the helper of these names."""

    def enter(function: F) -> F:
        for name in names:
            HELPER_FUNCTIONS[name] = function
        return function

    return enter


def kfunc(*names: str) -> Callable[[F], F]:
    """Enter a function as the kernel function of these names."""

    def enter(function: F) -> F:
        for name in names:
            KERNEL_FUNCTIONS[name] = function
        return function

    return enter


def number(value: Value) -> int:
    """A register that must hold a number."""
    if isinstance(value, int):
        return value
    demand_set(value)
    if isinstance(value, NonScalar):
        raise VmError(f"{value.describe()} is passed where a number belongs")
    return int(value)


def number32(value: Value) -> int:
    """The lower half of a register that must hold a number."""
    return number(value) & 0xFFFF_FFFF


def memory(value: Value) -> Pointer:
    """A register that must point to memory."""
    demand_set(value)
    if not isinstance(value, Pointer):
        raise no_memory(value)
    if value.unchecked:
        raise null_unchecked(value)
    return value


def read(value: Value, size: int) -> bytes:
    """Bytes that a helper reads through a register."""
    pointer = memory(value)
    return pointer.region.read(pointer.offset, size)


def read_or_null(value: Value, size: int) -> bytes:
    """`read`, for parameters that take null with size 0."""
    if isinstance(value, int) and value == 0 and size == 0:
        return b""
    return read(value, size)


def write(value: Value, data: bytes) -> None:
    """Bytes that a helper writes through a register."""
    pointer = memory(value)
    if data:
        pointer.region.write(pointer.offset, data)
    else:
        pointer.region.check(pointer.offset, 0)


def room(value: Value, size: int) -> Pointer:
    """A register that must point to memory with room for so many bytes."""
    pointer = memory(value)
    pointer.region.check(pointer.offset, size, writing=size > 0)
    return pointer


def write_zeros(value: Value, size: int) -> None:
    """Zero so many bytes through a register."""
    room(value, size)
    write(value, bytes(size))


def context(vm: Execution, value: Value) -> Region:
    """A register that must hold the context."""
    pointer = memory(value)
    if pointer.region is not vm.input.context or pointer.offset:
        raise VmError(f"{pointer.describe()} is passed where the context belongs")
    return pointer.region


def map_of(value: Value, *classes: type[M]) -> M:
    """A register that must hold a map, of one of these classes where given."""
    demand_set(value)
    if not isinstance(value, MapReference):
        what = value.describe() if isinstance(value, Reference) else "something else"
        raise VmError(f"{what} is passed where a map belongs")
    if value.unchecked:
        raise null_unchecked(value)
    found = value.map
    if classes and not isinstance(found, classes):
        raise VmError(f"map `{found.name}` is of type {found.type_name}, which this helper does not take")
    return found  # type: ignore[return-value]


def function(value: Value) -> FunctionReference:
    """A register that must hold a function's address."""
    if isinstance(value, FunctionReference):
        return value
    demand_set(value)
    raise VmError("something else is passed where a function's address belongs")


def text(raw: bytes) -> str:
    """A C string's text."""
    return raw.partition(b"\0")[0].decode("utf-8", "replace")


def address(value: Value) -> int:
    """A register as an address: numbers as they are, pointers by the numbers that stand for them."""
    if isinstance(value, Pointer):
        return value.address
    if isinstance(value, MapReference | FunctionReference):
        return id(value) & 0x7FFF_FFFF_FFFF
    return number(value)
