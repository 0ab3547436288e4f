"""Programs ready to run: translated once, with the way back from a traceback to the source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import CodeType, TracebackType
from typing import Any

from pybpfc.abi.insn import BPF_CMPXCHG
from pybpfc.formats.link import LinkedProgram
from pybpfc.vm.access import make_atomic, make_exchange, make_load, make_store
from pybpfc.vm.arithmetic import FUNCTIONS
from pybpfc.vm.decode import ProgramCode, decode_program
from pybpfc.vm.errors import Place, VmError
from pybpfc.vm.regions import Order
from pybpfc.vm.translate import ATOMICS, Environment, translate
from pybpfc.vm.values import UNSET, FunctionReference, Value

Entry = Callable[..., Value]


class CompiledProgram:
    """A program as Python functions. `entry(vm, ctx, …)` runs it."""

    def __init__(self, linked: LinkedProgram, environment: Environment, names: Mapping[str, object]) -> None:
        self.name = linked.name
        self.section = linked.section
        self.code: ProgramCode = decode_program(linked, big_endian=environment.big_endian)
        source = translate(self.code, environment)
        self.source = source.text
        self._indexes = source.indexes
        self._namespace: dict[str, Any] = {**names, **environment.objects}
        for function in self.code.functions:
            reference = FunctionReference(function.name, self._caller(function.start))
            self._namespace[f"fr{function.start}"] = reference
        self._file = f"<bpf program {self.name}>"
        exec(compile(self.source, self._file, "exec"), self._namespace)  # our own translation, see `translate`
        self.entry: Entry = self._namespace[f"f{self.code.functions[0].start}"]
        self._codes: frozenset[CodeType] = frozenset(
            self._namespace[f"f{f.start}"].__code__ for f in self.code.functions
        )

    def _caller(self, start: int) -> Entry:
        """Calls a function that is yet to be compiled, filling up its arguments."""

        def call(vm: Any, *arguments: Value) -> Value:
            result: Value = self._namespace[f"f{start}"](vm, *arguments, *[UNSET] * (5 - len(arguments)))
            return result

        return call

    def owns(self, code: CodeType) -> bool:
        """Whether a code object is one of this program's functions."""
        return code in self._codes

    def place(self, line: int) -> Place:
        """The place of a line of the generated source."""
        return self.code.place(self._indexes[line - 1])


def places(programs: list[CompiledProgram], traceback: TracebackType | None) -> tuple[Place, ...]:
    """Where programs were when an exception was raised, innermost first."""
    found: list[Place] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        for program in programs:
            if program.owns(code):
                found.append(program.place(traceback.tb_lineno))
        traceback = traceback.tb_next
    return tuple(reversed(found))


def _unresolved(why: str) -> None:
    """What stands where CO-RE found nothing in the kernel's types."""
    message = "the program uses what the kernel's types do not have"
    remedy = "guard the access with `bpf.field_exists(...)` or `bpf.type_exists(...)`"
    raise VmError(f"{message}: {why}" if why else message, remedy=remedy)


def base_namespace(order: Order, probe: Callable[[int, int], bytes] | None = None) -> dict[str, object]:
    """What all generated code refers to: memory accesses and the arithmetic that needs a function.

    `probe` reads kernel memory for programs whose pointers are checked by the kernel (BTF pointers).
    """
    names: dict[str, object] = {"U": UNSET, "unresolved": _unresolved, **FUNCTIONS}
    for size in (1, 2, 4, 8):
        names[f"ld{size}"] = make_load(size, order, probe=probe)
        names[f"lds{size}"] = make_load(size, order, signed=True, probe=probe)
        names[f"st{size}"] = make_store(size, order)
    for size in (4, 8):
        names[f"exchange{size}"] = make_exchange(size, order)
        for kind in ATOMICS - {BPF_CMPXCHG}:
            names[f"atomic{size}_{kind}"] = make_atomic(size, kind, order)
    return names
