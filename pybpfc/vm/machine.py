"""The machine: an object's programs, with maps and globals that stay from run to run."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

from pybpfc.abi import insn as isa
from pybpfc.abi.helpers import HELPER_NAMES, HELPERS, helper_by_id
from pybpfc.abi.program_types import Section, match_section
from pybpfc.formats.errors import FormatError
from pybpfc.formats.link import LinkedProgram, link_program
from pybpfc.formats.spec import ObjectSpec
from pybpfc.lang.maps import BpfMap
from pybpfc.lang.types import Space, Type
from pybpfc.vm.address_space import AddressSpace
from pybpfc.vm.constants import Constants
from pybpfc.vm.errors import Place, VmError
from pybpfc.vm.execution import Execution
from pybpfc.vm.helpers import HELPER_FUNCTIONS, KERNEL_FUNCTIONS, Function, marking_null, missing, override
from pybpfc.vm.helpers.timers import Timer
from pybpfc.vm.inputs import Input, make_input
from pybpfc.vm.maps import VmMap, create_map
from pybpfc.vm.maps.events import EventMap
from pybpfc.vm.maps.slots import SlotMap
from pybpfc.vm.options import check_options
from pybpfc.vm.program import CompiledProgram, base_namespace, places
from pybpfc.vm.regions import Order, Region
from pybpfc.vm.result import EventRecord, SimulationResult
from pybpfc.vm.task import Clock, Task
from pybpfc.vm.typed import TypedView
from pybpfc.vm.values import UNSET, Pointer, demand_set

MAX_INSTRUCTIONS = 50_000_000
_FIRST_FD = 100
_BTF_MEMORY = frozenset({"TRACING", "LSM", "STRUCT_OPS", "EXT", "NETFILTER"})

Types = Mapping[str, tuple[Type | None, Type | None]]


@dataclass(frozen=True, slots=True)
class SimulatedProgram:
    """A program of the machine; `fd` stands for it where user space stores a program, as in a ProgArray."""

    name: str
    fd: int


class Machine:
    """Runs the programs of an object.

    `types` gives key and value types of maps, and (None, type) of globals, where the object's BTF does not tell;
    `maps` are map objects to be bound to the simulated maps, so that user code works on them. `consts` sets globals
    before the first run. `helpers` replaces helpers and kernel functions by Python functions or constants, by name.
    `memory` is what lies at addresses, for `bpf_probe_read_*`; `externs` gives values of kernel symbols and kconfig
    options. Everything else is as equal from machine to machine as can be: time, random numbers (`seed`), the task.
    """

    def __init__(
        self,
        spec: ObjectSpec,
        *,
        types: Types | None = None,
        maps: Mapping[str, BpfMap] | None = None,
        consts: Mapping[str, Any] | None = None,
        helpers: Mapping[str, Any] | None = None,
        memory: Mapping[int, bytes | str] | None = None,
        externs: Mapping[str, int | bytes] | None = None,
        task: Task | None = None,
        cpus: int = 1,
        seed: int = 0,
        max_instructions: int = MAX_INSTRUCTIONS,
        allow_uninitialised_stack: bool = False,
    ) -> None:
        check_options(
            spec, task=task, cpus=cpus, seed=seed, helpers=helpers, memory=memory, externs=externs, consts=consts
        )
        self.spec = spec
        self.order: Order = "big" if spec.big_endian else "little"
        self.cpus = cpus
        self.task = task if task is not None else Task()
        self.clock = Clock()
        self.random = random.Random(seed)
        self.memory = AddressSpace(self.order, memory)
        self.externs = dict(externs or {})
        self.max_instructions = max_instructions
        self.stack_readable = allow_uninitialised_stack
        self.handles: dict[str, VmMap] = {}
        self.programs: dict[str, SimulatedProgram] = {}
        self._by_fd: dict[int, VmMap | SimulatedProgram] = {}
        self._compiled: dict[str, CompiledProgram] = {}
        self._given = {name: override(name, given) for name, given in (helpers or {}).items()}
        self._namespaces: dict[bool, dict[str, object]] = {}
        self.timers: dict[tuple[Region, int], Timer] = {}
        self._log: list[tuple[str, int, bytes]] = []
        self._create_parts()
        self._view = TypedView(spec, self.handles, types or {}, maps or {})
        self.maps: Mapping[str, BpfMap] = self._view.maps
        self.globals = self._view.globals
        for name, value in (consts or {}).items():
            self._view.set_constant(name, value)

    # ------------------------------------------------------------------------------ parts

    def _create_parts(self) -> None:
        """Create the maps and give everything its number."""
        number = _FIRST_FD
        for name, map_spec in self.spec.maps.items():
            made = create_map(map_spec, self.cpus, self.order, number, self.spec.btf)
            if isinstance(made, EventMap):
                made.listener = self._note_event
            if isinstance(made, SlotMap):
                made.resolve = self._by_fd.get
            self.handles[name] = self._by_fd[number] = made
            number += 1
        for name in self.spec.programs:
            self.programs[name] = self._by_fd[number] = SimulatedProgram(name, number)
            number += 1
        for name, map_spec in self.spec.maps.items():
            for index, target in map_spec.values.items():
                self._fill_slot(name, index, target)

    def _fill_slot(self, name: str, index: int, target: str) -> None:
        found = self.handles.get(target) or self.programs.get(target)
        owner = self.handles[name]
        key = index.to_bytes(4, self.order).ljust(owner.key_size, b"\0")
        if found is None or not isinstance(owner, SlotMap) or owner.put_object(key, found):
            raise VmError(f"slot {index} of map `{name}` names `{target}`, which does not fit it")

    def _note_event(self, name: str, cpu: int, data: bytes) -> None:
        self._log.append((name, cpu, data))

    # -------------------------------------------------------------------------- programs

    def compiled(self, name: str) -> CompiledProgram:
        """A program as Python functions, made at its first use."""
        known = self._compiled.get(name)
        if known is None:
            known = self._compiled[name] = self._compile(name)
        return known

    def _compile(self, name: str) -> CompiledProgram:
        try:
            linked = link_program(self.spec, name)
        except FormatError as error:
            raise VmError(str(error)) from None
        probing = _type_of(_kind(linked.section)) in _BTF_MEMORY or _gets_kernel_pointers(linked, self.spec.big_endian)
        return CompiledProgram(linked, Constants(self), self._namespace(probing))

    def _namespace(self, probing: bool) -> dict[str, object]:
        """What generated code refers to, for programs with or without pointers into the kernel."""
        if probing not in self._namespaces:
            names = base_namespace(self.order, self.memory.probe if probing else None)
            names["frame"] = Execution.frame
            names["packet"] = Execution.packet_load
            for number, name in HELPER_NAMES.items():
                function = self.helper(name)
                nullable = probing and "OR_NULL" in HELPERS[name].result.kind.name
                names[f"h{number}"] = marking_null(function) if nullable else function
            self._namespaces[probing] = names
        return self._namespaces[probing]

    def helper(self, name: str) -> Function:
        """The function behind a helper: a given one, the machine's, or one that says what is missing."""
        return self._given.get(name) or HELPER_FUNCTIONS.get(name) or missing(name)

    def kfunc(self, name: str) -> Function:
        """The function behind a kernel function."""
        return marking_null(self._given.get(name) or KERNEL_FUNCTIONS.get(name) or missing(name))

    # ------------------------------------------------------------------------------ runs

    def run(
        self, program: str, data: bytes = b"", ctx: Any = None, *, cpu: int = 0, cookie: int = 0
    ) -> SimulationResult:
        """Run a program once; raises `VmError` with the source line when it does what it must not.

        `data` is the packet; `ctx` the context: bytes, a dict of fields, a list of arguments, by the program's type.
        """
        if program not in self.spec.programs:
            known = ", ".join(self.spec.programs) or "none"
            raise VmError(f"the object has no program `{program}`", remedy=f"it has {known}")
        if not 0 <= cpu < self.cpus:
            raise VmError(f"the machine has no CPU {cpu}", remedy=f"it has {self.cpus}: `cpus=`")
        section = self.spec.programs[program].section
        kind = _kind(section)
        start = make_input(kind, section, data, ctx, self.memory)
        run = Execution(self, start, kind.program_type if kind is not None else "", cpu, cookie)
        code = self.compiled(program)
        arguments = (start.pointer, UNSET, UNSET, UNSET, UNSET)
        return self._execute(run, code, lambda: code.entry(run, *arguments))

    def advance(self, nanoseconds: int) -> list[SimulationResult]:
        """Let time pass; gives the runs of the timers that expired, in their order."""
        end = self.clock.now + nanoseconds
        results: list[SimulationResult] = []
        while True:
            due = [(t.expires, n, t) for n, t in enumerate(self.timers.values()) if t.expires is not None]
            expires, _, timer = min(due, default=(end + 1, 0, None), key=lambda d: d[:2])
            if timer is None or expires > end:
                break
            self.clock.now = max(self.clock.now, expires)
            timer.expires = None
            result = self._run_timer(timer)
            if result is not None:
                results.append(result)
        self.clock.now = max(self.clock.now, end)
        return results

    def _run_timer(self, timer: Timer) -> SimulationResult | None:
        """Call a timer back with its map, key and value; nothing when the entry is gone."""
        key, callback = timer.map.key_of(timer.region), timer.callback
        if key is None or callback is None:
            return None
        raw = Region(f"a key of map `{timer.map.name}`", bytearray(key), Space.MAP_VALUE, writable=False)
        run = Execution(self, Input(Region("no context", bytearray(), Space.CTX)), "", 0)
        arguments = (timer.map.reference(), Pointer(raw), Pointer(timer.region))
        return self._execute(run, None, lambda: callback.call(run, *arguments))

    def _execute(self, run: Execution, code: CompiledProgram | None, start: Callable[[], object]) -> SimulationResult:
        self._log.clear()
        try:
            retval = self._result(start())
            run.check_end()
        except VmError as error:
            run.abandon()
            self._locate(error, code)
            raise
        return self._collect(run, run.input, retval)

    def _result(self, returned: object) -> int:
        if isinstance(returned, int):
            return returned & 0xFFFF_FFFF
        demand_set(returned)
        raise VmError("the program gives a pointer as its result")

    def _locate(self, error: VmError, code: CompiledProgram | None) -> None:
        """Say at which source line an error happened; what is found at a program's end, at its last exit."""
        found = places([*self._compiled.values()], error.__traceback__)
        if not found and code is not None:
            found = (code.code.place(max(i for i, insn in enumerate(code.code.insns) if insn.op == isa.EXIT)),)
        error.locate(found)

    def _collect(self, run: Execution, start: Input, retval: int) -> SimulationResult:
        records = [EventRecord(name, cpu, data, self._view.event(name, data)) for name, cpu, data in self._log]
        return SimulationResult(
            retval=retval,
            data=start.data,
            ctx=start.image(self.memory),
            globals=self.globals.snapshot(),
            events=[r.value for r in records],
            trace=run.trace,
            maps=self.maps,
            records=records,
            redirect=run.redirect,
            redirect_map=run.redirect_map,
            clones=run.clones,
            signals=run.signals,
            sequence=run.sequence,
            override=run.override,
            hook_result=run.retval,
            instructions=self.max_instructions - run.budget,
        )

    # ---------------------------------------------------------------------- where it is

    def call_places(self, frame: FrameType | None) -> list[Place]:
        """The places of the programs' functions on Python's stack, innermost first."""
        found: list[Place] = []
        programs = list(self._compiled.values())
        while frame is not None:
            for program in programs:
                if program.owns(frame.f_code):
                    found.append(program.place(frame.f_lineno))
            frame = frame.f_back
        return found

    def where(self, code: CodeType, line: int) -> str:
        """The source line behind a line of generated code."""
        for program in self._compiled.values():
            if program.owns(code):
                return str(program.place(line))
        return ""

    def call_stack(self, frame: FrameType) -> list[int]:
        """The calls under way as made-up kernel addresses, innermost first."""
        return [0xFFFF_FFFF_C000_0000 + 8 * place.index for place in self.call_places(frame)]


@functools.cache
def _kind(section: str) -> Section | None:
    return match_section(section)


def _gets_kernel_pointers(linked: LinkedProgram, big_endian: bool) -> bool:
    """Whether a program calls something that gives pointers to kernel objects, which it may read directly."""
    if len(linked.insns) % isa.SIZE:
        return False
    for insn in isa.decode(linked.insns, big_endian=big_endian):
        if insn.op == isa.CALL and insn.src == isa.BPF_PSEUDO_KFUNC_CALL:
            return True
        helper = helper_by_id(insn.imm) if insn.op == isa.CALL and not insn.src else None
        if helper is not None and "BTF_ID" in helper.result.kind.name:
            return True
    return any(r.kind == "extern" for r in linked.relocations)


def _type_of(kind: Section | None) -> str:
    return kind.program_type.removeprefix("BPF_PROG_TYPE_") if kind is not None else ""
