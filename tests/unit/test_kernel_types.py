"""Kernel types as types of the language: the same from BTF and from declarations."""

from __future__ import annotations

import random
from typing import Annotated

import pytest

import pybpfc as bpf
from pybpfc import i32, u8, u32
from pybpfc.formats.btf import Btf, BtfMember, BtfType
from pybpfc.formats.btf_encode import encode_btf
from pybpfc.formats.errors import BadBtf
from pybpfc.lang.annotations import enum_type
from pybpfc.lang.kernel_types import KernelField, KernelStruct, KernelTypes, flavorless
from pybpfc.lang.types import BE16, BOOL, CHAR, I32, U8, U16, U32, VOID, Array, Enum, Field, Pointer, Space, View


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
    assert task.declared
    assert task.kernel
    assert not task.union
    assert task.names == ("pid", "real_parent", "mm", "flag", "comm")
    pid, parent, flag = task.find("pid"), task.find("real_parent"), task.find("flag")
    assert pid is not None
    assert parent is not None
    assert flag is not None
    assert (pid.type, pid.access, pid.bit_size) == (I32, "0:0", 32)
    assert parent.type == Pointer(task, Space.KERNEL)
    assert (flag.type, flag.bits, flag.path, flag.bit_size) == (U8, 3, (3,), 3)
    mm = task.by_name["mm"].type
    assert isinstance(mm, Pointer)
    assert isinstance(mm.to, KernelStruct)
    owner = mm.to.find("owner")
    assert owner is not None
    assert owner.type == Pointer(task, Space.KERNEL)
    assert task.find("tgid") is None


def test_unions_and_flavours() -> None:
    attr = kernel(bpf_attr___local)
    assert attr.union
    assert attr.kernel_name == "bpf_attr"
    assert [(f.type, f.offset, f.path) for f in attr.fields] == [(U32, 0, (0,)), (U32, 0, (1,))]
    assert flavorless("task_struct___old___x") == "task_struct"
    assert flavorless("___x") == "___x"


# ----------------------------------------------------------------------------------- BTF

TYPES = (
    BtfType(1, "INT", "int", 4, encoding=1, bits=32),
    BtfType(2, "INT", "unsigned int", 4, bits=32),
    BtfType(3, "INT", "char", 1, bits=8),
    BtfType(4, "INT", "unsigned char", 1, bits=8),
    BtfType(5, "INT", "_Bool", 1, encoding=4, bits=8),
    BtfType(6, "INT", "unsigned short", 2, bits=16),
    BtfType(7, "TYPEDEF", "__be16", type=6),
    BtfType(8, "INT", "__int128", 16, encoding=1, bits=128),
    BtfType(9, "STRUCT", "task", 96, flag=True, members=(
        BtfMember("pid", 1, 0), BtfMember("", 10, 32), BtfMember("low", 2, 64, 3), BtfMember("high", 2, 67, 29),
        BtfMember("parent", 12, 128), BtfMember("name", 13, 192), BtfMember("inner", 15, 320), BtfMember("port", 7, 352),
        BtfMember("wide", 8, 384), BtfMember("user", 17, 512), BtfMember("state", 19, 576), BtfMember("class", 5, 608),
        BtfMember("count", 21, 640), BtfMember("later", 23, 704),
    )),
    BtfType(10, "UNION", "", 4, members=(BtfMember("number", 2, 0), BtfMember("", 11, 0))),
    BtfType(11, "STRUCT", "", 4, members=(BtfMember("first", 6, 0), BtfMember("second", 6, 16))),
    BtfType(12, "PTR", "", type=26),
    BtfType(13, "ARRAY", "", type=3, index_type=2, length=16),
    BtfType(14, "STRUCT", "inner", 4, members=(BtfMember("value", 1, 0),)),
    BtfType(15, "TYPEDEF", "inner_t", type=14),
    BtfType(16, "TYPE_TAG", "user", type=3),
    BtfType(17, "PTR", "", type=16),
    BtfType(18, "FUNC_PROTO", "", type=1, params=(("task", 12), ("size", 2), ("", 0))),
    BtfType(19, "ENUM", "state", 4, enumerators=(("RUNNING", 0), ("__MAX", 7), ("mro", 9))),
    BtfType(20, "ENUM", "", 4, flag=True, enumerators=(("NONE", -1), ("ESTABLISHED", 1))),
    BtfType(21, "TYPEDEF", "count_t", type=22),
    BtfType(22, "STRUCT", "", 4, members=(BtfMember("counter", 1, 0),)),
    BtfType(23, "PTR", "", type=24),
    BtfType(24, "FWD", "later"),
    BtfType(25, "FUNC", "work", type=18, linkage=1),
    BtfType(26, "CONST", "", type=27),
    BtfType(27, "TYPE_TAG", "rcu", type=9),
    BtfType(28, "FUNC_PROTO", "", params=(("", 12), ("", 2))),
    BtfType(29, "PTR", "", type=28),
    BtfType(30, "TYPEDEF", "btf_trace_change", type=29),
    BtfType(31, "FUNC_PROTO", "", type=1, params=(("__data", 12), ("how", 2))),
    BtfType(32, "FUNC", "__traceiter_change", type=31, linkage=1),
    BtfType(33, "FUNC", "bpf_lsm_change", type=18, linkage=1),
    BtfType(34, "STRUCT", "bpf_iter__task", 8, members=(BtfMember("task", 12, 0),)),
)  # fmt: skip


