"""Results of programs: the table of what hooks accept is what the verifier enforces, and what is compiled keeps to it."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

import pytest
from kernel_support import from_python

import pybpfc as bpf
from pybpfc.abi import insn as i
from pybpfc.abi.attach_types import ATTACH_TYPES
from pybpfc.abi.insn import Insn, encode
from pybpfc.abi.program_types import PROGRAM_TYPES, SECTIONS, Section
from pybpfc.abi.versions import running
from pybpfc.diagnostics.catalog.base import PRELUDE
from pybpfc.diagnostics.errors import CompileError
from pybpfc.runtime.attributes import ProgLoad
from pybpfc.runtime.loader import load_object
from pybpfc.runtime.syscall import Command
from pybpfc.runtime.syscall import bpf as bpf_call

VALUES = (-4096, -4095, -1, 0, 1, 2, 3, 4, 5)
HOOKS = {(s.program_type, s.expected_attach_type): s for s in SECTIONS if not s.needs_btf and s.since <= running()}


def accepted(kind: Section, value: int) -> bool:
    """Whether the kernel loads a program of this kind that returns the value; skips what it does not load at all."""
    code = encode([Insn(i.BPF_ALU64 | i.BPF_MOV | i.BPF_K, 0, imm=value), Insn(i.EXIT)])
    insns, license, log = (
        ctypes.create_string_buffer(data, max(len(data), 1)) for data in (code, b"GPL\0", bytes(1 << 16))
    )
    request = ProgLoad(
        prog_type=PROGRAM_TYPES[kind.program_type].uapi,
        insn_cnt=2,
        insns=ctypes.addressof(insns),
        license=ctypes.addressof(license),
        expected_attach_type=ATTACH_TYPES.get(kind.expected_attach_type or "", 0),
        log_level=1,
        log_size=len(log),
        log_buf=ctypes.addressof(log),
    )
    try:
        os.close(bpf_call(Command.PROG_LOAD, request))
    except OSError as error:
        if error.errno == errno.EINVAL and b"R0" in log.value:
            return False
        pytest.skip(f"{kind.name} programs of two instructions are not loaded here: {error}")
    return True


@pytest.mark.parametrize("kind", HOOKS.values(), ids=lambda kind: f"{kind.program_type[14:]}-{kind.name}")
def test_the_table(kind: Section) -> None:
    rule = kind.result
    allowed = [value for value in VALUES if rule.allows(value) or not rule.enforced]
    assert [value for value in VALUES if accepted(kind, value)] == allowed


RETURNS = {
    "a comparison": "return ctx.len > 3",
    "a conditional": "return 1 if ctx.len > 3 else 0",
    "a remainder": "return i32(ctx.len % 2)",
    "a mask": "return i32(ctx.len & 1)",
    "a shift": "return i32(ctx.len >> 31)",
    "min and max": "return max(min(i32(ctx.mark), 1), 0)",
    "a test before": "x = i32(ctx.mark)\n    if x >= 0 and x < 2:\n        return x\n    return 0",
    "a variable": "verdict = 0\n    if ctx.len > 9:\n        verdict = 1\n    return verdict",
    "a loop's variable": "verdict = 0\n    for i in range(7):\n        if marks.get(u32(i), 0):\n            verdict = 1\n    return verdict",
    "a loop that returns": "for i in range(7):\n        if marks.get(u32(i), 0):\n            return 1\n    return 0",
    "a helper's loop": "verdict = 1\n    for k, v in marks.items():\n        if v == 3:\n            verdict = 0\n    return verdict",
    "a helper's loop that returns": "for k, v in marks.items():\n        if v == 3:\n            return 0\n    return 1",
    "a function": "return decide(ctx.len)",
    "a function that is called": "return decide_apart(ctx.len)",
    "an exported function": "return decide_exported(ctx.len)",
    "a function of functions": "return both(ctx.len)",
    "a boolean function": "return small(ctx.len)",
    "a division": "return i32(u16(ctx.len)) // 40000",
    "a match": "match ctx.protocol:\n        case 8:\n            return 1\n        case _:\n            return 0",
    "an assertion": "assert ctx.len > 3\n    return 1",
    "arithmetic": "return 1 - i32(ctx.len & 1)",
}
FUNCTIONS = """
marks = bpf.HashMap[u32, u32](max_entries=16)

