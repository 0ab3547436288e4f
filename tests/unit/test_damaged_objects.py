"""Objects and types that make no sense, found by fuzzing: an error of ours, or bytes where there is no type."""

from __future__ import annotations

import pytest

from pybpfc.formats.btf import Btf, BtfMember, BtfType
from pybpfc.formats.btf_encode import encode_btf
from pybpfc.formats.elf import SHT_NOBITS, ElfFile, Section
from pybpfc.formats.errors import BadBtf, BadObject
from pybpfc.formats.object_reader import _Reader
from pybpfc.lang.btf_types import BtfTypes, raw_bytes
from pybpfc.lang.codec import codec_for

INT = BtfType(1, "INT", "int", 4, encoding=1, bits=32)


def types(*rest: BtfType) -> BtfTypes:
    return BtfTypes(Btf(encode_btf((INT, *rest))))


def test_a_typedef_of_itself() -> None:
    with pytest.raises(BadBtf, match="never ends"):
        types(BtfType(2, "TYPEDEF", "t", type=3), BtfType(3, "CONST", "", type=2)).type(2)


@pytest.mark.parametrize(
    "members",
    [
        (BtfMember("a\n", 1, 0),),
        (BtfMember("__class__", 1, 0),),
        (BtfMember("a", 1, 0), BtfMember("a", 1, 32)),
        (BtfMember("a", 1, 64),),
        (BtfMember("a", 3, 0, 4),),
    ],
    ids=["no identifier", "Python's own", "twice", "outside", "bits of an array"],
)
def test_structs_that_cannot_be_classes_are_bytes(members: tuple[BtfMember, ...]) -> None:
    struct = BtfType(2, "STRUCT", "s", 8, flag=any(m.bits for m in members), members=members)
    array = BtfType(3, "ARRAY", "", type=1, index_type=1, length=2)
    assert types(struct, array).type(2) == raw_bytes(8)


def test_members_that_python_would_rename() -> None:
    struct = BtfType(2, "STRUCT", "s", 8, members=(BtfMember("a", 1, 0), BtfMember("__pad", 1, 32)))
    value = codec_for(types(struct).type(2)).decode(bytes([1, 0, 0, 0, 2, 0, 0, 0]))
    assert (value.a, getattr(value, "__pad")) == (1, 2)


def test_sections_larger_than_memory() -> None:
    elf = ElfFile(False, [Section(".bss", SHT_NOBITS, 3, b"", 1 << 59, 8)], [], {})
    with pytest.raises(BadObject, match="larger than any map"):
        _Reader(elf).read()
