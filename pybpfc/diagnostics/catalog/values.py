"""E02xx: names, types, integers, calls."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class TypeMismatch(ErrorClass):
    """A value of one type stands where another is needed.

    The language converts between integers where nothing is lost, and nothing else.

    Bad:

        @bpf.struct
        class Pair:
            a: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair: Pair = 3
            return XDP_PASS

    Good:

        @bpf.struct
        class Pair:
            a: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair: Pair = Pair(a=3)
            return XDP_PASS
    """

    code = "E0201"
    title = "expected {expected}, found {found}"
    label = "this is {found}"
    expected: str
    found: str


class LiteralDoesNotFit(ErrorClass):
    """A constant is outside the range of its type.

    A constant takes the type of what it is used with, and must be one of that type's values.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            small: u8 = 256
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            small: u8 = 255
            return XDP_PASS
    """

    code = "E0202"
    title = "{value} does not fit `{type}`"
    label = "out of range"
    value: int
    type: str


class LossyConversion(ErrorClass):
    """A value is converted implicitly to a type that cannot hold all its values.

    Assignments, arguments and results convert only to types that hold every value. A cast says that losing bits or
    changing the sign is meant.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n: u64 = bpf_ktime_get_ns()
            small: u32 = n
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n: u64 = bpf_ktime_get_ns()
            small = u32(n)
            return XDP_PASS
    """

    code = "E0203"
    title = "`{found}` does not fit `{expected}` without loss"
    label = "this is `{found}`"
    help = "cast it: `{expected}(…)` keeps the low bits"
    found: str
    expected: str


class SliceBounds(ErrorClass):
    """A slice reaches outside its array, or is empty.

    Bad:

        @bpf.struct
        class Mac:
            octets: Annotated[bytes, 6]

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            mac = Mac()
            mac.octets[4:8] = b"abcd"
            return XDP_PASS

    Good:

        @bpf.struct
        class Mac:
            octets: Annotated[bytes, 6]

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            mac = Mac()
            mac.octets[2:6] = b"abcd"
            return XDP_PASS
    """

    code = "E0250"
    title = "this slice is empty or reaches outside the array of {length}"
    label = "not within 0 to {length}"
    length: int


class BitFieldRange(ErrorClass):
    """A value may have more bits than the bit-field it is assigned to.

    A bit-field takes what the program's text shows to fit: constants, comparisons, `%` and `&` bound a value.
    `s.field += 1` wraps at the field's width.

    Bad:

        @bpf.struct
        class Flags:
            kind: Annotated[u8, bpf.bits(4)]

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            flags = Flags(kind=u8(ctx.rx_queue_index))
            return XDP_PASS

    Good:

        @bpf.struct
        class Flags:
            kind: Annotated[u8, bpf.bits(4)]

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            flags = Flags(kind=u8(ctx.rx_queue_index) & 0xF)
            return XDP_PASS
    """

    code = "E0249"
    title = "this may not fit the {bits} bits of `{field}`"
    label = "may be larger than {mask}"
    help = "keep the low bits: `… & {mask}`"
    field: str
    bits: int
    mask: str


class MixedSign(ErrorClass):
    """No type holds all values of both operands.

    The result would need values below zero and above the largest `i64`; no 64-bit type has both.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            now = bpf_ktime_get_ns()
            offset: i64 = -5
            x = now + offset
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            now = bpf_ktime_get_ns()
            offset: i64 = -5
            x = i64(now) + offset
            return XDP_PASS
    """

    code = "E0204"
    title = "`{operator}` on `{left}` and `{right}`: no type holds both"
    label = "`{left}` and `{right}`"
    help = "cast one operand to the other's type"
    operator: str
    left: str
    right: str


class ShiftCount(ErrorClass):
    """A constant shift count is outside the operand's width.

    A shift by a constant is from 0 up to the width less 1. A variable count is masked to that range, as the machine
    does.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = bpf_get_prandom_u32() << 32
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = u64(bpf_get_prandom_u32()) << 32
            return XDP_PASS
    """

    code = "E0205"
    title = "cannot shift a {bits}-bit value by {count}"
    label = "must be from 0 to the width less 1"
    count: int
    bits: int


class DivisionByZero(ErrorClass):
    """A constant divisor is zero.

    Dividing by the constant 0 is surely not meant. (Dividing by a variable that is 0 gives 0, as the BPF machine
    defines.)

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = bpf_get_prandom_u32() // 0
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = bpf_get_prandom_u32() // 2
            return XDP_PASS
    """

    code = "E0206"
    title = "division by zero"
    label = "always divides by 0"


class NegateUnsigned(ErrorClass):
    """Unary minus is applied to an unsigned value.

    The result of `-x` on an unsigned `x` would be a large positive number.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            x = -n
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            x = -i64(n)
            return XDP_PASS
    """

    code = "E0207"
    title = "`-` on the unsigned type `{type}`"
    label = "cannot be negative"
    help = "write `0 - x` to wrap around, or cast to a signed type first: `-i64(x)`"
    type: str


class WriteToConstant(ErrorClass):
    """A module-level value without a lang type is written.

    A module-level int without a type of the language is a constant: its value is part of the code. A variable that
    lives in the object is declared with one.

    Bad:

        total = 0

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            global total
            total = 1
            return XDP_PASS

    Good:

        total: bpf.Global[u64] = 0

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            global total
            total = 1
            return XDP_PASS
    """

    code = "E0208"
    title = "`{name}` is a constant of the program"
    label = "its value is compiled in"
    help = "make it a variable at module level: `{name}: bpf.Global[u64] = 0`"
    name: str


class WriteToConst(ErrorClass):
    """A `bpf.Const` is written by a program.

    A `bpf.Const` can be set until the object is loaded; the kernel then freezes its memory, and the verifier relies
    on the value.

    Bad:

        limit: bpf.Const[u32] = 0

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            global limit
            limit = 1
            return XDP_PASS

    Good:

        limit: bpf.Global[u32] = 0

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            global limit
            limit = 1
            return XDP_PASS
    """

    code = "E0209"
    title = "`{name}` is read-only: it is a `bpf.Const`"
    label = "cannot be written by a program"
    help = "declare it as `bpf.Global` to write it while the program runs"
    name: str


class NotComparable(ErrorClass):
    """Two values have no common type to be compared in.

    The two sides have no type in common in which they could be equal.

    Bad:

        @bpf.struct
        class Pair:
            a: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair = Pair(a=1)
            if pair == 1:
                return XDP_DROP
            return XDP_PASS

    Good:

        @bpf.struct
        class Pair:
            a: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair = Pair(a=1)
            if pair.a == 1:
                return XDP_DROP
            return XDP_PASS
    """

    code = "E0210"
    title = "{left} cannot be compared with {right}"
    label = "no common type"
    left: str
    right: str


class NotACondition(ErrorClass):
    """A value has no truth value.

    Integers (not zero), `bool` and values that may be None have a truth value.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[str, 16] = "a"
            if name:
                return XDP_DROP
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[str, 16] = "a"
            if name == "a":
                return XDP_DROP
            return XDP_PASS
    """

    code = "E0211"
    title = "{what} is neither true nor false"
    label = "not a condition"
    help = "compare it with something"
    what: str


class UndefinedName(ErrorClass):
    """A name is not defined.

    The name is neither a variable of the function nor a name of its module or closure, nor a builtin.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PAS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PASS
    """

    code = "E0212"
    title = "`{name}` is not defined"
    label = "not found in this scope"
    name: str


class UnboundVariable(ErrorClass):
    """A variable may be read before it is assigned.

    A path leads here on which the variable was not assigned; in Python this would raise `UnboundLocalError`.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            if bpf_get_prandom_u32() == 1:
                n = 1
            x = n
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = 0
            if bpf_get_prandom_u32() == 1:
                n = 1
            x = n
            return XDP_PASS
    """

    code = "E0213"
    title = "`{name}` may not have a value here"
    label = "not assigned on every path"
    help = "assign it before the branch or loop"
    name: str


class MissingGlobalStatement(ErrorClass):
    """A function assigns to a module-level variable without saying `global`.

    As in Python, assigning to a name makes it a local variable of the function unless `global` says otherwise.

    Bad:

        total: bpf.Global[u64] = 0

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            total += 1
            return XDP_PASS

    Good:

        total: bpf.Global[u64] = 0

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            global total
            total += 1
            return XDP_PASS
    """

    code = "E0214"
    title = "`{name}` is written without `global {name}`"
    label = "would be a new local variable"
    help = "add `global {name}` at the top of the function"
    name: str


class ArgumentCount(ErrorClass):
    """A call has too many or too few arguments.

    The call does not fit the function's parameters.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = abs(1, 2)
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = abs(1)
            return XDP_PASS
    """

    code = "E0215"
    title = "`{name}` takes {expected}, got {found}"
    label = "wrong number of arguments"
    name: str
    expected: str
    found: int


class MissingArgument(ErrorClass):
    """A call leaves out an argument that has no default.

    Parameters without a default must be given.

    Bad:

        @bpf.func
        def add(a: u64, b: u64) -> u64:
            return a + b


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = add(1)
            return XDP_PASS

    Good:

        @bpf.func
        def add(a: u64, b: u64) -> u64:
            return a + b


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = add(1, 2)
            return XDP_PASS
    """

    code = "E0216"
    title = "`{function}` needs the argument `{name}`"
    label = "`{name}` is missing"
    function: str
    name: str


class UnknownKeyword(ErrorClass):
    """A call has a keyword argument that the function does not take.

    Keyword arguments are bound to parameters by name when the program is compiled.

    Bad:

        @bpf.func
        def twice(value: u64) -> u64:
            return value * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = twice(valeu=1)
            return XDP_PASS

    Good:

        @bpf.func
        def twice(value: u64) -> u64:
            return value * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = twice(value=1)
            return XDP_PASS
    """

    code = "E0217"
    title = "`{function}` has no parameter `{name}`"
    label = "no such parameter"
    function: str
    name: str


class RepeatedArgument(ErrorClass):
    """A call gives one argument twice.

    The argument is given by position and by name.

    Bad:

        @bpf.func
        def twice(value: u64) -> u64:
            return value * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = twice(1, value=1)
            return XDP_PASS

    Good:

        @bpf.func
        def twice(value: u64) -> u64:
            return value * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = twice(1)
            return XDP_PASS
    """

    code = "E0218"
    title = "`{function}` gets the argument `{name}` twice"
    label = "given before"
    function: str
    name: str


class NotCallable(ErrorClass):
    """Something is called that is not a function.

    Functions decorated with `@bpf.func`, helpers, types and a few builtins can be called.

    Bad:

        LIMIT = 7

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = LIMIT()
            return XDP_PASS

    Good:

        LIMIT = 7

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = LIMIT
            return XDP_PASS
    """

    code = "E0219"
    title = "{what} cannot be called"
    label = "not a function"
    what: str


class MissingReturn(ErrorClass):
    """A path through a function ends without a value.

    A function with a result returns one on every path; a program's result decides what the kernel does next.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            if bpf_get_prandom_u32() == 1:
                return XDP_DROP

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            if bpf_get_prandom_u32() == 1:
                return XDP_DROP
            return XDP_PASS
    """

    code = "E0220"
    title = "`{name}` does not return a value on every path"
    label = "must return `{type}`"
    help = "end the function with a `return`"
    name: str
    type: str


class ReturnsNothing(ErrorClass):
    """A `return` with a value in a function that returns none, or the reverse.

    The function's annotation says what it returns; without one it returns nothing.

    Bad:

        @bpf.func
        def note(x: u64) -> None:
            return x


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            note(1)
            return XDP_PASS

    Good:

        @bpf.func
        def note(x: u64) -> u64:
            return x


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            note(1)
            return XDP_PASS
    """

    code = "E0221"
    title = "`{name}` returns {expected}, not {found}"
    label = "returns {found}"
    name: str
    expected: str
    found: str


class NoResult(ErrorClass):
    """The result of a function that returns none is used.

    The function returns nothing, so there is nothing to keep.

    Bad:

        @bpf.func
        def note(x: u64) -> None:
            print(f"{x}")


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = note(1)
            return XDP_PASS

    Good:

        @bpf.func
        def note(x: u64) -> None:
            print(f"{x}")


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            note(1)
            return XDP_PASS
    """

    code = "E0222"
    title = "`{name}` returns nothing"
    label = "has no value"
    name: str


class UnknownAttribute(ErrorClass):
    """A value has no such attribute.

    Structs have their fields, pointers to scalars `.value`, and the context the fields of its hook.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            x = n.value
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = bpf_get_prandom_u32()
            return XDP_PASS
    """

    code = "E0223"
    title = "{what} has no attribute `{name}`"
    label = "no such attribute"
    what: str
    name: str


class UnknownField(ErrorClass):
    """A struct has no such field.

    The field is not declared in the struct.

    Bad:

        @bpf.struct
        class Pair:
            first: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair = Pair(frist=1)
            return XDP_PASS

    Good:

        @bpf.struct
        class Pair:
            first: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair = Pair(first=1)
            return XDP_PASS
    """

    code = "E0224"
    title = "`{struct}` has no field `{name}`"
    label = "no such field"
    struct: str
    name: str


class UnknownMember(ErrorClass):
    """A module or class has no such name.

    The module or class does not have this name.

    Bad:

        class Color(enum.IntEnum):
            GREEN = 1


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = Color.GREN
            return XDP_PASS

    Good:

        class Color(enum.IntEnum):
            GREEN = 1


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = Color.GREEN
            return XDP_PASS
    """

    code = "E0225"
    title = "`{owner}` has no `{name}`"
    label = "not found there"
    owner: str
    name: str


class NoSuchMethod(ErrorClass):
    """A value has no such method.

    Only maps, contexts, text and structs with methods of their own have methods.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            x = n.bit_length()
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            x = n & 1
            return XDP_PASS
    """

    code = "E0226"
    title = "{what} has no method `{name}`"
    label = "no such method"
    what: str
    name: str


class PositionalField(ErrorClass):
    """A struct is made with positional arguments.

    Fields are given by name, so that adding one to the struct does not change what existing code means.

    Bad:

        @bpf.struct
        class Pair:
            a: u32
            b: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair = Pair(1, 2)
            return XDP_PASS

    Good:

        @bpf.struct
        class Pair:
            a: u32
            b: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair = Pair(a=1, b=2)
            return XDP_PASS
    """

    code = "E0227"
    title = "the fields of `{struct}` are given by name"
    label = "which field?"
    help = "write `{struct}(field=value)`; fields left out are zero"
    struct: str


class IndexOutOfRange(ErrorClass):
    """A constant index lies outside the array.

    An array's length is fixed, and the index is constant: the access would be outside the array.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            values: Annotated[list[u32], 4]
            values[4] = 1
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            values: Annotated[list[u32], 4]
            values[3] = 1
            return XDP_PASS
    """

    code = "E0228"
    title = "index {index} is outside an array of {length}"
    label = "out of range"
    index: int
    length: int


class UnboundedIndex(ErrorClass):
    """A variable index is not known to lie within the array.

    The verifier must see that an index lies within the array, and a wrong one would change other memory.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            values: Annotated[list[u32], 4]
            i = bpf_get_prandom_u32()
            values[i] = 1
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            values: Annotated[list[u32], 4]
            i = bpf_get_prandom_u32()
            values[i % 4] = 1
            return XDP_PASS
    """

    code = "E0229"
    title = "the index may be outside the array of {length}"
    label = "not known to be below {length}"
    help = "bound it: `i % {length}`, `min(i, {length} - 1)`, or test it with `if i < {length}:`"
    length: int


class NotIndexable(ErrorClass):
    """Something without elements is indexed.

    Arrays have elements, and maps have entries; this has neither.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            x = n[0]
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            x = n & 1
            return XDP_PASS
    """

    code = "E0230"
    title = "{what} cannot be indexed"
    label = "has no elements"
    what: str


class NotAnIndex(ErrorClass):
    """An index is not an integer.

    Array elements are counted from 0 by integers.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            values: Annotated[list[u32], 4]
            x = values["a"]
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            values: Annotated[list[u32], 4]
            x = values[0]
            return XDP_PASS
    """

    code = "E0231"
    title = "an index must be an integer, not {what}"
    label = "not an integer"
    what: str


class TextTooLong(ErrorClass):
    """A constant text is longer than the array it goes to.

    The array's size is fixed; a text that was cut silently would compare and print wrongly.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[str, 4] = "eth0"
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[str, 5] = "eth0"
            return XDP_PASS
    """

    code = "E0232"
    title = "{length} bytes do not fit {type}"
    label = "too long"
    help = "make the array longer; an `Annotated[str, N]` holds N-1 bytes and the terminating NUL"
    length: int
    type: str


class TextOrder(ErrorClass):
    """Text is compared with an order.

    Comparing text for an order needs a loop over unknown bytes; equality and prefixes are what programs need.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[str, 16] = "a"
            if name < "b":
                return XDP_DROP
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[str, 16] = "a"
            if name == "b":
                return XDP_DROP
            return XDP_PASS
    """

    code = "E0233"
    title = "text compares with `==` and `!=` only"
    label = "no order on text"
    help = "compare an `Annotated[str, N]` with a constant or another one by `==`, or use `.startswith`"


class CannotInfer(ErrorClass):
    """The type of a variable cannot be told.

    A variable takes the type of its first value; `None` alone has none.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = None
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = counts.lookup(1)
            return XDP_PASS
    """

    code = "E0234"
    title = "`None` does not tell the type of a variable"
    label = "None of what?"
    help = "assign first what may be None, such as the result of a lookup"


class LocalType(ErrorClass):
    """A variable is assigned a value of another type than it has.

    A variable has one type in the whole function: that of its annotation or of its first assignment.

    Bad:

        @bpf.struct
        class Pair:
            a: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = 1
            x = Pair(a=1)
            return XDP_PASS

    Good:

        @bpf.struct
        class Pair:
            a: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = 1
            pair = Pair(a=1)
            return XDP_PASS
    """

    code = "E0235"
    title = "`{name}` is {type}, and cannot be assigned {found}"
    label = "this is {found}"
    help = "a variable keeps the type of its first assignment: cast the value, or annotate the first one"
    name: str
    type: str
    found: str


class LocalRedeclared(ErrorClass):
    """A variable is annotated a second time, with another type.

    A variable has one type in the whole function.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n: u32 = 1
            n: u64 = 2
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n: u32 = 1
            m: u64 = 2
            return XDP_PASS
    """

    code = "E0236"
    title = "`{name}` is declared twice, as {first} and as {second}"
    label = "declared again"
    help = "use another name"
    name: str
    first: str
    second: str


class NotANumber(ErrorClass):
    """An operator or cast is applied to something that is not a number.

    Operators and casts to integers work on integers, `bool` and enums.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[str, 16] = "a"
            x = name + 1
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[bytes, 16]
            x = name[0] + 1
            return XDP_PASS
    """

    code = "E0237"
    title = "`{operator}` does not work on {what}"
    label = "not a number"
    what: str
    operator: str


class BranchTypes(ErrorClass):
    """The two values of a conditional or of `and`/`or` have different types.

    The result is one value with one type, whichever side is taken.

    Bad:

        @bpf.struct
        class Pair:
            a: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            x = Pair(a=1) if n else 1
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            x = 2 if n else 1
            return XDP_PASS
    """

    code = "E0238"
    title = "the values {left} and {right} have no common type"
    label = "this is {right}"
    help = "both sides need one type: cast one"
    left: str
    right: str


class NotAContainer(ErrorClass):
    """`in` is used on something that holds no elements.

    `in` asks a map for a key, or compares with the values of a tuple that is written out.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            if 1 in n:
                return XDP_DROP
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            if n in (1, 2):
                return XDP_DROP
            return XDP_PASS
    """

    code = "E0239"
    title = "`in` does not work on {what}"
    label = "not a container"
    help = "`in` works on maps (`key in m`) and on constant tuples (`x in (1, 2)`)"
    what: str


class CompareWithNone(ErrorClass):
    """None is compared with `==`.

    Type checkers and this compiler narrow a value by `is None`; `==` compares what pointers lead to.

    Bad:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = counts.lookup(1)
            if count == None:
                return XDP_DROP
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = counts.lookup(1)
            if count is None:
                return XDP_DROP
            return XDP_PASS
    """

    code = "E0240"
    title = "compare with `None` by `is`"
    label = "`==` compares values"
    help = "write `x is None` or `x is not None`"


class LiteralTooLarge(ErrorClass):
    """A constant does not fit any integer type.

    Registers have 64 bits.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = 1 << 64
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = 1 << 63
            return XDP_PASS
    """

    code = "E0241"
    title = "{value} does not fit 64 bits"
    label = "too large"
    value: int


class ConstantNeeded(ErrorClass):
    """Something must be known at compile time.

    The compiler needs the value to lay out the code.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            for i in range(0, 8, n):
                pass
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            for i in range(0, 8, 2):
                pass
            return XDP_PASS
    """

    code = "E0242"
    title = "{what} must be known at compile time"
    label = "not constant"
    what: str


class StepZero(ErrorClass):
    """A range has the step 0.

    A range with step 0 would never end; Python raises `ValueError`.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            for i in range(0, 8, 0):
                pass
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            for i in range(0, 8, 1):
                pass
            return XDP_PASS
    """

    code = "E0244"
    title = "the step of `range` must not be 0"
    label = "never ends"


class DuplicateName(ErrorClass):
    """Two things of one object have the same name.

    An object's programs, functions, maps and globals are symbols of one table.

    Bad:

        counts = bpf.HashMap[u32, u64](max_entries=64)


        def make() -> None:
            counts = bpf.HashMap[u32, u64](max_entries=8)

            @bpf.xdp
            def prog(ctx: bpf.XdpContext) -> int:
                counts[1] = 1
                return XDP_PASS

            globals()["prog"] = prog


        make()

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            counts[1] = 1
            return XDP_PASS
    """

    code = "E0247"
    title = "`{name}` is defined twice in one object"
    label = "one of the two"
    help = "rename one: programs, functions, maps and globals share one namespace in an object"
    name: str


class GlobalType(ErrorClass):
    """The initial value of a global does not fit its type.

    A global's initial value is written into the object and must fit its type.

    Bad:

        limit: bpf.Global[u8] = 300

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = limit
            return XDP_PASS

    Good:

        limit: bpf.Global[u16] = 300

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = limit
            return XDP_PASS
    """

    code = "E0248"
    title = "the initial value of `{name}` does not fit its type: {reason}"
    label = "declared here"
    name: str
    reason: str
