"""W…: programs that are valid and probably not what was meant."""

from __future__ import annotations

from typing import ClassVar

from pybpfc.diagnostics.catalog.base import ErrorClass
from pybpfc.diagnostics.diagnostic import Severity


class WarningClass(ErrorClass):
    """The base of all warnings."""

    severity: ClassVar[Severity] = Severity.WARNING


class UnreachableCode(WarningClass):
    """A statement can never run.

    A `return`, `break` or `continue` before it is always taken.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_DROP
            print("never")
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            print("now")
            return XDP_PASS
    """

    code = "W0101"
    title = "this code never runs"
    label = "unreachable"


class AlwaysCompares(WarningClass):
    """A comparison has the same result for every value.

    No value of the operand's type makes the comparison come out otherwise.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            if n >= 0:
                return XDP_DROP
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            if n > 0:
                return XDP_DROP
            return XDP_PASS
    """

    code = "W0201"
    title = "this comparison is always {result}"
    label = "always {result}"
    result: bool


class UnusedResult(WarningClass):
    """An expression's value is thrown away.

    The expression changes nothing, and its value is thrown away.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            n + 1
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            n += 1
            return XDP_PASS
    """

    code = "W0202"
    title = "the value of {what} is not used"
    label = "computed for nothing"
    what: str


class ShadowsGlobal(WarningClass):
    """A new local variable has the name of a global one.

    As in Python, assigning to a name makes it a local variable of the function unless `global` says otherwise.

    Bad:

        total: bpf.Global[u64] = 0


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
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

    code = "W0203"
    title = "`{name}` is a new local variable; the global `{name}` stays as it is"
    label = "hides the global"
    help = "add `global {name}` at the top of the function to write the global, or use another name"
    name: str


class StackNeedsNewer(WarningClass):
    """The program's stack fits only on newer kernels.

    Frames are rounded up to 32 bytes by kernels before 6.9 and to 16 since; from 6.13 on x86-64 each function of a
    tracing program has a stack of its own. `kernel="6.13"` says that older ones need not run the program.

    Bad:

        @bpf.struct
        class Path:
            text: Annotated[bytes, 300]


        paths = bpf.HashMap[u32, Path](max_entries=16)


        @bpf.func(noinline=True)
        def remember(key: u32) -> u64:
            path = Path()
            path.text[0] = 1
            paths[key] = path
            return 0


        @bpf.raw_tracepoint("sys_enter")
        def prog(ctx: bpf.RawTracepointContext) -> int:
            path = Path()
            path.text[0] = 2
            paths[1] = path
            return i32(remember(2))

    Good:

        @bpf.struct
        class Path:
            text: Annotated[bytes, 300]


        paths = bpf.HashMap[u32, Path](max_entries=16)
        scratch = bpf.PerCpuArray[Path](max_entries=1)


        @bpf.raw_tracepoint("sys_enter")
        def prog(ctx: bpf.RawTracepointContext) -> int:
            path = scratch.lookup(0)
            if path is None:
                return 0
            path.text[0] = 2
            paths[1] = path
            return 0
    """

    code = "W0502"
    title = "`{program}` and the functions it calls take {size} bytes of stack, which needs kernel {since}"
    label = "kernels before that have 512 bytes for all of them"
    help = "keep large values in a map: `scratch = bpf.PerCpuArray[T](max_entries=1)`, then `scratch.lookup(0)`"
    program: str
    size: int
    since: str


class MissingHookTarget(WarningClass):
    """The kernel that this is compiled on has no function, tracepoint or LSM hook of the name given.

    The program will load where the kernel has it. Functions that are inlined everywhere, or were renamed, are not there
    either. What there is: `pybpfc list fentry 'vfs_*'`.

    Bad:

        @bpf.fentry("vfs_raed")
        def prog(file, buf, count: u64, pos) -> int:
            return 0

    Good:

        @bpf.fentry("vfs_read")
        def prog(file, buf, count: u64, pos) -> int:
            return 0
    """

    code = "W0301"
    title = "this kernel has no {kind} `{name}`"
    label = "not found in its types"
    help = "see `pybpfc list {hook} '{pattern}'`"
    kind: str
    name: str
    hook: str
    pattern: str
