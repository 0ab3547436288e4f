"""What all attachments have in common, and the table of the kinds."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pybpfc.abi.attach_types import LINK_TYPES
from pybpfc.diagnostics.errors import AttachError, LoadError, PermissionDenied, PybpfcError
from pybpfc.records import field, frozen
from pybpfc.runtime import attributes
from pybpfc.runtime.permissions import exhausted, missing, permission_denied
from pybpfc.runtime.syscall import Command, Fd, bpf, object_info, object_pin

if TYPE_CHECKING:
    from pybpfc.runtime.programs import Program

BPF_F_REPLACE = 4

_U32, _U64, _S32 = (4, False), (8, False), (4, True)
_ATTACH_SECOND = (("ifindex", 0, *_U32), ("attach_type", 4, *_U32))
_DETAILS: dict[str, tuple[tuple[str, int, int, bool], ...]] = {
    "BPF_LINK_TYPE_TRACING": (("attach_type", 0, *_U32), ("target_obj_id", 4, *_U32), ("target_btf_id", 8, *_U32)),
    "BPF_LINK_TYPE_CGROUP": (("cgroup_id", 0, *_U64), ("attach_type", 8, *_U32)),
    "BPF_LINK_TYPE_NETNS": (("netns_ino", 0, *_U32), ("attach_type", 4, *_U32)),
    "BPF_LINK_TYPE_XDP": (("ifindex", 0, *_U32),),
    "BPF_LINK_TYPE_TCX": _ATTACH_SECOND,
    "BPF_LINK_TYPE_NETKIT": _ATTACH_SECOND,
    "BPF_LINK_TYPE_SOCKMAP": (("map_id", 0, *_U32), ("attach_type", 4, *_U32)),
    "BPF_LINK_TYPE_NETFILTER": (("pf", 0, *_U32), ("hooknum", 4, *_U32), ("priority", 8, *_S32), ("flags", 12, *_U32)),
    "BPF_LINK_TYPE_STRUCT_OPS": (("map_id", 0, *_U32),),
    "BPF_LINK_TYPE_PERF_EVENT": (("perf_event_type", 0, *_U32),),
}
"""Fields of the kernel's link info that each kind has: name, offset in its part, size, signed."""

_LINK_NAMES = {number: name for name, number in LINK_TYPES.items()}


@frozen
class LinkInfo:
    """What the kernel tells of a link; `detail` has the fields that its kind defines."""

    id: int
    type_name: str
    program_id: int
    detail: dict[str, int] = field(default_factory=dict)


class Attachable(Protocol):
    """What is attached: a program, or a struct of operations."""

    name: str
    links: list[Link]

    @property
    def fd(self) -> int:
        """Its descriptor."""
        ...


class MissingTarget(AttachError):
    """The section names no place to attach to and none was given."""


