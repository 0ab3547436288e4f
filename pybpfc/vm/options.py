"""What a machine is set up with, checked before anything runs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pybpfc.abi.helpers import HELPERS
from pybpfc.formats.spec import ObjectSpec
from pybpfc.vm.errors import VmError
from pybpfc.vm.task import Task
from pybpfc.vm.values import NonScalar

MAX_CPUS = 8192
"""More than any kernel is built for (NR_CPUS)."""


def check_options(
    spec: ObjectSpec, *, task: Any, cpus: Any, seed: Any, helpers: Any, memory: Any, externs: Any, consts: Any
) -> None:
    """Refuse what no machine can be made of; raises `VmError`."""
    if not isinstance(cpus, int) or not 1 <= cpus <= MAX_CPUS:
        raise VmError(f"a machine has 1 to {MAX_CPUS} CPUs, not {cpus!r}")
    if not isinstance(seed, int):
        raise VmError(f"`seed` is an integer, not {seed!r}")
    if task is not None and not isinstance(task, Task):
        raise VmError(
            f"`task` is a `pybpfc.vm.Task`, not {task!r}", remedy="say who runs: `task=Task(pid=42, comm='sh')`"
        )
    for name, given in (("helpers", helpers), ("memory", memory), ("externs", externs), ("consts", consts)):
        if given is not None and not isinstance(given, Mapping):
            raise VmError(f"`{name}` is a dict, not {given!r}")
    _check_helpers(spec, helpers or {})
    for symbol, value in (externs or {}).items():
        if not isinstance(value, int | bytes | bytearray):
            raise VmError(f"the extern `{symbol}` is a number or bytes, not {value!r}")
        if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
            raise VmError(f"the extern `{symbol}` does not fit 64 bits: {value}")


def _check_helpers(spec: ObjectSpec, helpers: Mapping[Any, Any]) -> None:
    """Stand-ins are for helpers that there are, or for kernel functions that the object calls."""
    functions = (*spec.programs.values(), *spec.functions.values())
    called = {r.symbol for function in functions for r in function.relocations if r.kind == "extern"}
    for name, given in helpers.items():
        if name not in HELPERS and name not in called:
            raise VmError(f"there is no helper `{name}`", remedy=_similar(name, (*HELPERS, *called)))
        if (
            given is not None
            and not callable(given)
            and not isinstance(given, int | str | bytes | bytearray | NonScalar)
        ):
            raise VmError(f"`{name}` is stood in for by a function, a number, text or bytes, not {given!r}")


def _similar(name: Any, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(name), known, n=1)
    return f"did you mean `{close[0]}`?" if close else "give helpers by their kernel names, such as `bpf_ktime_get_ns`"
