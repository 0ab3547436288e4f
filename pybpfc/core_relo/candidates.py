"""The types an access path is looked for in: those of the kernel, or of a file that stands for another kernel's."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator

from pybpfc.core_relo.compatibility import same_kind
from pybpfc.formats.btf import Btf, essential_name
from pybpfc.formats.errors import BadBtf
from pybpfc.lang.kernel_btf import ENVIRONMENT, module_btf, module_names, target_btf, vmlinux_btf
from pybpfc.records import define, frozen


@frozen
class Candidate:
    """A type that has the name looked for."""

    btf: Btf
    id: int


@define
class TargetTypes:
    """Where candidates are found. `name` is for messages; `modules` are asked for types that `btf` does not have."""

    btf: Btf
    name: str
    modules: Callable[[], Iterator[Btf]] = functools.partial(iter, ())

    def candidates(self, local: Btf, id: int) -> list[Candidate]:
        """All types of the same kind and name as a local one, flavors included; raises `BadBtf` for nameless ones."""
        wanted = local.type(id)
        if not wanted.name:
            raise BadBtf(f"BTF type {id} has no name to be found by in {self.name}")
        name = essential_name(wanted.name)

        def among(btf: Btf) -> list[Candidate]:
            ids = btf.essential_ids(name)
            return [Candidate(btf, found) for found in ids if same_kind(wanted, btf.type(found))]

        found = among(self.btf)
        if not found:
            for module in self.modules():
                found += among(module)
        return found


def target_types(path: str | os.PathLike[str] | None = None) -> TargetTypes:
    """The types of the file `path`, else of the one that PYBPFC_BTF names, else of the running kernel.

    Raises LoadError when they can't be read.
    """
    if path is not None or os.environ.get(ENVIRONMENT):
        named = os.fspath(path) if path is not None else os.environ[ENVIRONMENT]
        return TargetTypes(target_btf(named), named)
    return TargetTypes(vmlinux_btf(), f"kernel {os.uname().release}", lambda: map(module_btf, module_names()))
