"""E03xx: None and pointers."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class MayBeNone(ErrorClass):
    """A value that may be None is used without a check."""

    code = "E0301"
    title = "`{name}` may be None"
    label = "used without a check"
    help = "check it first: `if {name} is None:` and leave"
    name: str


class PointerArithmetic(ErrorClass):
    """Arithmetic on a pointer."""

    code = "E0302"
    title = "`{operator}` does not work on pointers"
    label = "pointer arithmetic"
    help = "index an array, or take a packet pointer at an offset: `ctx.packet(T, offset)`"
    operator: str


class UserPointerAccess(ErrorClass):
    """Memory of user space or of the kernel is read directly."""

    code = "E0303"
    title = "`{type}` cannot be read directly"
    label = "memory that may not be mapped"
    help = "copy it with `bpf_probe_read_user(dst, src)` or `bpf_probe_read_kernel(dst, src)`"
    type: str


class StalePacketPointer(ErrorClass):
    """A packet pointer is used after a helper that may move the packet."""

    code = "E0304"
    title = "`{name}` is no longer valid after `{helper}`"
    label = "may point into freed memory"
    help = "take it again with `ctx.packet(…)` after the call"
    name: str
    helper: str


class NeverNone(ErrorClass):
    """A value that cannot be None is compared with None."""

    code = "E0305"
    title = "{what} is never None"
    label = "cannot be None"
    help = "compare integers with 0"
    what: str


class PointerIndex(ErrorClass):
    """A pointer to one value is indexed."""

    code = "E0306"
    title = "`{type}` points to one value"
    label = "only index 0 is there"
    help = "use `.value`, or declare the memory as an array: `Annotated[list[T], N]`"
    type: str


class PointerStored(ErrorClass):
    """A kernel address would be stored where user space can read it."""

    code = "E0307"
    title = "a pointer to {space} memory cannot be stored in {where}"
    label = "would leak a kernel address"
    help = "store what it points to"
    space: str
    where: str


class PointerReturned(ErrorClass):
    """A function returns the address of its own variable."""

    code = "E0308"
    title = "`{name}` ends with the function that returns it"
    label = "lives on this function's stack"
    help = "let the caller pass the struct in, or return its values"
    name: str


class PointerComparison(ErrorClass):
    """Pointers are compared in a way that has no meaning."""

    code = "E0309"
    title = "pointers cannot be compared with `{operator}`"
    label = "addresses have no order"
    help = "compare what they point to"
    operator: str


class KernelMemoryWrite(ErrorClass):
    """Kernel memory is written."""

    code = "E0310"
    title = "`{type}` is read-only memory"
    label = "cannot be written"
    help = "copy it into a local struct and change that"
    type: str


class UnboundedOffset(ErrorClass):
    """A packet offset may be larger than the verifier follows."""

    code = "E0311"
    title = "the offset into the packet may be larger than {limit}"
    label = "not bounded"
    help = "bound it: `ctx.packet(T, min(offset, 1500))`"
    limit: int


class NoPacket(ErrorClass):
    """The context has no packet data."""

    code = "E0312"
    title = "`{context}` has no packet"
    label = "no packet data here"
    help = "`ctx.packet(…)` works in xdp, tc and the other programs that see packet data"
    context: str


class PointerFromInteger(ErrorClass):
    """An integer is made into a pointer."""

    code = "E0313"
    title = "{found} cannot be made into `{type}`"
    label = "the verifier accepts no made-up addresses"
    help = "declare the field or parameter as `bpf.UserPtr[T]` and read it with a helper"
    found: str
    type: str


class ReassignedReference(ErrorClass):
    """A struct local is rebound to another kind of memory."""

    code = "E0314"
    title = "`{name}` refers to {first} memory and cannot be rebound to {second} memory"
    label = "another kind of memory"
    help = "use another name"
    name: str
    first: str
    second: str
