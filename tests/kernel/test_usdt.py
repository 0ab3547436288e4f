"""Statically defined probes: a library of ours with arguments in every kind of place, its probes hit by this process."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hook_proofs import proves
from kernel_support import from_c, from_python, native_library, no_leak
from usdt_library import SOURCE

from pybpfc.abi.usdt import SPECS
from pybpfc.diagnostics.errors import AttachError
from pybpfc.formats.object_reader import parse_object
from pybpfc.runtime import load_object
from pybpfc.runtime.usdt_notes import Argument, parse_argument, probes

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the library is written for x86-64")

NAMED = """
import pybpfc as bpf
from pybpfc import *
from pybpfc.stdlib import usdt

a: Global[i32] = 0
b: Global[u8] = 0
c: Global[i16] = 0
d: Global[i64] = 0
e: Global[u64] = 0
f: Global[u32] = 0
g: Global[i64] = 0
hits: Global[u32] = 0
tag: Global[u64] = 0
number: Global[i32] = 0

@bpf.usdt("library.so:own:seven", sleepable=SLEEPABLE)
def named(first: i32, second: u8, third: i16, fourth: i64, fifth: u64, sixth: u32, seventh: i64) -> int:
    global a, b, c, d, e, f, g, hits
    a, b, c, d, e, f, g = first, second, third, fourth, fifth, sixth, seventh
    hits += 1
    return 0

@bpf.usdt("library.so:own:twice", sleepable=SLEEPABLE)
def by_context(ctx: bpf.UsdtContext) -> int:
    global d, hits, tag, number
    d = i64(usdt.argument(ctx, 0))
    beyond = usdt.argument(ctx, 1)
    number = usdt.argument_count(ctx) + i32(beyond)
    tag = usdt.cookie(ctx)
    hits += 1
    return 0

@bpf.usdt("library.so:own:none", sleepable=SLEEPABLE)
def bare(ctx: bpf.UsdtContext) -> int:
    global hits, number, d
    hits += 1
    number = usdt.argument_count(ctx)
    d = i64(usdt.argument(ctx, 0))
    return 0
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return native_library(SOURCE, tmp_path)


def call_seven(library: ctypes.CDLL) -> int:
    table = (ctypes.c_long * 5)(1, 2, 0x1_2222_3333, 4, 55)
    return int(library.seven(-5, ctypes.c_ubyte(200), ctypes.c_short(-300), ctypes.c_long(-(1 << 40)), table, 3))


def values(seen: Any) -> tuple[int, ...]:
    return seen.a, seen.b, seen.c, seen.d, seen.e, seen.f, seen.g


SEVEN = (-5, 200, -300, -(1 << 40), 55, 0x2222_3333, -7)


@proves("usdt", "usdt.s")
@pytest.mark.parametrize("section", ["usdt", "usdt.s"])
def test_arguments(section: str, library: Path) -> None:
    elf = from_python(NAMED.replace("SLEEPABLE", str(section == "usdt.s")))
    own = ctypes.CDLL(str(library))
    with no_leak(), load_object(elf, attach=False) as obj:
        seen = obj.globals
        assert call_seven(own) == 0
        with obj.named.attach(f"{library}:own:seven", pid=os.getpid()):
            assert call_seven(own) == 1, "the semaphore says that somebody looks"
            assert values(seen) == SEVEN
        assert call_seven(own) == 0
        assert seen.hits == 1


@pytest.mark.parametrize("cookie", [0, 1 << 63])
def test_places_of_one_probe(cookie: int, library: Path) -> None:
    elf = from_python(NAMED.replace("SLEEPABLE", "False"))
    own = ctypes.CDLL(str(library))
    with no_leak(), load_object(elf, attach=False) as obj:
        seen = obj.globals
        with obj.by_context.attach(f"{library}:own:twice", pid=os.getpid(), cookie=cookie) as link:
            assert len(link.parts) == 2
            for value, expected in ((5, 5), (0xFFFF_FFFE, -2), (1 << 33 | 1, 1 << 33 | 1)):
                own.twice(ctypes.c_long(value))
                assert (seen.d, seen.tag, seen.number) == (expected, cookie, 1)
        assert seen.hits == 3
        with obj.bare.attach(f"{library}:own:none", pid=os.getpid()):
            own.twice(ctypes.c_long(1))
        assert (seen.hits, seen.number, seen.d) == (4, 0, 0)


def test_the_table_of_places_is_shared_and_has_an_end(library: Path) -> None:
    spec = parse_object(from_python(NAMED.replace("SLEEPABLE", "False")))
    spec.maps[SPECS].max_entries = 3
    with load_object(spec, attach=False) as obj:
        for cookie in (0, 0, 1, 1, 2, 0):
            obj.bare.attach(f"{library}:own:none", pid=os.getpid(), cookie=cookie).detach()
        with no_leak(), pytest.raises(AttachError, match="no room for more places"):
            obj.bare.attach(f"{library}:own:none", pid=os.getpid(), cookie=1000)


