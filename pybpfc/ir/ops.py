"""The operations of the IR.

The IR is not in SSA form: `Local`s are mutable memory slots, `Temp`s are assigned once, by the
op that produces them, and live within their block's dominance. Every op carries the span of the
Python it came from. High-level ops (marked so) are removed by passes before code generation.
Arithmetic wraps modulo 2**bits; nothing here is undefined behaviour except reading memory that
was never written.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from pybpfc.diagnostics.span import Span
from pybpfc.lang.kfuncs import KernelFunctionType
from pybpfc.lang.types import VOID, Enum, Field, Pointer, Space, Struct, Type
from pybpfc.records import define, frozen

if TYPE_CHECKING:
    from pybpfc.abi.helpers import Helper
    from pybpfc.ir.module import GlobalVar, MapDef


# ---------------------------------------------------------------------------------------- values


@frozen
class Const:
    """An integer (or a null pointer: `value` 0 of a pointer type)."""

    type: Type
    value: int


@define
class Temp:
    """The result of one op."""

    id: int
    type: Type


@define
class Local:
    """A variable or compiler-made slot: a place on the stack unless LLVM promotes it to a register."""

    name: str
    type: Type
    id: int
    span: Span
    user: bool = True
    param: int | None = None


@frozen
class MapPointer:
    """The address of a map, as helpers take it."""

    map: MapDef

    @property
    def type(self) -> Type:
        """A pointer to a map."""
        return Pointer(VOID, Space.MAP)


@frozen
class GlobalPointer:
    """The address of a global variable."""

    variable: GlobalVar

    @property
    def type(self) -> Type:
        """A pointer to the variable's type."""
        return Pointer(self.variable.type, Space.GLOBAL)


@frozen
class FunctionPointer:
    """The address of a subprogram, as `bpf_loop` and timers take it."""

    name: str

    @property
    def type(self) -> Type:
        """An untyped pointer."""
        return Pointer(VOID, Space.KERNEL)


Value: TypeAlias = Const | Temp | MapPointer | GlobalPointer | FunctionPointer


# ------------------------------------------------------------------------------------ vocabulary


class ArithOp(enum.Enum):
    """Two-operand arithmetic, by the instruction set's names; `floordiv`/`floormod` are high-level."""

    ADD = "add"
    SUB = "sub"
    MUL = "mul"
    DIV = "div"
    MOD = "mod"
    SDIV = "sdiv"
    SMOD = "smod"
    AND = "and"
    OR = "or"
    XOR = "xor"
    LSH = "lsh"
    RSH = "rsh"
    ARSH = "arsh"
    FLOORDIV = "floordiv"
    FLOORMOD = "floormod"


class Predicate(enum.Enum):
    """Comparisons; the operands' type decides between signed and unsigned."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"


class AtomicOp(enum.Enum):
    """Atomic read-modify-write operations of the instruction set."""

    ADD = "add"
    AND = "and"
    OR = "or"
    XOR = "xor"
    XCHG = "xchg"
    CMPXCHG = "cmpxchg"


# ------------------------------------------------------------------------------------------- ops


@define(kw_only=True)
class Op:
    """The base of all ops: where it came from, and its result if it has one."""

    span: Span
    result: Temp | None = None

    def operands(self) -> Iterator[Value]:
        """The values this op reads."""
        for name, value in self.__dict__.items():
            if name in ("span", "result"):
                continue
            if isinstance(value, Temp | Const | MapPointer | GlobalPointer | FunctionPointer):
                yield value
            elif isinstance(value, tuple):
                yield from (
                    v for v in value if isinstance(v, Temp | Const | MapPointer | GlobalPointer | FunctionPointer)
                )


@define
class ReadLocal(Op):
    """The current value of a scalar local."""

    local: Local


@define
class WriteLocal(Op):
    """Set a scalar local."""

    local: Local
    value: Value


@define
class AddressOf(Op):
    """The address of a local's slot."""

    local: Local


@define
class Load(Op):
    """Read a scalar through a pointer; its type is the result's. `volatile` ones are never merged or moved."""

    pointer: Value
    volatile: bool = False


