"""Every helper on every kind of argument: a result or a `VmError`, nothing else."""

from __future__ import annotations

import random
from typing import Any

import pytest
from vm_programs import build, exit_, mov

from pybpfc.abi.helpers import HELPERS
from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.abi.program_types import match_section
from pybpfc.formats.spec import MapSpec
from pybpfc.vm import Machine, VmError
from pybpfc.vm.execution import Execution
from pybpfc.vm.helpers import HELPER_FUNCTIONS, KERNEL_FUNCTIONS
from pybpfc.vm.inputs import make_input
from pybpfc.vm.maps import CLASSES
from pybpfc.vm.values import MASK64, UNSET, FunctionReference, NonScalar, Pointer

KEYLESS = ("QUEUE", "STACK", "BLOOM_FILTER", "RINGBUF", "USER_RINGBUF")
NUMBERED = (
    "PROG_ARRAY",
    "ARRAY_OF_MAPS",
    "HASH_OF_MAPS",
    "CPUMAP",
    "DEVMAP",
    "DEVMAP_HASH",
    "XSKMAP",
    "PERF_EVENT_ARRAY",
)
SECTIONS = ["xdp", "tc", "socket", "fentry/x", "kprobe/x", "syscall", "flow_dissector", "sk_msg", "sockops"]
NUMBERS = [0, 0, 1, 4, 8, 16, 64, 0x7F0000000000, 1 << 31, 1 << 40, 1 << 63, MASK64, MASK64 - 3]


def every_map() -> tuple[MapSpec, ...]:
    made: list[MapSpec] = []
    for short in CLASSES:
        key = 0 if short in KEYLESS else 8 if short == "LPM_TRIE" else 4
        value = 0 if "RINGBUF" in short else 4 if short in NUMBERED else 16
        entries = 0 if "STORAGE" in short else 4096 if "RINGBUF" in short else 4
        made.append(MapSpec(short, MAP_TYPES["BPF_MAP_TYPE_" + short].uapi, key, value, entries))
    return tuple(made)


class Arguments:
    """Arguments of all kinds, more often than not of the kind that a helper wants."""

    def __init__(self, rng: random.Random, vm: Execution) -> None:
        self.rng = rng
        self.frame = vm.frame()
        self.frame.region.write(0, bytes(rng.randrange(513)))
        self.context = Pointer(vm.input.context)
        self.maps = [handle.reference() for handle in vm.machine.handles.values()]
        array = vm.machine.handles["ARRAY"]
        self.others: list[Any] = [
            UNSET,
            self.frame,
            Pointer(self.frame.region, 600),
            Pointer(vm.input.context, 4),
            FunctionReference("callback", lambda vm, *arguments: rng.choice([0, 0, 1, UNSET])),
            array.find(bytes(4), 0),
            Pointer(array.find(b"\1\0\0\0", 0).region, 8),  # type: ignore[union-attr]
        ]
        if vm.input.packet is not None:
            self.others += [vm.input.packet.data, vm.input.packet.data_end, vm.input.packet.data_meta]

    def any(self) -> Any:
        rng = self.rng
        stack = self.frame - rng.choice((0, 4, 8, 16, 24, 64, 512))
        return rng.choice((rng.choice(NUMBERS), rng.choice(self.maps), rng.choice(self.others), stack, self.context))

    def wanted(self, name: str) -> list[Any]:
        known = HELPERS.get(name)
        if known is None:
            return [self.any() if self.rng.random() < 0.5 else self.frame - 16 for _ in range(5)]
        return [self._of_kind(p.kind.name) if self.rng.random() < 0.75 else self.any() for p in known.params]

    def _of_kind(self, kind: str) -> Any:
        if "MAP_PTR" in kind:
            return self.rng.choice(self.maps)
        if "CTX" in kind:
            return self.context
        if "SIZE" in kind:
            return self.rng.choice((0, 1, 4, 8, 16, 64, 200))
        if "FUNC" in kind:
            return self.others[4]
        if any(word in kind for word in ("MEM", "KEY", "VALUE", "STR", "DYNPTR")):
            return self.frame - self.rng.choice((8, 16, 64, 200))
        return self.rng.choice(NUMBERS)


@pytest.mark.parametrize("section", SECTIONS)
def test_helpers(section: str) -> None:
    rng = random.Random(section)
    kind = match_section(section)
    assert kind is not None
    answered: set[str] = set()
    names = [*HELPER_FUNCTIONS, *KERNEL_FUNCTIONS]
    for _ in range(40):
        machine = Machine(build(mov(0, 0), exit_(), section=section, maps=every_map()), memory={0x7F0000000000: "text"})
        machine.handles["USER_RINGBUF"].push(b"sample")
        ctx = bytes(16) if section == "syscall" else None
        vm = Execution(machine, make_input(kind, section, bytes(range(100)), ctx, machine.memory), kind.program_type, 0)
        arguments = Arguments(rng, vm)
        for _ in range(80):
            name = rng.choice(names)
            function = HELPER_FUNCTIONS.get(name) or KERNEL_FUNCTIONS[name]
            try:
                result = function(vm, *arguments.wanted(name))
            except VmError as error:
                shown = str(error)
                continue
            answered.add(name)
            assert result is None or isinstance(result, int | NonScalar) or callable(result), (name, result)
            if isinstance(result, Pointer):
                result.unchecked = False
                arguments.others.append(result)
    assert len(answered) > len(names) // 2
    assert shown
