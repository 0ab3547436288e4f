"""Reading BTF: every kind, split BTF, the index, and damage, which is BadBtf or nothing."""

import random
import struct
from io import BytesIO
from pathlib import Path

import pytest

from pybpfc.diagnostics.errors import LoadError
from pybpfc.formats.btf import KINDS, Btf, BtfMember, BtfType
from pybpfc.formats.btf_c import declare, print_c
from pybpfc.formats.btf_encode import encode_btf
from pybpfc.formats.btf_file import read_btf
from pybpfc.formats.btf_index import BtfIndex
from pybpfc.formats.errors import BadBtf
from pybpfc.lang import kernel_btf

TYPES = (
    BtfType(1, "INT", "int", 4, encoding=1, bits=32),
    BtfType(2, "PTR", "", type=4),
    BtfType(3, "ARRAY", "", type=1, index_type=1, length=7),
    BtfType(4, "STRUCT", "node", 48, members=(BtfMember("next", 2, 0), BtfMember("numbers", 3, 64), BtfMember("", 6, 288))),
    BtfType(5, "STRUCT", "bits", 4, flag=True, members=(BtfMember("low", 1, 0, 3), BtfMember("high", 1, 3, 29))),
    BtfType(6, "UNION", "", 4, members=(BtfMember("a", 1, 0), BtfMember("b", 9, 0))),
    BtfType(7, "ENUM", "colour", 4, flag=True, enumerators=(("RED", -1), ("GREEN", 5))),
    BtfType(8, "ENUM64", "wide", 8, enumerators=(("BIG", 1 << 63), ("ONE", 1))),
    BtfType(9, "TYPEDEF", "number", type=10),
    BtfType(10, "CONST", "", type=11),
    BtfType(11, "VOLATILE", "", type=1),
    BtfType(12, "RESTRICT", "", type=2),
    BtfType(13, "FWD", "later", flag=True),
    BtfType(14, "FUNC_PROTO", "", type=1, params=(("a", 1), ("node", 2), ("", 0))),
    BtfType(15, "FUNC", "work", type=14, linkage=1),
    BtfType(16, "VAR", "counter", type=9, linkage=1),
    BtfType(17, "DATASEC", ".data", 4, variables=((16, 0, 4),)),
    BtfType(18, "FLOAT", "double", 8),
    BtfType(19, "DECL_TAG", "mark", type=4, index=-1),
    BtfType(20, "DECL_TAG", "mark", type=4, index=1),
    BtfType(21, "TYPE_TAG", "user", type=1),
    BtfType(22, "TYPEDEF", "node", type=4),
)  # fmt: skip


@pytest.mark.parametrize("order", ["<", ">"])
def test_every_kind_is_read(order: str) -> None:
    assert {t.kind for t in TYPES} == set(KINDS) - {"VOID"}
    btf = Btf(encode_btf(TYPES, order))
    assert tuple(btf.types()) == TYPES
    assert btf.count == len(TYPES) + 1
    assert btf.find("node", "TYPEDEF") == TYPES[21]
    assert btf.find("node") == TYPES[3]
    assert [t.id for t in btf.find_all("mark")] == [19, 20]
    assert btf.find("nod") is None
    assert btf.find("") is None
    assert [t.id for t in btf.named("no*", "TYPEDEF")] == [22]
    assert [t.name for t in btf.named("n*", "TYPEDEF")] == ["number", "node"]
    assert btf.size_of(9) == 4
    assert btf.size_of(3) == 28
    assert btf.size_of(17) == 4
    assert btf.starting("nod") == {"node"}


def test_ids_of_a_split_btf_go_on_where_the_base_ends() -> None:
    base = Btf(encode_btf(TYPES))
    own = (BtfType(23, "STRUCT", "mine", 8, members=(BtfMember("link", 2, 0),)), BtfType(24, "PTR", "", type=23))
    split = Btf(encode_btf(own, first_string=base.strings_end), base)
    assert tuple(split.types()) == own
    assert split.find("mine") == own[0]
    assert split.find("colour") == TYPES[6]
    assert split.type(4) == TYPES[3]
    assert split.size_of(24) == 8
    assert [t.name for t in split.named("*i*", "STRUCT")] == ["mine", "bits"]


def test_names_of_a_split_btf_may_stand_in_the_base() -> None:
    base = Btf(encode_btf(TYPES))
    at = base.strings.index(b"\0colour\0") + 1
    raw = bytearray(encode_btf((BtfType(0, "FLOAT", "", 4),), first_string=base.strings_end))
    struct.pack_into("=I", raw, 24, at)
    split = Btf(bytes(raw), base)
    found = split.find("colour", "FLOAT")
    assert found is not None
    assert found.id == 23


def test_a_kept_index_gives_the_same_without_a_pass_over_the_types() -> None:
    data = encode_btf(TYPES)
    kept = Btf(data).index.pack(b"key")
    index = BtfIndex.unpack(kept, b"key")
    assert index is not None
    read = Btf(data, index=index)
    assert tuple(read.types()) == TYPES
    assert all(read.find(t.name, t.kind) == t for t in TYPES if t.name and t.name != "mark")
    assert BtfIndex.unpack(kept, b"kez") is None
    assert BtfIndex.unpack(kept[:-1], b"key") is None
    for position in range(len(kept)):
        damaged = bytearray(kept)
        damaged[position] ^= 0x40
        assert BtfIndex.unpack(bytes(damaged), b"key") is None, position


