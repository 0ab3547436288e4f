"""Types and enumerators of the kernel under their own names: `from pybpfc.vmlinux import task_struct, TCP_ESTABLISHED`.

They are read from the running kernel's BTF when they are named, or from the file that the environment variable
`PYBPFC_BTF` names. `pybpfc vmlinux --stubs` makes them known to editors and type checkers.
"""

from __future__ import annotations

from typing import Any

from pybpfc.lang.kernel_names import kernel_name


def __getattr__(name: str) -> Any:
    made = globals()[name] = kernel_name(name)
    return made