@define
class Store(Op):
    """Write a scalar through a pointer."""

    pointer: Value
    value: Value
    volatile: bool = False


@define
class FieldAddress(Op):
    """The address of a struct's or union's member."""

    base: Value
    struct: Struct
    field: Field


@define
class ElementAddress(Op):
    """The address of an element: `base + index * size_of(element)`; the index is an integer of any type."""

    base: Value
    element: Type
    index: Value


@define
class CoreAddress(Op):
    """The address of a field within a kernel struct, wherever the running kernel has it.

    `path` goes from `struct` through members and constant indices of arrays to the field.
    """

    base: Value
    struct: Struct
    path: tuple[Field | int, ...]


class CoreKind(enum.Enum):
    """What a program asks of the running kernel's types, by the kernel's `enum bpf_core_relo_kind`."""

    FIELD_BYTE_OFFSET = 0
    FIELD_BYTE_SIZE = 1
    FIELD_EXISTS = 2
    FIELD_SIGNED = 3
    FIELD_LSHIFT_U64 = 4
    FIELD_RSHIFT_U64 = 5
    TYPE_ID_LOCAL = 6
    TYPE_ID_TARGET = 7
    TYPE_EXISTS = 8
    TYPE_SIZE = 9
    ENUMVAL_EXISTS = 10
    ENUMVAL_VALUE = 11
    TYPE_MATCHES = 12


@define
class CoreQuery(Op):
    """A fact about a kernel type, filled in at load: about the field at `path`, or about enumerator `member`."""

    kind: CoreKind
    type: Struct | Enum
    path: tuple[Field | int, ...] = ()
    member: str = ""


@define
class Arith(Op):
    """`lhs op rhs`; both operands and the result have one type."""

    op: ArithOp
    lhs: Value
    rhs: Value


@define
class Compare(Op):
    """A `bool`: integers of one type, or pointers by EQ/NE."""

    predicate: Predicate
    lhs: Value
    rhs: Value


@define
class Convert(Op):
    """To the result's type: truncate, zero- or sign-extend (by the source's signedness), or retype a pointer."""

    value: Value


@define
class ByteSwapBigEndian(Op):
    """Between network and host order: swaps on little-endian targets, nothing on big-endian ones."""

    value: Value


@define
class Select(Op):
    """`then if condition else otherwise`, both already evaluated."""

    condition: Value
    then: Value
    otherwise: Value


@define
class Opaque(Op):
    """The value itself, of which LLVM knows nothing."""

    value: Value


@define
class Apart(Op):
    """Nothing, but different from others by its number: LLVM then does not merge the ends of two blocks."""

    number: int


@define
class Bounded(Op):
    """A value that the frontend has shown to lie in `low` to `high`, in a form in which the verifier sees it.

    LLVM would drop a test whose outcome it knows, by `x % 6` say, which the verifier does not follow; so it is kept
    from knowing.
    """

    value: Value
    low: int
    high: int


@define
class Checked(Op):
    """A pointer that was found not to be null.

    LLVM computes addresses before the test where that saves something, in loops above all; the verifier refuses
    arithmetic on what may be null. So it is kept from knowing where this pointer comes from.
    """

    value: Value


@define
class MemSet(Op):
    """Zero `size` bytes at `pointer`."""

    pointer: Value
    size: int


@define
class MemCopy(Op):
    """Copy `size` bytes; the ranges do not overlap. `align`: what both addresses are known to be multiples of."""

    destination: Value
    source: Value
    size: int
    align: int = 1


@define
class Atomic(Op):
    """An atomic read-modify-write; with a result, the old value is fetched. `expected` for cmpxchg only."""

    op: AtomicOp
    pointer: Value
    value: Value
    expected: Value | None = None


@define
class HelperCall(Op):
    """Call a kernel helper; the arguments are already as the kernel takes them."""

    helper: Helper
    args: tuple[Value, ...]


@define
class KernelCall(Op):
    """Call a kernel function; the arguments are already as the kernel takes them."""

    function: KernelFunctionType
    args: tuple[Value, ...]


