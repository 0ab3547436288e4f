"""Frames as they show in instructions."""

from __future__ import annotations

import pytest

from pybpfc.abi import insn as i
from pybpfc.abi.insn import Insn, encode
from pybpfc.abi.stack import COARSE_GRANULE, FINE_GRANULE, has_private_stack, rounded
from pybpfc.backend.stack import Calls, frame_size

MOV, ADD = i.BPF_ALU64 | i.BPF_MOV | i.BPF_X, i.BPF_ALU64 | i.BPF_ADD | i.BPF_K
ADD_REGISTER = i.BPF_ALU64 | i.BPF_ADD | i.BPF_X
STORE, LOAD = i.BPF_STX | i.BPF_MEM | i.BPF_DW, i.BPF_LDX | i.BPF_MEM | i.BPF_DW


@pytest.mark.parametrize(
    ("insns", "size"),
    [
        ([], 0),
        ([Insn(STORE, 10, 1, -8)], 8),
        ([Insn(i.BPF_ST | i.BPF_MEM | i.BPF_B, 10, 0, -9)], 16),
        ([Insn(LOAD, 1, 10, -64)], 64),
        ([Insn(STORE, 1, 10, -64)], 0),
        ([Insn(MOV, 2, 10), Insn(ADD, 2, imm=-20)], 24),
        ([Insn(MOV, 2, 10), Insn(MOV, 3, 2), Insn(ADD, 3, imm=-16), Insn(STORE, 3, 1, -8)], 24),
        ([Insn(MOV, 2, 10), Insn(LOAD, 2, 1, 0), Insn(ADD, 2, imm=-512)], 0),
        ([Insn(MOV, 2, 10), Insn(ADD_REGISTER, 2, 3), Insn(ADD, 2, imm=-512)], 0),
        ([Insn(MOV, 2, 10), Insn(ADD, 2, imm=-600)], 600),
    ],
)
@pytest.mark.parametrize("big_endian", [False, True])
def test_frame(insns: list[Insn], size: int, big_endian: bool) -> None:
    assert frame_size(encode(insns, big_endian=big_endian), big_endian) == size


def test_rounding() -> None:
    assert [rounded(n, FINE_GRANULE) for n in (0, 8, 16, 24)] == [0, 16, 16, 32]
    assert [rounded(n, COARSE_GRANULE) for n in (0, 8, 32, 40)] == [32, 32, 32, 64]


def test_the_heaviest_chain() -> None:
    calls = Calls({"p": ("a", "b"), "a": ("c",), "b": ("a", "c")}, frozenset())
    weights = {"p": 1, "a": 10, "b": 100, "c": 1000}
    assert calls.reached("p") == ["p", "b", "a", "c"]
    assert calls.longest("p", weights.__getitem__)["c"] == (1111, ("p", "b", "a", "c"))
    assert calls.longest("p", lambda _: 1)["c"] == (4, ("p", "b", "a", "c"))


def test_private_stacks() -> None:
    assert has_private_stack("kprobe/vfs_read")
    assert has_private_stack("fentry/vfs_read")
    assert not has_private_stack("iter/task")
    assert not has_private_stack("xdp")
