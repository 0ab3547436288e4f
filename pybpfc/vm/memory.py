"""Memory of the VM: regions with bounds, initialised bytes, and pointers that are more than numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from pybpfc.diagnostics.errors import PybpfcError

MASK = (1 << 64) - 1


class VmError(PybpfcError):
    """The program did what the kernel's verifier would not let it do; the message has the Python line."""

    def __init__(self, message: str, *, file: str = "", line: int = 0, text: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.text = text

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.file else ""
        quoted = f"\n    {self.text.strip()}" if self.text else ""
        return f"{where}{self.message}{quoted}"


@dataclass(eq=False, slots=True)
class Region:
    """A piece of memory. `initialised` marks written bytes where reading others is an error (the stack).

    `pointers` holds pointers stored in the region by offset; `fixed` gives what an access of exactly (offset, size)
    yields instead of bytes, for contexts whose fields are pointers.
    """

    name: str
    data: bytearray
    writable: bool = True
    initialised: bytearray | None = None
    pointers: dict[int, Pointer] = field(default_factory=dict)
    fixed: dict[tuple[int, int], Pointer | int] = field(default_factory=dict)
    keeps_pointers: bool = False
    released: bool = False


@dataclass(frozen=True, slots=True)
class Pointer:
    """An address: a region and an offset into it."""

    region: Region
    offset: int = 0

    def moved(self, distance: int) -> Pointer:
        """The address `distance` bytes on."""
        return Pointer(self.region, self.offset + distance)


@dataclass(frozen=True, slots=True)
class MapReference:
    """A map as helpers take it."""

    name: str


@dataclass(frozen=True, slots=True)
class FunctionReference:
    """The address of a subprogram: the index of its first instruction."""

    start: int


Value = int | Pointer | MapReference | FunctionReference


def signed(value: int, bits: int = 64) -> int:
    """An unsigned number as a signed one."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def check(pointer: Value, size: int, *, write: bool = False) -> tuple[Region, int]:
    """The region and offset of an access; raises `VmError` when it is not allowed."""
    if not isinstance(pointer, Pointer):
        what = "a null pointer" if pointer == 0 else f"the number {pointer:#x}" if isinstance(pointer, int) else "a map"
        raise VmError(f"memory access through {what}")
    region, at = pointer.region, pointer.offset
    if region.released:
        raise VmError(f"access to {region.name} after it was submitted or discarded")
    if at < 0 or at + size > len(region.data):
        raise VmError(f"access of {size} bytes at {at} is outside {region.name}, which has {len(region.data)}")
    if write and not region.writable:
        raise VmError(f"{region.name} is read-only")
    return region, at


def load(pointer: Value, size: int, order: str = "little") -> Value:
    """Read a number or a stored pointer."""
    region, at = check(pointer, size)
    if region.fixed and (at, size) in region.fixed:
        return region.fixed[at, size]
    if region.pointers:
        found = region.pointers.get(at)
        if found is not None and size == 8:
            return found
        if any(at < p + 8 and p < at + size for p in region.pointers):
            raise VmError(f"a part of a pointer in {region.name} is read as a number")
    if region.initialised is not None and not all(region.initialised[at : at + size]):
        raise VmError(f"{size} bytes at {at - len(region.data)} of the stack are read before they are written")
    return int.from_bytes(region.data[at : at + size], order)  # type: ignore[arg-type]


def store(pointer: Value, size: int, value: Value, order: str = "little") -> None:
    """Write a number or a pointer."""
    region, at = check(pointer, size, write=True)
    _forget(region, at, size)
    if isinstance(value, int):
        region.data[at : at + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, order)  # type: ignore[arg-type]
    elif isinstance(value, Pointer) and size == 8 and region.keeps_pointers:
        region.pointers[at] = value
        region.data[at : at + 8] = bytes(8)
    else:
        raise VmError(f"a pointer is stored in {region.name}, where others could read it")
    if region.initialised is not None:
        region.initialised[at : at + size] = b"\1" * size


def _forget(region: Region, at: int, size: int) -> None:
    if region.pointers:
        for place in [p for p in region.pointers if at < p + 8 and p < at + size]:
            del region.pointers[place]


def read_bytes(pointer: Value, size: int) -> bytes:
    """Read memory as helpers do."""
    if size == 0:
        return b""
    region, at = check(pointer, size)
    if region.initialised is not None and not all(region.initialised[at : at + size]):
        first = region.initialised.index(0, at) - at
        raise VmError(f"a helper reads {size} bytes of the stack, of which byte {first} was never written")
    if any(at < p + 8 and p < at + size for p in region.pointers):
        raise VmError(f"a helper reads a pointer in {region.name} as data")
    return bytes(region.data[at : at + size])


def write_bytes(pointer: Value, data: bytes) -> None:
    """Write memory as helpers do."""
    if not data:
        return
    region, at = check(pointer, len(data), write=True)
    _forget(region, at, len(data))
    region.data[at : at + len(data)] = data
    if region.initialised is not None:
        region.initialised[at : at + len(data)] = b"\1" * len(data)
