"""Types of the kernel under their own names: `from pybpfc.vmlinux import task_struct`.

They are not compiled yet: using one in a program is an error (E0444) at its line.
"""

from __future__ import annotations

from typing import Any

from pybpfc.lang.kernel_names import kernel_type


def __getattr__(name: str) -> Any:
    made = globals()[name] = kernel_type(name)
    return made
