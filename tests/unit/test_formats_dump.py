"""The text of objects: independent of where they were made, and never a failure but `FormatError` on damaged ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybpfc.compiler import compile_source, import_file
from pybpfc.formats.dump import dump_object
from pybpfc.formats.elf import ElfFile, Section, write_elf
from pybpfc.formats.errors import FormatError

EXAMPLES = Path(__file__).parents[2] / "examples"
OPENSNOOP = compile_source(import_file(str(EXAMPLES / "opensnoop.py"))).elf


def test_where_the_source_lies_makes_no_difference(tmp_path: Path) -> None:
    elsewhere = tmp_path / "a" / "longer" / "path"
    elsewhere.mkdir(parents=True)
    shutil.copy(EXAMPLES / "opensnoop.py", elsewhere)
    other = compile_source(import_file(str(elsewhere / "opensnoop.py")), use_cache=False).elf
    assert str(elsewhere).encode() in other  # where a debugger finds the source
    assert dump_object(other) == dump_object(OPENSNOOP)
    assert str(tmp_path) not in dump_object(other)


def test_code_stands_under_its_lines_and_types_are_c() -> None:
    text = dump_object(OPENSNOOP)
    for part in (
        "int on_open(struct trace_event_sys_enter_openat *ctx)",
        "; opens[pid] += 1 @ opensnoop.py:",
        "opens: BPF_MAP_TYPE_HASH, max_entries 10240",
        "R_BPF_64_64 events",
        "only_pid: global object, .rodata+0x0, 4 bytes",
    ):
        assert part in text


def test_an_object_without_anything_has_only_a_title() -> None:
    assert dump_object(write_elf(ElfFile(sections=[Section("", 0)]))).startswith("license (none), little-endian\n")


def test_what_is_no_object_is_refused() -> None:
    for data in (b"", b"\x7fELF", b"\x01\x02" * 500, b"#!/bin/sh\n"):
        with pytest.raises(FormatError):
            dump_object(data)


def test_every_cut_off_object_is_refused() -> None:
    """The section table is at the end: no part of an object passes for one."""
    for length in range(0, len(OPENSNOOP), 7):
        with pytest.raises(FormatError):
            dump_object(OPENSNOOP[:length])


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(OPENSNOOP) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_objects_are_shown_or_refused(changes: list[tuple[int, int]]) -> None:
    data = bytearray(OPENSNOOP)
    for at, byte in changes:
        data[at] = byte
    try:
        text = dump_object(bytes(data))
    except FormatError as error:
        assert str(error)
    else:
        assert text.endswith("\n")


def test_single_damaged_bytes_of_the_types_are_shown_or_refused() -> None:
    start = OPENSNOOP.index(b"\x9f\xeb")
    for at in range(start, start + 1200, 5):
        for byte in (0, 0xFF, OPENSNOOP[at] ^ 1):
            data = OPENSNOOP[:at] + bytes([byte]) + OPENSNOOP[at + 1 :]
            try:
                dump_object(data)
            except FormatError:
                continue
