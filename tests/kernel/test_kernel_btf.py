"""The running kernel's types, read lazily: the same as what `bpftool btf dump` says of them."""

from __future__ import annotations

import functools
import json
import random
import shutil
import subprocess
from typing import Any

import pytest

from pybpfc.formats.btf import BtfMember, BtfType
from pybpfc.lang.kernel_btf import PATH, open_btf, vmlinux_btf


@functools.cache
def dumped() -> list[dict[str, Any]]:
    """All types, by bpftool."""
    if shutil.which("bpftool") is None:
        pytest.skip("bpftool is not installed")
    done = subprocess.run(["bpftool", "btf", "dump", "-j", "file", PATH], capture_output=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)["types"]
    return found


ENCODINGS = {"(none)": 0, "SIGNED": 1, "CHAR": 2, "BOOL": 4}
LINKAGES = {"static": 0, "global": 1, "global-alloc": 1, "extern": 2}


def name_of(item: dict[str, Any]) -> str:
    return "" if item.get("name", "(anon)") == "(anon)" else str(item["name"])


def as_read(item: dict[str, Any], flag: bool) -> BtfType:
    """bpftool's words for a type as ours; of the flag it says nothing for some kinds."""
    given: dict[str, Any] = {"size": item.get("size", 0), "type": item.get("type_id", item.get("ret_type_id", 0))}
    match item["kind"]:
        case "INT":
            given |= {"encoding": ENCODINGS[item["encoding"]], "bits": item["nr_bits"]}
        case "ARRAY":
            given |= {"index_type": item["index_type_id"], "length": item["nr_elems"]}
        case "STRUCT" | "UNION":
            members = (
                BtfMember(name_of(m), m["type_id"], m["bits_offset"], m.get("bitfield_size", 0))
                for m in item["members"]
            )
            given["members"] = tuple(members)
        case "ENUM" | "ENUM64":
            # bpftool extends the sign of unsigned values of 32 bits too
            mask = -1 if flag else (1 << 8 * item["size"]) - 1
            given["enumerators"] = tuple((value["name"], value["val"] & mask) for value in item["values"])
        case "FUNC_PROTO":
            given["params"] = tuple((name_of(p), p["type_id"]) for p in item["params"])
        case "FUNC" | "VAR":
            given["linkage"] = LINKAGES[item["linkage"]]
        case "DATASEC":
            given["variables"] = tuple((v["type_id"], v["offset"], v["size"]) for v in item["vars"])
        case "DECL_TAG":
            given["index"] = item["component_idx"]
        case "FWD":
            assert flag == (item["fwd_kind"] == "union")
    return BtfType(item["id"], item["kind"], name_of(item), flag=flag, **given)


def test_types_are_those_that_bpftool_shows() -> None:
    theirs, btf = dumped(), vmlinux_btf()
    assert btf.count == len(theirs) + 1
    chance = random.Random(7)
    sample = set(chance.sample(range(len(theirs)), 4000))
    for kind in sorted({item["kind"] for item in theirs}):
        alike = [number for number, item in enumerate(theirs) if item["kind"] == kind]
        sample |= set(chance.sample(alike, min(len(alike), 100)))
    for number in sorted(sample):
        item = theirs[number]
        read = btf.type(item["id"])
        assert read == as_read(item, read.flag)


def test_names_lead_to_all_their_types() -> None:
    theirs, btf = dumped(), vmlinux_btf()
    by_name: dict[str, list[int]] = {}
    for item in theirs:
        if name := name_of(item):
            by_name.setdefault(name, []).append(item["id"])
    for name in random.Random(8).sample(sorted(by_name), 3000):
        assert [found.id for found in btf.find_all(name)] == by_name[name]
    assert btf.find("task_struct", "TYPEDEF") is None
    assert btf.find("no_type_is_called_so") is None


def test_a_kept_index_finds_the_same(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("PYBPFC_CACHE", raising=False)
    cold, warm = open_btf(PATH), open_btf(PATH)
    assert list((tmp_path / "pybpfc/btf").iterdir())
    assert isinstance(warm.index.offsets, memoryview)
    assert not isinstance(cold.index.offsets, memoryview)
    assert bytes(warm.index.offsets) == bytes(cold.index.offsets)
    for name in ("task_struct", "sk_buff", "bpf_prog", "vfs_read", "pid_t"):
        assert warm.find(name) == cold.find(name)
