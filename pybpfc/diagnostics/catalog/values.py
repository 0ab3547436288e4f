"""E02xx: names, types, integers, calls."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class TypeMismatch(ErrorClass):
    """A value of one type stands where another is needed."""

    code = "E0201"
    title = "expected {expected}, found {found}"
    label = "this is {found}"
    expected: str
    found: str


class LiteralDoesNotFit(ErrorClass):
    """A constant is outside the range of its type."""

    code = "E0202"
    title = "{value} does not fit `{type}`"
    label = "out of range"
    value: int
    type: str


class LossyConversion(ErrorClass):
    """A value is converted implicitly to a type that cannot hold all its values."""

    code = "E0203"
    title = "`{found}` does not fit `{expected}` without loss"
    label = "this is `{found}`"
    help = "cast it: `{expected}(…)` keeps the low bits"
    found: str
    expected: str


class MixedSign(ErrorClass):
    """No type holds all values of both operands."""

    code = "E0204"
    title = "`{operator}` on `{left}` and `{right}`: no type holds both"
    label = "`{left}` and `{right}`"
    help = "cast one operand to the other's type"
    operator: str
    left: str
    right: str


class ShiftCount(ErrorClass):
    """A constant shift count is outside the operand's width."""

    code = "E0205"
    title = "cannot shift a {bits}-bit value by {count}"
    label = "must be from 0 to the width less 1"
    count: int
    bits: int


class DivisionByZero(ErrorClass):
    """A constant divisor is zero."""

    code = "E0206"
    title = "division by zero"
    label = "always divides by 0"


class NegateUnsigned(ErrorClass):
    """Unary minus is applied to an unsigned value."""

    code = "E0207"
    title = "`-` on the unsigned type `{type}`"
    label = "cannot be negative"
    help = "write `0 - x` to wrap around, or cast to a signed type first: `-i64(x)`"
    type: str


class WriteToConstant(ErrorClass):
    """A module-level value without a lang type is written."""

    code = "E0208"
    title = "`{name}` is a constant of the program"
    label = "its value is compiled in"
    help = "make it a variable at module level: `{name}: bpf.Global[u64] = 0`"
    name: str


class WriteToConst(ErrorClass):
    """A `bpf.Const` is written by a program."""

    code = "E0209"
    title = "`{name}` is read-only: it is a `bpf.Const`"
    label = "cannot be written by a program"
    help = "declare it as `bpf.Global` to write it while the program runs"
    name: str


class NotComparable(ErrorClass):
    """Two values have no common type to be compared in."""

    code = "E0210"
    title = "{left} cannot be compared with {right}"
    label = "no common type"
    left: str
    right: str


class NotACondition(ErrorClass):
    """A value has no truth value."""

    code = "E0211"
    title = "{what} is neither true nor false"
    label = "not a condition"
    help = "compare it with something"
    what: str


class UndefinedName(ErrorClass):
    """A name is not defined."""

    code = "E0212"
    title = "`{name}` is not defined"
    label = "not found in this scope"
    name: str


class UnboundVariable(ErrorClass):
    """A variable may be read before it is assigned."""

    code = "E0213"
    title = "`{name}` may not have a value here"
    label = "not assigned on every path"
    help = "assign it before the branch or loop"
    name: str


class MissingGlobalStatement(ErrorClass):
    """A function assigns to a module-level variable without saying `global`."""

    code = "E0214"
    title = "`{name}` is written without `global {name}`"
    label = "would be a new local variable"
    help = "add `global {name}` at the top of the function"
    name: str


class ArgumentCount(ErrorClass):
    """A call has too many or too few arguments."""

    code = "E0215"
    title = "`{name}` takes {expected}, got {found}"
    label = "wrong number of arguments"
    name: str
    expected: str
    found: int


class MissingArgument(ErrorClass):
    """A call leaves out an argument that has no default."""

    code = "E0216"
    title = "`{function}` needs the argument `{name}`"
    label = "`{name}` is missing"
    function: str
    name: str


class UnknownKeyword(ErrorClass):
    """A call has a keyword argument that the function does not take."""

    code = "E0217"
    title = "`{function}` has no parameter `{name}`"
    label = "no such parameter"
    function: str
    name: str


class RepeatedArgument(ErrorClass):
    """A call gives one argument twice."""

    code = "E0218"
    title = "`{function}` gets the argument `{name}` twice"
    label = "given before"
    function: str
    name: str


class NotCallable(ErrorClass):
    """Something is called that is not a function."""

    code = "E0219"
    title = "{what} cannot be called"
    label = "not a function"
    what: str


class MissingReturn(ErrorClass):
    """A path through a function ends without a value."""

    code = "E0220"
    title = "`{name}` does not return a value on every path"
    label = "must return `{type}`"
    help = "end the function with a `return`"
    name: str
    type: str


class ReturnsNothing(ErrorClass):
    """A `return` with a value in a function that returns none, or the reverse."""

    code = "E0221"
    title = "`{name}` returns {expected}, not {found}"
    label = "returns {found}"
    name: str
    expected: str
    found: str


class NoResult(ErrorClass):
    """The result of a function that returns none is used."""

    code = "E0222"
    title = "`{name}` returns nothing"
    label = "has no value"
    name: str


class UnknownAttribute(ErrorClass):
    """A value has no such attribute."""

    code = "E0223"
    title = "{what} has no attribute `{name}`"
    label = "no such attribute"
    what: str
    name: str


class UnknownField(ErrorClass):
    """A struct has no such field."""

    code = "E0224"
    title = "`{struct}` has no field `{name}`"
    label = "no such field"
    struct: str
    name: str


class UnknownMember(ErrorClass):
    """A module or class has no such name."""

    code = "E0225"
    title = "`{owner}` has no `{name}`"
    label = "not found there"
    owner: str
    name: str