class Link:
    """One attachment. It ends with `detach`, with `with`, with its object, or with the process, unless pinned."""

    kind: ClassVar[str] = "link"
    is_bpf_link = True
    slow: ClassVar[bool] = False
    """Whether the kernel takes its time to end one."""

    why_no_link: ClassVar[str] = "this kind of attachment has no BPF link"

    def __init__(self, program: Attachable, fd: Fd, target: str, held: Sequence[Fd] = ()) -> None:
        self.program = program
        self.target = target
        self.pinned: list[str] = []
        self._fd = fd
        self._held = list(held)
        self._among: list[Link] | None = None

    def list_in(self, links: list[Link]) -> None:
        """Be one of the links there until the attachment ends."""
        self._among = links
        links.append(self)

    @property
    def fd(self) -> int:
        """The link's descriptor; raises AttachError once detached."""
        if self._fd.closed:
            raise AttachError(f"{self} is detached")
        return self._fd.number

    def fileno(self) -> int:
        """The link's descriptor."""
        return self.fd

    @property
    def attached(self) -> bool:
        """Whether this object still holds the attachment."""
        return not self._fd.closed

    def detach(self) -> None:
        """End the attachment: remove the pins made here and close the link. Doing it again is fine."""
        self.unpin()
        self.close()

    def close(self) -> None:
        """Close the descriptors; a pinned link stays attached."""
        self._fd.close()
        for held in self._held:
            held.close()
        among, self._among = self._among, None
        if among is not None:
            with contextlib.suppress(ValueError):  # whoever ends all links has taken it out
                among.remove(self)

    def pin(self, path: str) -> None:
        """Pin the link in a BPF file system: it stays attached when the process ends."""
        self._require_link("can't be pinned")
        try:
            object_pin(self.fd, path)
        except OSError as error:
            raise pin_error(error, f"{self}", path) from None
        self.pinned.append(path)

    def _require_link(self, what: str) -> None:
        """Raise AttachError where there is no BPF link behind the attachment."""
        if not self.is_bpf_link:
            raise AttachError(f"{self} {what}", cause=self.why_no_link)

    def unpin(self) -> None:
        """Remove the pins made through this object."""
        for path in self.pinned:
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass  # somebody else removed it: the goal is reached
        self.pinned.clear()

    def update(self, program: Attachable, *, expected: Attachable | None = None) -> None:
        """Put another program in place without a gap; with `expected`, only if that one is attached now."""
        self._require_link("can't change its program")
        request = attributes.LinkUpdate(link_fd=self.fd, new_prog_fd=program.fd)
        if expected is not None:
            request.flags, request.old_prog_fd = BPF_F_REPLACE, expected.fd
        try:
            bpf(Command.LINK_UPDATE, request)
        except OSError as error:
            cause = "this kind of link can't change its program" if error.errno == errno.EINVAL else ""
            if error.errno == errno.EPERM and expected is not None:
                cause = f"`{expected.name}` is not what is attached"
            raise AttachError(f"{self} does not take `{program.name}`", errno=error.errno or 0, cause=cause) from None
        self.program = program

    @property
    def info(self) -> LinkInfo:
        """What the kernel tells of the link (kernel 5.8); raises AttachError for attachments without one."""
        self._require_link("has nothing to tell")
        raw = attributes.LinkInfo()
        object_info(self.fd, raw)
        return self._info_of(raw)

    def _info_of(self, raw: attributes.LinkInfo) -> LinkInfo:
        kind, body = _LINK_NAMES.get(raw.type, f"link type {raw.type}"), bytes(raw.detail)
        detail = {
            name: int.from_bytes(body[offset : offset + size], sys.byteorder, signed=signed)
            for name, offset, size, signed in _DETAILS.get(kind, ())
        }
        return LinkInfo(raw.id, kind, raw.prog_id, detail)

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        self.detach()

    def __str__(self) -> str:
        return f"the {self.kind} link of `{self.program.name}` on {self.target}"

    def __repr__(self) -> str:
        state = "" if self.attached else ", detached"
        return f"<{self.kind} link: {self.program.name} on {self.target}{state}>"


class Attachment(Link):
    """An attachment that the kernel knows no link of: `remove` is what ends it.

    It ends as links do, also when nobody holds it any more and when the interpreter ends; a process that is killed
    leaves it in place, unless what it is on (a socket, a network namespace) goes with the process.
    """

    is_bpf_link = False
    gone: ClassVar[tuple[int, ...]] = (errno.ENOENT,)
    """The errors that say that nothing of it is left."""

    def __init__(self, program: Attachable, fd: Fd, target: str, remove: Callable[[int], object]) -> None:
        super().__init__(program, fd, target)
        self._remove = remove
        self._unheld = weakref.finalize(self, _let_go, os.getpid(), fd, remove)

    def close(self) -> None:
        """Take the program off."""
        if self._unheld.detach() is None:
            return
        try:
            self._remove(self.fd)
        except OSError as error:
            if error.errno not in self.gone:
                raise AttachError(f"{self} can't be detached", errno=error.errno or 0) from None
        finally:
            super().close()


