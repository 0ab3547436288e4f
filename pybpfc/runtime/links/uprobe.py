"""Uprobes: functions of programs and libraries in user space, by `path:symbol` or `path:offset`."""

from __future__ import annotations

import errno
import os
from typing import ClassVar

from pybpfc.diagnostics.errors import AttachError
from pybpfc.runtime.links.base import MissingTarget, attach_error
from pybpfc.runtime.links.perf import PerfLink, attach_to_event
from pybpfc.runtime.links.probes import open_probe
from pybpfc.runtime.programs import Program


class UprobeLink(PerfLink):
    """A program on a function in user space."""

    kind: ClassVar[str] = "uprobe"


def attach(
    program: Program,
    target: str | None = None,
    *,
    path: str | None = None,
    symbol: str | None = None,
    offset: int = 0,
    pid: int | None = None,
    counter_offset: int = 0,
    cookie: int = 0,
) -> PerfLink:
    """Attach to `path:symbol`, `path:symbol+offset` or `path:offset`; in all processes unless `pid` says which."""
    from pybpfc.runtime.user_symbols import file_offset, find_binary

    wanted = target or program.section_target
    if path is None:
        path, _, place = wanted.rpartition(":") if ":" in wanted else (wanted, "", "")
        symbol, offset = _split(place, symbol, offset)
    if not path or (symbol is None and offset == 0):
        raise MissingTarget(
            f"`{program.name}` names no function to attach to", remedy='attach("/usr/bin/bash:readline")'
        )
    binary = find_binary(path)
    start = file_offset(binary, symbol) if symbol is not None else 0
    where = f"{program.section_name} {binary}:{symbol or hex(offset)}"
    returns = program.section_name.startswith("uret")
    try:
        event = open_probe(
            "uprobe",
            os.path.abspath(binary),
            start + offset,
            returns=returns,
            pid=pid or -1,
            counter_offset=counter_offset,
        )
        return attach_to_event(program, event, where, cookie, UprobeLink)
    except OSError as error:
        raise attach_error(program, error, where, UPROBE_CAUSES, ("CAP_BPF", "CAP_PERFMON")) from None


def _split(place: str, symbol: str | None, offset: int) -> tuple[str | None, int]:
    """`symbol+offset` or a bare offset."""
    if not place:
        return symbol, offset
    name, plus, number = place.partition("+")
    try:
        if not plus and name[:1].isdigit():
            return None, int(name, 0)
        return name, int(number, 0) if plus else offset
    except ValueError:
        raise AttachError(f"`{place}` is neither a symbol nor an offset", remedy='write "path:symbol+0x10"') from None


UPROBE_CAUSES = {
    errno.ENODEV: ("this kernel has no uprobes (CONFIG_UPROBE_EVENTS)", "use another kernel"),
    errno.ENOENT: ("there is no such file", "give an absolute path"),
    errno.EINVAL: (
        "no probe can be set there",
        "the file must be an executable or library, the offset within its code",
    ),
    errno.ESRCH: ("there is no such process", "give the id of a running one"),
    errno.EIO: ("there is no instruction that could be probed", "choose the beginning of a function"),
}
