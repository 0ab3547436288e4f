"""`pybpfc.kfuncs` and `pybpfc.vmlinux`: names of the kernel; what they stand for has values in programs only."""

from __future__ import annotations

import enum
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from test_kernel_types import TYPES

import pybpfc
import pybpfc.kfuncs
import pybpfc.vmlinux
from pybpfc import HashMap, Ptr, be16, i32, u32
from pybpfc.diagnostics.errors import LoadError
from pybpfc.formats.btf_encode import encode_btf
from pybpfc.lang import kernel_btf, kernel_types
from pybpfc.lang.annotations import resolve
from pybpfc.lang.errors import AnnotationError, DeclarationError
from pybpfc.lang.fingerprint import fingerprint
from pybpfc.lang.kernel_types import KernelStruct
from pybpfc.lang.types import Pointer, Space


def fresh() -> Any:
    """`pybpfc.vmlinux` as a process that imports it now has it."""
    kernel_types._types_of.cache_clear()
    kernel_btf.vmlinux_btf.cache_clear()
    for name in [name for name in vars(pybpfc.vmlinux) if not name.startswith("__")]:
        delattr(pybpfc.vmlinux, name)
    return importlib.reload(pybpfc.vmlinux)


@pytest.fixture
def vmlinux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module, with the types of a file."""
    path = tmp_path / "kernel.btf"
    path.write_bytes(encode_btf(TYPES))
    monkeypatch.setenv("PYBPFC_BTF", str(path))
    yield fresh()
    monkeypatch.undo()
    fresh()


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module on a kernel that does not tell its types."""
    monkeypatch.delenv("PYBPFC_BTF", raising=False)
    monkeypatch.setattr(kernel_btf, "PATH", "/nowhere/vmlinux")
    yield fresh()
    monkeypatch.undo()
    fresh()


def test_names_are_made_once(vmlinux: ModuleType) -> None:
    from pybpfc.kfuncs import bpf_task_release
    from pybpfc.vmlinux import task

    assert bpf_task_release is pybpfc.kfuncs.bpf_task_release
    assert task is pybpfc.vmlinux.task
    assert repr(bpf_task_release) == "<kernel function 'bpf_task_release'>"
    assert repr(task) == "<kernel type 'task'>"


@pytest.mark.parametrize("module", [pybpfc.kfuncs, pybpfc.vmlinux])
def test_python_s_own_names_are_not_the_kernel_s(module: Any) -> None:
    for name in ("__path__", "__wrapped__"):
        with pytest.raises(AttributeError, match=name):
            getattr(module, name)


def test_they_do_nothing_in_user_space(vmlinux: Any) -> None:
    with pytest.raises(TypeError, match=r"bpf_task_release.* program"):
        pybpfc.kfuncs.bpf_task_release(1)
    with pytest.raises(TypeError, match=r"task.* program"):
        vmlinux.task(pid=1)


def test_types_stand_in_annotations(vmlinux: Any) -> None:
    task = vmlinux.task
    assert task | None == None | task  # noqa: RUF036
    found = resolve(task)
    assert isinstance(found, KernelStruct)
    assert resolve(Ptr[task]).to is found  # type: ignore[union-attr]
    assert resolve(task | None) == Pointer(found, Space.KERNEL, nullable=True)
    with pytest.raises(DeclarationError, match="task"):
        _ = HashMap[u32, task](max_entries=1).declaration


def test_what_names_stand_for(vmlinux: Any) -> None:
    assert vmlinux.inner_t.__bpf_type__ is vmlinux.inner.__bpf_type__
    assert vmlinux.count_t.__bpf_type__.typedef == "count_t"
    assert vmlinux.__be16 is be16
    assert issubclass(vmlinux.state, enum.IntEnum)
    assert vmlinux.RUNNING is vmlinux.state.RUNNING
    assert vmlinux.ESTABLISHED == 1
    assert type(vmlinux.ESTABLISHED) is int
    assert vmlinux.NONE == -1


def test_names_that_the_kernel_has_not(vmlinux: Any) -> None:
    with pytest.raises(AttributeError, match="no type and no enumerator `inner_`; did you mean `inner"):
        _ = vmlinux.inner_
    with pytest.raises(ImportError, match="cannot import name 'no_such_type'"):
        from pybpfc.vmlinux import no_such_type  # noqa: F401


def test_declarations_may_name_types_of_the_kernel(vmlinux: Any) -> None:
    inner = vmlinux.inner

    @pybpfc.kernel_struct
    class outer:
        into: inner
        number: i32

    found = resolve(outer)
    assert isinstance(found, KernelStruct)
    assert found.declared
    member = found.find("into")
    assert member is not None
    assert member.type == Pointer(resolve(inner), Space.KERNEL)  # type: ignore[arg-type]


def test_fingerprints_tell_kernels_apart(vmlinux: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fingerprint(vmlinux.task), fingerprint(vmlinux.inner)
    other = tmp_path / "other.btf"
    changed = [t for t in TYPES if t.name != "task"]
    task = next(t for t in TYPES if t.name == "task")
    from pybpfc.records import replace

    place = TYPES.index(task)
    moved = replace(task, members=(replace(task.members[0], offset=32 * 8), *task.members[1:]))
    other.write_bytes(encode_btf((*changed[:place], moved, *changed[place:])))
    monkeypatch.setenv("PYBPFC_BTF", str(other))
    again = fresh()
    assert fingerprint(again.task) != first[0]
    monkeypatch.setenv("PYBPFC_BTF", str(tmp_path / "kernel.btf"))
    again = fresh()
    assert (fingerprint(again.task), fingerprint(again.inner)) == first


def test_without_types_names_still_stand_for_themselves(nothing: Any) -> None:
    task = nothing.task_struct
    assert repr(task) == "<kernel type 'task_struct'>"
    for annotation in (task, task | None, Ptr[task]):
        with pytest.raises(AnnotationError, match=r"task_struct.*/nowhere/vmlinux can't be read.*PYBPFC_BTF"):
            resolve(annotation)
    assert fingerprint(task) == "class pybpfc.vmlinux.task_struct"


def test_a_file_that_cannot_be_read_is_an_error(vmlinux: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = tmp_path / "bad.btf"
    bad.write_bytes(b"no types here")
    monkeypatch.setenv("PYBPFC_BTF", str(bad))
    with pytest.raises(LoadError, match=r"bad\.btf"):
        _ = fresh().task
