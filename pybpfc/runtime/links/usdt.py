"""Statically defined probes (USDT) of programs and libraries, by `path:provider:name` (kernel 5.15)."""

from __future__ import annotations

import difflib
import os
import struct
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

from pybpfc.abi.usdt import MAX_ARGUMENTS, SPECS
from pybpfc.diagnostics.errors import AttachError, PybpfcError
from pybpfc.runtime.links.base import MissingTarget, attach_error
from pybpfc.runtime.links.perf import PerfLink, attach_to_event
from pybpfc.runtime.links.perf_event import SamplingLink
from pybpfc.runtime.links.probes import open_probe
from pybpfc.runtime.links.uprobe import UPROBE_CAUSES, UprobeLink
from pybpfc.runtime.maps import Map
from pybpfc.runtime.programs import Program

if TYPE_CHECKING:
    from pybpfc.runtime.usdt_notes import Place

_PLACE_SIZE = 16 * MAX_ARGUMENTS + 16


class UsdtLink(SamplingLink):
    """A program on all places of a probe: one link for each."""

    kind: ClassVar[str] = "usdt"


def attach(program: Program, target: str | None = None, *, pid: int | None = None, cookie: int = 0) -> UsdtLink:
    """Attach to `path:provider:name`; in all processes unless `pid` says which.

    While attached, the probe's semaphore counts one more, so that the program prepares its arguments.
    """
    from pybpfc.runtime.user_symbols import find_binary

    path, _, rest = (target or program.section_target).rpartition(":")
    path, _, provider = path.rpartition(":")
    if not path or not provider or not rest:
        raise MissingTarget(f"`{program.name}` names no probe to attach to", remedy='attach("libc.so.6:libc:setjmp")')
    binary = find_binary(path)
    where = f"{program.section_name} {binary}:{provider}:{rest}"
    places = _places(program, binary, provider, rest, where)
    table = _table(program, where)
    links: list[PerfLink] = []
    try:
        for place in places:
            links.append(_attach_place(program, os.path.abspath(binary), place, where, table, pid, cookie))
    except PybpfcError:
        for link in links:
            link.close()
        raise
    return UsdtLink(program, links, where)


def _attach_place(
    program: Program, path: str, place: Place, where: str, table: Map | None, pid: int | None, cookie: int
) -> PerfLink:
    entry = _entry(table, place, cookie, where) if table is not None else 0
    try:
        event = open_probe("uprobe", path, place.offset, returns=False, pid=pid or -1, counter_offset=place.semaphore)
        link = attach_to_event(program, event, where, entry, UprobeLink)
    except OSError as error:
        raise attach_error(program, error, where, UPROBE_CAUSES, ("CAP_BPF", "CAP_PERFMON")) from None
    if table is not None and not link.is_bpf_link:  # without a cookie the program does not find its place in the table
        link.close()
        raise AttachError(f"`{program.name}` could not be attached to {where}", remedy="it takes kernel 5.15")
    return link


def _places(program: Program, binary: str, provider: str, name: str, where: str) -> tuple[Place, ...]:
    from pybpfc.runtime.usdt_notes import probes

    found = probes(binary)
    if places := found.get((provider, name)):
        return places
    known = [f"{p}:{n}" for p, n in found]
    close = difflib.get_close_matches(f"{provider}:{name}", known, n=3, cutoff=0.5) or known[:3]
    remedy = f"it has {', '.join(f'`{c}`' for c in close)}" if close else "it was built without any"
    message = f"`{program.name}` could not be attached to {where}"
    raise AttachError(message, cause=f"{binary} has no probe `{provider}:{name}`", remedy=remedy)


def _table(program: Program, where: str) -> Map | None:
    """The table of places in the program's object; None where the program reads no arguments."""
    table: Map | None = getattr(program.owner, "handles", {}).get(SPECS)
    if table is not None and (table.key_size, table.value_size) != (4, _PLACE_SIZE):
        message = f"`{program.name}` could not be attached to {where}"
        raise AttachError(message, cause=f"its map {SPECS} is not laid out as libbpf's", remedy="rebuild the object")
    return table


_numbers: WeakKeyDictionary[Map, dict[bytes, int]] = WeakKeyDictionary()
"""What the entries of tables say."""


def _entry(table: Map, place: Place, cookie: int, where: str) -> int:
    """The number of the table's entry for a place: one that says the same, else the next."""
    arguments = place.arguments()
    body = b"".join(argument.packed() for argument in arguments).ljust(16 * MAX_ARGUMENTS, b"\0")
    entry = body + struct.pack("=Qhxxxxxx", cookie, len(arguments))
    known = _numbers.setdefault(table, {})
    if entry not in known:
        if len(known) >= table.max_entries:
            raise AttachError(f"there is no room for more places of {where}", remedy=f"give {SPECS} more entries")
        table.update(struct.pack("=I", len(known)), entry)
        known[entry] = len(known)
    return known[entry]
