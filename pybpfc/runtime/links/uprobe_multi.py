"""One program on all functions of a binary that match a pattern, by one link (kernel 6.6)."""

from __future__ import annotations

import ctypes
import errno
import fnmatch
import os
from collections.abc import Mapping
from typing import ClassVar

from pybpfc.abi.attach_types import ATTACH_TYPES
from pybpfc.diagnostics.errors import AttachError
from pybpfc.runtime.links.base import Link, MissingTarget, attach_error, create_link
from pybpfc.runtime.links.kprobe_multi import cookies_of
from pybpfc.runtime.programs import Program
from pybpfc.runtime.syscall import address

BPF_F_UPROBE_MULTI_RETURN = 1


class UprobeMultiLink(Link):
    """A program on several functions in user space; `functions` are their names."""

    kind: ClassVar[str] = "uprobe_multi"
    functions: tuple[str, ...] = ()


def attach(
    program: Program,
    target: str | None = None,
    *,
    pid: int | None = None,
    cookie: int = 0,
    cookies: Mapping[str, int] | None = None,
) -> UprobeMultiLink:
    """Attach to the functions that `path:pattern` names, with `*` and `?`; in all processes unless `pid` says which.

    `cookies` are by function's name; `cookie` is that of the others.
    """
    path, _, pattern = (target or program.section_target).rpartition(":")
    if not path or not pattern:
        raise MissingTarget(
            f"`{program.name}` names no functions to attach to", remedy='attach("/usr/lib/libc.so.6:mem*")'
        )
    from pybpfc.runtime.user_symbols import find_binary

    binary = find_binary(path)
    where = f"{program.section_name} {binary}:{pattern}"
    places = _places(program, binary, pattern, where)
    offsets = (ctypes.c_uint64 * len(places))(*places.values())
    tags = cookies_of(program, places, cookie, cookies, where)
    text = ctypes.create_string_buffer(os.fsencode(os.path.abspath(binary)))
    flags = BPF_F_UPROBE_MULTI_RETURN if program.section_name.startswith("uretprobe") else 0
    attach_type = ATTACH_TYPES[program.expected_attach_type or "BPF_TRACE_UPROBE_MULTI"]
    request = (address(text), address(offsets), 0, address(tags), len(places), flags, pid or 0)
    try:
        fd = create_link(program, 0, attach_type, uprobe_multi=request)
    except OSError as error:
        if error.errno == errno.EINVAL and not _known(program):
            error = OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        raise attach_error(program, error, where, _CAUSES, ("CAP_BPF", "CAP_PERFMON")) from None
    link = UprobeMultiLink(program, fd, where)
    link.functions = tuple(places)
    return link


def _known(program: Program) -> bool:
    """Whether the kernel has such links: older ones take the attach type for a number without a meaning."""
    from pybpfc.runtime.features import have_hook

    return bool(have_hook(program.kind.pattern))


def _places(program: Program, binary: str, pattern: str, where: str) -> dict[str, int]:
    """Where in the file the functions begin, by name; one name of those that begin at the same place."""
    from pybpfc.runtime.user_symbols import file_offset, functions

    found: dict[int, str] = {}
    for name in fnmatch.filter(functions(binary), pattern):
        found.setdefault(file_offset(binary, name), name)
    if not found:
        message = f"`{program.name}` could not be attached to {where}"
        remedy = f"`pybpfc list uprobe '{binary}:*'` shows its functions"
        raise AttachError(message, cause=f"{binary} has no function `{pattern}`", remedy=remedy)
    return {name: place for place, name in found.items()}


_CAUSES = {
    errno.EOPNOTSUPP: ("this kernel has no links to several functions of user space", "it takes kernel 6.6 or 6.13"),
    errno.EINVAL: ("no probe can be set in one of these places", "name the functions more closely"),
    errno.ESRCH: ("there is no such process", "give the id of a running one"),
    errno.ENOENT: ("there is no such file", "give an absolute path"),
    errno.E2BIG: ("these are too many functions", "name the functions more closely"),
}
