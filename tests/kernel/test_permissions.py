"""Without the privileges: one clear error that names what is missing; with just those needed, it works."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kernel_support import from_c, with_capabilities

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="drops privileges, which takes root")

TRACING = """
__u64 count;
SEC("raw_tracepoint/sys_enter") int prog(void *ctx) { count++; return 0; }
"""
NETWORK = 'SEC("xdp") int prog(void *ctx) { return XDP_PASS; }'

LOAD = """
import os, sys
from pybpfc.diagnostics.errors import PybpfcError
from pybpfc.runtime import load_object
import pybpfc.diagnostics.catalog.verifier, pybpfc.diagnostics.render
import pybpfc.runtime.verifier_log, pybpfc.runtime.features
data = open({path!r}, "rb").read()
try:
    load_object(data).close()     # Python's own files may be out of reach without privilege: load them all before
except PybpfcError as error:
    str(error)
#---
before = len(os.listdir("/proc/self/fd"))
try:
    with load_object(data) as obj:
        {then}
        print("worked")
except PybpfcError as error:
    print(type(error).__name__, "|", str(error).replace(chr(10), " | "))
print("leaked", len(os.listdir("/proc/self/fd")) - before)
"""


def attempt(tmp_path: Path, source: str, *capabilities: str, then: str = "pass") -> str:
    path = tmp_path / "x.o"
    path.write_bytes(from_c(source))
    done = with_capabilities(LOAD.format(path=str(path), then=then), *capabilities)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stdout.endswith("leaked 0\n"), done.stdout + done.stderr
    return done.stdout


def test_no_privilege_at_all(tmp_path: Path) -> None:
    told = attempt(tmp_path, TRACING)
    assert told.startswith("PermissionDenied")
    assert "needs CAP_BPF and CAP_PERFMON" in told
    assert "root" in told


def test_bpf_alone_does_not_trace(tmp_path: Path) -> None:
    told = attempt(tmp_path, TRACING, "bpf")
    assert told.startswith("PermissionDenied")
    assert "needs CAP_PERFMON" in told


def test_exactly_what_tracing_needs(tmp_path: Path) -> None:
    assert "worked" in attempt(tmp_path, TRACING, "bpf", "perfmon", then="os.getppid(); assert obj.globals.count > 0")


def test_network_programs_need_their_own(tmp_path: Path) -> None:
    assert "needs CAP_NET_ADMIN" in attempt(tmp_path, NETWORK, "bpf")
    assert "needs CAP_BPF" in attempt(tmp_path, NETWORK, "net_admin")
    run = "assert obj.prog.test_run(data=bytes(64)).retval == 2"
    assert "worked" in attempt(tmp_path, NETWORK, "bpf", "net_admin", then=run)


def test_tracepoints_say_that_tracefs_is_closed(tmp_path: Path) -> None:
    source = 'SEC("tracepoint/syscalls/sys_enter_getppid") int prog(void *ctx) { return 0; }'
    told = attempt(tmp_path, source, "bpf", "perfmon")
    if "worked" not in told:  # tracefs is readable on some systems
        assert told.startswith("PermissionDenied")
        assert "tracefs" in told


def test_what_root_may_read_of_the_stack_others_may_not(tmp_path: Path) -> None:
    """The verifier is stricter with CAP_BPF than with root; the refusal is explained all the same."""
    source = """
    __u64 out;
    SEC("xdp") int prog(void *ctx)
    {
        char raw[64];
        asm volatile("" : : "r"(raw));
        out = *(volatile __u64 *)(raw + 8);
        return 2;
    }
    """
    told = attempt(tmp_path, source, "bpf", "net_admin")
    assert told.startswith("VerifierError")
    assert "never written" in told


def test_the_probe_says_why() -> None:
    code = """
from pybpfc.runtime import features
features.refusal()
#---
print(features.refusal("BPF_PROG_TYPE_TRACEPOINT"))
"""
    told = with_capabilities(code).stdout
    assert "CAP_BPF" in told
    assert "CAP_PERFMON" in told
    assert with_capabilities(code, "bpf", "perfmon").stdout == "None\n"
