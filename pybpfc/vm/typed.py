"""The typed side of a machine: map objects of user code over simulated maps, globals, events as values."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pybpfc.formats.spec import ObjectSpec, VariableSpec
from pybpfc.lang.btf_types import BtfTypes, map_types, type_or_bytes
from pybpfc.lang.codec import Codec, CodecError, codec_for
from pybpfc.lang.map_objects import map_object
from pybpfc.lang.maps import BpfMap
from pybpfc.lang.types import Type, size_of
from pybpfc.vm.errors import VmError
from pybpfc.vm.maps import VmMap
from pybpfc.vm.maps.events import EventMap
from pybpfc.vm.maps.tables import ArrayTable
from pybpfc.vm.result import SimulatedGlobals

Types = Mapping[str, tuple[Type | None, Type | None]]


class TypedView:
    """Types from the caller first, then from the object's BTF, else bytes."""

    def __init__(
        self, spec: ObjectSpec, handles: Mapping[str, VmMap], types: Types, declared: Mapping[str, BpfMap]
    ) -> None:
        self._handles = handles
        self._types = types
        self._converted = BtfTypes(spec.btf) if spec.btf is not None else None
        self._variables = self._find_variables(spec)
        sections = {
            name: h.element(0).data for name, h in handles.items() if isinstance(h, ArrayTable) and h.spec.is_data
        }
        self.globals = SimulatedGlobals(self._variables, sections)
        made: dict[str, BpfMap] = {}
        for name, handle in handles.items():
            if not handle.spec.is_data:
                made[name] = self._map(name, handle, declared.get(name))
        self.maps: Mapping[str, BpfMap] = MappingProxyType(made)
        self._codecs = {name: self._event_codec(name, handle) for name, handle in handles.items()}

    def _find_variables(self, spec: ObjectSpec) -> dict[str, tuple[VariableSpec, Codec]]:
        found: dict[str, tuple[VariableSpec, Codec]] = {}
        hidden = {counter.name for counter in spec.lost_counters.values()}
        for name, variable in spec.variables.items():
            if name in hidden:
                continue
            given = self._types.get(name, (None, None))[1]
            if given is None or size_of(given) != variable.size:
                given = type_or_bytes(self._converted, variable.type_id, variable.size)
            if given is not None:
                found[name] = (variable, codec_for(given))
        return found

    def _map(self, name: str, handle: VmMap, declared: BpfMap | None) -> BpfMap:
        if declared is not None:
            declared.bind(handle)
            return declared
        given, found = self._types.get(name, (None, None)), map_types(self._converted, handle.spec)
        return map_object(handle, given[0] or found[0], given[1] or found[1])

    def _event_codec(self, name: str, handle: VmMap) -> Codec | None:
        if not isinstance(handle, EventMap):
            return None
        value = self._types.get(name, (None, None))[1] or self.maps[name].declaration.value
        return codec_for(value) if value is not None and size_of(value) else None

    def event(self, name: str, data: bytes) -> Any:
        """An event as a value of its map's type; bytes where it has none, or the event is too short for it."""
        codec = self._codecs.get(name)
        if codec is None or len(data) < codec.size:
            return data
        try:
            return codec.decode(data)
        except CodecError:
            return data

    def set_constant(self, name: str, value: Any) -> None:
        """Set a global before the first run."""
        if name not in self._variables:
            close = difflib.get_close_matches(name, self._variables, n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"it has {', '.join(self._variables) or 'none'}"
            raise VmError(f"the object has no constant or global `{name}`", remedy=hint)
        try:
            self.globals[name] = value
        except (CodecError, TypeError) as error:
            raise VmError(f"`{name}` can't be set to {value!r}: {error}") from None
