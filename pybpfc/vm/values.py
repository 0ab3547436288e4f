"""What registers hold: numbers are Python integers from 0 to 2**64-1; everything else is an object of this module.

Generated code computes on registers with Python's operators and cuts the result with `& MASK64`. Numbers take the fast
way; the objects here define the operators, so that arithmetic that means something on a pointer yields a pointer and
everything else is a `VmError`. `pointer & MASK64` is the pointer itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from pybpfc.vm.errors import VmError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pybpfc.vm.maps.base import VmMap
    from pybpfc.vm.regions import Region

MASK64 = 0xFFFF_FFFF_FFFF_FFFF
MASK32 = 0xFFFF_FFFF
SIGN64 = 1 << 63


def signed64(value: int) -> int:
    """An unsigned 64-bit number as a signed one."""
    return ((value & MASK64) ^ SIGN64) - SIGN64


def signed32(value: int) -> int:
    """The lower 32 bits as a signed number."""
    return ((value & MASK32) ^ 0x8000_0000) - 0x8000_0000


class NonScalar:
    """What is in a register and is no number; every operator is refused unless a subclass gives it a meaning."""

    __slots__ = ()

    def describe(self) -> str:
        """What it is, for messages."""
        return "a pointer"

    def refuse(self, *_: object) -> NoReturn:
        """The answer to arithmetic that has no meaning."""
        raise VmError(f"arithmetic on {self.describe()}", remedy=self.remedy())

    def refuse_order(self, *_: object) -> NoReturn:
        """The answer to comparisons that have no meaning."""
        raise VmError(f"{self.describe()} is compared by order with something else", remedy=self.remedy())

    def remedy(self) -> str:
        """What to do instead."""
        return ""

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__
    _refuse: Any = refuse
    _refuse_order: Any = refuse_order
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _refuse
    __or__ = __ror__ = __xor__ = __rxor__ = __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = _refuse
    __rand__ = __neg__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = _refuse_order

    def __and__(self, mask: object) -> Any:
        if mask.__class__ is int and mask == MASK64:
            return self
        return self.refuse()


class Uninitialised(NonScalar):
    """The contents of a register that nothing was written to since the function began or the last call."""

    __slots__ = ()

    def describe(self) -> str:
        """What it is, for messages."""
        return "a register that was never set"

    def refuse(self, *_: object) -> NoReturn:
        """Nothing can be done with it."""
        raise VmError("a register is read that was never set, or that a call has destroyed (r1 to r5)")

    def __eq__(self, other: object) -> bool:
        self.refuse()

    __hash__ = object.__hash__
    _refuse: Any = refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _refuse
    __or__ = __ror__ = __xor__ = __rxor__ = __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = _refuse
    __rand__ = __neg__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = _refuse

    def __and__(self, mask: object) -> NoReturn:
        self.refuse()

    def __bool__(self) -> bool:
        self.refuse()


UNSET = Uninitialised()


class Reference(NonScalar):
    """An address that may still be null as far as the program knows: it must compare it with 0 first."""

    __slots__ = ("unchecked",)

    def __init__(self, unchecked: bool = False) -> None:
        self.unchecked = unchecked

    def remedy(self) -> str:
        """What to do instead."""
        return "test it first: `if value is None: return 0`" if self.unchecked else ""

    def _same(self, other: object) -> bool:
        return self is other

    def __eq__(self, other: object) -> bool:
        if other.__class__ is int:
            if other == 0:
                self.unchecked = False
            return False
        if isinstance(other, Uninitialised):
            other.refuse()
        return self._same(other)

    __hash__ = object.__hash__


class Pointer(Reference):
    """An address in memory: a region and an offset from its start.

    Test authors' helper functions get pointers; `read`, `write` and `read_string` work on what they lead to.
    """

    __slots__ = ("offset", "region")

    def __init__(self, region: Region, offset: int = 0, unchecked: bool = False) -> None:
        self.region = region
        self.offset = offset
        self.unchecked = unchecked

    def describe(self) -> str:
        """What it is, for messages."""
        return f"a pointer to {self.region.label}" + (" that may be null" if self.unchecked else "")

    def __repr__(self) -> str:
        return f"<pointer to {self.region.label} + {self.offset}>"

    @property
    def address(self) -> int:
        """A number that stands for it where one is printed; equal places have equal numbers."""
        return (self.region.address + self.offset) & MASK64

    def read(self, size: int) -> bytes:
        """`size` bytes from here; raises `VmError` where the program could not read them."""
        return self._checked().read(self.offset, size)

    def write(self, data: bytes) -> None:
        """Write bytes from here on; raises `VmError` where the program could not."""
        self._checked().write(self.offset, data)

    def read_string(self) -> bytes:
        """The bytes up to a NUL or the end of the region."""
        region = self._checked()
        return region.read(self.offset, region.size - self.offset).partition(b"\0")[0]

    def _checked(self) -> Region:
        if self.unchecked:
            raise null_unchecked(self)
        return self.region

    def _same(self, other: object) -> bool:
        return isinstance(other, Pointer) and other.region is self.region and other.offset == self.offset

    def __add__(self, other: object) -> Pointer:
        if not isinstance(other, int) or self.unchecked or not self.region.movable:
            self.refuse()
        return self.__class__(self.region, signed64(self.offset + other))

    __radd__ = __add__

    def __sub__(self, other: object) -> Any:
        if self.unchecked:
            self.refuse()
        if isinstance(other, int) and self.region.movable:
            return self.__class__(self.region, signed64(self.offset - other))
        if isinstance(other, Pointer) and other.region is self.region:
            return (self.offset - other.offset) & MASK64
        return self.refuse()

    def _order(self, other: object) -> int:
        """How far behind `other` this is, for the comparisons."""
        if isinstance(other, Pointer) and other.region is self.region and not self.unchecked:
            return self.offset - other.offset
        return self.refuse_order()

    def __lt__(self, other: object) -> bool:
        return self._order(other) < 0

    def __le__(self, other: object) -> bool:
        return self._order(other) <= 0

    def __gt__(self, other: object) -> bool:
        return self._order(other) > 0

    def __ge__(self, other: object) -> bool:
        return self._order(other) >= 0


class PacketEnd(Pointer):
    """`data_end`: it may only be compared with, and subtracted from."""

    __slots__ = ()

    def __add__(self, other: object) -> NoReturn:
        raise VmError(
            "arithmetic on the packet's end", remedy="compute from `ctx.data` and compare with `ctx.data_end`"
        )

    __radd__ = __add__

    def __sub__(self, other: object) -> Any:
        return super().__sub__(other) if isinstance(other, Pointer) else self.__add__(other)


class Null(int):
    """The null of a helper that found nothing, where other zeros are pointers to kernel objects that the kernel guards.

    It is the number 0, but memory can't be reached through it.
    """

    __slots__ = ()

    def __and__(self, mask: int) -> int:
        return self if mask == MASK64 else 0

    __rand__ = __and__


NULL = Null()


class MapReference(Reference):
    """A map, as helpers take it."""

    __slots__ = ("map",)

    def __init__(self, map: VmMap, unchecked: bool = False) -> None:
        self.map = map
        self.unchecked = unchecked

    def describe(self) -> str:
        """What it is, for messages."""
        return f"a reference to map `{self.map.name}`" + (" that may be null" if self.unchecked else "")

    def _same(self, other: object) -> bool:
        return isinstance(other, MapReference) and other.map is self.map


class FunctionReference(NonScalar):
    """A subprogram's address, as `bpf_loop` and its like take it."""

    __slots__ = ("call", "name")

    def __init__(self, name: str, call: Callable[..., Value]) -> None:
        self.name = name
        self.call = call

    def describe(self) -> str:
        """What it is, for messages."""
        return f"the address of function `{self.name}`"


Value: TypeAlias = int | NonScalar


def demand_set(value: object) -> None:
    """Refuse a register that was never set."""
    if isinstance(value, Uninitialised):
        value.refuse()


def null_unchecked(value: Reference) -> VmError:
    """The error of using what may be null without a test."""
    return VmError(f"{value.describe()} is used without a test for null", remedy=value.remedy())


def no_memory(value: object) -> VmError:
    """The error of an access through what is no pointer to memory."""
    demand_set(value)
    if isinstance(value, NonScalar):
        return VmError(f"memory is accessed through {value.describe()}")
    if value == 0:
        return VmError(
            "memory is accessed through a null pointer", remedy="test it first: `if value is None: return 0`"
        )
    return VmError(
        f"memory is accessed through the number {value:#x}, which is no pointer of this program",
        remedy="read kernel and user addresses with `bpf_probe_read_kernel` and `bpf_probe_read_user`",
    )