@pytest.mark.parametrize(
    ("target", "message", "remedy"),
    [
        ("LIBRARY:own:sevn", "could not be attached", "`own:seven`"),
        ("LIBRARY:own:floating", "can't be read", ""),
        ("/nowhere:own:seven", "there is no file", ""),
        (f"{__file__}:own:seven", "can't be read as an executable", ""),
        (f"{sys.executable}:own:seven", "could not be attached", "without any"),
        ("seven", "names no probe", "libc"),
    ],
)
def test_wrong_probes(target: str, message: str, remedy: str, library: Path) -> None:
    elf = from_python(NAMED.replace("SLEEPABLE", "False"))
    with no_leak(), load_object(elf, attach=False) as obj:
        if "without any" in remedy and probes(sys.executable):
            pytest.skip("this Python has probes of its own")
        with pytest.raises(AttachError, match=message) as caught:
            obj.named.attach(target.replace("LIBRARY", str(library)), pid=os.getpid())
        assert remedy in caught.value.remedy


def test_no_such_process(library: Path) -> None:
    elf = from_python(NAMED.replace("SLEEPABLE", "False"))
    with no_leak(), load_object(elf, attach=False) as obj, pytest.raises(AttachError, match="could not be attached"):
        obj.named.attach(f"{library}:own:seven", pid=(1 << 22) + 1)


C_PROGRAM = """
#include <linux/ptrace.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>
long a, b, c, d, e, f, g;
SEC("usdt")
int BPF_USDT(named, long a1, long b1, long c1, long d1, long e1, long f1, long g1)
{
    a = a1; b = b1; c = c1; d = d1; e = e1; f = f1; g = g1;
    return 0;
}
"""


def test_objects_made_with_libbpf(library: Path) -> None:
    elf = from_c(C_PROGRAM)
    own = ctypes.CDLL(str(library))
    with no_leak(), load_object(elf, attach=False) as obj:
        with obj.named.attach(f"{library}:own:older", pid=os.getpid()):
            call_seven(own)
        assert values(obj.globals) == SEVEN


def libbpf() -> Any:
    """The library, as an independent loader; skips where it is not installed."""
    try:
        library = ctypes.CDLL("libbpf.so.1")
    except OSError:
        pytest.skip("libbpf is not installed")
    names = "bpf_object__open_file bpf_object__find_program_by_name bpf_object__find_map_by_name"
    names += " bpf_program__attach_usdt"
    for name in names.split():
        getattr(library, name).restype = ctypes.c_void_p
    library.libbpf_set_print(None)
    return library


def test_libbpf_attaches_ours(library: Path) -> None:
    lib = libbpf()
    path = library.with_suffix(".o")
    path.write_bytes(from_python(NAMED.replace("SLEEPABLE", "False")))
    own = ctypes.CDLL(str(library))
    obj = ctypes.c_void_p(lib.bpf_object__open_file(str(path).encode(), None))
    try:
        assert lib.bpf_object__load(obj) == 0
        program = ctypes.c_void_p(lib.bpf_object__find_program_by_name(obj, b"named"))
        target = (str(library).encode(), b"own", b"older")
        link = lib.bpf_program__attach_usdt(program, os.getpid(), *target, None)
        assert link
        call_seven(own)
        lib.bpf_link__destroy(ctypes.c_void_p(link))
        bss = ctypes.c_void_p(lib.bpf_object__find_map_by_name(obj, b"library.bss"))
        key, value = ctypes.c_int(0), ctypes.create_string_buffer(lib.bpf_map__value_size(bss))
        arguments = (ctypes.byref(key), ctypes.c_size_t(4), value, ctypes.c_size_t(len(value)), ctypes.c_uint64(0))
        assert lib.bpf_map__lookup_elem(bss, *arguments) == 0
        variables = parse_object(path.read_bytes()).variables
        for name, expected in zip("abcdefg", SEVEN, strict=True):
            raw = value.raw[variables[name].offset : variables[name].offset + variables[name].size]
            assert int.from_bytes(raw, "little", signed=name in "acdg") == expected, name
    finally:
        lib.bpf_object__close(obj)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-4@%edi", Argument(1, 0, 112, signed=True, size=4)),
        ("8@-16(%rbp)", Argument(2, -16, 32)),
        ("4@(%rsp)", Argument(2, 0, 152, size=4)),
        ("1@%r9b", Argument(1, 0, 64, size=1)),
        ("2@$0x10", Argument(0, 16, size=2)),
        ("8@8(%rax,%rbx,4)", Argument(3, 8, 80, 40, 2)),
        ("-2@(%rax,%rbx)", Argument(3, 0, 80, 40, 0, True, 2)),
        ("8@64(%rip)", Argument(2, 64, 128)),
    ],
)
def test_forms_of_arguments(text: str, expected: Argument) -> None:
    assert parse_argument(text) == expected


@pytest.mark.parametrize("text", ["8f@%xmm0", "4@%st0", "8@(,%rax,8)", "3@%rax", "", "8@", "8@nobody(%rip)", "@"])
def test_forms_that_are_refused(text: str) -> None:
    with pytest.raises(AttachError, match="can't be read"):
        parse_argument(text)