@bpf.func
def decide(x: u32) -> i32:
    if x > 10:
        return 1
    return i32(x & 1)

@bpf.func(noinline=True)
def decide_apart(x: u32) -> i32:
    if x > 10:
        return 1
    return i32(x & 1)

@bpf.func(exported=True)
def decide_exported(x: u32) -> i32:
    if x > 10:
        return 1
    return i32(x & 1)

@bpf.func(noinline=True)
def small(x: u32) -> bool:
    return x < 100

@bpf.func
def both(x: u32) -> i32:
    return min(decide(x), decide_apart(x + 1))
"""


def compiled(tmp_path: Path, hook: str, context: str, body: str, cpu: str | None = None) -> Path:
    """The path of the object."""
    program = f"\n@bpf.{hook}\ndef prog(ctx: bpf.{context}) -> int:\n    {body}\n"
    path = tmp_path / "made.o"
    path.write_bytes(from_python(PRELUDE + FUNCTIONS + program, cpu))
    return path


@pytest.mark.parametrize("cpu", ["v1", "v3"])
@pytest.mark.parametrize("body", RETURNS.values(), ids=RETURNS)
def test_results_that_the_verifier_follows(body: str, cpu: str, tmp_path: Path) -> None:
    bpf.load(compiled(tmp_path, "cgroup_skb_ingress", "CgroupSkbContext", body, cpu), attach=False).close()


@pytest.mark.parametrize(
    ("hook", "context", "result"),
    [
        ("cgroup_recvmsg4", "SockAddrContext", "1"),
        ("cgroup_bind4", "SockAddrContext", "i32(ctx.user_port & 3)"),
        ("cgroup_skb_egress", "CgroupSkbContext", "i32(ctx.len & 3)"),
    ],
)
def test_other_bounds(hook: str, context: str, result: str, tmp_path: Path) -> None:
    body = f"assert ctx.family == 2\n    return {result}"
    bpf.load(compiled(tmp_path, hook, context, body), attach=False).close()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("return i32(ctx.len)", "E0439"),
        ("return i32(ctx.len & 3)", "E0439"),
        ("return i32(marks.get(1, 0))", "E0439"),
        ("verdict: i32 = 0\n    for i in range(7):\n        verdict += 1\n    return verdict", "E0439"),
        ("return 2", "E0435"),
        ("return -1", "E0435"),
        ("return i32(ctx.len & 1) + 2", "E0435"),
    ],
)
def test_what_is_refused(body: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        compiled(tmp_path, "cgroup_skb_ingress", "CgroupSkbContext", body)
    assert [d.code for d in caught.value.diagnostics] == [code]


SILENT = """
import pybpfc as bpf
from pybpfc import u32, u64
from pybpfc.stdlib import task

wanted: bpf.Const[u32] = 0
seen: bpf.Global[u64] = 0


@bpf.tracepoint("syscalls/sys_enter_getpid")
def annotated(ctx: bpf.TracepointContext) -> None:
    global seen
    if task.current_pid() != wanted:
        return
    seen += 1


@bpf.raw_tracepoint("sys_enter")
def bare(regs, number: u64):
    global seen
    if task.current_pid() == wanted and number == GETPID:
        seen += 100
"""


def test_programs_that_only_observe_need_not_say_what_they_return() -> None:
    number = 39 if os.uname().machine == "x86_64" else 172
    with load_object(from_python(SILENT.replace("GETPID", str(number))), consts={"wanted": os.getpid()}) as loaded:
        ctypes.CDLL(None).syscall(number)
        assert loaded.globals.seen == 101


@pytest.mark.parametrize("hook", ["xdp", "socket_filter", "tcx_ingress", 'fmod_ret("vfs_read")', 'lsm("file_open")'])
def test_verdicts_are_said(hook: str, tmp_path: Path) -> None:
    source = f"import pybpfc as bpf\n\n\n@bpf.{hook}\ndef prog(_) -> None:\n    return\n"
    path = tmp_path / "verdict.py"
    path.write_text(source)
    with pytest.raises(CompileError, match="does not return a value on every path"):
        bpf.compile(str(path))
