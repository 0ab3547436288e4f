"""What CO-RE records mean in a kernel's types, and what is kept of these; damage is an error of the format or nothing."""

import random

import pytest

from pybpfc.abi.uapi import BPF_CORE_TYPE_EXISTS, BPF_CORE_TYPE_MATCHES
from pybpfc.core_relo.candidates import TargetTypes
from pybpfc.core_relo.matching import match_access
from pybpfc.core_relo.minimize import minimize
from pybpfc.formats.btf import Btf, BtfMember, BtfType, essential_name
from pybpfc.formats.btf_encode import encode_btf
from pybpfc.formats.btf_python import declaration, stubs
from pybpfc.formats.core_access import parse_access
from pybpfc.formats.errors import BadObject, FormatError
from pybpfc.formats.spec import CoreRelocation, FunctionSpec, ObjectSpec

INT = BtfType(1, "INT", "int", 4, encoding=1, bits=32)
LONG = BtfType(2, "INT", "long", 8, encoding=1, bits=64)
KERNEL = (
    INT,
    LONG,
    BtfType(3, "PTR", "", type=5),
    BtfType(4, "UNION", "", 8, members=(BtfMember("a", 1, 0), BtfMember("b", 2, 0))),
    BtfType(5, "STRUCT", "task", 64, members=(BtfMember("", 4, 0), BtfMember("next", 3, 64), BtfMember("c", 6, 128), BtfMember("open", 7, 256))),
    BtfType(6, "ARRAY", "", type=1, index_type=2, length=4),
    BtfType(7, "ARRAY", "", type=1, index_type=2, length=0),
    BtfType(8, "ENUM", "state", 4, enumerators=(("OFF", 0), ("ON", 9))),
    BtfType(9, "STRUCT", "task___old", 4, members=(BtfMember("gone", 1, 0),)),
    BtfType(10, "TYPEDEF", "number", type=1),
    BtfType(11, "FUNC_PROTO", "", type=1, params=(("x", 3),)),
    BtfType(12, "FUNC", "work", type=11),
)  # fmt: skip
LOCAL = (
    LONG,
    BtfType(2, "PTR", "", type=3),
    BtfType(3, "STRUCT", "task___mine", 40, members=(BtfMember("b", 1, 0), BtfMember("next", 2, 64), BtfMember("c", 4, 128), BtfMember("open", 4, 300), BtfMember("gone", 1, 400), BtfMember("absent", 1, 464))),
    BtfType(4, "ARRAY", "", type=1, index_type=1, length=9),
    BtfType(5, "ENUM64", "state", 8, enumerators=(("ON", 1), ("BROKEN", 2))),
    BtfType(6, "STRUCT", "task", 8, members=(BtfMember("next", 1, 0),)),
    BtfType(7, "STRUCT", "task", 8, members=(BtfMember("next", 2, 0),)),
)  # fmt: skip


Target = tuple[int, list[int]]
"""A type of the kernel, and the numbers of members and elements on the way into it."""


def find_target(local: Btf, record: CoreRelocation, kernel: Btf) -> Target | None:
    """What a record means in a kernel: of several types that fit, the first."""
    asked = parse_access(local, record)
    for candidate in TargetTypes(kernel, "the kernel").candidates(local, asked.root):
        found = match_access(asked, kernel, candidate.id)
        if found is not None:
            path = [number for step in found.steps for number in (*(n for _, n in step.through), step.index)]
            return found.root, path
    return None


def record(type: int, access: str, kind: int = 0) -> CoreRelocation:
    return CoreRelocation(0, type, access, kind)


@pytest.mark.parametrize(
    ("name", "without"),
    [("a___b", "a"), ("a", "a"), ("a___", "a___"), ("___b", "___b"), ("a___b___c", "a___b"), ("a____b", "a____b")],
)
def test_flavors(name: str, without: str) -> None:
    assert essential_name(name) == without


@pytest.mark.parametrize(
    ("asked", "target"),
    [
        (record(3, "0"), (5, [0])),
        (record(3, "0:0"), (5, [0, 0, 1])),
        (record(3, "0:1"), (5, [0, 1])),
        (record(3, "0:2:3"), (5, [0, 2, 3])),
        (record(3, "0:2:4"), None),
        (record(3, "0:3:8"), (5, [0, 3, 8])),
        (record(3, "0:4"), (9, [0, 0])),
        (record(3, "0:5"), None),
        (record(6, "0:0"), None),
        (record(3, "0", BPF_CORE_TYPE_EXISTS), (5, [])),
        (record(7, "0", BPF_CORE_TYPE_MATCHES), (5, [])),
        (record(6, "0", BPF_CORE_TYPE_MATCHES), None),
        (record(5, "0", 11), (8, [1])),
        (record(5, "1", 10), None),
    ],
)
def test_what_records_mean(asked: CoreRelocation, target: Target | None) -> None:
    assert find_target(Btf(encode_btf(LOCAL)), asked, Btf(encode_btf(KERNEL))) == target


@pytest.mark.parametrize(
    "bad", [record(3, ""), record(3, "x"), record(3, "0:9"), record(3, "0:0:0"), record(3, "-1"), record(5, "2", 10), record(3, "0", 13)]
)  # fmt: skip
def test_records_that_make_no_sense(bad: CoreRelocation) -> None:
    with pytest.raises(BadObject):
        find_target(Btf(encode_btf(LOCAL)), bad, Btf(encode_btf(KERNEL)))


def object_of(local: Btf, *records: CoreRelocation) -> ObjectSpec:
    function = FunctionSpec("f", "xdp", b"", core_relos=records)
    return ObjectSpec({"f": function}, {}, {}, {}, local, "GPL")


def test_only_the_members_named_are_kept() -> None:
    made = minimize(Btf(encode_btf(KERNEL)), [object_of(Btf(encode_btf(LOCAL)), record(3, "0:0"), record(3, "0:1"))])
    kept = Btf(made)
    task = kept.find("task", "STRUCT")
    assert task is not None
    assert task.size == 64
    assert [(m.name, m.offset) for m in task.members] == [("", 0), ("next", 64)]
    union = kept.type(task.members[0].type)
    assert [(m.name, kept.type(m.type).name) for m in union.members] == [("b", "long")]
    assert kept.type(task.members[1].type).kind == "PTR"
    assert kept.type(task.members[1].type).type == task.id
    assert kept.find("int") is None


def test_damage_is_an_error_of_the_format_or_nothing() -> None:
    chance = random.Random(6)
    whole, local = encode_btf(KERNEL), encode_btf(LOCAL)
    asked = (
        record(3, "0:2:3"),
        record(3, "0:0"),
        record(3, "0:1", BPF_CORE_TYPE_EXISTS),
        record(7, "0", BPF_CORE_TYPE_MATCHES),
        record(5, "0", 11),
    )
    for _ in range(1500):
        pair = [bytearray(whole), bytearray(local)]
        for _ in range(chance.randint(1, 4)):
            data = chance.choice(pair)
            data[chance.randrange(24, len(data))] = chance.choice((0, 1, 4, 0x84, 0xFF, chance.randrange(256)))
        try:
            kernel, own = Btf(bytes(pair[0])), Btf(bytes(pair[1]))
        except FormatError:
            continue
        for one in asked:
            try:
                Btf(minimize(kernel, [object_of(own, one)]))
            except FormatError:
                pass
        try:
            "".join(stubs(kernel))
        except FormatError:
            pass
        for name in ("task", "state", "number", "work"):
            try:
                found = kernel.find(name)
                _ = found and declaration(kernel, found)
            except FormatError:
                pass