def exercise(btf: Btf) -> None:
    """Everything that reading can do."""
    for id in range(btf.count + 1):
        for question in (btf.type, btf.size_of, btf.skip_modifiers, lambda i: declare(btf, i, "x")):
            try:
                question(id)
            except BadBtf:
                pass
    for name in ("node", "mark", "colour"):
        try:
            btf.find(name, "STRUCT")
            list(btf.named(name[0] + "*", "TYPEDEF"))
        except BadBtf:
            pass
    try:
        print_c(btf)
    except BadBtf:
        pass


@pytest.mark.parametrize("order", ["<", ">"])
def test_damage_is_never_anything_but_bad_btf(order: str) -> None:
    whole = encode_btf(TYPES, order)
    chance = random.Random(9)
    for _ in range(1500):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(len(data))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        try:
            btf = Btf(bytes(data))
        except BadBtf:
            continue
        exercise(btf)


def test_an_index_of_other_types_is_never_anything_but_bad_btf() -> None:
    data, chance = encode_btf(TYPES), random.Random(4)
    index = Btf(data).index
    for _ in range(500):
        parts = [memoryview(bytearray(bytes(part))).cast("I") for part in (index.offsets, index.heads, index.chain)]
        for _ in range(3):
            part = chance.choice(parts)
            part[chance.randrange(len(part))] = chance.choice((0, 1, len(part) + 1, 1 << 31, chance.randrange(200)))
        exercise(Btf(data, index=BtfIndex(*parts)))


# --------------------------------------------------------------------------------- files


def elf_with(content: bytes, name: bytes = b".BTF", wide: bool = True, order: str = "<") -> bytes:
    """An ELF file of another machine, with one section."""
    names = b"\0" + name + b"\0.shstrtab\0"
    size = 64 if wide else 52
    shape = order + ("IIQQQQIIQQ" if wide else "IIIIIIIIII")
    places = ((0, 0, 0), (1, size, len(content)), (2 + len(name), size + len(content), len(names)))
    table = b"".join(struct.pack(shape, n, 1, 0, 0, at, count, 0, 0, 1, 0) for n, at, count in places)
    ident = b"\x7fELF" + bytes((2 if wide else 1, 1 if order == "<" else 2, 1)) + bytes(9)
    at = size + len(content) + len(names)
    head = struct.pack(order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"), 2, 183, 1, 0, 0, at, 0, size, 0, 0, len(table) // 3, 3, 2)  # fmt: skip
    return ident + head + content + names + table


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_btf_is_found_in_elf_files_of_any_machine(wide: bool, order: str) -> None:
    data = encode_btf(TYPES)
    assert read_btf(BytesIO(elf_with(data, wide=wide, order=order))) == data
    assert read_btf(BytesIO(data)) == data


def test_damaged_elf_files_are_bad_btf() -> None:
    whole, chance = elf_with(encode_btf(TYPES)), random.Random(2)
    for _ in range(2000):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            place = chance.choice((chance.randrange(64), chance.randrange(len(data) - 200, len(data))))
            data[place] = chance.choice((0, 1, 0xFF, chance.randrange(256)))
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        try:
            read_btf(BytesIO(bytes(data)))
        except BadBtf:
            pass


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"hello", "neither BTF nor an ELF file"),
        (elf_with(b"", b".text"), "has no .BTF section"),
        (b"\x7fELF\2\1", "damaged or cut off"),
        (b"\x9f\xeb\1\0", "has no header"),
        (encode_btf(TYPES)[:90], "reach past the end"),
    ],
)
def test_files_that_are_none_are_told(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(LoadError) as caught:
        kernel_btf.open_btf(str(path))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_directory_and_a_device_are_told(tmp_path: Path) -> None:
    for path in (str(tmp_path), "/dev/zero", str(tmp_path / "missing")):
        with pytest.raises(LoadError, match=path):
            kernel_btf.open_btf(path)


def test_the_index_of_a_large_file_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("PYBPFC_CACHE", raising=False)
    many = [BtfType(0, "FWD", f"type_{number}") for number in range(20000)]
    path = tmp_path / "large"
    path.write_bytes(encode_btf(many))
    kernel_btf.open_btf(str(path))
    (kept,) = (tmp_path / "cache/pybpfc/btf").iterdir()
    scanned: list[int] = []
    real = kernel_btf.Btf.__init__.__globals__["scan"]
    monkeypatch.setitem(kernel_btf.Btf.__init__.__globals__, "scan", lambda *a: scanned.append(1) or real(*a))
    found = kernel_btf.open_btf(str(path)).find("type_777", "FWD")
    assert found is not None
    assert found.id == 778
    assert not scanned
    kept.write_bytes(kept.read_bytes()[:-4])
    found = kernel_btf.open_btf(str(path)).find("type_777", "FWD")
    assert found is not None
    assert scanned
    assert BtfIndex.unpack(kept.read_bytes(), kernel_btf._key(path.read_bytes())) is not None


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file where the directory should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "large"
    path.write_bytes(encode_btf([BtfType(0, "FWD", f"type_{number}") for number in range(20000)]))
    assert kernel_btf.open_btf(str(path)).count == 20001


def test_old_indexes_go(tmp_path: Path) -> None:
    for number in range(kernel_btf.KEPT + 3):
        kernel_btf._keep(str(tmp_path / "btf" / str(number)), b"x")
    assert len(list((tmp_path / "btf").iterdir())) == kernel_btf.KEPT


def test_a_file_can_take_the_place_of_the_running_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "other"
    path.write_bytes(elf_with(encode_btf(TYPES)))
    monkeypatch.setenv("PYBPFC_BTF", str(path))
    assert kernel_btf.target_btf().find("colour") is not None
    monkeypatch.setenv("PYBPFC_BTF", str(tmp_path / "missing"))
    assert kernel_btf.target_btf(str(path)).find("colour") is not None
    with pytest.raises(LoadError, match="No such file"):
        kernel_btf.target_btf()
