"""Programs on a control group: its processes' sockets, packets, devices, sysctls (version 2 hierarchy)."""

from __future__ import annotations

import errno
import os
from typing import ClassVar

from pybpfc.abi.attach_types import ATTACH_TYPES
from pybpfc.diagnostics.errors import AttachError, PermissionDenied
from pybpfc.runtime.links.base import Link, MissingTarget, attach_error, create_link
from pybpfc.runtime.links.tcx import order
from pybpfc.runtime.programs import Program
from pybpfc.runtime.syscall import Fd

_SHARING = 3
"""BPF_F_ALLOW_OVERRIDE and BPF_F_ALLOW_MULTI: links always share the hook, and take neither."""


class CgroupLink(Link):
    """A program on a control group and those below it."""

    kind: ClassVar[str] = "cgroup"


def attach(
    program: Program,
    cgroup: str | int | None = None,
    *,
    before: Program | Link | None = None,
    after: Program | Link | None = None,
    first: bool = False,
    flags: int = 0,
) -> Link:
    """Attach to a cgroup given by its directory or descriptor (kernel 5.7); an order among programs needs 6.17."""
    if cgroup is None:
        raise MissingTarget(f"`{program.name}` needs a cgroup to attach to", remedy='attach(cgroup="/sys/fs/cgroup/…")')
    attach_type = ATTACH_TYPES.get(program.expected_attach_type or "BPF_CGROUP_INET_INGRESS", 0)
    placing, relative = order(before, after, first)
    target = f"cgroup {cgroup}"
    with open_directory(cgroup, program) as directory:
        try:
            fd = create_link(
                program, directory.number, attach_type, flags=placing | flags & ~_SHARING, ordered=(relative, 0)
            )
        except OSError as error:
            raise attach_error(program, error, target, _CAUSES, ("CAP_NET_ADMIN",)) from None
    return CgroupLink(program, fd, target)


def open_directory(place: str | int, program: Program) -> Fd:
    """A descriptor of a directory, or a copy of a given one."""
    if isinstance(place, int):
        return Fd(os.dup(place))
    try:
        return Fd(os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    except PermissionError as error:
        raise PermissionDenied(f"{place} can't be opened to attach `{program.name}`", errno=error.errno or 0) from None
    except OSError as error:
        raise AttachError(
            f"`{program.name}` could not be attached: {place} is no cgroup",
            errno=error.errno or 0,
            remedy="give the path of a directory in the cgroup2 file system, e.g. /sys/fs/cgroup/…",
        ) from None


_CAUSES = {
    errno.EBADF: ("that is not a directory of the cgroup version 2 hierarchy", "see `mount -t cgroup2`"),
    errno.EINVAL: ("the kernel has no such hook, or the program's section doesn't fit the hook", "see `uname -r`"),
    errno.EBUSY: ("the cgroup has a program that does not share the hook", "detach it first"),
    errno.E2BIG: ("64 programs are on this hook already", "detach others first"),
}