@define
class KernelSymbolExists(Op):
    """Whether the kernel has a function, which may then be missing."""

    function: KernelFunctionType


@define
class Call(Op):
    """Call another function of the module."""

    function: str
    args: tuple[Value, ...]


@define
class ContextLoad(Op):
    """Read a field of the program's context at a constant offset, as the verifier demands it."""

    context: Value
    offset: int


@define
class ContextStore(Op):
    """Write a field of the program's context at a constant offset."""

    context: Value
    offset: int
    value: Value


@define
class PacketPointer(Op):
    """High-level: `size` bytes of the packet at `offset`, or null when they are not all there."""

    context: Value
    data_offset: int
    end_offset: int
    offset: Value
    size: int


@define
class PacketElement(Op):
    """High-level: the address of an element in a packet, `size` bytes each, compared with the packet's end again."""

    base: Value
    index: Value
    size: int
    context: Value
    end_offset: int


@define
class MapLookup(Op):
    """High-level: a pointer to the value under a key, or null; `reference` is a map that was found in another."""

    map: MapDef
    key: Value
    reference: Value | None = None


@define
class MapUpdate(Op):
    """High-level: store a value; key and value are scalars or pointers to them. Result: 0 or a negative errno."""

    map: MapDef
    key: Value
    value: Value
    flags: Value
    reference: Value | None = None


@define
class MapDelete(Op):
    """High-level: delete an entry. Result: 0 or a negative errno."""

    map: MapDef
    key: Value
    reference: Value | None = None


@define
class MapIncrement(Op):
    """High-level: `m[key] += value`, creating the entry at zero; atomic on shared maps, plain on per-CPU ones."""

    map: MapDef
    key: Value
    value: Value
    per_cpu: bool = False
    reference: Value | None = None


@frozen
class FormatSpec:
    """How one value of a `print` is shown: `conversion` is one of d u x X c s p, as the kernel's printf has them.

    Within its width the value stands right, or `left`, or has leading zeros; `sign` is what stands before positive
    numbers: nothing, a plus or a space.
    """

    conversion: str
    width: int = 0
    zero: bool = False
    left: bool = False
    sign: str = ""


@define
class Print(Op):
    """High-level: format constant text and values into the trace pipe, or into `size` bytes at `buffer`."""

    parts: tuple[str | FormatSpec, ...]
    values: tuple[Value, ...]
    buffer: Value | None = None
    size: int = 0


# ----------------------------------------------------------------------------------- terminators


@define
class Terminator:
    """The base of what ends a block."""

    span: Span

    def operands(self) -> Iterator[Value]:
        """The values it reads."""
        return iter(())

    def targets(self) -> tuple[str, ...]:
        """The labels it may jump to."""
        return ()


@define
class Jump(Terminator):
    """Go to a block."""

    target: str

    def targets(self) -> tuple[str, ...]:
        """The one target."""
        return (self.target,)


@define
class Branch(Terminator):
    """Go to one of two blocks by a `bool`."""

    condition: Value
    then: str
    otherwise: str

    def operands(self) -> Iterator[Value]:
        """The condition."""
        yield self.condition

    def targets(self) -> tuple[str, ...]:
        """Then, otherwise."""
        return (self.then, self.otherwise)


@define
class Switch(Terminator):
    """Go to the block of the case equal to an integer, else to the default."""

    value: Value
    cases: tuple[tuple[int, str], ...]
    default: str

    def operands(self) -> Iterator[Value]:
        """The value compared."""
        yield self.value

    def targets(self) -> tuple[str, ...]:
        """The cases' blocks, then the default."""
        return (*(label for _, label in self.cases), self.default)


@define
class Return(Terminator):
    """Leave the function."""

    value: Value | None

    def operands(self) -> Iterator[Value]:
        """The value returned."""
        if self.value is not None:
            yield self.value


@define
class Unreachable(Terminator):
    """Control never comes here."""


HIGH_LEVEL: tuple[type[Op], ...] = (
    PacketPointer,
    PacketElement,
    MapLookup,
    MapUpdate,
    MapDelete,
    MapIncrement,
    Print,
)
