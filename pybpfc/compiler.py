"""The driver: from a module to an object, through every stage, with a cache in front."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pybpfc import cache
from pybpfc.diagnostics.errors import PybpfcError
from pybpfc.files import write_atomically
from pybpfc.lang.programs import Program
from pybpfc.records import define, frozen

if TYPE_CHECKING:
    from pybpfc.abi.versions import KernelVersion
    from pybpfc.formats.spec import FunctionSpec, MapSpec, ObjectSpec

CPUS = ("v1", "v2", "v3", "v4")
DEFAULT_CPU = "v3"
_OUR_MODULES = ("pybpfc", "stdlib", "llvmlite", "elftools", "click", "astor", "rich", "numpy")
STAGES = ("desugared", "typed", "ir", "llvm", "asm", "object", "btf")


@frozen
class Source:
    """What is compiled: a namespace, its name and file, and the programs (all of them, when None)."""

    namespace: Mapping[str, Any]
    name: str
    file: str
    programs: tuple[Program[..., Any], ...] | None = None


@define
class Object:
    """A compiled object. `elf` are the bytes that any libbpf-style loader takes."""

    elf: bytes
    source: Source | None = None
    warnings: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        return f"Object({self.source.name if self.source else '?'}, {len(self.elf)} bytes)"

    @functools.cached_property
    def spec(self) -> ObjectSpec:
        """What the object holds, read back from its bytes."""
        from pybpfc.formats.object_reader import parse_object

        return parse_object(self.elf)

    @property
    def programs(self) -> dict[str, FunctionSpec]:
        """The programs by name."""
        return self.spec.programs

    @property
    def maps(self) -> dict[str, MapSpec]:
        """The maps by name, data sections included."""
        return self.spec.maps

    def disassemble(self) -> str:
        """The instructions of all programs, with the Python lines they come from."""
        from pybpfc.formats.disasm import disassemble_object

        return disassemble_object(self.spec)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the object to a file, whole or not at all."""
        write_atomically(os.fspath(path), self.elf)


def resolve_source(source: Any) -> Source:
    """A module, a namespace, a path or a program as what is to be compiled."""
    match source:
        case Source():
            return source
        case ModuleType():
            return Source(vars(source), source.__name__, getattr(source, "__file__", None) or f"<{source.__name__}>")
        case Program():
            namespace = source.__wrapped__.__globals__
            file = source.__wrapped__.__code__.co_filename
            return Source(namespace, str(namespace.get("__name__", "module")), file, (source,))
        case str() | os.PathLike():
            return resolve_source(import_file(os.fspath(source)))
        case Mapping():
            file = source.get("__file__") or _file_of_programs(source)
            return Source(source, str(source.get("__name__", "module")), file)
        case _:
            raise TypeError(f"a module, a path or a program can be compiled, not {type(source).__name__}")


def _file_of_programs(namespace: Mapping[str, Any]) -> str:
    """Notebook cells and the REPL have no `__file__`: the programs' code knows where it came from."""
    for value in namespace.values():
        if isinstance(value, Program):
            return value.__wrapped__.__code__.co_filename
    return "<interactive>"


def import_file(path: str) -> ModuleType:
    """Import a Python file under a name of its own; raises `PybpfcError` when it can't be."""
    import importlib.util

    _readable(path)
    name = _module_name(path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PybpfcError(f"{path} is not a Python file; give a .py file, or a .o file to `run`")
    module = importlib.util.module_from_spec(spec)
    previous = sys.modules.get(name)
    sys.modules[name] = module
    directory = os.path.dirname(os.path.abspath(path))
    sys.path.insert(0, directory)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if previous is None:
            del sys.modules[name]
        else:
            sys.modules[name] = previous
        raise
    finally:
        sys.path.remove(directory)
    return module


def _readable(path: str) -> None:
    """Raise `PybpfcError` for a path that is no file, or one that may not be read."""
    try:
        if os.path.isdir(path):
            raise PybpfcError(f"{path} is a directory; give a .py file")
        with open(path, "rb"):
            pass
    except FileNotFoundError:
        raise PybpfcError(f"{path or repr(path)}: no such file") from None
    except OSError as error:
        raise PybpfcError(f"{path}: {error.strerror}") from None


def _module_name(path: str) -> str:
    """The file's name, unless that is a module's that pybpfc or Python itself needs: `socket.py`, `click.py`."""
    import importlib

    name = os.path.splitext(os.path.basename(path))[0]
    if name in sys.stdlib_module_names:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)  # found now, before the file's folder comes first
    return f"{name}_" if name in sys.stdlib_module_names or name in _OUR_MODULES else name


