"""E04xx: maps, helpers, contexts and what a program type allows."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class MapReadBySubscript(ErrorClass):
    """A map entry is read with a subscript.

    In Python `m[k]` raises `KeyError` when the key is absent. Nothing raises in the kernel, so the program says what
    happens then.

    Bad:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = counts[1]
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = counts.get(1, 0)
            return XDP_PASS
    """

    code = "E0401"
    title = "`{map}[…]` cannot be read: the key may be absent"
    label = "there may be no entry"
    help = "use `{map}.get(key, default)` for a copy, or `{map}.lookup(key)` and check it for None"
    map: str


class MapTypeMismatch(ErrorClass):
    """A key or value is not of the map's type.

    Keys and values have the types of the map's declaration.

    Bad:

        @bpf.struct
        class Key:
            a: u32


        seen = bpf.HashMap[Key, u64](max_entries=64)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            seen[1] = 1
            return XDP_PASS

    Good:

        @bpf.struct
        class Key:
            a: u32


        seen = bpf.HashMap[Key, u64](max_entries=64)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            seen[Key(a=1)] = 1
            return XDP_PASS
    """

    code = "E0402"
    title = "{what} is {expected}, not {found}"
    label = "this is {found}"
    what: str
    expected: str
    found: str


class AggregateGet(ErrorClass):
    """`get` is used on a map of structs or arrays.

    `get` copies a value into a register. A struct stays in the map and is read through a reference.

    Bad:

        @bpf.struct
        class Pair:
            a: u32


        pairs = bpf.HashMap[u32, Pair](max_entries=64)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair = pairs.get(1, Pair(a=0))
            return XDP_PASS

    Good:

        @bpf.struct
        class Pair:
            a: u32


        pairs = bpf.HashMap[u32, Pair](max_entries=64)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair = pairs.lookup(1)
            if pair is not None:
                x = pair.a
            return XDP_PASS
    """

    code = "E0403"
    title = "`{map}.get` copies scalar values only"
    label = "the value is a struct or an array"
    help = "use `{map}.lookup(key)`, a reference, and check it for None"
    map: str


class NoMapOperation(ErrorClass):
    """The map's type does not have this operation in a program.

    Each map type has the operations that the kernel gives it in a program.

    Bad:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            counts.push(1)
            return XDP_PASS

    Good:

        queue = bpf.Queue[u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            queue.push(1)
            return XDP_PASS
    """

    code = "E0404"
    title = "`{map}` is {type}, which has no `{operation}` in a program"
    label = "not possible on {type}"
    map: str
    type: str
    operation: str


class InvalidMap(ErrorClass):
    """A map is declared in a way that its type does not allow.

    Keys and values have types of the language, and each map type has rules for them.

    Bad:

        counts = bpf.HashMap[u32, str](max_entries=64)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            counts[1] = 2
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            counts[1] = 2
            return XDP_PASS
    """

    code = "E0405"
    title = "`{map}`: {reason}"
    label = "declared here"
    map: str
    reason: str


class MapOutOfPlace(ErrorClass):
    """A map is used as a value.

    A map is not a value: it is used by its methods and given to helpers.

    Bad:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            m = counts
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            counts[1] = 2
            return XDP_PASS
    """

    code = "E0407"
    title = "the map `{map}` is not a value"
    label = "cannot be stored or computed with"
    help = "pass it to a helper, or call one of its methods"
    map: str


class ReservationLeak(ErrorClass):
    """A path leaves the function with a reservation still open.

    A reserved record blocks the ring buffer until it is submitted or discarded; the verifier refuses a program that
    may forget one.

    Bad:

        @bpf.struct
        class Event:
            pid: u32
            size: u32


        events = bpf.RingBuf[Event](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is None:
                return XDP_PASS
            if event.pid == 0:
                return XDP_DROP
            events.submit(event)
            return XDP_PASS

    Good:

        @bpf.struct
        class Event:
            pid: u32
            size: u32


        events = bpf.RingBuf[Event](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is None:
                return XDP_PASS
            if event.pid == 0:
                events.discard(event)
                return XDP_DROP
            events.submit(event)
            return XDP_PASS
    """

    code = "E0410"
    title = "`{name}` is {open} on this path"
    label = "the function ends here"
    help = "call `submit` or `discard` on every path where the reservation is not None"
    name: str
    open: str = "neither submitted nor discarded"


class UseAfterRelease(ErrorClass):
    """A reservation is used after it was submitted or discarded.

    After `submit` the record belongs to user space, which may be reading it already.

    Bad:

        @bpf.struct
        class Event:
            pid: u32
            size: u32


        events = bpf.RingBuf[Event](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is None:
                return XDP_PASS
            events.submit(event)
            event.pid = 1
            return XDP_PASS

    Good:

        @bpf.struct
        class Event:
            pid: u32
            size: u32


        events = bpf.RingBuf[Event](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is None:
                return XDP_PASS
            event.pid = 1
            events.submit(event)
            return XDP_PASS
    """

    code = "E0411"
    title = "`{name}` {certainty} {given_back}"
    label = "used afterwards"
    help = "write all fields before `submit`"
    name: str
    certainty: str
    given_back: str = "submitted or discarded"


class ReservationOverwritten(ErrorClass):
    """A variable that holds an open reservation is assigned again.

    The variable is the only way to the reserved record, which must still be submitted or discarded.

    Bad:

        @bpf.struct
        class Event:
            pid: u32
            size: u32


        events = bpf.RingBuf[Event](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is None:
                return XDP_PASS
            event = events.reserve()
            if event is not None:
                events.submit(event)
            return XDP_PASS

    Good:

        @bpf.struct
        class Event:
            pid: u32
            size: u32


        events = bpf.RingBuf[Event](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is None:
                return XDP_PASS
            events.submit(event)
            event = events.reserve()
            if event is not None:
                events.submit(event)
            return XDP_PASS
    """

    code = "E0412"
    title = "`{name}` still holds a {noun}"
    label = "overwritten here"
    help = "give it back first"
    name: str
    noun: str = "reservation"


class ReleasedInLoop(ErrorClass):
    """A reservation made before a loop is given back in a loop that a helper runs.

    The body of `bpf.loop`, of `for i in bpf.iter_num(a, b)` and of loops over maps is a function that the kernel calls
    in each round; the verifier lets it give back only what it took in the same round.

    Bad:

        events = bpf.RingBuf[u64](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is None:
                return XDP_PASS
            for i in bpf.iter_num(0, 8):
                events.submit(event)
                break
            return XDP_PASS

    Good:

        events = bpf.RingBuf[u64](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is None:
                return XDP_PASS
            for i in bpf.iter_num(0, 8):
                event.value += 1
            events.submit(event)
            return XDP_PASS
    """

    code = "E0414"
    title = "`{name}` was taken before this loop and is given back in it"
    label = "in a function that the helper runs"
    help = "give it back behind the loop, or take it in the loop"
    name: str


class TestedInLoop(ErrorClass):
    """What was taken before a loop that a helper runs is tested for None in it.

    The body of such a loop is a function that the kernel calls in each round. Where the test shows that nothing was
    taken, older kernels (6.1 is one) lose track of it, as it was not this function that took it.

    Bad:

        events = bpf.RingBuf[u64](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            for i in bpf.iter_num(0, 8):
                if event is not None:
                    event.value += 1
            if event is not None:
                events.submit(event)
            return XDP_PASS

    Good:

        events = bpf.RingBuf[u64](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = events.reserve()
            if event is None:
                return XDP_PASS
            for i in bpf.iter_num(0, 8):
                event.value += 1
            events.submit(event)
            return XDP_PASS
    """

    code = "E0445"
    title = "`{name}` was taken before this loop and is tested for None in it"
    label = "in a function that the helper runs"
    help = "test it before the loop: `if {name} is None:` and leave"
    name: str


class TailCallInLoop(ErrorClass):
    """A tail call in a loop that a helper runs.

    The body of `bpf.loop`, of `for i in bpf.iter_num(a, b)` and of loops over maps is a function that the kernel calls
    in each round. A tail call would leave that function, not the program; the verifier refuses it.

    Bad:

        programs = bpf.ProgArray(max_entries=4)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            for i in bpf.iter_num(0, 4):
                programs.tail_call(ctx, 1)
            return XDP_PASS

    Good:

        programs = bpf.ProgArray(max_entries=4)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            for i in bpf.iter_num(0, 4):
                if i == 3:
                    break
            programs.tail_call(ctx, 1)
            return XDP_PASS
    """

    code = "E0415"
    title = "a tail call cannot be made in a loop that a helper runs"
    label = "in a function that the helper runs"
    help = "leave the loop with `break` and make the tail call behind it"


class NotAReservation(ErrorClass):
    """`submit` or `discard` gets something that was not reserved.

    `submit` and `discard` end what `reserve` began; other data is sent with `output`.

    Bad:

        @bpf.struct
        class Event:
            pid: u32
            size: u32


        events = bpf.RingBuf[Event](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = Event(pid=1)
            events.submit(event)
            return XDP_PASS

    Good:

        @bpf.struct
        class Event:
            pid: u32
            size: u32


        events = bpf.RingBuf[Event](size=4096)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            event = Event(pid=1)
            events.output(event)
            return XDP_PASS
    """

    code = "E0413"
    title = "`{method}` takes a variable that holds a {noun}, not {found}"
    label = "nothing was taken here"
    help = "pass the variable that `reserve()` was assigned to"
    method: str
    found: str
    noun: str = "reservation"


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
