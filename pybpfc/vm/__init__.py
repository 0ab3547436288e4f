"""The built-in BPF machine: runs compiled objects without a kernel, without root, on any system.

`Machine` keeps an object's maps and globals between runs; `simulate_spec` runs a program once. A program that does
what the kernel's verifier would not let it do ends with a `VmError` that names the source line.
"""

from __future__ import annotations

from pybpfc.vm.address_space import KernelMemory, UserMemory
from pybpfc.vm.errors import VmError
from pybpfc.vm.machine import Machine
from pybpfc.vm.result import EventRecord, SimulationResult
from pybpfc.vm.simulate import simulate_spec
from pybpfc.vm.task import Task

__all__ = [
    "EventRecord",
    "KernelMemory",
    "Machine",
    "SimulationResult",
    "Task",
    "UserMemory",
    "VmError",
    "simulate_spec",
]
