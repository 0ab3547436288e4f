"""E01xx: finding the source of a program, and Python that has no meaning in a BPF program."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class Unsupported(ErrorClass):
    """The construct does not exist in the language."""

    code = "E0101"
    title = "{what} is not supported in a BPF program"
    label = "not supported"
    what: str


class NoSource(ErrorClass):
    """The text of a function is not available."""

    code = "E0102"
    title = "the source of `{name}` is not available"
    help = "define it in a file, a notebook cell or the REPL, not with `exec`, `eval` or a code generator"
    name: str


class SourceChanged(ErrorClass):
    """The file of a function no longer holds it where it was imported from."""

    code = "E0103"
    title = "`{name}` is no longer where it was when its module was imported"
    label = "expected the definition here"
    help = "import the module again: its file has changed"
    name: str


class SourceInvalid(ErrorClass):
    """The file does not parse as Python."""

    code = "E0104"
    title = "invalid syntax: {reason}"
    reason: str


class UnknownDecorator(ErrorClass):
    """A program or function carries a decorator that is not one of the language."""

    code = "E0105"
    title = "the decorator `{name}` has no meaning in a BPF program"
    label = "would run in Python only"
    help = "remove it, or decorate a plain Python function that is not compiled"
    name: str


class DecoratorArguments(ErrorClass):
    """A decorator got arguments that it cannot use."""

    code = "E0106"
    title = "`{name}`: {reason}"
    name: str
    reason: str


class UnresolvedAnnotation(ErrorClass):
    """An annotation could not be evaluated."""

    code = "E0107"
    title = "the annotation `{text}` cannot be resolved: {reason}"
    label = "not known here"
    help = "define the type at module level, before the program is compiled"
    text: str
    reason: str


class InvalidAnnotation(ErrorClass):
    """An annotation is not a type of the language."""

    code = "E0108"
    title = "`{text}` is not a type of a BPF program"
    label = "not a type here"
    help = "integers are `u8` … `i64`, text is `Annotated[str, N]`, records are `@bpf.struct` classes"
    text: str


class MissingAnnotation(ErrorClass):
    """A parameter has no type."""

    code = "E0109"
    title = "the parameter `{name}` needs a type"
    label = "its type is not known"
    help = "annotate it: `{name}: u64`"
    name: str


class NestedFunction(ErrorClass):
    """A function is defined inside another."""

    code = "E0110"
    title = "a function cannot be defined inside another"
    label = "nested `def`"
    help = "move it to module level and decorate it with `@bpf.func`"


class LambdaExpression(ErrorClass):
    """A lambda is used."""

    code = "E0111"
    title = "`lambda` is not supported in a BPF program"
    label = "there are no function objects in BPF"
    help = "define a function with `@bpf.func` at module level"


class Comprehension(ErrorClass):
    """A comprehension or generator expression is used."""

    code = "E0112"
    title = "comprehensions are not supported in a BPF program"
    label = "would need a list of unknown size"
    help = "declare an array, `values: Annotated[list[u32], 8]`, and fill it in a `for` loop"


class TryStatement(ErrorClass):
    """A try statement is used."""

    code = "E0113"
    title = "`try` is not supported in a BPF program"
    label = "nothing raises in BPF"
    help = "test the value that the helper or map operation returns"


class RaiseStatement(ErrorClass):
    """A raise statement is used."""

    code = "E0114"
    title = "`raise` is not supported in a BPF program"
    label = "nothing could catch it"
    help = "return a value that the caller tests, or use `assert`"


class YieldExpression(ErrorClass):
    """A generator is written."""

    code = "E0115"
    title = "`yield` is not supported in a BPF program"
    label = "a program runs to its end"
    help = "send values to user space through a `bpf.RingBuf`"


class AsyncCode(ErrorClass):
    """Asynchronous code is written."""

    code = "E0116"
    title = "`async` and `await` are not supported in a BPF program"
    label = "a program runs to its end"
    help = "to run something later, use a BPF timer"


class StarParameter(ErrorClass):
    """A function takes any number of arguments."""

    code = "E0117"
    title = "`*{name}` parameters are not supported in a BPF program"
    label = "the number of arguments must be known"
    help = "list the parameters one by one, five at most"
    name: str


class StarExpression(ErrorClass):
    """A starred expression is used."""

    code = "E0118"
    title = "`*` unpacking is not supported in a BPF program"
    label = "its length is not known"
    help = "write the elements one by one"


class Recursion(ErrorClass):
    """A function calls itself, directly or through others."""

    code = "E0119"
    title = "`{name}` calls itself: {path}"
    label = "recursive call"
    help = "write it as a loop: BPF has no recursion"
    name: str
    path: str


class TooManyParameters(ErrorClass):
    """A function has more than five parameters."""

    code = "E0120"
    title = "`{name}` has {count} parameters; a BPF function takes at most 5"
    label = "one parameter too many"
    help = "pass a `@bpf.struct` that holds them"
    name: str
    count: int


class FloatingPoint(ErrorClass):
    """A floating point value is used."""

    code = "E0121"
    title = "floating point is not supported in a BPF program"
    label = "BPF has integers only"
    help = "scale to an integer: count in nanoseconds, bytes or per mille"


class TrueDivision(ErrorClass):
    """`/` is used."""

    code = "E0122"
    title = "`/` gives a float, which BPF does not have"
    label = "use `//`"
    help = "divide with `//`, which rounds down"


class VariablePower(ErrorClass):
    """`**` has an operand that is not constant."""

    code = "E0123"
    title = "`**` works on constants only"
    label = "not known at compile time"
    help = "multiply, or shift for powers of two: `1 << n`"


class TextOutOfPlace(ErrorClass):
    """A string stands where only a number can."""

    code = "E0124"
    title = "text cannot be used here"
    label = "a string is not a value in BPF"
    help = "text is assigned to or compared with an `Annotated[str, N]`, or passed to a helper or `print`"


class ContainerLiteral(ErrorClass):
    """A dict or set is written."""

    code = "E0125"
    title = "Python dicts and sets do not exist in a BPF program"
    label = "no such object in BPF"
    help = "declare a map at module level: `bpf.HashMap[u32, u64](max_entries=1024)`"


class SequenceValue(ErrorClass):
    """A list or tuple is used as a value."""

    code = "E0126"
    title = "a {kind} cannot be used as a value here"
    label = "no such object in BPF"
    help = "declare an array, `values: Annotated[list[u32], 8]`, or a `@bpf.struct`"
    kind: str


class SliceExpression(ErrorClass):
    """A slice is used where none is supported."""

    code = "E0127"
    title = "this slice is not supported"
    label = "the length of a slice must be known at compile time"
    help = "use constant bounds, or copy the elements in a loop"


class IdentityComparison(ErrorClass):
    """`is` is used for something else than None."""

    code = "E0128"
    title = "`is` compares with `None` only"
    label = "values have no identity in BPF"
    help = "compare values with `==`"


class ImportStatement(ErrorClass):
    """An import stands inside a function."""

    code = "E0129"
    title = "`import` is not supported inside a BPF program"
    label = "nothing can be imported while the program runs"
    help = "import at the top of the module"


class NonlocalStatement(ErrorClass):
    """A nonlocal statement is used."""

    code = "E0130"
    title = "`nonlocal` is not supported in a BPF program"
    label = "a program cannot write into a closure"
    help = "declare a `bpf.Global[u64]` at module level and write it under `global`"


class NestedClass(ErrorClass):
    """A class is defined inside a function."""

    code = "E0131"
    title = "a class cannot be defined inside a BPF program"
    label = "nested `class`"
    help = "move it to module level and decorate it with `@bpf.struct`"


class NotAContextManager(ErrorClass):
    """`with` is used on something that has no begin and end in BPF."""

    code = "E0132"
    title = "{what} cannot be used with `with`"
    label = "not one of the language's context managers"
    help = "`with` works on `bpf.spin_lock`, `bpf.rcu_read_lock` and ring buffer reservations"
    what: str


class MatchPattern(ErrorClass):
    """A pattern that `match` does not support."""

    code = "E0133"
    title = "{kind} patterns are not supported"
    label = "cannot be matched"
    help = "match literals, enum members (`Color.RED`), alternatives with `|`, or `_`"
    kind: str


class PatternShadowsConstant(ErrorClass):
    """A bare name in a pattern looks like a constant but would capture."""

    code = "E0134"
    title = "`case {name}` would match everything and rebind `{name}`"
    label = "a bare name captures"
    help = "compare in a guard, `case x if x == {name}`, or use a dotted enum member"
    name: str


class FormattedString(ErrorClass):
    """An f-string stands outside `print` and `bpf.snprintf`."""

    code = "E0135"
    title = "an f-string can only be an argument of `print` or `bpf.snprintf`"
    label = "no strings are made in BPF"
    help = "send the values in an event and format them in user space"


class FormatSpec(ErrorClass):
    """A format specification that the kernel cannot carry out."""

    code = "E0136"
    title = "the format `{spec}` does not work for {type}"
    label = "cannot be printed so"
    help = "integers take `d`, `x`, `X`, `#x`, `08x`, `c`; pointers `p`; text `s`"
    spec: str
    type: str


class AssignmentTarget(ErrorClass):
    """Something that cannot be assigned to."""

    code = "E0137"
    title = "cannot assign to {what}"
    label = "not assignable"
    what: str


class DeleteTarget(ErrorClass):
    """`del` of something that is not a map entry."""

    code = "E0138"
    title = "`del` works on map entries only"
    label = "not a map entry"
    help = "`del m[key]` removes an entry; variables need no removal"


class GlobalStatement(ErrorClass):
    """`global` names something that is not a global of the program."""

    code = "E0139"
    title = "`{name}` is not a global variable of this module"
    label = "not declared with a type at module level"
    help = "declare it at module level: `{name}: bpf.Global[u64] = 0`"
    name: str


class NotBpfFunction(ErrorClass):
    """A plain Python function is called from a program."""

    code = "E0140"
    title = "`{name}` is a Python function, which a BPF program cannot call"
    label = "runs in user space only"
    help = "decorate it with `@bpf.func` to compile it, or call a helper"
    name: str


class NotAValue(ErrorClass):
    """A name stands for a Python object that has no value in a program."""

    code = "E0141"
    title = "{what} has no value in a BPF program"
    label = "cannot be used as a value"
    what: str


class UnsupportedBuiltin(ErrorClass):
    """A Python builtin that a program cannot call."""

    code = "E0142"
    title = "the builtin `{name}` is not supported in a BPF program"
    label = "not available in the kernel"
    help = "`abs bool int len max min print range` work"
    name: str


class StaticAssertion(ErrorClass):
    """An assertion on constants does not hold."""

    code = "E0143"
    title = "assertion failed: {text}"
    label = "false at compile time"
    text: str


class TypeExpected(ErrorClass):
    """An argument must be a type."""

    code = "E0144"
    title = "`{name}` takes a type"
    label = "not a type"
    help = "name a struct or integer class, such as `net.ethhdr` or `u32`"
    name: str


class NotIterable(ErrorClass):
    """`for` runs over something that cannot be iterated."""

    code = "E0145"
    title = "{what} cannot be iterated"
    label = "not iterable"
    help = "loop over `range(…)`, an array, or the entries of a map"
    what: str


class MapMethodAsValue(ErrorClass):
    """A map's method is named but not called."""

    code = "E0146"
    title = "`{map}.{name}` is not called"
    label = "a method is not a value"
    help = "call it: `{map}.{name}(…)`"
    map: str
    name: str


class TupleValue(ErrorClass):
    """A tuple is stored."""

    code = "E0147"
    title = "a tuple cannot be stored"
    label = "only its elements can"
    help = "unpack it, `a, b = …`, or use a `@bpf.struct`"


class UnpackCount(ErrorClass):
    """The two sides of an unpacking differ in length."""

    code = "E0148"
    title = "cannot unpack {found} into {expected}"
    label = "lengths differ"
    expected: str
    found: str


class ChainedTarget(ErrorClass):
    """A statement binds names in a form that is not supported."""

    code = "E0149"
    title = "{what} cannot be unpacked"
    label = "not a tuple"
    help = "bind it to one name, then read its fields"
    what: str
