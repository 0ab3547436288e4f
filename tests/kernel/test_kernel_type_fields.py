"""The running kernel's types as types of the language: every field where `bpftool btf dump` says it is."""

from __future__ import annotations

import random
from typing import Any

import pytest
from test_kernel_btf import dumped, name_of

from pybpfc.lang.kernel_types import KernelStruct, kernel_types
from pybpfc.lang.types import Enum, Int, Pointer, size_of

MODIFIERS = ("TYPEDEF", "CONST", "VOLATILE", "RESTRICT", "TYPE_TAG")


def behind(types: list[dict[str, Any]], id: int) -> dict[str, Any]:
    while id and types[id - 1]["kind"] in MODIFIERS:
        id = types[id - 1]["type_id"]
    return types[id - 1] if id else {"kind": "VOID"}


def flattened(types: list[dict[str, Any]], item: dict[str, Any], start: int = 0) -> dict[str, tuple[int, int, int]]:
    """Each field's place in bits, width of a bit-field and type; the first of those that share a name."""
    out: dict[str, tuple[int, int, int]] = {}
    for member in item["members"]:
        at = start + member["bits_offset"]
        inner = behind(types, member["type_id"])
        if name_of(member):
            out.setdefault(name_of(member), (at, member.get("bitfield_size", 0), member["type_id"]))
        elif inner["kind"] in ("STRUCT", "UNION"):
            for name, place in flattened(types, inner, at).items():
                out.setdefault(name, place)
    return out


def test_fields_are_where_bpftool_says() -> None:
    theirs, ours = dumped(), kernel_types()
    first: dict[str, dict[str, Any]] = {}
    for item in theirs:
        if item["kind"] in ("STRUCT", "UNION") and name_of(item):
            first.setdefault(name_of(item), item)
    names = {"task_struct", "sock", "sk_buff", "inode", *random.Random(5).sample(sorted(first), 700)}
    seen = 0
    for name in sorted(names):
        found = ours.struct(name)
        assert found is not None
        assert found.size == first[name]["size"]
        expected = flattened(theirs, first[name])
        assert {field.name for field in found.fields} == set(expected)
        for field in found.fields:
            at, bits, type = expected[field.name]
            assert (field.bit_position, field.bits or 0, field.type_id) == (at, bits, type), (name, field)
            check_type(theirs, type, field.type)
            seen += 1
    assert seen > 1000


def check_type(types: list[dict[str, Any]], id: int, ours: Any) -> None:
    item = behind(types, id)
    match item["kind"]:
        case "STRUCT" | "UNION":
            assert isinstance(ours, KernelStruct)
            assert (ours.type_id, ours.size, ours.union) == (item["id"], item["size"], item["kind"] == "UNION")
        case "PTR":
            assert isinstance(ours, Pointer)
            to = behind(types, item["type_id"])
            if to["kind"] in ("STRUCT", "UNION"):
                assert isinstance(ours.to, KernelStruct)
                assert ours.to.name == name_of(to)
        case "ENUM" | "ENUM64":
            assert isinstance(ours, Enum)
            limit = 1 << 8 * item["size"]  # bpftool 7.1 shows unsigned values of 32 bits as others
            shown = {value["name"]: value["val"] % limit for value in item["values"]}
            assert {name: value % limit for name, value in ours.members} == shown
        case "INT" if item["size"] <= 8 and item["encoding"] != "BOOL":
            assert isinstance(ours, Int)
            assert (ours.bits, ours.signed) == (item["size"] * 8, item["encoding"] == "SIGNED") or ours.big_endian
        case "INT" | "ARRAY" | "FLOAT":
            length = item.get("nr_elems", 1) * (size_of(ours.element) if item["kind"] == "ARRAY" else 1)
            assert size_of(ours) == (length if item["kind"] == "ARRAY" else item["size"])


def test_enumerators_are_found_by_name() -> None:
    theirs, ours = dumped(), kernel_types()
    values: dict[str, int] = {}
    for item in theirs:
        for value in item["values"] if item["kind"] in ("ENUM", "ENUM64") else ():
            values.setdefault(value["name"], value["val"])
    for name in random.Random(6).sample(sorted(values), 300):
        found = ours.enumerator(name)
        assert found is not None
        assert (found[1] - values[name]) % (1 << found[0].underlying.bits) == 0
    assert ours.enumerator("NO_ENUMERATOR_IS_CALLED_SO") is None


def test_arguments_of_hooks() -> None:
    ours = kernel_types()
    switch = ours.tracepoint("sched_switch")
    assert switch is not None
    assert [(p.name, str(p.type)) for p in switch.parameters][1:3] == [("prev", "task_struct"), ("next", "task_struct")]
    read = ours.function("vfs_read")
    assert read is not None
    assert [p.name for p in read.parameters] == ["file", "buf", "count", "pos"]
    assert read.result == Int(64, True)


def test_names_of_the_running_kernel() -> None:
    from pybpfc.vmlinux import BPF_MAP_TYPE_HASH, TCP_ESTABLISHED, bpf_map_type, pid_t, task_struct

    assert (TCP_ESTABLISHED, BPF_MAP_TYPE_HASH) == (1, bpf_map_type.BPF_MAP_TYPE_HASH)
    assert pid_t.__name__ == "i32"
    mm = task_struct.__bpf_type__.find("mm").type.to.find("exe_file").type
    assert str(mm.to) == "file"
    with pytest.raises(ImportError, match="no_type_is_called_so"):
        from pybpfc.vmlinux import no_type_is_called_so  # noqa: F401
