"""The typed tree: the program with every type known and every conversion written out.

Scalars (numbers, pointers) are values. Structs and arrays are *places*: they are worked on by
address, and a name bound to one is a pointer to it. `Deref`, `Member`, `Element`, `GlobalPlace`,
`NewStruct`, `NewArray` and calls that return an aggregate are places; a place of scalar type is read where a
value is wanted.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, TypeAlias

from pybpfc.diagnostics.span import Span
from pybpfc.ir.ops import ArithOp, AtomicOp, CoreKind, FormatSpec, Predicate
from pybpfc.lang.kfuncs import KernelFunctionType
from pybpfc.lang.types import Enum, Field, Struct, Type
from pybpfc.records import define, field, frozen

if TYPE_CHECKING:
    from pybpfc.abi.helpers import Helper
    from pybpfc.abi.program_types import ProgramType
    from pybpfc.frontend.symbols import TypeArguments
    from pybpfc.ir.module import GlobalVar, MapDef, OpsDef


@define
class Variable:
    """A local variable or parameter.

    `trusted`: a pointer to an object of the kernel that the verifier knows not to be null, by all its bindings.
    """

    name: str
    type: Type
    span: Span
    param: int | None = None
    trusted: bool | None = None


# ----------------------------------------------------------------------------------- expressions


@define
class Expr:
    """The base of expressions."""

    span: Span
    type: Type


@define
class Literal(Expr):
    """An integer; while `untyped` it may still become any integer type that holds it."""

    value: int
    untyped: bool = False


@define
class Text(Expr):
    """A constant string or bytes, typed once it is known where it goes."""

    value: bytes
    is_str: bool


@define
class NoneValue(Expr):
    """The literal `None`."""


@define
class ReadVariable(Expr):
    """The value of a local variable."""

    variable: Variable


@define
class GlobalPlace(Expr):
    """A global variable."""

    variable: GlobalVar


@define
class MapObject(Expr):
    """A map, as helpers take it; `reference` leads to one that was found in another map and is like `map`."""

    map: MapDef
    reference: Expr | None = None


@define
class Deref(Expr):
    """What a pointer leads to."""

    pointer: Expr


@define
class Member(Expr):
    """A struct's member; `base` is a place of type `struct`."""

    base: Expr
    struct: Struct
    field: Field


@define
class Element(Expr):
    """An array's element; `base` is a place of an array type, or a pointer when `through_pointer`."""

    base: Expr
    index: Expr
    through_pointer: bool = False
    end: PacketEnd | None = None
    """What the element's own end is compared with, as its place in a packet is known at run time only."""


@define
class Part(Expr):
    """A constant slice of an array: elements from `start` on, as many as its type has."""

    base: Expr
    start: int


@define
class ContextMember(Expr):
    """A field of the program's context, read at a constant offset."""

    context: Expr
    name: str
    offset: int
    writable: bool = False


@define
class ContextString(Expr):
    """The address of a tracepoint's `__data_loc` string: the context plus the low half of the field."""

    context: Expr
    offset: int


@define
class PacketAt(Expr):
    """A bounds-checked pointer into the packet, or None."""

    context: Expr
    data_offset: int
    end_offset: int
    offset: Expr
    size: int


@define
class PacketEnd(Expr):
    """The address behind the packet's last byte."""

    context: Expr
    offset: int


@define
class Arithmetic(Expr):
    """Two operands of the result's type."""

    op: ArithOp
    lhs: Expr
    rhs: Expr


@define
class Invert(Expr):
    """`~x`."""

    operand: Expr


@define
class Comparison(Expr):
    """Two operands of one type."""

    predicate: Predicate
    lhs: Expr
    rhs: Expr


@define
class TextComparison(Expr):
    """Whether two char or byte arrays hold the same; `prefix` for startswith. `rhs` may be a constant."""

    lhs: Expr
    rhs: Expr
    negated: bool = False
    prefix: bool = False


@define
class Logical(Expr):
    """`and`/`or`: evaluates left to right and stops early; all operands have the result's type."""

    is_and: bool
    operands: tuple[Expr, ...]


@define
class Not(Expr):
    """`not x` of a bool."""

    operand: Expr


