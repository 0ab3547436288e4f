"""Finding functions in executables and libraries, for uprobes."""

from __future__ import annotations

import difflib
import functools
import os
import shutil

from pybpfc.diagnostics.errors import AttachError


def find_binary(name: str) -> str:
    """The file of a program or library: a path, a program on PATH, or a library by name (`libc.so.6`, `c`)."""
    if "/" in name:
        if not os.path.exists(name):
            raise AttachError(f"there is no file {name}", remedy="give the path of an executable or library")
        return name
    found = shutil.which(name) or _library(name)
    if found is None:
        raise AttachError(
            f"there is no program `{name}` on PATH and no library of that name",
            remedy="give the path of an executable or library",
        )
    return found


def _library(name: str) -> str | None:
    """A library that is loaded in this process or lies where the dynamic linker looks."""
    wanted = name if name.startswith("lib") else f"lib{name}.so"
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
        loaded = {line.split(maxsplit=5)[5].strip() for line in file if line.count(" ") >= 5 and "/" in line}
    for path in sorted(loaded):
        if os.path.basename(path).startswith(wanted):
            return path
    machine = os.uname().machine
    for directory in (f"/lib/{machine}-linux-gnu", f"/usr/lib/{machine}-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib"):
        if os.path.isdir(directory):
            for entry in sorted(os.listdir(directory)):
                if entry == wanted or entry.startswith(f"{wanted}."):
                    return os.path.join(directory, entry)
    return None


@functools.lru_cache(maxsize=16)
def _functions(path: str, changed: int) -> tuple[dict[str, int], tuple[tuple[int, int, int], ...]]:
    """The functions of an ELF file by name, and its loaded segments as (address, size, file offset)."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    functions: dict[str, int] = {}
    try:
        with open(path, "rb") as file:
            elf = ELFFile(file)
            segments = tuple(
                (s["p_vaddr"], s["p_filesz"], s["p_offset"]) for s in elf.iter_segments() if s["p_type"] == "PT_LOAD"
            )
            for section in elf.iter_sections():
                if isinstance(section, SymbolTableSection):
                    for symbol in section.iter_symbols():
                        kind = symbol["st_info"]["type"]
                        if symbol["st_value"] and kind in ("STT_FUNC", "STT_GNU_IFUNC", "STT_LOOS"):
                            functions.setdefault(symbol.name, symbol["st_value"])
    except (OSError, ELFError, ValueError, KeyError, UnicodeDecodeError) as error:
        raise AttachError(f"{path} can't be read as an executable", cause=str(error)) from None
    return functions, segments


def functions(path: str) -> list[str]:
    """The names of a file's functions; raises AttachError when it is no executable or library."""
    found, _ = _functions(path, os.stat(path).st_mtime_ns)
    return sorted(found)


def file_offset(path: str, symbol: str) -> int:
    """Where in the file a function begins; raises AttachError when the file has no such function."""
    functions, segments = _functions(path, os.stat(path).st_mtime_ns)
    value = functions.get(symbol)
    if value is None:
        close = difflib.get_close_matches(symbol, functions, n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(f'`{c}`' for c in close)}?" if close else "the file may be stripped"
        raise AttachError(f"{path} has no function `{symbol}`", remedy=hint)
    for start, size, offset in segments:
        if start <= value < start + size:
            return value - start + offset
    raise AttachError(f"`{symbol}` of {path} lies in no loaded segment")
