"""What the compiler accepts the kernel loads: random programs about None, reservations, packets and unbound variables.

`PYBPFC_ACCEPTED=N` makes N of them (300 by default), `PYBPFC_SEED=S` begins elsewhere. `CASES` are those that once
were accepted and did not load.
"""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from typing import Any

import pytest
from language import PRELUDE
from pointer_generator import DECLARED, PointerGenerator

import pybpfc as bpf
from pybpfc.compiler import Source, compile_source, import_file
from pybpfc.diagnostics.sink import DiagnosticSink
from pybpfc.frontend.analyze import analyze, programs_of
from pybpfc.runtime import features

PROGRAMS = int(os.environ.get("PYBPFC_ACCEPTED", "300"))
FIRST_SEED = int(os.environ.get("PYBPFC_SEED", "0"))
PER_MODULE = 30

pytestmark = pytest.mark.skipif(features.refusal() is not None, reason="programs cannot be loaded here")


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + max(1, PROGRAMS // PER_MODULE)))
def test_what_is_accepted_loads(seed: int, tmp_path: Path) -> None:
    path = tmp_path / f"pointers_{seed}.py"
    path.write_text(PRELUDE + PointerGenerator(Random(seed)).module(PER_MODULE))
    module = import_file(str(path))
    accepted = [program for program in programs_of(vars(module)) if is_accepted(module, path, program)]
    assert len(accepted) >= PER_MODULE // 10, "hardly any program is right"
    assert len(accepted) < PER_MODULE, "no program is wrong"
    source = Source(vars(module), module.__name__, str(path), tuple(accepted))
    compile_source(source, use_cache=False).write(tmp_path / "pointers.o")
    bpf.load(tmp_path / "pointers.o", attach=False).close()


def is_accepted(module: Any, path: Path, program: Any) -> bool:
    """Whether the checker finds nothing wrong with one program."""
    sink = DiagnosticSink()
    analyze(vars(module), module.__name__, str(path), sink, (program,))
    return not sink.errors


CASES = {
    "an offset whose proof LLVM moved": """
@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    n = bpf_get_prandom_u32()
    if n & 7 == 0:
        header = ctx.packet(Header, min(n, 100))
        if header is not None:
            counts[u32(header.kind)] += 1
    recent[u64(n & 7)] = n
    return XDP_DROP
""",
    "an address that LLVM computed before the test": """
@bpf.raw_tracepoint("sys_enter")
def prog(ctx: bpf.RawTracepointContext) -> int:
    n = bpf_get_prandom_u32()
    row = table.lookup(u32(bpf_ktime_get_ns()))
    rounds = 0
    while rounds < 4 and u32(bpf_ktime_get_ns()) > 3:
        rounds += 1
        if row is None or row.inner.q > 2:
            del counts[u32(find(0))]
        else:
            counts[u32(row.list[n % 5])] += 1
    return 0
""",
    "no rounds, as the verifier sees": """
@bpf.raw_tracepoint("sys_enter")
def prog(ctx: bpf.RawTracepointContext) -> int:
    n = bpf_get_prandom_u32()
    if n == 0:
        send(u64(n & 7))
        for i in bpf.iter_num(0, n & 63):
            n += u32(3 in counts)
    return 0
""",
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_did_not_load(case: str, tmp_path: Path) -> None:
    path = tmp_path / "case.py"
    path.write_text(PRELUDE + DECLARED + case)
    compile_source(import_file(str(path)), use_cache=False).write(tmp_path / "case.o")
    bpf.load(tmp_path / "case.o", attach=False).close()
