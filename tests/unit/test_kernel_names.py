"""`pybpfc.kfuncs` and `pybpfc.vmlinux`: any name can be imported; what it stands for works in programs only."""

from __future__ import annotations

from typing import Any

import pytest

import pybpfc.kfuncs
import pybpfc.vmlinux
from pybpfc import HashMap, Ptr, u32
from pybpfc.lang.annotations import resolve
from pybpfc.lang.errors import AnnotationError, DeclarationError


def test_names_are_made_once() -> None:
    from pybpfc.kfuncs import bpf_task_release
    from pybpfc.vmlinux import task_struct

    assert bpf_task_release is pybpfc.kfuncs.bpf_task_release
    assert task_struct is pybpfc.vmlinux.task_struct
    assert repr(bpf_task_release) == "<kernel function 'bpf_task_release'>"
    assert repr(task_struct) == "<kernel type 'task_struct'>"


@pytest.mark.parametrize("module", [pybpfc.kfuncs, pybpfc.vmlinux])
def test_python_s_own_names_are_not_the_kernel_s(module: Any) -> None:
    for name in ("__path__", "__wrapped__", "_private"):
        with pytest.raises(AttributeError, match=name):
            getattr(module, name)


def test_they_do_nothing_in_user_space() -> None:
    with pytest.raises(TypeError, match="bpf_task_release.* program"):
        pybpfc.kfuncs.bpf_task_release(1)
    with pytest.raises(TypeError, match="task_struct.* program"):
        pybpfc.vmlinux.task_struct(pid=1)


def test_types_stand_in_annotations() -> None:
    task_struct = pybpfc.vmlinux.task_struct
    assert task_struct | None == None | task_struct  # noqa: RUF036
    for annotation in (task_struct, task_struct | None, Ptr[task_struct]):
        with pytest.raises(AnnotationError, match="task_struct"):
            resolve(annotation)
    with pytest.raises(DeclarationError, match="task_struct"):
        _ = HashMap[u32, task_struct](max_entries=1).declaration
