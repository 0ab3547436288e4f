"""E042x: helpers, hooks, maps and instructions that a kernel, a program type or a licence does not have."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class HelperNotAvailable(ErrorClass):
    """The program's type may not call this helper.

    The kernel offers each helper to the program types where it makes sense.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            bpf_skb_vlan_pop(ctx)
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            bpf_xdp_adjust_head(ctx, 4)
            return XDP_PASS
    """

    code = "E0420"
    title = "`{helper}` is not available to `{section}` programs"
    label = "not allowed in {program_type}"
    helper: str
    program_type: str
    section: str


class HelperTooNew(ErrorClass):
    """A helper came with a newer kernel than the one compiled for.

    With `kernel="5.4"`, or `--kernel 5.4`, the program is to run on that kernel and all after it.

    Bad, for kernel 5.4:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            print(f"{bpf_jiffies64()}")
            return XDP_PASS

    Good, for kernel 5.4:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            print(f"{bpf_ktime_get_ns()}")
            return XDP_PASS
    """

    code = "E0421"
    title = "`{helper}` came with kernel {since}{programs}; this is compiled for {kernel}"
    label = "calls `{helper}`"
    help = "leave it out, or compile for kernel {since} and newer"
    helper: str
    since: str
    kernel: str
    programs: str = ""


class HookTooNew(ErrorClass):
    """A kind of program came with a newer kernel than the one compiled for.

    Bad, for kernel 5.15:

        @bpf.tcx_ingress
        def prog(ctx: bpf.TcContext) -> int:
            return TC_ACT_OK

    Good, for kernel 5.15:

        @bpf.tc
        def prog(ctx: bpf.TcContext) -> int:
            return TC_ACT_OK
    """

    code = "E0427"
    title = "`{section}` programs came with kernel {since}; this is compiled for {kernel}"
    label = "cannot be loaded there"
    help = "compile for kernel {since} and newer"
    section: str
    since: str
    kernel: str


class MapTooNew(ErrorClass):
    """A map's type came with a newer kernel than the one compiled for.

    Bad, for kernel 5.4:

        events = bpf.RingBuf[u64](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PASS

    Good, for kernel 5.4:

        events = bpf.PerfEventArray[u64]()


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PASS
    """

    code = "E0428"
    title = "`{map}` is {type}, which came with kernel {since}; this is compiled for {kernel}"
    label = "cannot be created there"
    help = "compile for kernel {since} and newer"
    map: str
    type: str
    since: str
    kernel: str


class FeatureTooNew(ErrorClass):
    """Something in the program needs a newer kernel than the one compiled for.

    Functions that are not put into their callers need kernel 4.16, global variables 5.2, loops that are not unrolled
    5.3, exported functions 5.6, tail calls in programs that have functions 5.10, atomic operations other than adding
    5.12.

    Bad, for kernel 4.19:

        seen: bpf.Global[u64] = 0


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            global seen
            seen += 1
            return XDP_PASS

    Good, for kernel 4.19:

        seen = bpf.Array[u64](max_entries=1)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            seen[0] += 1
            return XDP_PASS
    """

    code = "E0429"
    title = "{feature} needs kernel {since}; this is compiled for {kernel}"
    label = "not there"
    help = "compile for kernel {since} and newer"
    feature: str
    since: str
    kernel: str


class TailCallTypes(ErrorClass):
    """Programs of different types make tail calls through the same program array.

    A program array belongs to the type of the first program that uses it; the kernel refuses programs of another type.

    Bad:

        programs = bpf.ProgArray(max_entries=4)


        @bpf.xdp
        def early(ctx: bpf.XdpContext) -> int:
            programs.tail_call(ctx, 0)
            return XDP_PASS


        @bpf.tc
        def late(ctx: bpf.TcContext) -> int:
            programs.tail_call(ctx, 0)
            return TC_ACT_OK

    Good:

        early_programs = bpf.ProgArray(max_entries=4)
        late_programs = bpf.ProgArray(max_entries=4)


        @bpf.xdp
        def early(ctx: bpf.XdpContext) -> int:
            early_programs.tail_call(ctx, 0)
            return XDP_PASS


        @bpf.tc
        def late(ctx: bpf.TcContext) -> int:
            late_programs.tail_call(ctx, 0)
            return TC_ACT_OK
    """

    code = "E0430"
    title = "`{map}` is used by {first} programs and cannot be used by {second} programs too"
    label = "used by {second} programs here"
    help = "declare a program array for each type of program"
    map: str
    first: str
    second: str


class HelperNeedsGpl(ErrorClass):
    """A helper is for GPL-compatible programs only.

    The kernel offers some helpers only to programs under a licence that is compatible with the GPL.

    Bad:

        LICENSE = "Proprietary"


        @bpf.tracepoint("syscalls/sys_enter_openat")
        def prog(ctx: bpf.TracepointContext) -> int:
            name: Annotated[str, 64]
            bpf_probe_read_user_str(name, ctx.filename)
            return 0

    Good:

        LICENSE = "Dual MIT/GPL"


        @bpf.tracepoint("syscalls/sys_enter_openat")
        def prog(ctx: bpf.TracepointContext) -> int:
            name: Annotated[str, 64]
            bpf_probe_read_user_str(name, ctx.filename)
            return 0
    """

    code = "E0422"
    title = '`{helper}` needs a GPL-compatible licence; this object\'s is "{license}"'
    label = "for GPL programs only"
    help = 'set `LICENSE = "GPL"` (or "Dual MIT/GPL" …) at module level, if that is your licence'
    helper: str
    license: str


class HelperNeedsSleep(ErrorClass):
    """A helper may sleep, and the program may not.

    Most hooks run where the kernel must not wait.

    Bad:

        @bpf.uprobe("/bin/bash:readline")
        def prog(ctx: bpf.UprobeContext) -> int:
            name: Annotated[bytes, 64]
            bpf_copy_from_user(name, ctx.di)
            return 0

    Good:

        @bpf.uprobe("/bin/bash:readline", sleepable=True)
        def prog(ctx: bpf.UprobeContext) -> int:
            name: Annotated[bytes, 64]
            bpf_copy_from_user(name, ctx.di)
            return 0
    """

    code = "E0423"
    title = "`{helper}` may sleep, which this program must not"
    label = "for sleepable programs only"
    help = "make the program sleepable where its hook allows it: `sleepable=True`"
    helper: str
