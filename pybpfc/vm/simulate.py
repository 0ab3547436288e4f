"""One run of a program on a machine of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pybpfc.formats.spec import ObjectSpec
from pybpfc.lang.maps import BpfMap
from pybpfc.vm.errors import VmError
from pybpfc.vm.machine import Machine, Types
from pybpfc.vm.result import SimulationResult
from pybpfc.vm.task import Task


def simulate_spec(
    spec: ObjectSpec,
    name: str,
    *,
    data: bytes = b"",
    ctx: Any = None,
    maps: Mapping[str, Any] | None = None,
    helpers: Mapping[str, Any] | None = None,
    consts: Mapping[str, Any] | None = None,
    declared: Mapping[str, BpfMap] | None = None,
    memory: Mapping[int, bytes | str] | None = None,
    types: Types | None = None,
    externs: Mapping[str, int | bytes] | None = None,
    task: Task | None = None,
    cpus: int = 1,
    seed: int = 0,
) -> SimulationResult:
    """Run a program of an object once; raises `VmError`.

    `maps` gives contents to start from by map name: a mapping for keyed maps, a list of values for queues and stacks.
    `declared` are map objects whose types the maps have; they themselves stay as they are. The rest is `Machine`'s.
    """
    fresh = {name: type(known).of(known.declaration) for name, known in (declared or {}).items()}
    machine = Machine(
        spec,
        types=types,
        maps={name: made for name, made in fresh.items() if name in spec.maps},
        consts=consts,
        helpers=helpers,
        memory=memory,
        externs=externs,
        task=task,
        cpus=cpus,
        seed=seed,
    )
    if maps is not None and not isinstance(maps, Mapping):
        raise VmError(f"`maps` gives contents by map name, as a dict, not {maps!r}")
    for map_name, contents in (maps or {}).items():
        fill(machine, map_name, contents)
    return machine.run(name, data, ctx)


def fill(machine: Machine, name: str, contents: Any) -> None:
    """Put contents into a map before a run; raises `VmError` for what does not fit it."""
    target: Any = machine.maps.get(name)
    if target is None:
        raise VmError(f"the object has no map `{name}`", remedy=f"it has {', '.join(machine.maps) or 'none'}")
    try:
        if isinstance(contents, Mapping):
            for key, value in contents.items():
                target[key] = value
        else:
            for value in contents:
                target.push(value)
    except (TypeError, ValueError, AttributeError, OSError) as error:
        raise VmError(f"map `{name}` does not take {contents!r}: {error}") from None
