"""E01xx: finding the source of a program, and Python that has no meaning in a BPF program."""

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


class NoSource(ErrorClass):
    r"""The text of a function is not available.

    A program is compiled from its source text. Code made by `exec` has none.

    Bad:

        exec("@bpf.xdp\ndef prog(ctx: bpf.XdpContext) -> int:\n    return XDP_PASS\n")

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PASS
    """

    code = "E0102"
    title = "the source of `{name}` is not available"
    help = "define it in a file, a notebook cell or the REPL, not with `exec`, `eval` or a code generator"
    name: str


class SourceChanged(ErrorClass):
    """The file of a function no longer holds it where it was imported from.

    The function was imported from one version of the file, and the file now holds another: compiling it would not be
    what Python runs.
    """

    code = "E0103"
    title = "`{name}` is no longer where it was when its module was imported"
    label = "expected the definition here"
    help = "import the module again: its file has changed"
    name: str


class InvalidSyntax(ErrorClass):
    """The file is not Python: its parser refuses it.

    Nothing else of the file can be checked before this is corrected. The words are those of the Python that runs
    pybpfc; syntax that came with a later Python is an error too.
    """

    code = "E0104"
    title = "this is not valid Python: {reason}"
    label = "refused by the parser"
    reason: str


class ImportFails(ErrorClass):
    """Running the file, as `import` does, raised an exception.

    A file of programs is a Python module: it is run up to its end, which declares its maps and programs, and compiled
    then. What is to happen only when the file is started as a script, such as loading the programs, stands under
    `if __name__ == "__main__":`.
    """

    code = "E0105"
    title = "importing this file fails: {reason}"
    label = "raised while this ran"
    reason: str


class UnresolvedAnnotation(ErrorClass):
    """An annotation could not be evaluated.

    Annotations are evaluated in the function's module, as Python would. The name or expression failed there.

    Bad:

        @bpf.func
        def twice(x: "u46") -> u64:
            return x * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return i32(twice(2))

    Good:

        @bpf.func
        def twice(x: u64) -> u64:
            return x * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return i32(twice(2))
    """

    code = "E0107"
    title = "the annotation `{text}` cannot be resolved: {reason}"
    label = "not known here"
    help = "define the type at module level, before the program is compiled"
    text: str
    reason: str


class InvalidAnnotation(ErrorClass):
    """An annotation is not a type of the language.

    A type of the language has a fixed size: integers, `bool`, enums, `@bpf.struct` classes, `bpf.Ptr[T]`, and
    `Annotated[str, N]`, `Annotated[bytes, N]`, `Annotated[list[T], N]`.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: str = "a"
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[str, 16] = "a"
            return XDP_PASS
    """

    code = "E0108"
    title = "`{text}` is not a type of a BPF program"
    label = "not a type here"
    help = "integers are `u8` … `i64`, text is `Annotated[str, N]`, records are `@bpf.struct` classes"
    text: str


class MissingAnnotation(ErrorClass):
    """A parameter has no type.

    The parameters of a `@bpf.func` function are typed: the type decides how they are passed.

    Bad:

        @bpf.func
        def twice(x) -> u64:
            return x * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return i32(twice(2))

    Good:

        @bpf.func
        def twice(x: u64) -> u64:
            return x * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return i32(twice(2))
    """

    code = "E0109"
    title = "the parameter `{name}` needs a type"
    label = "its type is not known"
    help = "annotate it: `{name}: u64`"
    name: str


class NestedFunction(ErrorClass):
    """A function is defined inside another.

    A function of the language lives at module level; there are no closures made at run time.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            def twice(x: u64) -> u64:
                return x * 2
            return XDP_PASS

    Good:

        @bpf.func
        def twice(x: u64) -> u64:
            return x * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = twice(2)
            return XDP_PASS
    """

    code = "E0110"
    title = "a function cannot be defined inside another"
    label = "nested `def`"
    help = "move it to module level and decorate it with `@bpf.func`"


class LambdaExpression(ErrorClass):
    """A lambda is used.

    BPF has no function objects: a function is called by its name or given to a helper that takes a callback.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            twice = lambda x: x * 2
            return XDP_PASS

    Good:

        @bpf.func
        def twice(x: u64) -> u64:
            return x * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = twice(2)
            return XDP_PASS
    """

    code = "E0111"
    title = "`lambda` is not supported in a BPF program"
    label = "there are no function objects in BPF"
    help = "define a function with `@bpf.func` at module level"


class Comprehension(ErrorClass):
    """A comprehension or generator expression is used.

    A comprehension makes a list whose length is known only when it has run; BPF has no memory for that.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            squares = [i * i for i in range(4)]
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            squares: Annotated[list[u64], 4]
            for i in range(4):
                squares[i] = u64(i * i)
            return XDP_PASS
    """

    code = "E0112"
    title = "comprehensions are not supported in a BPF program"
    label = "would need a list of unknown size"
    help = "declare an array, `values: Annotated[list[u32], 8]`, and fill it in a `for` loop"


