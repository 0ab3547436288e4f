"""Small programs in the language, run in the machine on every ISA level and in the kernel; all must give the same."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pybpfc as bpf
from pybpfc.abi.versions import running, version
from pybpfc.compiler import compile_source, import_file
from pybpfc.runtime import features
from pybpfc.vm import Machine

PRELUDE = """
import enum
from typing import Annotated, Final
import pybpfc as bpf
from pybpfc import be16, be32, be64, i8, i16, i32, i64, u8, u16, u32, u64
from pybpfc.helpers import *
from pybpfc.stdlib import net, task
from pybpfc.uapi import *
"""
CONTEXT = {"len": 60, "mark": 0}
PACKET = bytes(74)  # a socket filter sees the packet behind the Ethernet header: `ctx.len` is 60
_numbers = itertools.count()


def module(folder: Path, source: str) -> Any:
    """A module made of `source` behind the usual imports."""
    name = f"language_{next(_numbers)}"
    path = folder / f"{name}.py"
    path.write_text(PRELUDE + source)
    return import_file(str(path))


def results(folder: Path, source: str, packet: bytes = PACKET) -> dict[str, int]:
    """What `prog` returns, by where it ran; globals and maps start anew each time."""
    made = module(folder, source)
    out: dict[str, int] = {}
    for cpu in ("v1", "v2", "v3", "v4"):
        compiled = compile_source(made, cpu=cpu, use_cache=False)
        path = folder / f"{made.__name__}.{cpu}.o"
        compiled.write(path)
        out[f"machine {cpu}"] = signed(Machine(compiled.spec).run("prog", data=packet).retval)
        if features.refusal() is None and (cpu != "v4" or running() >= version("6.6")):
            with bpf.load(str(path), attach=False) as loaded:
                out[f"kernel {cpu}"] = signed(loaded.programs["prog"].test_run(data=packet).retval)
    return out


def signed(value: int) -> int:
    return (value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000
