"""E03xx: None and pointers."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class MayBeNone(ErrorClass):
    """A value that may be None is used without a check.

    A lookup finds nothing when the key is absent, a reservation fails when the buffer is full, a packet may be too
    short. Reading through None would be a fault; the verifier refuses it.

    Bad:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = counts.lookup(1)
            count.value += 1
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = counts.lookup(1)
            if count is not None:
                count.value += 1
            return XDP_PASS
    """

    code = "E0301"
    title = "`{name}` may be None"
    label = "used without a check"
    help = "check it first: `if {name} is None:` and leave"
    name: str


class PointerArithmetic(ErrorClass):
    """Arithmetic on a pointer.

    The verifier follows each pointer with its bounds; computed addresses would lose them.

    Bad:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = counts.lookup(1)
            if count is not None:
                x = count + 8
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = counts.lookup(1)
            if count is not None:
                x = count.value + 8
            return XDP_PASS
    """

    code = "E0302"
    title = "`{operator}` does not work on pointers"
    label = "pointer arithmetic"
    help = "index an array, or take a packet pointer at an offset: `ctx.packet(T, offset)`"
    operator: str


class UntypedPointer(ErrorClass):
    """What an untyped pointer leads to is read.

    How many bytes to read, and what they mean, only the pointer's type can say.

    Bad:

        @bpf.tracepoint("kmem/kmalloc")
        def prog(ctx: bpf.TracepointContext) -> int:
            first = ctx.ptr[0]
            return 0

    Good:

        @bpf.tracepoint("kmem/kmalloc")
        def prog(ctx: bpf.TracepointContext) -> int:
            text: Annotated[bytes, 8] = b""
            bpf_probe_read_kernel(text, ctx.ptr)
            first = text[0]
            return 0
    """

    code = "E0303"
    title = "`{type}` says nothing of what it leads to"
    label = "read through an untyped pointer"
    help = "give it a type, `bpf.cast(T, p)`, or copy bytes by `bpf_probe_read_user(dst, p)`, `bpf_probe_read_kernel`"
    type: str


class ForeignMemoryWrite(ErrorClass):
    """A program writes to memory of the kernel or of user space.

    A program reads there only. What it may change, it changes through helpers and kernel functions.

    Bad:

        @bpf.kernel_struct
        class task_struct:
            pid: i32

        @bpf.raw_tracepoint("sched_switch")
        def prog(ctx: bpf.RawTracepointContext) -> int:
            task = bpf.cast(task_struct, ctx.args[1])
            task.pid = 1
            return 0

    Good:

        @bpf.kernel_struct
        class task_struct:
            pid: i32

        @bpf.raw_tracepoint("sched_switch")
        def prog(ctx: bpf.RawTracepointContext) -> int:
            task = bpf.cast(task_struct, ctx.args[1])
            pid = task.pid
            pid = 1
            return 0
    """

    code = "E0320"
    title = "memory {where} cannot be written"
    label = "a program can only read this"
    help = "copy it into a variable or a map and change it there"
    where: str


class KernelTypeExpected(ErrorClass):
    """A question about a type of the kernel, or a cast to one, names something else.

    What the compiler knows by itself, such as the size of the program's own structs, `bpf.size_of` tells.

    Bad:

        @bpf.raw_tracepoint("sched_switch")
        def prog(ctx: bpf.RawTracepointContext) -> int:
            return i32(bpf.type_size(u64))

    Good:

        @bpf.kernel_struct
        class task_struct:
            pid: i32

        @bpf.raw_tracepoint("sched_switch")
        def prog(ctx: bpf.RawTracepointContext) -> int:
            return i32(bpf.type_size(task_struct))
    """

    code = "E0321"
    title = "`bpf.{name}` takes a type of the kernel"
    label = "this is none"
    help = "import it from `pybpfc.vmlinux`, or declare the fields used: `@bpf.kernel_struct class task_struct: …`"
    name: str


class EnumeratorExpected(ErrorClass):
    """A question about an enumerator of the kernel names something else.

    The kernel's type is found by the name of the enum, the enumerator by its own.

    Bad:

        @bpf.raw_tracepoint("sched_switch")
        def prog(ctx: bpf.RawTracepointContext) -> int:
            return i32(bpf.enum_value(5))

    Good:

        class pid_type(enum.IntEnum):
            PIDTYPE_PID = 0

        @bpf.raw_tracepoint("sched_switch")
        def prog(ctx: bpf.RawTracepointContext) -> int:
            return i32(bpf.enum_value(pid_type.PIDTYPE_PID))
    """

    code = "E0322"
    title = "`bpf.{name}` takes an enumerator of the kernel"
    label = "this is none"
    help = "write `Enum.NAME`, with an `enum.IntEnum` that is called what the kernel calls it"
    name: str


class UnknownHookTarget(ErrorClass):
    """The kernel that this is compiled on has nothing of the name that a hook is given.

    The fields of an iterator's context come from the kernel's own description of its types, `/sys/kernel/btf/vmlinux`.

    Bad:

        @bpf.iter("tasks")
        def dump(ctx: bpf.IterContext) -> int:
            return 0

    Good:

        @bpf.iter("task")
        def dump(ctx: bpf.IterContext) -> int:
            return 0
    """

    code = "E0324"
    title = "this kernel describes no {kind} `{name}`"
    label = "not found in its types"
    help = "check the name; a kernel built without CONFIG_DEBUG_INFO_BTF describes none"
    kind: str
    name: str


class KernelOption(ErrorClass):
    """`bpf.kconfig` names something that is no build option of the kernel.

    Options are called as in the kernel's `.config`; one that is not set, or that a kernel does not have, is 0.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PASS if bpf.kconfig("HZ", u32) == 1000 else XDP_DROP

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PASS if bpf.kconfig("CONFIG_HZ", u32) == 1000 else XDP_DROP
    """

    code = "E0325"
    title = "`{name}` is no build option of the kernel"
    label = "options begin with `CONFIG_`"
    help = "write it as in the kernel's configuration: `CONFIG_HZ`"
    name: str


class KernelStructMade(ErrorClass):
    """A program makes a struct of the kernel.

    Only the fields used are known here; the kernel's struct has others, and a size of its own.

    Bad:

        @bpf.kernel_struct
        class task_struct:
            pid: i32

        @bpf.raw_tracepoint("sched_switch")
        def prog(ctx: bpf.RawTracepointContext) -> int:
            task = task_struct(pid=1)
            return 0

    Good:

        @bpf.kernel_struct
        class task_struct:
            pid: i32

        @bpf.raw_tracepoint("sched_switch")
        def prog(ctx: bpf.RawTracepointContext) -> int:
            task = bpf.cast(task_struct, ctx.args[1])
            return 0
    """

    code = "E0323"
    title = "`{name}` is a struct of the kernel, which programs cannot make"
    label = "made here"
    help = "for an address as a pointer to one, write `bpf.cast({name}, address)`"
    name: str


class NeverNone(ErrorClass):
    """A value that cannot be None is compared with None.

    Only lookups, reservations, packet pointers and the like can be None. An integer never is.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            if bpf_get_prandom_u32() is None:
                return XDP_DROP
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            if bpf_get_prandom_u32() == 0:
                return XDP_DROP
            return XDP_PASS
    """

    code = "E0305"
    title = "{what} is never None"
    label = "cannot be None"
    help = "compare integers with 0"
    what: str


class PointerIndex(ErrorClass):
    """A pointer to one value is indexed.

    A pointer leads to one value of its type; what lies behind it is unknown.

    Bad:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = counts.lookup(1)
            if count is not None:
                x = count[1]
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            count = counts.lookup(1)
            if count is not None:
                x = count.value
            return XDP_PASS
    """

    code = "E0306"
    title = "`{type}` points to one value"
    label = "only index 0 is there"
    help = "use `.value`, or declare the memory as an array: `Annotated[list[T], N]`"
    type: str
