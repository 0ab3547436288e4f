"""One program on all kernel functions that match a pattern, by one link (kernel 5.18)."""

from __future__ import annotations

import ctypes
import errno
import fnmatch
import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

from pybpfc.abi.attach_types import ATTACH_TYPES
from pybpfc.diagnostics.errors import AttachError
from pybpfc.runtime import tracefs
from pybpfc.runtime.links.base import Link, MissingTarget, attach_error, create_link
from pybpfc.runtime.programs import Program
from pybpfc.runtime.syscall import address

BPF_F_KPROBE_MULTI_RETURN = 1
_SYMBOLS = "/proc/kallsyms"


class KprobeMultiLink(Link):
    """A program on several kernel functions; `functions` are their names."""

    kind: ClassVar[str] = "kprobe_multi"
    functions: tuple[str, ...] = ()


def attach(
    program: Program, pattern: str | None = None, *, cookie: int = 0, cookies: Mapping[str, int] | None = None
) -> KprobeMultiLink:
    """Attach to the functions that match a pattern with `*` and `?`, or to the one of that name.

    `cookies` are by function's name; `cookie` is that of the others.
    """
    wanted = pattern or program.section_target
    if not wanted:
        raise MissingTarget(f"`{program.name}` names no functions", remedy='attach(pattern="tcp_*")')
    target = f"{program.section_name} {wanted}"
    places = _places(program, wanted, target)
    addresses = (ctypes.c_uint64 * len(places))(*places.values())
    tags = cookies_of(program, places, cookie, cookies, target)
    flags = BPF_F_KPROBE_MULTI_RETURN if program.section_name.startswith("kretprobe") else 0
    attach_type = ATTACH_TYPES[program.expected_attach_type or "BPF_TRACE_KPROBE_MULTI"]
    try:
        fd = create_link(
            program, 0, attach_type, kprobe_multi=(flags, len(places), 0, address(addresses), address(tags))
        )
    except OSError as error:
        raise attach_error(program, error, target, _CAUSES, ("CAP_BPF", "CAP_PERFMON")) from None
    link = KprobeMultiLink(program, fd, target)
    link.functions = tuple(places)
    return link


def cookies_of(
    program: Program, places: Mapping[str, int], cookie: int, cookies: Mapping[str, int] | None, target: str
) -> ctypes.Array[ctypes.c_uint64] | None:
    """The cookie of each function, in order; None without any. Raises AttachError for names that are none of them."""
    given = dict(cookies or {})
    unknown = given.keys() - places.keys()
    if unknown:
        raise AttachError(
            f"`{program.name}` could not be attached to {target}",
            cause=f"cookies are given for {', '.join(sorted(unknown))}, which it does not match",
        )
    if not cookie and not given:
        return None
    return (ctypes.c_uint64 * len(places))(*(given.get(name, cookie) for name in places))


def _places(program: Program, pattern: str, target: str) -> dict[str, int]:
    """The addresses of the functions that match and can be traced, by name; raises `AttachError` without any."""
    traced = set(_traced(pattern)) if re.search(r"[*?\[]", pattern) else {pattern}
    found: dict[str, int] = {}
    ambiguous: set[str] = set()
    for name, place in _symbols():
        if name in traced:
            ambiguous.update({name} & found.keys())
            found[name] = place
    for name in ambiguous:  # the kernel has several functions of that name, and not all of them may be traced
        del found[name]
    if not found:
        cause = f"the kernel has no function that can be traced and is called `{pattern}`"
        remedy = "`pybpfc list 'kprobe:…'` shows those that there are"
        raise AttachError(f"`{program.name}` could not be attached to {target}", cause=cause, remedy=remedy)
    if not all(found.values()):
        cause = f"{_SYMBOLS} hides the addresses of functions"
        raise AttachError(
            f"`{program.name}` could not be attached to {target}",
            errno=errno.EPERM,
            cause=cause,
            remedy="run as root, or set kernel.kptr_restrict to 0",
        )
    return found


def _traced(pattern: str) -> Iterator[str]:
    """The names that match, of functions that the kernel can trace."""
    try:
        text = tracefs.read("available_filter_functions")
    except OSError as error:
        raise AttachError(
            f"the kernel does not tell which functions match `{pattern}`",
            errno=error.errno or 0,
            cause="tracefs has no `available_filter_functions`, or this process may not read it",
            remedy="name one function without `*`; patterns take CONFIG_DYNAMIC_FTRACE, and a kernel not locked down",
        ) from None
    for line in text.splitlines():
        name = line.partition(" ")[0]
        if fnmatch.fnmatchcase(name, pattern):
            yield name


def _symbols() -> Iterator[tuple[str, int]]:
    """The functions of the kernel and where they are."""
    with open(_SYMBOLS, encoding="utf-8", errors="replace") as file:
        for line in file:
            place, kind, name = line.split()[:3]
            if kind in "tTwW":
                yield name, int(place, 16)


_CAUSES = {
    errno.EOPNOTSUPP: ("this kernel has no links to several functions", "it takes CONFIG_FPROBE and kernel 5.18"),
    errno.EINVAL: ("one of the functions can't be traced", "name the functions more closely"),
}
