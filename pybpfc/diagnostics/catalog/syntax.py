"""E013x and others: Python that has no meaning in a BPF program."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class Unsupported(ErrorClass):
    """The construct does not exist in the language.

    Every statement and expression is either compiled or reported; nothing is ever skipped. This one has no meaning in
    the kernel, or the language does not have it.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = bpf_get_prandom_u32() @ 2
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = bpf_get_prandom_u32() * 2
            return XDP_PASS
    """

    code = "E0101"
    title = "{what} is not supported in a BPF program"
    label = "not supported"
    what: str


class FloatingPoint(ErrorClass):
    """A floating point value is used.

    The kernel does not use floating point registers, and BPF has no instructions for them.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            limit = 1.5
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            limit_per_mille = 1500
            return XDP_PASS
    """

    code = "E0121"
    title = "floating point is not supported in a BPF program"
    label = "BPF has integers only"
    help = "scale to an integer: count in nanoseconds, bytes or per mille"


class TrueDivision(ErrorClass):
    """`/` is used.

    In Python `/` gives a float. Integers divide with `//`, which rounds towards minus infinity here as in Python.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            half = bpf_get_prandom_u32() / 2
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            half = bpf_get_prandom_u32() // 2
            return XDP_PASS
    """

    code = "E0122"
    title = "`/` gives a float, which BPF does not have"
    label = "use `//`"
    help = "divide with `//`, which rounds down"


class VariablePower(ErrorClass):
    """`**` has an operand that is not constant.

    `**` is computed at compile time: BPF has no such instruction, and a loop in its place would hide its cost.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = bpf_get_prandom_u32() ** 2
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            x = n * n
            return XDP_PASS
    """

    code = "E0123"
    title = "`**` works on constants only"
    label = "not known at compile time"
    help = "multiply, or shift for powers of two: `1 << n`"


class ContainerLiteral(ErrorClass):
    """A dict or set is written.

    A dict or a set grows as it is filled. In the kernel, maps do that.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            names = {1: 2}
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            counts[1] = 2
            return XDP_PASS
    """

    code = "E0125"
    title = "Python dicts and sets do not exist in a BPF program"
    label = "no such object in BPF"
    help = "declare a map at module level: `bpf.HashMap[u32, u64](max_entries=1024)`"


class SequenceValue(ErrorClass):
    """A list is used as a value, or an empty tuple.

    Lists are written where they are taken apart at once, as in `a, b = b, a` or `x in [1, 2]`, or as the first value
    of an array. They are not values that can be kept.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair = [1, 2]
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair: Annotated[list[u64], 2]
            pair[0] = 1
            pair[1] = 2
            return XDP_PASS
    """

    code = "E0126"
    title = "a {kind} cannot be used as a value here"
    label = "no such object in BPF"
    help = "declare an array, `values: Annotated[list[u32], 8]`, or a `@bpf.struct`"
    kind: str


class SliceExpression(ErrorClass):
    """A slice is used where none is supported.

    The length of a copy must be known when the program is compiled.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[bytes, 16]
            n = bpf_get_prandom_u32()
            part = name[0:n]
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[bytes, 16]
            first = name[0]
            return XDP_PASS
    """

    code = "E0127"
    title = "this slice is not supported"
    label = "the length of a slice must be known at compile time"
    help = "use constant bounds, or copy the elements in a loop"


class IdentityComparison(ErrorClass):
    """`is` is used for something else than None.

    Values in registers have no identity. `is` tells only whether a pointer is None.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            if bpf_get_prandom_u32() is 3:
                return XDP_DROP
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            if bpf_get_prandom_u32() == 3:
                return XDP_DROP
            return XDP_PASS
    """

    code = "E0128"
    title = "`is` compares with `None` only"
    label = "values have no identity in BPF"
    help = "compare values with `==`"


class ImportStatement(ErrorClass):
    """An import stands inside a function.

    Modules are imported by Python, before anything is compiled.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            import enum
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = bpf_get_prandom_u32()
            return XDP_PASS
    """

    code = "E0129"
    title = "`import` is not supported inside a BPF program"
    label = "nothing can be imported while the program runs"
    help = "import at the top of the module"


class NonlocalStatement(ErrorClass):
    """A nonlocal statement is used.

    A function made by another sees the values its closure has when it is compiled; they are constants.

    Bad:

        def make() -> None:
            count = 0

            @bpf.xdp
            def prog(ctx: bpf.XdpContext) -> int:
                nonlocal count
                count = 1
                return XDP_PASS

            globals()["prog"] = prog


        make()

    Good:

        count: bpf.Global[u64] = 0

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            global count
            count = 1
            return XDP_PASS
    """

    code = "E0130"
    title = "`nonlocal` is not supported in a BPF program"
    label = "a program cannot write into a closure"
    help = "declare a `bpf.Global[u64]` at module level and write it under `global`"


class NestedClass(ErrorClass):
    """A class is defined inside a function.

    A class is laid out when its module is imported.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            class Pair:
                a: u32
            return XDP_PASS

    Good:

        @bpf.struct
        class Pair:
            a: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair = Pair(a=1)
            return XDP_PASS
    """

    code = "E0131"
    title = "a class cannot be defined inside a BPF program"
    label = "nested `class`"
    help = "move it to module level and decorate it with `@bpf.struct`"


class MatchPattern(ErrorClass):
    """A pattern that `match` does not support.

    `match` compares a number with constants. Classes, sequences and mappings do not exist in a program.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            match bpf_get_prandom_u32():
                case [1, 2]:
                    return XDP_DROP
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            match bpf_get_prandom_u32():
                case 1 | 2:
                    return XDP_DROP
            return XDP_PASS
    """

    code = "E0133"
    title = "{kind} patterns are not supported"
    label = "cannot be matched"
    help = "match literals, enum members (`Color.RED`), alternatives with `|`, or `_`"
    kind: str


class PatternShadowsConstant(ErrorClass):
    """A bare name in a pattern looks like a constant but would capture.

    In Python a bare name in a pattern matches everything and is bound to it. One that equals a constant of the module
    was most likely meant as a comparison.

    Bad:

        LIMIT = 7

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            match bpf_get_prandom_u32():
                case LIMIT:
                    return XDP_DROP
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            match bpf_get_prandom_u32():
                case 7:
                    return XDP_DROP
            return XDP_PASS
    """

    code = "E0134"
    title = "`case {name}` would match everything and rebind `{name}`"
    label = "a bare name captures"
    help = "compare in a guard, `case x if x == {name}`, or use a dotted enum member"
    name: str


class FormattedString(ErrorClass):
    """An f-string stands outside `print` and `bpf.snprintf`.

    Formatting happens in the kernel only where it prints; events carry values, and user space formats them.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            text = f"{n}"
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            print(f"{n}")
            return XDP_PASS
    """

    code = "E0135"
    title = "an f-string can only be an argument of `print` or `bpf.snprintf`"
    label = "no strings are made in BPF"
    help = "send the values in an event and format them in user space"


class FormatSpec(ErrorClass):
    """A format specification that the kernel cannot carry out.

    The kernel's formatting knows integers, characters, addresses and text, with a width, a side, leading zeros and
    signs. Constants are formatted by the compiler, in any way that Python knows. Widths, sides, `X`, `c`, a percent
    sign and more than one text in a line need kernel 5.13, more than three values 5.16.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            print(f"{n:.2f}")
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            print(f"{n:08x}")
            return XDP_PASS
    """

    code = "E0136"
    title = "the format `{spec}` does not work for {type}"
    label = "cannot be printed so"
    help = "integers take `d`, `x`, `X`, `#x`, `08x`, `c`; pointers `p`; text `s`"
    spec: str
    type: str


class UnprintableText(ErrorClass):
    """Text for the trace has characters that the kernel refuses.

    The kernel prints ASCII and white space only; a line with anything else is not written at all.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            print("größer")
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            print("larger")
            return XDP_PASS
    """

    code = "E0150"
    title = "the kernel does not print {char}"
    label = "the whole line would be lost"
    help = "write it in ASCII, or send the value in an event and print it in user space"
    char: str
