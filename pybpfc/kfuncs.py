"""Kernel functions (kfuncs) under their own names: `from pybpfc.kfuncs import bpf_task_release`.

Calls in programs are not compiled yet: they are an error (E0443) at their line.
"""

from __future__ import annotations

from typing import Any

from pybpfc.lang.kernel_names import kernel_function


def __getattr__(name: str) -> Any:
    made = globals()[name] = kernel_function(name)
    return made
