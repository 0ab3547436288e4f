"""Statically defined probes of executables and libraries: the notes of SystemTap's `sdt.h`, and where arguments are."""

from __future__ import annotations

import functools
import os
import re
import struct
from collections.abc import Sequence

from pybpfc.abi.contexts import MACHINE, registers
from pybpfc.abi.usdt import CONSTANT, INDEXED, MAX_ARGUMENTS, MEMORY, REGISTER
from pybpfc.diagnostics.errors import AttachError
from pybpfc.records import frozen

_OWNER, _KIND = "stapsdt", 3
_EXECUTABLE = 1


@frozen
class Argument:
    """Where an argument is at the probe: offsets are bytes into the registers, `size` the bytes of the value."""

    kind: int
    value: int = 0
    register: int = 0
    index: int = 0
    scale: int = 0
    signed: bool = False
    size: int = 8

    def packed(self) -> bytes:
        """As libbpf's tables hold it."""
        bits = self.kind | self.index << 8 | self.scale << 20
        return struct.pack(
            "=QIhBB", self.value & (1 << 64) - 1, bits, self.register, self.signed, 64 - 8 * self.size
        )


@frozen
class Place:
    """One place of a probe: offsets into the file of the instruction and of the semaphore (0: none)."""

    offset: int
    semaphore: int
    text: str

    def arguments(self) -> tuple[Argument, ...]:
        """Where the arguments are; raises AttachError for forms that this machine's registers don't reach."""
        found = tuple(parse_argument(spec) for spec in self.text.split())
        if len(found) > MAX_ARGUMENTS:
            raise AttachError(f"the probe has {len(found)} arguments", cause=f"programs see {MAX_ARGUMENTS} at most")
        return found


def probes(path: str) -> dict[tuple[str, str], tuple[Place, ...]]:
    """The probes of a file by provider and name; raises AttachError when it is no executable or library."""
    return _probes(path, os.stat(path).st_mtime_ns)


