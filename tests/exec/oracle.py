"""Runs the same object in the machine and in the kernel and demands the same of both."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pybpfc.abi import insn as isa
from pybpfc.abi.insn import Insn, encode
from pybpfc.diagnostics.errors import LoadError
from pybpfc.formats.object_reader import parse_object
from pybpfc.formats.spec import FunctionSpec, ObjectSpec
from pybpfc.runtime import features
from pybpfc.runtime.loaded import LoadedObject
from pybpfc.runtime.loader import load_object
from pybpfc.vm import Machine, SimulationResult

PROLOGUE = """
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64;
typedef signed char s8; typedef short s16; typedef int s32; typedef long long s64;
#define SEC(name) __attribute__((section(name), used))
#define NOINLINE __attribute__((noinline))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
#define __array(name, val) typeof(val) *name[]
char LICENSE[] SEC("license") = "GPL";
struct xdp_md { u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };
struct __sk_buff { u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority,
  ingress_ifindex, ifindex, tc_index, cb[5], hash, tc_classid, data, data_end, napi_id; u32 rest[14]; u64 flow_keys,
  tstamp; u32 wire_len, gso_segs; u64 sk; u32 gso_size; u8 tstamp_type; u64 hwtstamp; };
enum { XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT };
static void *(*bpf_map_lookup_elem)(void *, const void *) = (void *) 1;
static long (*bpf_map_update_elem)(void *, const void *, const void *, u64) = (void *) 2;
static long (*bpf_map_delete_elem)(void *, const void *) = (void *) 3;
static long (*bpf_skb_store_bytes)(void *, u32, const void *, u32, u64) = (void *) 9;
static long (*bpf_l3_csum_replace)(void *, u32, u64, u64, u64) = (void *) 10;
static long (*bpf_l4_csum_replace)(void *, u32, u64, u64, u64) = (void *) 11;
static long (*bpf_tail_call)(void *, void *, u32) = (void *) 12;
static long (*bpf_skb_load_bytes)(const void *, u32, void *, u32) = (void *) 26;
static s64 (*bpf_csum_diff)(void *, u32, void *, u32, u32) = (void *) 28;
static long (*bpf_skb_change_tail)(void *, u32, u64) = (void *) 38;
static long (*bpf_skb_pull_data)(void *, u32) = (void *) 39;
static long (*bpf_xdp_adjust_head)(void *, int) = (void *) 44;
static long (*bpf_redirect_map)(void *, u64, u64) = (void *) 51;
static long (*bpf_xdp_adjust_meta)(void *, int) = (void *) 54;
static long (*bpf_xdp_adjust_tail)(void *, int) = (void *) 65;
static long (*bpf_map_push_elem)(void *, const void *, u64) = (void *) 87;
static long (*bpf_map_pop_elem)(void *, void *) = (void *) 88;
static long (*bpf_map_peek_elem)(void *, void *) = (void *) 89;
static long (*bpf_strtol)(const char *, u32, u64, s64 *) = (void *) 105;
static long (*bpf_strtoul)(const char *, u32, u64, u64 *) = (void *) 106;
static long (*bpf_probe_read_kernel)(void *, u32, const void *) = (void *) 113;
static long (*bpf_probe_read_kernel_str)(void *, u32, const void *) = (void *) 115;
static long (*bpf_ringbuf_output)(void *, void *, u64, u64) = (void *) 130;
static void *(*bpf_ringbuf_reserve)(void *, u64, u64) = (void *) 131;
static void (*bpf_ringbuf_submit)(void *, u64) = (void *) 132;
static void (*bpf_ringbuf_discard)(void *, u64) = (void *) 133;
static u64 (*bpf_ringbuf_query)(void *, u64) = (void *) 134;
static long (*bpf_for_each_map_elem)(void *, void *, void *, u64) = (void *) 164;
static long (*bpf_snprintf)(char *, u32, const char *, u64 *, u32) = (void *) 165;
static long (*bpf_loop)(u32, void *, void *, u64) = (void *) 181;
static long (*bpf_strncmp)(const char *, u32, const char *) = (void *) 182;
"""


def clang() -> str | None:
    """A clang that makes BPF objects."""
    return next((found for name in ("clang-22", "clang") if (found := shutil.which(name))), None)


@functools.cache
def from_c(source: str, cpu: str = "v3") -> ObjectSpec:
    """The object of a C program; skips where there is no clang."""
    compiler = clang()
    if compiler is None:
        pytest.skip("clang is not installed")
    with tempfile.TemporaryDirectory() as directory:
        path, made = Path(directory, "prog.c"), Path(directory, "prog.o")
        path.write_text(PROLOGUE + '#line 1 "prog.c"\n' + source)
        options = ["-O2", "-g", "--target=bpf", f"-mcpu={cpu}", "-Wno-unused-variable"]
        done = subprocess.run([compiler, *options, "-c", path, "-o", made], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return parse_object(made.read_bytes())


def assembled(insns: Iterable[Insn], section: str = "xdp") -> ObjectSpec:
    """An object with one program `prog` of these instructions."""
    return ObjectSpec({"prog": FunctionSpec("prog", section, encode(insns))}, {}, {}, {}, None, "GPL")


def load64(register: int, value: int) -> list[Insn]:
    """A 64-bit immediate load."""
    low, high = value & 0xFFFFFFFF, value >> 32 & 0xFFFFFFFF
    return [
        Insn(isa.LD_IMM64, register, imm=low - (1 << 32) if low >> 31 else low),
        Insn(0, imm=high - (1 << 32) if high >> 31 else high),
    ]


@functools.cache
def kernel_takes(insns: tuple[Insn, ...]) -> bool:
    """Whether the kernel loads a program of these instructions; False where there is none to ask."""
    if features.refusal() is not None:
        return False
    try:
        load_object(assembled(insns), attach=False).close()
    except LoadError:
        return False
    return True


class Both:
    """One object, loaded in the kernel and on a machine; what differs fails."""

    def __init__(self, spec: ObjectSpec, loaded: LoadedObject) -> None:
        self.spec = spec
        self.loaded = loaded
        self.machine = Machine(spec)

    def run(self, name: str, data: bytes = b"", **options: Any) -> SimulationResult:
        """Run in both; the results, packets and contexts must be equal."""
        there = self.loaded.programs[name].test_run(data=data, **options)
        here = self.machine.run(name, data, options.get("ctx"))
        assert (here.retval, here.data) == (there.retval, there.data)
        return here

    def same_maps(self) -> dict[str, dict[bytes, bytes]]:
        """All contents of all keyed maps must be equal; gives them."""
        out: dict[str, dict[bytes, bytes]] = {}
        for name, handle in self.loaded.handles.items():
            mine = self.machine.handles[name]
            if handle.type_name.removeprefix("BPF_MAP_TYPE_") in _UNREADABLE:
                continue
            if "PERCPU" in handle.type_name:
                size = -(-handle.value_size // 8) * 8
                there = {k: _sum(v, size) for k, v in handle.items()}
                here = {k: _sum(v, size) for k, v in mine.items()}
            else:
                there, here = dict(handle.items()), dict(mine.items())
            assert here == there, name
            out[name] = here
        return out


_UNREADABLE = frozenset(
    {"RINGBUF", "QUEUE", "STACK", "BLOOM_FILTER", "PROG_ARRAY", "PERF_EVENT_ARRAY", "ARRAY_OF_MAPS"}
)


def _sum(values: bytes, size: int) -> tuple[int, ...]:
    """What all CPUs' words add up to: the kernel chooses the CPU."""
    rows = [values[i : i + size] for i in range(0, len(values), size)]
    return tuple(sum(int.from_bytes(r[i : i + 8], "little") for r in rows) & (1 << 64) - 1 for i in range(0, size, 8))


@contextmanager
def both(spec: ObjectSpec) -> Iterator[Both]:
    """An object loaded in both; skips where there is no kernel to ask."""
    refusal = features.refusal()
    if refusal is not None:
        pytest.skip(f"bpf() is not permitted here: {refusal.message}")
    with load_object(spec, attach=False) as loaded:
        yield Both(spec, loaded)
