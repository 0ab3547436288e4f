"""The language on this kernel: what the compiler accepts the verifier accepts, and it means what it means in the machine.

`tests/exec` compares the same programs with Python; here their objects run on every kernel that the tests know.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest
from kernel_support import from_python

import pybpfc as bpf
from pybpfc.formats.object_reader import parse_object
from pybpfc.vm import Machine

sys.path.insert(0, str(Path(__file__).parents[1] / "exec"))
import language
import test_arithmetic as arithmetic
import test_callback_loops as loops
import test_iteration as iteration
import test_locks as locks
import test_snprintf as snprintf
import test_structs as structs
from program_generator import Generator

RANDOM = 6
"""Modules of random programs, smaller than those of `tests/exec`: older verifiers follow less."""


def compare(source: str, programs: list[str], folder: Path) -> None:
    """Run all programs of a module on the kernel and in the machine."""
    elf = from_python(language.PRELUDE + source)
    path = folder / "language.o"
    path.write_bytes(elf)
    with bpf.load(str(path), attach=False) as loaded:
        found = {name: loaded.programs[name].test_run(data=language.PACKET).retval for name in programs}
    for name in programs:  # each starts anew in the machine; those of one object share globals and maps in the kernel
        if len(programs) == 1:
            assert found[name] == Machine(parse_object(elf)).run(name, data=language.PACKET).retval


CASES = {f"range: {k}": loops.PROGRAM.replace("BODY", loops.indented(v)) for k, v in loops.RANGES.items()}
CASES |= {f"while: {k}": loops.PROGRAM.replace("BODY", loops.indented(v)) for k, v in loops.WHILE.items()}
CASES |= {f"map: {k}": loops.MAPS.replace("BODY", loops.indented(v[0])) for k, v in loops.OVER_MAPS.items()}
CASES |= {f"over: {k}": iteration.program(v) for k, v in iteration.CASES.items()}
CASES |= {f"lock: {k}": locks.SHARED + locks.PROGRAM.replace("BODY", locks.body(v[0])) for k, v in locks.BODIES.items()}
CASES |= {"heavy": loops.HEAVY, "length": arithmetic.LENGTH, "snprintf": snprintf.BUFFERS}
CASES |= {"bpf.loop": loops.LOOP, "returned struct": loops.AGGREGATE, "bit-fields": structs.STRUCT + structs.WRAPPING}


@pytest.mark.parametrize("case", CASES)
def test_the_kernel_agrees_with_the_machine(case: str, tmp_path: Path) -> None:
    compare(CASES[case], ["prog"], tmp_path)


@pytest.mark.parametrize("seed", range(RANDOM))
def test_random_programs_load(seed: int, tmp_path: Path) -> None:
    generator = Generator(Random(seed), 10, size=4)
    compare(generator.module(), generator.programs, tmp_path)
