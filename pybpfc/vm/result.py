"""What a run gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pybpfc.formats.spec import VariableSpec
from pybpfc.lang.codec import Codec
from pybpfc.vm.contexts import ContextImage

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event that a program sent: to which map, on which CPU, its bytes, and its value where the type is known."""

    map: str
    cpu: int
    data: bytes
    value: Any


class SimulatedGlobals(Mapping[str, Any]):
    """An object's global variables in the simulation, by attribute or by name; they can be set between runs."""

    def __init__(self, variables: Mapping[str, tuple[VariableSpec, Codec]], memory: Mapping[str, bytearray]) -> None:
        object.__setattr__(self, "_variables", dict(variables))
        object.__setattr__(self, "_memory", dict(memory))

    def snapshot(self) -> SimulatedGlobals:
        """A copy that stays as it is now."""
        memory = {name: bytearray(data) for name, data in self.__dict__["_memory"].items()}
        return SimulatedGlobals(self.__dict__["_variables"], memory)

    def _find(self, name: str) -> tuple[VariableSpec, Codec, bytearray]:
        variables: dict[str, tuple[VariableSpec, Codec]] = self.__dict__["_variables"]
        if name not in variables:
            raise KeyError(name)
        variable, codec = variables[name]
        data: bytearray = self.__dict__["_memory"][variable.section]
        return variable, codec, data

    def __getitem__(self, name: str) -> Any:
        variable, codec, data = self._find(name)
        return codec.decode(bytes(data), variable.offset)

    def __setitem__(self, name: str, value: Any) -> None:
        variable, codec, data = self._find(name)
        data[variable.offset : variable.offset + variable.size] = codec.encode(value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the object has no global `{name}`; it has {', '.join(self) or 'none'}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            self[name] = value
        except KeyError:
            raise AttributeError(f"the object has no global `{name}`; it has {', '.join(self) or 'none'}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__["_variables"])

    def __len__(self) -> int:
        return len(self.__dict__["_variables"])

    def __repr__(self) -> str:
        return f"<globals: {', '.join(f'{n}={self[n]!r}' for n in self)}>"


@dataclass(slots=True)
class SimulationResult:
    """One run: its result, the packet and the context behind it, globals, events in order, lines of the trace, maps.

    `records` are the events with the map and CPU they were sent to. `redirect` is the interface that `bpf_redirect`
    named, `redirect_map` map and key of `bpf_redirect_map`; `sequence` is what an iterator wrote; `instructions`
    how many were run, about.
    """

    retval: int
    data: bytes
    ctx: ContextImage
    globals: SimulatedGlobals
    events: list[Any]
    trace: list[str]
    maps: Mapping[str, Any]  # the kinds of the objects are the program's to know
    records: list[EventRecord] = field(default_factory=list, repr=False)
    redirect: int | None = None
    redirect_map: tuple[str, int | None] | None = None
    clones: list[tuple[int, bytes]] = field(default_factory=list, repr=False)
    signals: list[int] = field(default_factory=list)
    sequence: bytes = b""
    override: int | None = None
    hook_result: int = 0
    instructions: int = field(default=0, compare=False)

    @property
    def signed_retval(self) -> int:
        """The result as a signed 32-bit number."""
        return self.retval - (1 << 32) if self.retval >> 31 else self.retval
