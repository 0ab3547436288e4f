"""Kernel types as types of the language: the same from BTF and from declarations."""

from __future__ import annotations

from typing import Annotated

import pybpfc as bpf
from pybpfc import i32, u8, u32
from pybpfc.lang.kernel_types import KernelStruct, flavorless
from pybpfc.lang.types import I32, U8, U32, Pointer, Space


@bpf.kernel_struct
class mm_struct:
    owner: task_struct


@bpf.kernel_struct
class task_struct:
    pid: i32
    real_parent: "task_struct"  # noqa: UP037
    mm: mm_struct
    flag: Annotated[u8, bpf.bits(3)]
    comm: Annotated[str, 16]


@bpf.kernel_struct(union=True)
class bpf_attr___local:
    map_type: u32
    prog_type: u32


def kernel(cls: type) -> KernelStruct:
    found = cls.__bpf_type__  # type: ignore[attr-defined]
    assert isinstance(found, KernelStruct)
    return found


def test_declared_structs_are_kernel_structs() -> None:
    task = kernel(task_struct)
    assert task.declared and task.kernel and not task.union
    assert task.names == ("pid", "real_parent", "mm", "flag", "comm")
    pid, parent, flag = task.find("pid"), task.find("real_parent"), task.find("flag")
    assert pid is not None and parent is not None and flag is not None
    assert (pid.type, pid.access, pid.bit_size) == (I32, "0:0", 32)
    assert parent.type == Pointer(task, Space.KERNEL)
    assert (flag.type, flag.bits, flag.path, flag.bit_size) == (U8, 3, (3,), 3)
    mm = task.by_name["mm"].type
    assert isinstance(mm, Pointer) and isinstance(mm.to, KernelStruct)
    owner = mm.to.find("owner")
    assert owner is not None and owner.type == Pointer(task, Space.KERNEL)
    assert task.find("tgid") is None


def test_unions_and_flavours() -> None:
    attr = kernel(bpf_attr___local)
    assert attr.union and attr.kernel_name == "bpf_attr"
    assert [(f.type, f.offset, f.path) for f in attr.fields] == [(U32, 0, (0,)), (U32, 0, (1,))]
    assert flavorless("task_struct___old___x") == "task_struct"
    assert flavorless("___x") == "___x"
