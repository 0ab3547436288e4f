"""E04xx: maps, helpers, contexts and what a program type allows."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class MapReadBySubscript(ErrorClass):
    """A map entry is read with a subscript."""

    code = "E0401"
    title = "`{map}[…]` cannot be read: the key may be absent"
    label = "there may be no entry"
    help = "use `{map}.get(key, default)` for a copy, or `{map}.lookup(key)` and check it for None"
    map: str


class MapTypeMismatch(ErrorClass):
    """A key or value is not of the map's type."""

    code = "E0402"
    title = "{what} is {expected}, not {found}"
    label = "this is {found}"
    what: str
    expected: str
    found: str


class AggregateGet(ErrorClass):
    """`get` is used on a map of structs or arrays."""

    code = "E0403"
    title = "`{map}.get` copies scalar values only"
    label = "the value is a struct or an array"
    help = "use `{map}.lookup(key)`, a reference, and check it for None"
    map: str


class NoMapOperation(ErrorClass):
    """The map's type does not have this operation in a program."""

    code = "E0404"
    title = "`{map}` is {type}, which has no `{operation}` in a program"
    label = "not possible on {type}"
    map: str
    type: str
    operation: str


class UnnamedMap(ErrorClass):
    """A map is not bound to a module-level name."""

    code = "E0405"
    title = "this map has no name"
    label = "not bound to a variable of a module"
    help = 'assign it to a module-level variable, or give it a name: `name="counts"`'


class MapDeclaration(ErrorClass):
    """A map is declared with arguments that its type does not allow."""

    code = "E0406"
    title = "`{map}`: {reason}"
    label = "declared here"
    map: str
    reason: str


class MapOutOfPlace(ErrorClass):
    """A map is used as a value."""

    code = "E0407"
    title = "the map `{map}` is not a value"
    label = "cannot be stored or computed with"
    help = "pass it to a helper, or call one of its methods"
    map: str


class ReservationLeak(ErrorClass):
    """A path leaves the function with a reservation still open."""

    code = "E0410"
    title = "`{name}` is neither submitted nor discarded on this path"
    label = "the function ends here"
    help = "call `submit` or `discard` on every path where the reservation is not None"
    name: str


class UseAfterRelease(ErrorClass):
    """A reservation is used after it was submitted or discarded."""

    code = "E0411"
    title = "`{name}` {certainty} already submitted or discarded"
    label = "used after its release"
    help = "write all fields before `submit`"
    name: str
    certainty: str


class ReservationOverwritten(ErrorClass):
    """A variable that holds an open reservation is assigned again."""

    code = "E0412"
    title = "`{name}` still holds a reservation"
    label = "overwritten here"
    help = "submit or discard it first"
    name: str


class NotAReservation(ErrorClass):
    """`submit` or `discard` gets something that was not reserved."""

    code = "E0413"
    title = "`{method}` takes a variable that holds a reservation, not {found}"
    label = "not reserved"
    help = "pass the variable that `reserve()` was assigned to"
    method: str
    found: str


class UntypedRecord(ErrorClass):
    """A record is reserved in a ring buffer that was declared without a type."""

    code = "E0414"
    title = "`{map}` has no record type to reserve"
    label = "how large is the record?"
    help = "declare it: `{map} = bpf.RingBuf[Event](size=4096)`"
    map: str


class HelperNotAvailable(ErrorClass):
    """The program's type may not call this helper."""

    code = "E0420"
    title = "`{helper}` is not available to `{section}` programs"
    label = "not allowed in {program_type}"
    helper: str
    program_type: str
    section: str


class HelperTooNew(ErrorClass):
    """The target kernel does not have this helper yet."""

    code = "E0421"
    title = "`{helper}` exists from Linux {since}; the target is {target}"
    label = "not in Linux {target}"
    help = "raise the target kernel, or guard the call by `bpf.kernel_version()`"
    helper: str
    since: str
    target: str


class HelperNeedsGpl(ErrorClass):
    """A helper is for GPL-compatible programs only."""

    code = "E0422"
    title = '`{helper}` needs a GPL-compatible licence; this object\'s is "{license}"'
    label = "for GPL programs only"
    help = 'set `LICENSE = "GPL"` (or "Dual MIT/GPL" …) at module level, if that is your licence'
    helper: str
    license: str


class HelperNeedsSleep(ErrorClass):
    """A helper may sleep, and the program may not."""

    code = "E0423"
    title = "`{helper}` may sleep, which this program must not"
    label = "for sleepable programs only"
    help = "make the program sleepable where its hook allows it: `sleepable=True`"
    helper: str


