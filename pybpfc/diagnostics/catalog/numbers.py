"""E020x: integers, their conversions and operators."""

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