@frozen
class Options:
    """What is compiled for: instruction set, byte order, and the oldest kernel, if one was named."""

    cpu: str
    big_endian: bool
    kernel: KernelVersion | None


def options(cpu: str | None, big_endian: bool, kernel: str | None) -> Options:
    """What a user chose, made whole; raises `PybpfcError` for what does not exist or fit."""
    if cpu is not None and cpu not in CPUS:
        raise PybpfcError(f"`{cpu}` is no BPF instruction set; choose one of {', '.join(CPUS)}")
    if kernel is None:
        return Options(cpu or DEFAULT_CPU, big_endian, None)
    from pybpfc.abi.insn import ISA_SINCE
    from pybpfc.abi.versions import parse_version

    try:
        oldest = parse_version(kernel)
    except ValueError as error:
        raise PybpfcError(str(error)) from None
    if cpu is not None and ISA_SINCE[cpu] > oldest:
        raise PybpfcError(f"instruction set {cpu} needs kernel {ISA_SINCE[cpu]}; this is compiled for {oldest}")
    usable = [level for level in CPUS[: CPUS.index(DEFAULT_CPU) + 1] if ISA_SINCE[level] <= oldest]
    return Options(cpu or max(usable, default=CPUS[0]), big_endian, oldest)


def compile_source(
    source: Any,
    *,
    cpu: str | None = None,
    big_endian: bool = False,
    kernel: str | None = None,
    use_cache: bool = True,
) -> Object:
    """Compile a module, a path or a program; raises `CompileError` with all diagnostics.

    `kernel` is the oldest kernel that the program is to run on, such as "5.15": what came later is an error. `cpu` is
    the BPF instruction set, v1 to v4 (v3 needs kernel 5.1, v4 needs 6.6); without one, v3, or the best of `kernel`.
    """
    chosen = options(cpu, big_endian, kernel)
    resolved = resolve_source(source)
    entry = cache.Entry(resolved.file, resolved.name, _programs_key(resolved), chosen) if use_cache else None
    if entry is not None and (found := entry.lookup(resolved.namespace)) is not None:
        return Object(found[0], resolved, found[1])
    from pybpfc.backend.worker import CodegenWorker

    with CodegenWorker() as worker:  # loads LLVM while the compiler is imported and checks the program
        from pybpfc.pipeline import build

        built = build(resolved, chosen, worker)
    if entry is not None:
        entry.store(built.elf, built.dependencies, built.warnings)
    return Object(built.elf, resolved, built.warnings)


def _programs_key(source: Source) -> str:
    return ",".join(p.name for p in source.programs) if source.programs is not None else "*"


def stages(
    source: Any,
    wanted: Iterable[str],
    *,
    cpu: str | None = None,
    big_endian: bool = False,
    kernel: str | None = None,
) -> dict[str, str | bytes]:
    """The outputs of the named stages (see `STAGES`), for `pybpfc compile --emit`."""
    chosen = options(cpu, big_endian, kernel)
    from pybpfc.backend.worker import CodegenWorker
    from pybpfc.pipeline import dump_stages

    with CodegenWorker() as worker:
        return dump_stages(resolve_source(source), frozenset(wanted), chosen, worker)
