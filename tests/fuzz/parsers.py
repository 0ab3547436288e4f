"""Damaged objects, BTF and verifier logs through everything that reads them: `parsers.py {objects|btf|logs} SEED COUNT`.

Whatever comes in, what comes out is a result or an error of the project's own; the process has 1 GiB of memory and, for
each input, 20 seconds of the processor. Ends with 1 at the first input that breaks this, which it leaves in the current directory.
"""

from __future__ import annotations

import resource
import signal
import struct
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from random import Random
from types import FrameType
from typing import TypeVar

import pybpfc as bpf
from pybpfc.compiler import import_file
from pybpfc.core_relo.candidates import TargetTypes
from pybpfc.core_relo.minimize import minimize
from pybpfc.core_relo.relocate import relocate_core
from pybpfc.diagnostics.errors import PybpfcError
from pybpfc.formats.btf import Btf
from pybpfc.formats.btf_c import print_c
from pybpfc.formats.btf_encode import encode_btf
from pybpfc.formats.btf_file import read_btf
from pybpfc.formats.btf_python import stubs
from pybpfc.formats.disasm import disassemble_object
from pybpfc.formats.dump import dump_object
from pybpfc.formats.errors import FormatError
from pybpfc.formats.link import link_program
from pybpfc.formats.object_reader import parse_object
from pybpfc.lang.btf_types import BtfTypes, map_types
from pybpfc.lang.kernel_types import KernelTypes
from pybpfc.runtime.btf_load import image_of
from pybpfc.runtime.verifier_log import parse_log, tail
from pybpfc.vm import Machine, VmError

MEMORY = 1 << 30
SECONDS = 20
T = TypeVar("T")
OWN = (FormatError, PybpfcError)

PROGRAMS = '''
import enum
from typing import Annotated
import pybpfc as bpf
from pybpfc import be16, i8, i32, i64, u8, u16, u32, u64
from pybpfc.helpers import *
from pybpfc.stdlib import net


@bpf.kernel_struct
class mm_struct:
    arg_start: u64


@bpf.kernel_struct
class task_struct:
    pid: i32
    comm: Annotated[str, 16]
    mm: mm_struct
    real_parent: "task_struct"
    in_execve: Annotated[u32, bpf.bits(1)]


class Kind(enum.IntEnum):
    ONE = 1
    TWO = 2


@bpf.struct
class Inner:
    low: Annotated[u32, bpf.bits(3)]
    high: Annotated[u32, bpf.bits(5)]
    port: be16


@bpf.struct
class Event:
    pid: u32
    kind: Kind
    comm: Annotated[str, 16]
    numbers: Annotated[list[Inner], 3]


events = bpf.RingBuf[Event](size=4096)
counts = bpf.HashMap[u32, u64](max_entries=16)
tables = bpf.ArrayOfMaps[bpf.Array[u64]](inner=bpf.Array[u64](max_entries=3), max_entries=2)
calls = bpf.ProgArray(max_entries=2)
only: bpf.Const[u32] = 0
total: bpf.Global[u64] = 7


@bpf.func(noinline=True)
def parent(task: task_struct) -> i32:
    return task.real_parent.pid


@bpf.raw_tracepoint("sys_enter")
def traced(ctx: bpf.RawTracepointContext) -> int:
    global total
    task = bpf.cast(task_struct, bpf_get_current_task())
    counts[u32(parent(task))] += 1
    total += task.mm.arg_start
    if bpf.field_exists(task_struct.in_execve) and task.in_execve:
        return 0
    event = events.reserve()
    if event is None:
        return 0
    event.pid = only
    event.kind = Kind.TWO
    event.comm = task.comm
    event.numbers[1].port = 80
    events.submit(event)
    return 0


@bpf.xdp
def packets(ctx: bpf.XdpContext) -> int:
    eth = ctx.packet(net.ethhdr)
    if eth is None:
        return 1
    for i in range(300):
        counts[u32(i)] += 1
    print(f"{eth.h_proto:#x} {total}")
    calls.tail_call(ctx, 1)
    return 2
'''

LOG = """\
func#0 @0
0: R1=ctx() R10=fp0
; counts[u32(ctx.flags)] += 1 @ opensnoop.py:31
0: (61) r2 = *(u32 *)(r1 +16)         ; R1=ctx() R2_w=scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))
1: (63) *(u32 *)(r10 -4) = r2         ; R2_w=scalar(id=1) R10=fp0 fp-8=mmmm????
; event.pid = pid
5: (85) call bpf_map_lookup_elem#1    ; R0_w=map_value_or_null(id=2,map=counts,ks=4,vs=8)
from 7 to 9: R0=map_value_or_null(id=2,map=counts,ks=4,vs=8) R10=fp0
9: (79) r1 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
verification time 312 usec
stack depth 8
processed 9 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""
SHAPED = """\
{ "Reason": "dereference of a pointer that may be NULL",
  "Suggestion": "test it" }
R0 invalid mem access 'map_value_or_null'
"""
LINES = (
    "back-edge from insn 12 to 3",
    "invalid access to packet, off=14 size=4, R2(id=0,off=14,r=14)",
    "Unreleased reference id=4 alloc_insn=12",
    "combined stack size of 3 calls is 544. Too large",
    "BPF program is too large. Processed 1000001 insn",
    "R2 min value is negative, either use unsigned or 'var &= const'",
    "math between map_value pointer and register with unbounded min value is not allowed",
    "program of this type cannot use helper bpf_override_return#58",
    "unknown func bpf_loop#181",
    "At program exit the register R0 has value (0x2; 0x0) should have been in (0x0; 0x1)",
)


class TooLong(Exception):
    """An input took longer than any should."""


def _alarm(_: int, __: FrameType | None) -> None:
    raise TooLong


# ------------------------------------------------------------------------------------ inputs


def object_seeds() -> list[bytes]:
    """Objects to begin with, of our own making and on all instruction sets."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "seeds.py")
        path.write_text(PROGRAMS)
        module = import_file(str(path))
        return [bpf.compile(module, cpu=cpu).elf for cpu in ("v1", "v3", "v4")]


EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutated(chance: Random, seed: bytes, marks: list[int]) -> bytes:
    """A seed with some damage; half of it near `marks`, the places that matter."""
    data = bytearray(seed)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        if not data:
            break
        at = min(chance.choice(marks) + chance.randrange(64), len(data) - 1) if marks and chance.random() < 0.5 else None
        at = chance.randrange(len(data)) if at is None else at
        match chance.randrange(7):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at] = chance.randrange(256)
            case 2 | 3:
                width = chance.choice((2, 4, 8))
                value = chance.choice((*EXTREMES, len(data), at)) & (1 << 8 * width) - 1
                data[at : at + width] = value.to_bytes(width, "little")
            case 4:
                del data[at : at + chance.choice((1, 4, 8, 64, 4096))]
            case 5:
                data[at:at] = data[at : at + chance.choice((1, 4, 24, 64))]
            case 6:
                other = chance.randrange(len(data))
                size = chance.choice((4, 8, 24, 64))
                data[at : at + size] = data[other : other + size]
    return bytes(data)


def _marks(data: bytes) -> list[int]:
    """Where an ELF file's headers and the beginnings of its sections are."""
    (table,) = struct.unpack_from("<Q", data, 40)
    count = struct.unpack_from("<H", data, 60)[0]
    headers = [table + 64 * index for index in range(count)]
    return [0, *headers, *(struct.unpack_from("<Q", data, header + 24)[0] for header in headers)]


def objects(chance: Random, count: int) -> Iterator[bytes]:
    seeds = object_seeds()
    places = [_marks(seed) for seed in seeds]
    for _ in range(count):
        number = chance.randrange(len(seeds))
        yield mutated(chance, seeds[number], places[number])


def btfs(chance: Random, count: int) -> Iterator[bytes]:
    import io

    seeds = [read_btf(io.BytesIO(seed)) for seed in object_seeds()]
    for _ in range(count):
        yield mutated(chance, chance.choice(seeds), [0, 24])


def logs(chance: Random, count: int) -> Iterator[bytes]:
    seeds = [LOG, SHAPED, *LINES, *(LOG.replace("R0 invalid mem access 'map_value_or_null'", line) for line in LINES)]
    for _ in range(count):
        text = chance.choice(seeds)
        if chance.random() < 0.3:
            lines = text.splitlines(keepends=True)
            chance.shuffle(lines)
            text = "".join(lines) + chance.choice(seeds) * chance.randrange(3)
        yield mutated(chance, text.encode(), [])


# ----------------------------------------------------------------------------------- readers


def read_object(data: bytes) -> None:
    """All that is done with an object short of the kernel."""
    _attempt(lambda: dump_object(data))
    spec = parse_object(data)
    _attempt(lambda: disassemble_object(spec))
    for name in spec.programs:
        _attempt(lambda name=name: link_program(spec, name))  # type: ignore[misc]
    if spec.btf is not None:
        own = spec.btf
        types = BtfTypes(own)
        for known in spec.maps.values():
            _attempt(lambda known=known: map_types(types, known))  # type: ignore[misc]
        _attempt(lambda: relocate_core(spec, lambda: TargetTypes(own, "itself")))
        _attempt(lambda: minimize(own, [spec]))
    _attempt(lambda: Machine(spec))


def read_types(data: bytes) -> None:
    """All that is done with BTF."""
    btf = Btf(data)
    _attempt(lambda: print_c(btf))
    _attempt(lambda: "".join(stubs(btf)))
    _attempt(lambda: Btf(encode_btf(btf.types())))
    _attempt(lambda: image_of(btf))
    kernel = KernelTypes(btf)
    for name in ("task_struct", "mm_struct", "Event", "Inner"):
        struct_type = _attempt(lambda name=name: kernel.struct(name))  # type: ignore[misc]
        if struct_type is not None:
            _attempt(lambda struct_type=struct_type: struct_type.fields)  # type: ignore[misc]


def read_log(data: bytes) -> None:
    """A log in words."""
    text = data.decode("utf-8", "replace")
    parse_log(text)
    tail(text)


def _attempt(action: Callable[[], T]) -> T | None:
    try:
        return action()
    except (*OWN, VmError):
        return None


KINDS: dict[str, tuple[Callable[[Random, int], Iterator[bytes]], Callable[[bytes], None]]] = {
    "objects": (objects, read_object),
    "btf": (btfs, read_types),
    "logs": (logs, read_log),
}


def main(kind: str, seed: int, count: int) -> int:
    """Run `count` inputs; 1 at the first that ends otherwise than it should."""
    make, read = KINDS[kind]
    inputs = make(Random(seed), count)
    first = next(inputs)  # compiles the seeds, which takes more memory than reading them
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGPROF, _alarm)
    accepted = 0
    for number, data in enumerate(chain((first,), inputs)):
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            read(data)
            accepted += 1
        except OWN:
            pass
        except BaseException:
            signal.setitimer(signal.ITIMER_PROF, 0)
            broken = Path(f"broken-{kind}-{seed}-{number}")
            broken.write_bytes(data)
            print(f"{kind}, seed {seed}, input {number}, left in {broken}:\n{traceback.format_exc()}")
            return 1
        signal.setitimer(signal.ITIMER_PROF, 0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{kind}: {count} inputs, {accepted} read to the end; {peak} MiB at most")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