class HelperArgument(ErrorClass):
    """An argument is not what the helper needs."""

    code = "E0424"
    title = "`{parameter}` must be {expected}, not {found}"
    label = "this is {found}"
    parameter: str
    expected: str
    found: str


class UnboundedSize(ErrorClass):
    """The size given to a helper may be larger than the memory it belongs to."""

    code = "E0425"
    title = "`{parameter}` may be larger than the memory, which has {available} bytes"
    label = "not known to be at most {available}"
    help = "leave it out, it is then {available}; or bound it: `min(n, {available})`"
    parameter: str
    available: int


class FeatureTooNew(ErrorClass):
    """The target kernel does not have what the program uses."""

    code = "E0426"
    title = "{feature} exists from Linux {since}; the target is {target}"
    label = "not in Linux {target}"
    feature: str
    since: str
    target: str


class UnknownSection(ErrorClass):
    """A hook is not one that loaders know."""

    code = "E0430"
    title = "`{section}` is not a hook"
    label = "unknown section"
    section: str


class UnknownTracepoint(ErrorClass):
    """A tracepoint does not exist."""

    code = "E0431"
    title = "the tracepoint `{name}` is not known"
    label = "not found"
    help = "list them with `pybpfc list 'tracepoint:*'`"
    name: str


class UnknownContextField(ErrorClass):
    """A context has no such field."""

    code = "E0432"
    title = "`{context}` has no field `{name}`"
    label = "no such field"
    context: str
    name: str


class ContextReadOnly(ErrorClass):
    """A context field is written that the program may only read."""

    code = "E0433"
    title = "`{name}` of `{context}` is read-only here"
    label = "cannot be written"
    context: str
    name: str


class ProgramSignature(ErrorClass):
    """A program's parameters or result are not those of its hook."""

    code = "E0434"
    title = "`{name}`: {reason}"
    label = "wrong signature for its hook"
    name: str
    reason: str


class ReturnRange(ErrorClass):
    """A program returns a value that its hook does not allow."""

    code = "E0435"
    title = "{hook} programs return {range}, not {value}"
    label = "the kernel refuses {value}"
    hook: str
    range: str
    value: int


class ContextIndex(ErrorClass):
    """A context array is indexed by a variable."""

    code = "E0436"
    title = "`{name}` of the context is indexed by constants only"
    label = "not constant"
    help = "write the cases out: `ctx.{name}[0]`, `ctx.{name}[1]` …"
    name: str


class HookTarget(ErrorClass):
    """A hook's decorator does not say where to attach in the form it needs."""

    code = "E0437"
    title = "`{hook}` needs {expected}, got {found}"
    label = "cannot be attached"
    hook: str
    expected: str
    found: str


class ProgramCalled(ErrorClass):
    """A program is called like a function."""

    code = "E0438"
    title = "`{name}` is a program, which only the kernel calls"
    label = "not callable from a program"
    help = "move the common part into a `@bpf.func`, or tail-call it through a `bpf.ProgArray`"
    name: str


class LockRule(ErrorClass):
    """A lock is used in a way the kernel forbids."""

    code = "E0439"
    title = "{what} is not allowed while a spin lock is held"
    label = "inside the lock"
    help = "do it before or after the `with` block"
    what: str


class AtomicWidth(ErrorClass):
    """An atomic operation on something that has none."""

    code = "E0440"
    title = "atomic operations work on 32- and 64-bit integers, not on `{type}`"
    label = "no atomic access"
    help = "use `u32` or `u64`, or a per-CPU map, where no atomic operation is needed"
    type: str


class InvalidLicense(ErrorClass):
    """`LICENSE` is not a text."""

    code = "E0441"
    title = "`LICENSE` must be a string of at most 127 characters"
    label = "not a licence"
    help = 'for example `LICENSE = "GPL"`'


class NoPrograms(ErrorClass):
    """A module without programs is compiled."""

    code = "E0442"
    title = "`{module}` has no BPF program"
    label = "nothing to compile"
    help = "decorate a function with a hook, such as `@bpf.xdp`"
    module: str


class UnknownKernelSymbol(ErrorClass):
    """A kernel function or type is not known."""

    code = "E0443"
    title = "the kernel has no {kind} `{name}`"
    label = "not in the kernel's BTF"
    kind: str
    name: str


class NotAProgramFunction(ErrorClass):
    """A hook decorates something that is not a plain function."""

    code = "E0444"
    title = "`{name}` is not a function that can become a program"
    label = "cannot be compiled"
    help = "decorate a plain `def` at module level"
    name: str
