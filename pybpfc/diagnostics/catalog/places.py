"""E013x to E014x: what can be assigned to, deleted, named, called and iterated over."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


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
