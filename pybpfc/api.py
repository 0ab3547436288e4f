"""`bpf.load`, `bpf.compile`, `bpf.simulate`: the ways from a module to a running program."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from pybpfc.compiler import Object
    from pybpfc.lang.keyed_maps import KeyedMap
    from pybpfc.lang.maps import BpfMap
    from pybpfc.lang.programs import Program
    from pybpfc.vm.result import SimulationResult
    from pybpfc.vm.task import Task

    M = TypeVar("M", bound=BpfMap)


def compile(source: Any = None, **options: Any) -> Object:
    """Compile a module (this one by default), a path to a `.py` file, or a single program.

    Options: `kernel`, the oldest that the program is to run on ("5.15"): what came later is an error; `cpu` ("v1" to
    "v4"); `big_endian`. Raises `CompileError` with all diagnostics.
    """
    from pybpfc.compiler import compile_source

    return compile_source(_source(source), **options)


def load(source: Any = None, *, attach: bool = True, btf: str | os.PathLike[str] | None = None, **consts: Any) -> Any:
    """Compile, load and, unless `attach` is False, attach every program.

    `source` is a module (this one by default), a path to a `.py` or `.o` file, or a compiled `Object`. `btf` is a
    file with the types of the kernel that CO-RE fits the programs to (BTF, alone or in an ELF file), for kernels
    without /sys/kernel/btf/vmlinux; without, the one that PYBPFC_BTF names. Other keywords set `bpf.Const` globals.
    The result is a context manager that detaches everything when it is closed. Raises `CompileError`,
    `VerifierError`, `LoadError`, `AttachError` or `PermissionDenied`.
    """
    from pybpfc.loading import load_source

    return load_source(_source(source), attach=attach, btf=btf, consts=consts)


def simulate(
    program: Program[..., Any],
    *,
    data: bytes | bytearray = b"",
    ctx: bytes | Mapping[str, Any] | None = None,
    maps: Mapping[str, Any] | None = None,
    helpers: Mapping[str, Callable[..., Any] | int | bytes | str] | None = None,
    memory: Mapping[int, Any] | None = None,
    task: Task | None = None,
    cpus: int = 1,
    seed: int = 0,
    externs: Mapping[str, int | bytes] | None = None,
    btf: str | os.PathLike[str] | None = None,
    **consts: Any,
) -> SimulationResult:
    """Run a program in the built-in VM: no root, no kernel, any system.

    `data` is the packet, `ctx` the context as bytes or as a dict of fields, `maps` the contents to start from, and
    `helpers` Python functions, or results, that stand in for kernel helpers. `memory` is what user and kernel addresses
    hold, bytes or text by address; `task` is the `pybpfc.vm.Task` that runs (pid, names, cgroup), `cpus` their number
    (the program runs on the first), `seed` what random numbers begin with, `externs` the values of kconfig and kernel
    symbols by name, numbers of 64 bits or bytes. `btf` is a file with the types of a kernel (BTF, alone or in an ELF
    file) that CO-RE fits the program to; without, kernel structs are as the program declares them. Other keywords set
    `bpf.Const` globals. Raises `CompileError`, `LoadError` for types that can't be read or that fit in more than one
    way, or `VmError` with the Python line.
    """
    from pybpfc.loading import simulate_program

    options: dict[str, Any] = {"data": data, "ctx": ctx, "maps": maps, "helpers": helpers, "memory": memory}
    options |= {"task": task, "cpus": cpus, "seed": seed, "externs": externs, "btf": btf}
    result: SimulationResult = simulate_program(program, consts=consts, **options)
    return result


@overload
def open_map(path: str | os.PathLike[str]) -> KeyedMap[Any, Any, Any]: ...
@overload
def open_map(path: str | os.PathLike[str], kind: type[M]) -> M: ...
def open_map(path: str | os.PathLike[str], kind: Any = None) -> Any:
    """The map pinned at `path`: `bpf.open_map("/sys/fs/bpf/opens", bpf.HashMap[u32, u64])`.

    Without `kind` its types are those that the map's BTF tells, and bytes where there is none. Raises `LoadError` or
    `PermissionDenied`.
    """
    from pybpfc.runtime import pinned

    return pinned.open_map(path, kind)


def _source(source: Any) -> Any:
    """The caller's module when nothing is given."""
    if source is not None:
        return source
    return sys._getframe(2).f_globals