@pytest.fixture
def types() -> KernelTypes:
    return KernelTypes(Btf(encode_btf(TYPES)))


def field(owner: KernelStruct | None, name: str) -> KernelField:
    assert owner is not None
    found = owner.find(name)
    assert found is not None
    return found


def test_fields_of_btf(types: KernelTypes) -> None:
    task = types.struct("task___any_flavour")
    assert task is not None
    assert (task.name, task.size, task.kernel, task.declared, task.type_id) == ("task", 96, True, False, 9)
    assert field(task, "pid").type == I32
    assert field(task, "port").type == BE16
    assert field(task, "name").type == Array(CHAR, 16, View.STR)
    assert field(task, "wide").type == Array(U8, 16, View.BYTES)
    assert field(task, "class_").type == field(task, "class").type == BOOL
    parent = field(task, "parent")
    assert parent.type == Pointer(task, Space.KERNEL)
    assert parent.tags == ("rcu",)
    assert field(task, "user").type == Pointer(CHAR, Space.USER)
    assert task.find("nothing") is None
    assert [f.name for f in task.fields] == list(task.names) == list(task.by_name)


def test_anonymous_members_are_looked_through(types: KernelTypes) -> None:
    task = types.struct("task")
    assert (field(task, "number").offset, field(task, "number").access) == (4, "0:1:0")
    second = field(task, "second")
    assert (second.type, second.offset, second.path, second.access) == (U16, 6, (1, 1, 1), "0:1:1:1")


def test_bit_fields(types: KernelTypes) -> None:
    task = types.struct("task")
    low, high = field(task, "low"), field(task, "high")
    assert (low.offset, low.bit_offset, low.bits, low.bit_position, low.bit_size) == (8, 0, 3, 64, 3)
    assert (high.offset, high.bit_offset, high.bits, high.bit_position) == (8, 3, 29, 67)
    assert isinstance(low, Field)


def test_structs_within_by_typedefs_and_only_mentioned(types: KernelTypes) -> None:
    task = types.struct("task")
    inner, count, later = field(task, "inner").type, field(task, "count").type, field(task, "later").type
    assert inner is types.struct("inner") is types.struct("inner_t")
    assert isinstance(count, KernelStruct)
    assert (count.name, count.typedef, count.kernel_name, str(count)) == ("", "count_t", "count_t", "count_t")
    assert isinstance(later, Pointer)
    assert isinstance(later.to, KernelStruct)
    assert not later.to.complete
    assert later.to.fields == ()
    assert types.find("later") is later.to


