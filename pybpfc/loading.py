"""From a source to a loaded object, or to a simulation: compiler and runtime brought together."""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping
from typing import Any

from pybpfc.compiler import Object, Source, compile_source, resolve_source
from pybpfc.lang.maps import BpfMap
from pybpfc.lang.programs import Program
from pybpfc.lang.struct_ops import StructOps, struct_ops_of


def load_source(
    source: Any,
    *,
    attach: bool = True,
    consts: Mapping[str, Any] | None = None,
    attach_options: Mapping[str, Mapping[str, Any]] | None = None,
    btf: str | os.PathLike[str] | None = None,
) -> Any:
    """Compile (unless it is compiled), load and attach; bind the module's maps and programs to what was loaded."""
    from pybpfc.runtime.loader import load_object

    if isinstance(source, str | os.PathLike) and not os.fspath(source).endswith(".py"):
        return load_object(source, consts=consts, attach=attach, attach_options=attach_options, btf=btf)
    compiled = source if isinstance(source, Object) else compile_source(source)
    if compiled.source is None:
        return load_object(compiled.elf, consts=consts, attach=attach, attach_options=attach_options, btf=btf)
    maps, programs = parts(compiled)
    options = {name: dict(p.options) for name, p in programs.items() if p.options}
    for name, given in (attach_options or {}).items():
        options.setdefault(name, {}).update(given)
    again = any(m.bound for m in maps.values()) or any(p.bound for p in programs.values())
    loaded = load_object(compiled.spec, maps=maps, consts=consts, attach=attach, attach_options=options, btf=btf)
    for name, program in programs.items():
        handle: Any = loaded.programs[name]
        program.bind(handle)
    for ops in struct_ops_of(compiled.source.namespace):
        ops.bind(loaded.struct_ops.get(ops.name))
    if again:
        gc.collect()  # the module has let go of what it was loaded as before, which nobody else may hold
    return loaded


def parts(compiled: Object) -> tuple[dict[str, BpfMap], dict[str, Program[..., Any]]]:
    """The live map and program objects behind an object's maps and programs."""
    source = compiled.source
    if source is None:
        return {}, {}
    maps: dict[str, BpfMap] = {}
    programs: dict[str, Program[..., Any]] = {}
    for scope in _scopes(source):
        for name, value in scope.items():
            if isinstance(value, BpfMap) and name in compiled.spec.maps:
                maps.setdefault(name, value)
            elif isinstance(value, Program) and value.name in compiled.spec.programs:
                programs.setdefault(value.name, value)
            elif isinstance(value, StructOps) and value.name in compiled.spec.struct_ops:
                programs.update({program.name: program for program in value.programs.values()})
    for program in source.programs or ():
        programs[program.name] = program
    return maps, programs


def _scopes(source: Source) -> list[Mapping[str, Any]]:
    """The module's namespace, then those of the modules it takes names from."""
    import sys

    scopes: list[Mapping[str, Any]] = [source.namespace]
    for value in source.namespace.values():
        module = sys.modules.get(getattr(value, "__module__", None) or "")
        if module is not None and vars(module) not in scopes and isinstance(value, Program):
            scopes.append(vars(module))
    for program in source.programs or ():
        closure = program.__wrapped__.__closure__ or ()
        cells = zip(program.__wrapped__.__code__.co_freevars, closure, strict=False)
        scopes.append({name: cell.cell_contents for name, cell in cells})
    return scopes


def simulate_program(
    program: Any, *, consts: Mapping[str, Any], btf: str | os.PathLike[str] | None = None, **options: Any
) -> Any:
    """Compile the program's module and run the program in the VM, fitted to the types of `btf` if there are any.

    The options are those of `simulate_spec`.
    """
    from pybpfc.vm.simulate import simulate_spec

    if isinstance(program, Program):
        namespace = program.__wrapped__.__globals__
        whole = any(value is program for value in namespace.values())
        compiled = compile_source(resolve_source(namespace if whole else program))
        name = program.name
    else:
        raise TypeError(f"`bpf.simulate` runs a decorated program, not {type(program).__name__}")
    declared, _ = parts(compiled)
    spec = compiled.spec
    if btf is not None:
        from pybpfc.core_relo.candidates import target_types
        from pybpfc.core_relo.relocate import relocate_core

        spec = relocate_core(spec, lambda: target_types(btf))
    return simulate_spec(spec, name, consts=consts, declared=declared, **options)