@define
class Truth(Expr):
    """Whether a number or pointer is not zero."""

    operand: Expr


@define
class Conditional(Expr):
    """`then if condition else otherwise`."""

    condition: Expr
    then: Expr
    otherwise: Expr


@define
class Convert(Expr):
    """A conversion, implicit or written."""

    operand: Expr
    explicit: bool = False


@define
class Limited(Expr):
    """A number that the checker has shown to lie in `low` to `high`; the verifier shall see it too."""

    operand: Expr
    low: int
    high: int


@define
class Assignment(Expr):
    """`(name := value)`."""

    variable: Variable
    value: Expr


@define
class AddressOf(Expr):
    """The address of a place, as a pointer."""

    place: Expr


@define
class NewStruct(Expr):
    """`S(a=1)`: a zeroed slot with the given members set."""

    struct: Struct
    members: tuple[tuple[Field, Expr], ...]


@define
class NewArray(Expr):
    """A zeroed array slot, with the text or elements given."""

    initial: Expr | tuple[Expr, ...] | None


@define
class CallFunction(Expr):
    """A call of a `@bpf.func` function."""

    function: FunctionKey
    args: tuple[Expr, ...]


@define
class CallKernel(Expr):
    """A call of a kernel function (kfunc) with the arguments the kernel takes."""

    function: KernelFunctionType
    args: tuple[Expr, ...]


@define
class KernelSymbolExists(Expr):
    """Whether the running kernel has a function."""

    function: KernelFunctionType


@define
class CallHelper(Expr):
    """A call of a kernel helper with the arguments the kernel takes."""

    helper: Helper
    args: tuple[Expr, ...]


@define
class TimerCallback(Expr):
    """The address of a function that a timer calls with a key and a value of its map."""

    function: FunctionKey
    key: Type
    value: Struct
    result: Type


@define
class NewDynptr(Expr):
    """A dynptr in a slot of its own: the helper takes the arguments and the slot's address."""

    helper: Helper
    args: tuple[Expr, ...]


@define
class MapMethod(Expr):
    """A map operation by its method's name: lookup, get, update, delete, contains, increment."""

    map: MapDef
    method: str
    args: tuple[Expr, ...]
    reference: Expr | None = None


@define
class AtomicOperation(Expr):
    """An atomic read-modify-write of a scalar place; gives the old value when `fetch`."""

    op: AtomicOp
    place: Expr
    value: Expr
    expected: Expr | None = None
    fetch: bool = False


@define
class MinMax(Expr):
    """The smaller or the larger of operands of one type."""

    is_min: bool
    operands: tuple[Expr, ...]


class Reducing(enum.Enum):
    """What is computed over an array."""

    SUM = "sum"
    ANY = "any"
    ALL = "all"
    MIN = "min"
    MAX = "max"
    CONTAINS = "contains"


@define
class Reduction(Expr):
    """One value from all elements of an array of numbers; `value` is what CONTAINS looks for, of the common type."""

    reducing: Reducing
    array: Expr
    value: Expr | None = None


@define
class CoreQuery(Expr):
    """A fact about a type of the running kernel: about the field at `path`, or about enumerator `member`."""

    kind: CoreKind
    of: Struct | Enum
    path: tuple[Field | int, ...] = ()
    member: str = ""


@define
class Printing(Expr):
    """`print(f"…")`, or `bpf.snprintf(buffer, f"…")`, whose value is the length."""

    parts: tuple[str | FormatSpec, ...]
    values: tuple[Expr, ...]
    buffer: Expr | None = None


@define
class Invalid(Expr):
    """An expression that already has a diagnostic."""


# ------------------------------------------------------------------------------------ statements


@define
class Stmt:
    """The base of statements."""

    span: Span


@define
class Bind(Stmt):
    """Give a variable a value."""

    variable: Variable
    value: Expr


@define
class StorePlace(Stmt):
    """Write a scalar place, or copy an aggregate into one."""

    place: Expr
    value: Expr


@define
class StoreText(Stmt):
    """Write a char or byte array: from a constant, from another array, or from kernel or user memory."""

    place: Expr
    value: Expr


@define
class StoreContext(Stmt):
    """Write a context field."""

    target: ContextMember
    value: Expr