def test_enums(types: KernelTypes) -> None:
    state = field(types.struct("task"), "state").type
    assert isinstance(state, Enum)
    assert state is types.find("state")
    assert state.underlying == U32
    assert dict(state.members) == {"RUNNING": 0, "__MAX": 7, "mro": 9}
    assert state.cls is not None
    assert enum_type(state.cls) is state
    assert {name: int(value) for name, value in state.cls.__members__.items()} == {"RUNNING": 0, "__MAX": 7}
    assert types.enumerator("__MAX") == (state, 7)
    found = types.enumerator("NONE")
    assert found is not None
    assert (found[0].name, found[0].underlying, found[1]) == ("", I32, -1)
    assert types.enumerator("MAX") is None
    assert types.enumerator("pid") is None


def test_functions(types: KernelTypes) -> None:
    task, work = types.struct("task"), types.function("work")
    assert work is not None
    assert [(p.name, p.type) for p in work.parameters] == [("task", Pointer(task, Space.KERNEL)), ("size", U32)]
    assert (work.result, work.variadic, work.type_id) == (I32, True, 25)
    change = types.tracepoint("change")
    assert change is not None
    assert [(p.name, p.type) for p in change.parameters] == [("how", U32)]
    assert (change.result, change.type_id) == (VOID, 30)
    hook = types.lsm_hook("change")
    assert hook is not None
    assert [p.name for p in hook.parameters] == ["task", "size"]
    assert field(types.iterator("task"), "task").type == Pointer(task, Space.KERNEL)
    assert types.function("task") is types.tracepoint("work") is types.lsm_hook("x") is types.iterator("x") is None


def test_modules_are_asked_last() -> None:
    btf = Btf(encode_btf(TYPES))
    own = (
        BtfType(1, "STRUCT", "later", 8, members=(BtfMember("owner", 12, 0),)),
        BtfType(2, "FUNC", "task", type=18, linkage=1),
        BtfType(3, "ENUM", "", 4, enumerators=(("IN_MODULE", 3),)),
    )
    module = Btf(encode_btf(own, first_string=btf.strings_end), btf)
    opened = []

    def modules() -> list[KernelTypes]:
        opened.append(1)
        return [KernelTypes(module, base=types, module="extra")]

    types = KernelTypes(btf, modules=modules)
    assert types.struct("task") is not None
    assert not opened
    later = types.struct("later")
    assert later is not None
    assert (later.complete, later.module, later.type_id) == (True, "extra", len(TYPES) + 1)
    assert field(later, "owner").type == Pointer(types.struct("task"), Space.KERNEL)  # type: ignore[arg-type]
    function = types.function("task")
    assert function is not None
    assert function.module == "extra"
    found = types.enumerator("IN_MODULE")
    assert found is not None
    assert found[1] == 3
    assert len(opened) == 1


def test_damage_is_never_anything_but_bad_btf() -> None:
    whole, chance = encode_btf(TYPES), random.Random(3)
    names = [t.name for t in TYPES if t.name] + ["RUNNING", "NONE"]
    converted = 0
    for _ in range(1500):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(24, len(data))] = chance.choice((0, 1, 4, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        try:
            types = KernelTypes(Btf(bytes(data)))
        except BadBtf:
            continue
        for name in names:
            converted += exercise(types, name)
    assert converted > 1000


def exercise(types: KernelTypes, name: str) -> bool:
    try:
        types.enumerator(name)
        types.function(name)
        types.tracepoint(name.removeprefix("btf_trace_"))
        found = types.find(name)
        if isinstance(found, KernelStruct):
            assert all(member.bit_size >= 0 and member.access for member in found.fields)
    except BadBtf:
        return False
    return True