@functools.lru_cache(maxsize=16)
def _probes(path: str, changed: int) -> dict[tuple[str, str], tuple[Place, ...]]:
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    found: dict[tuple[str, str], list[Place]] = {}
    try:
        with open(path, "rb") as file:
            elf = ELFFile(file)
            segments = [
                (s["p_vaddr"], s["p_memsz"], s["p_offset"], s["p_flags"] & _EXECUTABLE)
                for s in elf.iter_segments()
                if s["p_type"] == "PT_LOAD"
            ]
            base = elf.get_section_by_name(".stapsdt.base")
            section = elf.get_section_by_name(".note.stapsdt")
            data = section.data() if section is not None else b""
            order = "<" if elf.little_endian else ">"
            moved = base["sh_addr"] if base is not None else None
            for provider, name, place in _notes(data, order, elf.elfclass // 8, moved, segments):
                found.setdefault((provider, name), []).append(place)
    except (OSError, ELFError, ValueError, KeyError, UnicodeDecodeError, struct.error) as error:
        raise AttachError(f"{path} can't be read as an executable", cause=str(error)) from None
    return {probe: tuple(places) for probe, places in found.items()}


def _notes(
    data: bytes, order: str, word: int, base: int | None, segments: Sequence[tuple[int, int, int, int]]
) -> list[tuple[str, str, Place]]:
    """The notes of a section as provider, name and place. `base` tells how far the linker moved it all (prelink)."""
    out: list[tuple[str, str, Place]] = []
    at = 0
    while at + 12 <= len(data):
        name_size, size, kind = struct.unpack_from(order + "III", data, at)
        start = at + 12 + -(-name_size // 4) * 4
        owner, body = data[at + 12 : at + 12 + name_size], data[start : start + size]
        at = start + -(-size // 4) * 4
        if kind != _KIND or owner.rstrip(b"\0").decode(errors="replace") != _OWNER:
            continue
        address, recorded, semaphore = struct.unpack_from(order + ("QQQ" if word == 8 else "III"), body)
        provider, name, text, *_ = (*body[3 * word :].split(b"\0"), b"", b"", b"")
        shift = base - recorded if base is not None else 0
        place = Place(
            _file_offset(segments, address + shift, True),
            _file_offset(segments, semaphore + shift, False) if semaphore else 0,
            text.decode(),
        )
        out.append((provider.decode(), name.decode(), place))
    return out


def _file_offset(segments: Sequence[tuple[int, int, int, int]], address: int, executable: bool) -> int:
    for start, size, offset, flags in segments:
        if start <= address < start + size and bool(flags) == executable:
            return address - start + offset
    raise ValueError(f"a probe at {address:#x} lies in no loaded segment")


# ----------------------------------------------------------------------------------- arguments

_NAMES_X86 = {
    "rip": ("ip",),
    **{f"r{name}": (name, f"e{name}", name, f"{name[0]}l") for name in ("ax", "bx", "cx", "dx")},
    **{f"r{name}": (name, f"e{name}", name, f"{name}l") for name in ("si", "di", "bp", "sp")},
    **{f"r{n}": (f"r{n}", f"r{n}d", f"r{n}w", f"r{n}b") for n in range(8, 16)},
}
_NUMBER = r"[+-]?(?:0[xX][0-9a-fA-F]+|\d+)"
_HEAD = re.compile(r"(-?[1248])(f?)@(.+)")
_X86 = (
    (re.compile(rf"\$({_NUMBER})"), ("value",)),
    (re.compile(r"%(\w+)"), ("register",)),
    (re.compile(rf"({_NUMBER})?\(%(\w+)\)"), ("value", "base")),
    (re.compile(rf"({_NUMBER})?\((?:%(\w+))?,%(\w+)(?:,([1248]))?\)"), ("value", "base", "index", "scale")),
)
_ARM = (
    (re.compile(rf"({_NUMBER})"), ("value",)),
    (re.compile(r"(\w+)"), ("register",)),
    (re.compile(rf"\[(\w+)(?:, ?({_NUMBER}))?\]"), ("base", "value")),
)


@functools.cache
def _offsets() -> dict[str, int]:
    """The byte offsets of registers by all the names that assemblers have for them and their parts."""
    fields = {field.name: field.offset for field in registers(MACHINE).fields}
    if MACHINE != "x86_64":
        return fields | {f"w{n}": fields[f"x{n}"] for n in range(31) if f"x{n}" in fields}
    out: dict[str, int] = {}
    for full, (name, *parts) in _NAMES_X86.items():
        out |= dict.fromkeys((full, *parts), fields[name])
    return out


def parse_argument(spec: str) -> Argument:
    """`-4@%edi`, `8@-16(%rbp)`, `4@$7`, `8@(%rax,%rbx,8)` or, on arm64, `8@x0`, `4@[sp, 12]`; raises AttachError."""
    head = _HEAD.fullmatch(spec)
    if head is None or head[2]:
        raise _unreadable(spec, "floating point is not in the registers that programs see" if head else "")
    size = int(head[1])
    for pattern, names in _X86 if MACHINE == "x86_64" else _ARM:
        if found := pattern.fullmatch(head[3]):
            return _argument(spec, dict(zip(names, found.groups(), strict=True)), size)
    raise _unreadable(spec)


def _argument(spec: str, parts: dict[str, str | None], size: int) -> Argument:
    def register(name: str | None) -> int:
        if name not in _offsets():
            raise _unreadable(spec, f"register `{name}` is none that programs see")
        return _offsets()[name]

    value = int(parts.get("value") or "0", 0)
    signed, width = size < 0, abs(size)
    if parts.get("register"):
        return Argument(REGISTER, 0, register(parts["register"]), signed=signed, size=width)
    if "index" in parts:
        if parts["base"] is None:
            raise _unreadable(spec)
        scale = int(parts["scale"] or "1").bit_length() - 1
        return Argument(INDEXED, value, register(parts["base"]), register(parts["index"]), scale, signed, width)
    if "base" in parts:
        return Argument(MEMORY, value, register(parts["base"]), signed=signed, size=width)
    return Argument(CONSTANT, value, signed=signed, size=width)


def _unreadable(spec: str, cause: str = "") -> AttachError:
    return AttachError(f"an argument of the probe, `{spec}`, can't be read", cause=cause or "its form is not known")