@define
class Evaluate(Stmt):
    """An expression for its effect."""

    value: Expr


@define
class If(Stmt):
    """A two-way branch."""

    condition: Expr
    then: tuple[Stmt, ...]
    otherwise: tuple[Stmt, ...]


@define
class While(Stmt):
    """A loop of at most `rounds` rounds, with its `else` part."""

    rounds: int
    condition: Expr
    body: tuple[Stmt, ...]
    otherwise: tuple[Stmt, ...]


@define
class ForRange(Stmt):
    """`for variable in range(start, stop, step)`: a constant step; `trips` bounds the number of rounds.

    `starts` and `stops` are the least and greatest values that the bounds can have. The verifier follows the values of
    a `counted` variable one by one: it starts at a constant and nothing else sets it.
    """

    variable: Variable
    start: Expr
    stop: Expr
    step: int
    trips: int
    starts: tuple[int, int]
    stops: tuple[int, int]
    counted: bool
    body: tuple[Stmt, ...]
    otherwise: tuple[Stmt, ...]


@define
class ForArray(Stmt):
    """`for variable in array`; scalars by value, aggregates by reference."""

    variable: Variable
    array: Expr
    length: int
    body: tuple[Stmt, ...]
    otherwise: tuple[Stmt, ...]


@define
class RangeSource:
    """The rounds of `range(start, stop, step)`; `start` may be evaluated again in each."""

    variable: Variable
    start: Expr
    stop: Expr
    step: int


@define
class MapSource:
    """A round for each entry of a map."""

    map: MapDef
    key: Variable | None
    value: Variable | None


@define
class MessageSource:
    """A round for each message of user space in a buffer; `variable` is a copy."""

    map: MapDef
    variable: Variable


@define
class WhileSource:
    """A round as long as a condition holds."""

    condition: Expr


@define
class CallbackLoop(Stmt):
    """A loop whose rounds a helper makes, as the verifier cannot see how many there are.

    `carried` are the variables that have a value before the loop or after it; others live in the body alone.
    """

    source: LoopSource
    body: tuple[Stmt, ...]
    otherwise: tuple[Stmt, ...]
    carried: frozenset[Variable]


@define
class Match(Stmt):
    """`match` on an integer; a case without values is the default. Guards are not None where written."""

    subject: Variable
    cases: tuple[MatchCase, ...]


@define
class MatchCase:
    """One case: values (empty for a wildcard), an optional guard and the body; `capture` binds the subject's name."""

    values: tuple[int, ...]
    guard: Expr | None
    body: tuple[Stmt, ...]
    capture: Bind | None = None


@define
class Return(Stmt):
    """Leave the function."""

    value: Expr | None


@define
class Break(Stmt):
    """Leave the loop."""


@define
class Continue(Stmt):
    """Next round."""


# ------------------------------------------------------------------------------------- functions


class Inlining(enum.Enum):
    """What the decorator says of inlining."""

    DEFAULT = "default"
    ALWAYS = "always"
    NEVER = "never"


@frozen
class FunctionKey:
    """A function and what one instance of it is made for, under the name it has in the object."""

    function: Any
    name: str
    types: TypeArguments = ()


@define
class ProgramKind:
    """What the checker must know of the hook a function is attached to."""

    section: str
    type: ProgramType
    context: Struct | None


@define
class TFunction:
    """A checked function."""

    name: str
    params: tuple[Variable, ...]
    result: Type
    body: tuple[Stmt, ...]
    span: Span
    program: ProgramKind | None = None
    exported: bool = False
    inlining: Inlining = Inlining.DEFAULT
    variables: list[Variable] = field(default_factory=list)


@define
class TUnit:
    """A checked module: what lowering turns into an IR module."""

    name: str
    file: str
    license: str
    functions: list[TFunction]
    maps: list[MapDef]
    globals: list[GlobalVar]
    sources: dict[str, str]
    struct_ops: list[OpsDef] = field(default_factory=list)


LoopSource: TypeAlias = RangeSource | MapSource | MessageSource | WhileSource
Place: TypeAlias = Deref | Member | Element | Part | GlobalPlace | NewStruct | NewArray
PLACES = (Deref, Member, Element, Part, GlobalPlace, NewStruct, NewArray)