class NoSuchMethod(ErrorClass):
    """A value has no such method."""

    code = "E0226"
    title = "{what} has no method `{name}`"
    label = "no such method"
    what: str
    name: str


class PositionalField(ErrorClass):
    """A struct is made with positional arguments."""

    code = "E0227"
    title = "the fields of `{struct}` are given by name"
    label = "which field?"
    help = "write `{struct}(field=value)`; fields left out are zero"
    struct: str


class IndexOutOfRange(ErrorClass):
    """A constant index lies outside the array."""

    code = "E0228"
    title = "index {index} is outside an array of {length}"
    label = "out of range"
    index: int
    length: int


class UnboundedIndex(ErrorClass):
    """A variable index is not known to lie within the array."""

    code = "E0229"
    title = "the index may be outside the array of {length}"
    label = "not known to be below {length}"
    help = "bound it: `i % {length}`, `min(i, {length} - 1)`, or test it with `if i < {length}:`"
    length: int


class NotIndexable(ErrorClass):
    """Something without elements is indexed."""

    code = "E0230"
    title = "{what} cannot be indexed"
    label = "has no elements"
    what: str


class NotAnIndex(ErrorClass):
    """An index is not an integer."""

    code = "E0231"
    title = "an index must be an integer, not {what}"
    label = "not an integer"
    what: str


class TextTooLong(ErrorClass):
    """A constant text is longer than the array it goes to."""

    code = "E0232"
    title = "{length} bytes do not fit {type}"
    label = "too long"
    help = "make the array longer; an `Annotated[str, N]` holds N-1 bytes and the terminating NUL"
    length: int
    type: str


class TextOrder(ErrorClass):
    """Text is compared with an order."""

    code = "E0233"
    title = "text compares with `==` and `!=` only"
    label = "no order on text"
    help = "compare an `Annotated[str, N]` with a constant or another one by `==`, or use `.startswith`"


class CannotInfer(ErrorClass):
    """The type of a variable cannot be told."""

    code = "E0234"
    title = "the type of `{name}` cannot be inferred"
    label = "from this"
    help = "annotate it: `{name}: u64 = …`"
    name: str


class LocalType(ErrorClass):
    """A variable is assigned a value of another type than it has."""

    code = "E0235"
    title = "`{name}` is {type}, and cannot be assigned {found}"
    label = "this is {found}"
    help = "a variable keeps the type of its first assignment: cast the value, or annotate the first one"
    name: str
    type: str
    found: str


class LocalRedeclared(ErrorClass):
    """A variable is annotated a second time, with another type."""

    code = "E0236"
    title = "`{name}` is declared twice, as {first} and as {second}"
    label = "declared again"
    help = "use another name"
    name: str
    first: str
    second: str


class NotANumber(ErrorClass):
    """An operator or cast is applied to something that is not a number."""

    code = "E0237"
    title = "`{operator}` does not work on {what}"
    label = "not a number"
    what: str
    operator: str


class BranchTypes(ErrorClass):
    """The two values of a conditional or of `and`/`or` have different types."""

    code = "E0238"
    title = "the values {left} and {right} have no common type"
    label = "this is {right}"
    help = "both sides need one type: cast one"
    left: str
    right: str


class NotAContainer(ErrorClass):
    """`in` is used on something that holds no elements."""

    code = "E0239"
    title = "`in` does not work on {what}"
    label = "not a container"
    help = "`in` works on maps (`key in m`) and on constant tuples (`x in (1, 2)`)"
    what: str


class CompareWithNone(ErrorClass):
    """None is compared with `==`."""

    code = "E0240"
    title = "compare with `None` by `is`"
    label = "`==` compares values"
    help = "write `x is None` or `x is not None`"


class LiteralTooLarge(ErrorClass):
    """A constant does not fit any integer type."""

    code = "E0241"
    title = "{value} does not fit 64 bits"
    label = "too large"
    value: int


class ConstantNeeded(ErrorClass):
    """Something must be known at compile time."""

    code = "E0242"
    title = "{what} must be known at compile time"
    label = "not constant"
    what: str


class ConstantFailed(ErrorClass):
    """Evaluating a constant expression raised an exception."""

    code = "E0243"
    title = "this constant cannot be computed: {reason}"
    label = "evaluated at compile time"
    reason: str


class StepZero(ErrorClass):
    """A range has the step 0."""

    code = "E0244"
    title = "the step of `range` must not be 0"
    label = "never ends"


class NoneOutOfPlace(ErrorClass):
    """None is used as a value."""

    code = "E0245"
    title = "`None` is not a value of {type}"
    label = "not {type}"
    help = "only pointers and references can be None; use 0 or another marker"
    type: str


class StructDefinition(ErrorClass):
    """A struct class cannot be laid out."""

    code = "E0246"
    title = "`{name}` is not a valid struct: {reason}"
    label = "cannot be laid out"
    name: str
    reason: str


class DuplicateName(ErrorClass):
    """Two things of one object have the same name."""

    code = "E0247"
    title = "`{name}` is defined twice in one object"
    label = "the second definition"
    help = "rename one: programs, functions, maps and globals share one namespace in an object"
    name: str


class GlobalType(ErrorClass):
    """The initial value of a global does not fit its type."""

    code = "E0248"
    title = "the initial value of `{name}` does not fit its type: {reason}"
    label = "declared here"
    name: str
    reason: str


class ParameterType(ErrorClass):
    """A parameter or result has a type that cannot be passed."""

    code = "E0249"
    title = "{type} cannot be passed between functions"
    label = "does not fit a register"
    help = "pass a reference: annotate with the struct class or `bpf.Ptr[T]`"
    type: str
