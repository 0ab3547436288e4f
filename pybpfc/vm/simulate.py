"""`bpf.simulate`: one run of a program, with everything it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pybpfc.formats.spec import ObjectSpec
from pybpfc.lang.codec import codec_for
from pybpfc.lang.event_maps import EventBuffer
from pybpfc.lang.maps import BpfMap
from pybpfc.vm.machine import Machine
from pybpfc.vm.memory import VmError


@dataclass(slots=True)
class SimulationResult:
    """What one run gave: result, packet, globals, events in order, lines of the trace, and maps by name."""

    retval: int
    data: bytes
    globals: dict[str, Any]
    events: list[Any]
    trace: list[str]
    maps: dict[str, Any] = field(repr=False)

    @property
    def signed_retval(self) -> int:
        """The result as a signed 32-bit number."""
        return self.retval - (1 << 32) if self.retval >> 31 else self.retval


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
    memory: Mapping[int, bytes] | None = None,
) -> SimulationResult:
    """Run a program of an object once on a fresh machine; raises `VmError`.

    `maps` gives contents to start from, by map name; `declared` are the map objects whose types decode events.
    """
    machine = Machine(spec, helpers=helpers, memory=memory)
    for constant, value in (consts or {}).items():
        _set_global(machine, spec, constant, value)
    users = {n: _user_map(machine, spec, n, declared or {}) for n, m in spec.maps.items() if not m.is_data}
    for map_name, contents in (maps or {}).items():
        if map_name not in users:
            raise VmError(f"there is no map `{map_name}`; the object has {', '.join(users) or 'none'}")
        for key, value in contents.items():
            users[map_name][key] = value
    retval, run = machine.run(name, data, ctx)
    events = [e for m in users.values() if isinstance(m, EventBuffer) for e in m.consume()]
    packet = bytes(run.packet.data) if run.packet is not None else b""
    return SimulationResult(retval, packet, read_globals(machine, spec), events, run.trace, users)


def _user_map(machine: Machine, spec: ObjectSpec, name: str, declared: Mapping[str, BpfMap]) -> Any:
    """A map object of its own, so that the module's own one stays with what it was loaded to."""
    from pybpfc.lang.btf_types import BtfTypes, type_or_bytes
    from pybpfc.lang.map_objects import map_object

    handle = machine.maps[name]
    known = declared.get(name)
    if known is not None:
        user = type(known).of(known.declaration)
        user.bind(handle)
        return user
    converted = BtfTypes(spec.btf) if spec.btf is not None else None
    key = type_or_bytes(converted, handle.spec.key_type_id, handle.spec.key_size)
    value = type_or_bytes(converted, handle.spec.value_type_id, handle.spec.value_size)
    return map_object(handle, key, value)


def _set_global(machine: Machine, spec: ObjectSpec, name: str, value: Any) -> None:
    variable = spec.variables.get(name)
    if variable is None:
        raise VmError(f"the object has no constant or global `{name}`")
    codec = _codec(spec, name)
    region = machine.maps[variable.section].entries[bytes(4)][0]
    region.data[variable.offset : variable.offset + variable.size] = codec.encode(value)


def _codec(spec: ObjectSpec, name: str) -> Any:
    from pybpfc.lang.btf_types import BtfTypes, type_or_bytes

    variable = spec.variables[name]
    converted = BtfTypes(spec.btf) if spec.btf is not None else None
    found = type_or_bytes(converted, variable.type_id, variable.size)
    if found is None:
        raise VmError(f"the type of `{name}` is not known")
    return codec_for(found)


def read_globals(machine: Machine, spec: ObjectSpec) -> dict[str, Any]:
    """All globals by name."""
    out: dict[str, Any] = {}
    for name, variable in spec.variables.items():
        region = machine.maps[variable.section].entries[bytes(4)][0]
        out[name] = _codec(spec, name).decode(bytes(region.data), variable.offset)
    return out