class TryStatement(ErrorClass):
    """A try statement is used.

    Nothing raises in a BPF program: a helper or map operation says by its result whether it worked.

    Bad:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            try:
                del counts[1]
            except KeyError:
                pass
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            if 1 in counts:
                del counts[1]
            return XDP_PASS
    """

    code = "E0113"
    title = "`try` is not supported in a BPF program"
    label = "nothing raises in BPF"
    help = "test the value that the helper or map operation returns"


class RaiseStatement(ErrorClass):
    """A raise statement is used.

    There is no one to catch an exception in the kernel.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            raise ValueError
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_ABORTED
    """

    code = "E0114"
    title = "`raise` is not supported in a BPF program"
    label = "nothing could catch it"
    help = "return a value that the caller tests, or use `assert`"


class YieldExpression(ErrorClass):
    """A generator is written.

    A program runs from its first line to its return each time its hook fires.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            yield 1
            return XDP_PASS

    Good:

        events = bpf.RingBuf[u64](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is not None:
                event.value = 1
                events.submit(event)
            return XDP_PASS
    """

    code = "E0115"
    title = "`yield` is not supported in a BPF program"
    label = "a program runs to its end"
    help = "send values to user space through a `bpf.RingBuf`"


class AsyncCode(ErrorClass):
    """Asynchronous code is written.

    A program cannot wait: the kernel runs it to its end.

    Bad:

        @bpf.xdp
        async def prog(ctx: bpf.XdpContext) -> int:
            await other()
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PASS
    """

    code = "E0116"
    title = "`async` and `await` are not supported in a BPF program"
    label = "a program runs to its end"
    help = "to run something later, use a BPF timer"


class StarParameter(ErrorClass):
    """A function takes any number of arguments.

    Arguments are passed in registers: their number and types are fixed when the function is compiled.

    Bad:

        @bpf.func
        def first(*values: u64) -> u64:
            return 0


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = first(1, 2)
            return XDP_PASS

    Good:

        @bpf.func
        def first(a: u64, b: u64) -> u64:
            return a


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = first(1, 2)
            return XDP_PASS
    """

    code = "E0117"
    title = "`*{name}` parameters are not supported in a BPF program"
    label = "the number of arguments must be known"
    help = "list the parameters one by one, five at most"
    name: str


class StarExpression(ErrorClass):
    """A starred expression is used.

    How many values `*` stands for would be known only at run time.

    Bad:

        PAIR = (1, 2)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = max(*PAIR)
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = max(1, 2)
            return XDP_PASS
    """

    code = "E0118"
    title = "`*` unpacking is not supported in a BPF program"
    label = "its length is not known"
    help = "write the elements one by one"


class Recursion(ErrorClass):
    """A function calls itself, directly or through others.

    BPF calls need a bound that the verifier can see, and it does not accept a function that calls itself.

    Bad:

        @bpf.func
        def count(n: u64) -> u64:
            return 0 if n == 0 else count(n - 1) + 1


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = count(3)
            return XDP_PASS

    Good:

        @bpf.func
        def count(n: u64) -> u64:
            total: u64 = 0
            for i in range(min(n, 64)):
                total += 1
            return total


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = count(3)
            return XDP_PASS
    """

    code = "E0119"
    title = "`{name}` calls itself: {path}"
    label = "recursive call"
    help = "write it as a loop: BPF has no recursion"
    name: str
    path: str


class TooManyParameters(ErrorClass):
    """A function has more than five parameters.

    Arguments are passed in the registers r1 to r5.

    Bad:

        @bpf.func
        def add(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64) -> u64:
            return a + b + c + d + e + f


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = add(1, 2, 3, 4, 5, 6)
            return XDP_PASS

    Good:

        @bpf.struct
        class Parts:
            a: u64
            b: u64


        @bpf.func
        def add(parts: Parts) -> u64:
            return parts.a + parts.b


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = add(Parts(a=1, b=2))
            return XDP_PASS
    """

    code = "E0120"
    title = "`{name}` has {count} parameters; a BPF function takes at most 5"
    label = "one parameter too many"
    help = "pass a `@bpf.struct` that holds them"
    name: str
    count: int


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


class AssignmentTarget(ErrorClass):
    """Something that cannot be assigned to.

    Values are assigned to variables, struct fields, array elements, globals and map entries.

    Bad:

        class Color(enum.IntEnum):
            GREEN = 1


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            Color.GREEN = 2
            return XDP_PASS

    Good:

        class Color(enum.IntEnum):
            GREEN = 1


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            color = Color.GREEN
            number = 2
            return XDP_PASS
    """

    code = "E0137"
    title = "cannot assign to {what}"
    label = "not assignable"
    what: str


class DeleteTarget(ErrorClass):
    """`del` of something that is not a map entry.

    `del` removes the entry of a map. A variable ends with its function.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            del n
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            del counts[1]
            return XDP_PASS
    """

    code = "E0138"
    title = "`del` works on map entries only"
    label = "not a map entry"
    help = "`del m[key]` removes an entry; variables need no removal"


