"""E042x to E044x: helpers' arguments, contexts, results, and what a program type allows."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class HelperArgument(ErrorClass):
    """An argument is not what the helper needs.

    The kernel states for each argument of a helper what it must be: a map, a key, memory of known size, a number.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            bpf_redirect_map(3, 0, 0)
            return XDP_PASS

    Good:

        devices = bpf.DevMap(max_entries=8)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = bpf_redirect_map(devices, 0, 0)
            return XDP_PASS
    """

    code = "E0424"
    title = "`{parameter}` must be {expected}, not {found}"
    label = "this is {found}"
    parameter: str
    expected: str
    found: str


class WrongContext(ErrorClass):
    """A program's parameter is annotated as something that its hook does not pass.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.TracepointContext) -> int:
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PASS
    """

    code = "E0437"
    title = "`{found}` is not the context of this hook"
    label = "the hook passes a `{expected}`"
    help = "annotate it as `{expected}`, or leave the annotation out"
    found: str
    expected: str


class ZeroSize(ErrorClass):
    """The size given to a helper may be zero, which the verifier refuses for this helper.

    Bad:

        @bpf.socket_filter
        def prog(ctx: bpf.SkBuff) -> int:
            head: Annotated[bytes, 16]
            bpf_skb_load_bytes(ctx, 0, head, len=ctx.len % 17)
            return 0

    Good:

        @bpf.socket_filter
        def prog(ctx: bpf.SkBuff) -> int:
            head: Annotated[bytes, 16]
            bpf_skb_load_bytes(ctx, 0, head, len=max(ctx.len % 17, 1))
            return 0
    """

    code = "E0426"
    title = "`{parameter}` may be zero"
    label = "not known to be at least 1"
    parameter: str


class UnboundedSize(ErrorClass):
    """The size given to a helper may be larger than the memory it belongs to.

    A helper that gets memory and its size must not be able to go past the memory's end.

    Bad:

        @bpf.tracepoint("syscalls/sys_enter_openat")
        def prog(ctx: bpf.TracepointContext) -> int:
            name: Annotated[str, 64]
            n = bpf_get_prandom_u32()
            bpf_probe_read_user_str(name, ctx.filename, size=n)
            return 0

    Good:

        @bpf.tracepoint("syscalls/sys_enter_openat")
        def prog(ctx: bpf.TracepointContext) -> int:
            name: Annotated[str, 64]
            n = bpf_get_prandom_u32()
            bpf_probe_read_user_str(name, ctx.filename, size=min(n, 64))
            return 0
    """

    code = "E0425"
    title = "`{parameter}` may be larger than the memory, which has {available} bytes"
    label = "not known to be at most {available}"
    help = "leave it out, it is then {available}; or bound it: `min(n, {available})`"
    parameter: str
    available: int


class UnknownTracepoint(ErrorClass):
    """A tracepoint does not exist.

    The tracepoint is neither in the tables that ship with pybpfc nor in the running kernel.

    Bad:

        @bpf.tracepoint("syscalls/sys_enter_opnat")
        def prog(ctx: bpf.TracepointContext) -> int:
            return 0

    Good:

        @bpf.tracepoint("syscalls/sys_enter_openat")
        def prog(ctx: bpf.TracepointContext) -> int:
            return 0
    """

    code = "E0431"
    title = "the tracepoint `{name}` is not known"
    label = "not found"
    help = "list them with `pybpfc list 'tracepoint:*'`"
    name: str


class UnknownContextField(ErrorClass):
    """A context has no such field.

    The context has the fields that the kernel gives it for this hook, under the kernel's names.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = ctx.ingress_index
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = ctx.ingress_ifindex
            return XDP_PASS
    """

    code = "E0432"
    title = "`{context}` has no field `{name}`"
    label = "no such field"
    context: str
    name: str


class ContextReadOnly(ErrorClass):
    """A context field is written that the program may only read.

    The kernel lets a program write only some fields of its context.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            ctx.ingress_ifindex = 1
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = ctx.ingress_ifindex
            return XDP_PASS
    """

    code = "E0433"
    title = "`{name}` of `{context}` is read-only here"
    label = "cannot be written"
    context: str
    name: str


class ProgramSignature(ErrorClass):
    """A program's parameters or result are not those of its hook.

    The hook decides a program's parameters and what its result means.

    Bad:

        @bpf.xdp
        def prog() -> int:
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PASS
    """

    code = "E0434"
    title = "`{name}`: {reason}"
    label = "wrong signature for its hook"
    name: str
    reason: str


class ReturnRange(ErrorClass):
    """A program returns a value that its hook does not allow.

    The kernel refuses a program whose result its hook does not know.

    Bad:

        @bpf.cgroup_sysctl
        def prog(ctx: bpf.SysctlContext) -> int:
            return 2

    Good:

        @bpf.cgroup_sysctl
        def prog(ctx: bpf.SysctlContext) -> int:
            return 1
    """

    code = "E0435"
    title = "`{hook}` programs return {range}, not {value}"
    label = "is not among them"
    hook: str
    range: str
    value: str


class ReturnUnproven(ErrorClass):
    """A program's result is not seen to be one that its hook allows.

    For some hooks the kernel refuses a program unless it sees that each result is one that the hook knows: from
    constants, comparisons, `min` and `max`, `%`, `&`, narrow types, and the results of functions, along each path.

    Bad:

        marks = bpf.HashMap[u32, u32](max_entries=16)


        @bpf.cgroup_skb_ingress
        def prog(ctx: bpf.CgroupSkbContext) -> int:
            return i32(marks.get(ctx.protocol, 0))

    Good:

        marks = bpf.HashMap[u32, u32](max_entries=16)


        @bpf.cgroup_skb_ingress
        def prog(ctx: bpf.CgroupSkbContext) -> int:
            return 1 if marks.get(ctx.protocol, 0) else 0
    """

    code = "E0439"
    title = "`{hook}` programs return {range}, and this may be something else"
    label = "may be any number"
    hook: str
    range: str


class ContextIndex(ErrorClass):
    """A context array is indexed by a variable.

    The verifier rewrites accesses to the context at fixed offsets only.

    Bad:

        @bpf.raw_tracepoint("sys_enter")
        def prog(ctx: bpf.RawTracepointContext) -> int:
            n = bpf_get_prandom_u32() % 2
            x = ctx.args[n]
            return 0

    Good:

        @bpf.raw_tracepoint("sys_enter")
        def prog(ctx: bpf.RawTracepointContext) -> int:
            x = ctx.args[1]
            return 0
    """

    code = "E0436"
    title = "`{name}` of the context is indexed by constants only"
    label = "not constant"
    help = "write the cases out: `ctx.{name}[0]`, `ctx.{name}[1]` …"
    name: str


class ProgramCalled(ErrorClass):
    """A program is called like a function.

    A program is called by the kernel, with its hook's context. What several programs share is a function.

    Bad:

        @bpf.xdp
        def other(ctx: bpf.XdpContext) -> int:
            return XDP_DROP


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return other(ctx)

    Good:

        @bpf.func
        def verdict() -> i32:
            return XDP_DROP


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return verdict()
    """

    code = "E0438"
    title = "`{name}` is a program, which only the kernel calls"
    label = "not callable from a program"
    help = "move the common part into a `@bpf.func`, or tail-call it through a `bpf.ProgArray`"
    name: str


class AtomicWidth(ErrorClass):
    """An atomic operation on something that has none.

    The machine has atomic operations on 32- and 64-bit integers.

    Bad:

        small = bpf.HashMap[u32, u16](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            small[1] += 1
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            counts[1] += 1
            return XDP_PASS
    """

    code = "E0440"
    title = "atomic operations work on 32- and 64-bit integers, not on `{type}`"
    label = "no atomic access"
    help = "use `u32` or `u64`, or a per-CPU map, where no atomic operation is needed"
    type: str


class InvalidLicense(ErrorClass):
    """`LICENSE` is not a text.

    The kernel reads the licence from the object, and offers some helpers only under the GPL.

    Bad:

        LICENSE = 2

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PASS

    Good:

        LICENSE = "GPL"

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PASS
    """

    code = "E0441"
    title = "`LICENSE` must be a string of at most 127 characters"
    label = "not a licence"
    help = 'for example `LICENSE = "GPL"`'


class NoPrograms(ErrorClass):
    """A module without programs is compiled.

    An object is compiled from the programs of a module.

    Bad:

        x = 1

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PASS
    """

    code = "E0442"
    title = "`{module}` has no BPF program"
    label = "nothing to compile"
    help = "decorate a function with a hook, such as `@bpf.xdp`"
    module: str
