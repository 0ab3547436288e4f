"""Tracepoint formats that ship with pybpfc: those of kernel 6.18 on x86-64.

The records of system calls (`syscalls/*`) have the same layout on every 64-bit kernel. A build machine thus needs no
tracefs; events that only its own kernel has are read from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pybpfc.records import frozen


@frozen
class TracepointField:
    """One field of an event's record: offset and size in bytes. `from_user`: an address of user space."""

    name: str
    ctype: str
    offset: int
    size: int
    signed: bool
    from_user: bool = False


class _Formats(Mapping[str, tuple[TracepointField, ...]]):
    """The formats by event, `category/name`; read at the first question, parsed one at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: dict[str, str] | None = None

    def _table(self) -> dict[str, str]:
        if self._lines is None:
            lines = self._path.read_text("ascii").splitlines()
            self._lines = {event: fields for event, _, fields in (line.partition("|") for line in lines)}
        return self._lines

    def __getitem__(self, event: str) -> tuple[TracepointField, ...]:
        text = self._table()[event]
        return tuple(_field(part, event.startswith("syscalls/")) for part in text.split(";") if part)

    def __contains__(self, event: object) -> bool:
        return event in self._table()

    def __iter__(self) -> Iterator[str]:
        return iter(self._table())

    def __len__(self) -> int:
        return len(self._table())


def _field(text: str, syscall: bool) -> TracepointField:
    ctype, name, offset, size, signed = text.rsplit(" ", 4)
    return TracepointField(name, ctype, int(offset), int(size), signed == "1", syscall and "*" in ctype)


TRACEPOINTS: Mapping[str, tuple[TracepointField, ...]] = _Formats(Path(__file__).with_name("tracepoints.txt"))