class GlobalStatement(ErrorClass):
    """`global` names something that is not a global of the program.

    `global` names variables of the object: module-level names annotated as `bpf.Global[T]` or with a type of the
    language.

    Bad:

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

    code = "E0139"
    title = "`{name}` is not a global variable of this module"
    label = "not declared with a type at module level"
    help = "declare it at module level: `{name}: bpf.Global[u64] = 0`"
    name: str


class NotBpfFunction(ErrorClass):
    """A plain Python function is called from a program.

    Only functions decorated with `@bpf.func`, helpers and the functions of `pybpfc.stdlib` run in the kernel.

    Bad:

        def twice(x: int) -> int:
            return x * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = twice(2)
            return XDP_PASS

    Good:

        @bpf.func
        def twice(x: u64) -> u64:
            return x * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = twice(2)
            return XDP_PASS
    """

    code = "E0140"
    title = "`{name}` is a Python function, which a BPF program cannot call"
    label = "runs in user space only"
    help = "decorate it with `@bpf.func` to compile it, or call a helper"
    name: str


class NotAValue(ErrorClass):
    """A name stands for a Python object that has no value in a program.

    Constants, globals, maps, functions and types of the module have a meaning in a program; other Python objects
    exist in user space only.

    Bad:

        NAMES = {1: "one"}

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = NAMES
            return XDP_PASS

    Good:

        LIMIT = 1

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = LIMIT
            return XDP_PASS
    """

    code = "E0141"
    title = "{what} has no value in a BPF program"
    label = "cannot be used as a value"
    what: str


class UnsupportedBuiltin(ErrorClass):
    """A Python builtin that a program cannot call.

    Most of Python's builtins work on objects that the kernel does not have.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = hash(3)
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = abs(-3)
            return XDP_PASS
    """

    code = "E0142"
    title = "the builtin `{name}` is not supported in a BPF program"
    label = "not available in the kernel"
    help = "`abs bool int len max min print range` work"
    name: str


class StaticAssertion(ErrorClass):
    """An assertion on constants does not hold.

    An `assert` on constants is checked when the program is compiled.

    Bad:

        SLOTS = 100

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            assert SLOTS % 8 == 0
            return XDP_PASS

    Good:

        SLOTS = 104

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            assert SLOTS % 8 == 0
            return XDP_PASS
    """

    code = "E0143"
    title = "assertion failed: {text}"
    label = "false at compile time"
    text: str


class TypeExpected(ErrorClass):
    """An argument must be a type.

    The call needs to know the size and fields of what it works on.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            size = bpf.size_of(3)
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            size = bpf.size_of(u32)
            return XDP_PASS
    """

    code = "E0144"
    title = "`{name}` takes a type"
    label = "not a type"
    help = "name a struct or integer class, such as `net.ethhdr` or `u32`"
    name: str


class NotIterable(ErrorClass):
    """`for` runs over something that cannot be iterated.

    `for` runs over `range(…)`, the elements of an array, or the entries of a map.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            for x in n:
                pass
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            values: Annotated[list[u32], 4]
            for x in values:
                pass
            return XDP_PASS
    """

    code = "E0145"
    title = "{what} cannot be iterated"
    label = "not iterable"
    help = "loop over `range(…)`, an array, or the entries of a map"
    what: str


class LoopAsValue(ErrorClass):
    """What makes a loop is used as a value.

    `bpf.iter_num` and a map's `items`, `keys` and `values` stand behind `for … in`; `bpf.loop` is a statement of its
    own, whose result can be assigned to a name.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            numbers = bpf.iter_num(0, ctx.rx_queue_index)
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            total = 0
            for i in bpf.iter_num(0, ctx.rx_queue_index):
                total += i
            return XDP_PASS if total else XDP_DROP
    """

    code = "E0147"
    title = "`{what}` is no value in a BPF program"
    label = "a loop"
    help = "write `{use}`"
    what: str
    use: str


class MapMethodAsValue(ErrorClass):
    """A map's method is named but not called.

    A map's method works where it is called; it is not an object that can be kept.

    Bad:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            lookup = counts.lookup
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = counts.lookup(1)
            return XDP_PASS
    """

    code = "E0146"
    title = "`{map}.{name}` is not called"
    label = "a method is not a value"
    help = "call it: `{map}.{name}(…)`"
    map: str
    name: str


class UnpackCount(ErrorClass):
    """The two sides of an unpacking differ in length.

    Each name on the left takes one value.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            a, b = 1, 2, 3
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            a, b = 1, 2
            return XDP_PASS
    """

    code = "E0148"
    title = "cannot unpack {found} into {expected}"
    label = "lengths differ"
    expected: str
    found: str


class NotUnpackable(ErrorClass):
    """A statement binds names in a form that is not supported.

    Tuples and arrays can be unpacked: they have a fixed number of elements.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            a, b = bpf_get_prandom_u32()
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            a, b = 1, 2
            return XDP_PASS
    """

    code = "E0149"
    title = "{what} cannot be unpacked"
    label = "not a tuple"
    help = "bind it to one name, then read its fields"
    what: str