def _let_go(owner: int, fd: Fd, remove: Callable[[int], object]) -> None:
    """End an attachment whose object is gone, in the process that made it; there is nobody to tell of a failure."""
    if os.getpid() == owner:
        with contextlib.suppress(OSError):
            remove(fd.number)


def pin_error(error: OSError, what: str, path: str) -> PybpfcError:
    """The explanation of a failed pin."""
    number = error.errno or 0
    match number:
        case errno.EPERM if not missing(("CAP_BPF",)):
            text, remedy = "that is not in a BPF file system", "mount one: `mount -t bpf bpf /sys/fs/bpf`"
        case errno.EPERM | errno.EACCES:
            return PermissionDenied(f"{what} can't be pinned at {path}", errno=number, remedy="run as root")
        case errno.EEXIST:
            text, remedy = "something is there already", f"choose another name or remove {path} first"
        case errno.ENOENT:
            text, remedy = "its directory does not exist", "create it; it must lie in a BPF file system"
        case errno.EINVAL:
            text, remedy = (
                "this kind can't be pinned",
                "keep the process that holds it running",
            )
        case _:
            text, remedy = os.strerror(number), ""
    return LoadError(f"{what} can't be pinned at {path}: {text}", errno=number, remedy=remedy)


def create_link(program: Program, target: int, attach_type: int, *, flags: int = 0, **which: Any) -> Fd:
    """BPF_LINK_CREATE; raises `OSError`. `which` are fields of the kind's part, e.g. `ordered=…`."""
    request = attributes.LinkCreate(prog_fd=program.fd, target_fd=target, attach_type=attach_type, flags=flags)
    for name, value in which.items():
        setattr(request, name, value)
    return Fd(bpf(Command.LINK_CREATE, request))


def attach_error(
    program: Attachable, error: OSError, target: str, causes: dict[int, tuple[str, str]], needs: Sequence[str]
) -> PybpfcError:
    """The explanation of a failed attachment: `causes` by errno as (cause, remedy)."""
    number = error.errno or 0
    action = f"attaching `{program.name}` to {target}"
    denied = number in (errno.EPERM, errno.EACCES)
    if number in causes and not (denied and missing(needs)):
        cause, remedy = causes[number]
        return AttachError(
            f"`{program.name}` could not be attached to {target}", errno=number, cause=cause, remedy=remedy
        )
    if denied:
        return permission_denied(action, needs, number=number)
    if lacking := exhausted(number):
        message = f"`{program.name}` could not be attached to {target}"
        return AttachError(message, errno=number, cause=lacking[0], remedy=lacking[1])
    if number == errno.EBADF:
        return AttachError(f"`{program.name}` could not be attached to {target}: it is closed", errno=number)
    return AttachError(f"`{program.name}` could not be attached to {target}", errno=number, cause=os.strerror(number))


ATTACHERS: dict[str, str] = {
    "tracepoint": "tracepoint",
    "raw_tracepoint": "raw_tracepoint",
    "tracing": "tracing",
    "xdp": "xdp",
    "tcx": "tcx",
    "netkit": "tcx",
    "tc": "tc",
    "route": "route",
    "cgroup": "cgroup",
    "perf_event": "perf_event",
    "kprobe": "kprobe",
    "kprobe_multi": "kprobe_multi",
    "ksyscall": "kprobe",
    "uprobe": "uprobe",
    "uprobe_multi": "uprobe_multi",
    "usdt": "usdt",
    "netfilter": "netfilter",
    "netns": "netns",
    "iter": "iterator",
    "sockmap": "sockmap",
    "socket": "socket",
    "reuseport": "socket",
}
"""The module of this package that attaches each kind of section; it has a function `attach(program, …) -> Link`."""

Attacher = Callable[..., Link]


def attacher(kind: str) -> Attacher | None:
    """The function that attaches programs of a kind, loaded when first needed; None for kinds without one."""
    module = ATTACHERS.get(kind)
    if module is None:
        return None
    attach: Attacher = importlib.import_module(f"pybpfc.runtime.links.{module}").attach
    return attach
