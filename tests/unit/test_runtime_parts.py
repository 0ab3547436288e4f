"""The runtime's parts that need no kernel: CPU lists, permissions in words, BTF images, names, link tables, imports."""

from __future__ import annotations

import errno
import importlib
import os
import struct
import subprocess
import sys

import pytest

from pybpfc.abi.program_types import SECTIONS
from pybpfc.diagnostics.errors import AttachError, LoadError, PermissionDenied
from pybpfc.formats.spec import MapSpec
from pybpfc.runtime import permissions
from pybpfc.runtime.btf_load import BtfImage
from pybpfc.runtime.cpus import parse_list
from pybpfc.runtime.links.base import ATTACHERS, attacher
from pybpfc.runtime.object_maps import settle
from pybpfc.runtime.syscall import Fd, object_name
from pybpfc.runtime.user_symbols import file_offset, find_binary


@pytest.mark.parametrize(
    ("text", "cpus"), [("0", [0]), ("0-3", [0, 1, 2, 3]), ("0-1,4,6-7\n", [0, 1, 4, 6, 7]), ("", []), ("\n", [])]
)
def test_cpu_lists(text: str, cpus: list[int]) -> None:
    assert parse_list(text) == cpus


def test_names_fit_the_kernel() -> None:
    assert object_name("on_open") == b"on_open"
    assert object_name("a_very_long_program_name") == b"a_very_long_pro"
    assert object_name("my map/ä") == b"my_map__"


def test_descriptors_close() -> None:
    read, write = os.pipe()
    os.close(write)
    with Fd(read) as fd:
        assert fd.fileno() == read
    assert fd.closed
    fd.close()
    with pytest.raises(ValueError, match="closed"):
        _ = fd.number
    number = os.open("/dev/null", os.O_RDONLY)
    del fd
    forgotten = Fd(number)
    del forgotten
    with pytest.raises(OSError):
        os.fstat(number)


def test_every_kind_of_attachment_has_its_module_or_a_reason() -> None:
    for kind in ATTACHERS:
        assert callable(attacher(kind))
    without = {section.attach for section in SECTIONS} - set(ATTACHERS)
    assert without <= {
        "none",
        "map",
        "struct_ops",
        "lirc",
        "freplace",
        "usdt",
    }


def test_missing_capabilities_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permissions, "effective_capabilities", lambda: frozenset({"CAP_BPF"}))
    error = permissions.permission_denied("loading `x`", permissions.needed_for("BPF_PROG_TYPE_KPROBE"))
    assert isinstance(error, PermissionDenied)
    assert error.message == "loading `x` needs CAP_PERFMON, which this process does not have"
    assert "CAP_PERFMON" in error.remedy
    assert error.errno == errno.EPERM


def test_admin_stands_for_the_newer_ones_but_not_the_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permissions, "effective_capabilities", lambda: frozenset({"CAP_SYS_ADMIN"}))
    assert permissions.missing(("CAP_BPF", "CAP_PERFMON")) == []
    assert permissions.missing(permissions.needed_for("BPF_PROG_TYPE_XDP")) == ["CAP_NET_ADMIN"]


@pytest.mark.parametrize(
    ("status", "first_namespace", "lockdown", "words"),
    [
        ({"Seccomp": "2"}, True, "", "seccomp"),
        ({"Seccomp": "0"}, False, "", "user namespace"),
        ({"Seccomp": "0"}, True, "confidentiality", "lockdown"),
        ({"Seccomp": "0"}, True, "", "security module"),
    ],
)
def test_other_reasons(
    status: dict[str, str], first_namespace: bool, lockdown: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permissions, "effective_capabilities", lambda: frozenset({"CAP_BPF"}))
    monkeypatch.setattr(permissions, "_status", lambda: status)
    monkeypatch.setattr(permissions, "_in_first_user_namespace", lambda: first_namespace)
    monkeypatch.setattr(permissions, "_lockdown", lambda: lockdown)
    assert words in permissions.permission_denied("loading `x`", ("CAP_BPF",)).message


def test_the_memory_limit_is_raised_once_on_old_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    from pybpfc.abi.versions import KernelVersion

    raised: list[bool] = []
    monkeypatch.setattr(permissions, "running", lambda: KernelVersion(5, 10))
    monkeypatch.setattr(permissions, "_raise_memory_limit", lambda: bool(raised.append(True)) or True)

    def attempt() -> str:
        if not raised:
            raise PermissionError(errno.EPERM, "x")
        return "done"

    assert permissions.with_memory_limit_raised(attempt) == "done"
    monkeypatch.setattr(permissions, "running", lambda: KernelVersion(6, 1))
    raised.clear()
    with pytest.raises(PermissionError):
        permissions.with_memory_limit_raised(attempt)


# ------------------------------------------------------------------------------------ BTF images


def blob(types: bytes, strings: bytes) -> bytes:
    return struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings)) + types + strings


def test_strings_are_found_or_added() -> None:
    image = BtfImage(blob(b"", b"\0int\0x\0"))
    assert image.string("") == 0
    assert image.string("int") == 1
    assert image.string("x") == 5
    assert image.string("new") == 7
    assert image.string("new") == 7
    assert BtfImage(image.encode()).string("new") == 7


def test_sections_get_size_and_order() -> None:
    integer = struct.pack("=IIII", 1, 1 << 24, 4, 32)
    first = struct.pack("=IIII", 5, 14 << 24, 1, 1)
    second = struct.pack("=IIII", 7, 14 << 24, 1, 1)
    section = struct.pack("=III", 9, 15 << 24 | 2, 0) + struct.pack("=IIIIII", 2, 0, 4, 3, 0, 4)
    image = BtfImage(blob(integer + first + second + section, b"\0int\0x\0y\0.data\0"))
    image.place_sections({".data": 16}, {(".data", "x"): 8, (".data", "y"): 0})
    assert image.types[-36:] == struct.pack("=III", 9, 15 << 24 | 2, 16) + struct.pack("=IIIIII", 3, 0, 4, 2, 8, 4)


# ------------------------------------------------------------------------------------------ maps


def test_sizes_of_ring_buffers_are_rounded() -> None:
    ring = settle(MapSpec("r", 27, value_size=32, max_entries=5000))
    assert (ring.max_entries, ring.value_size) == (8192, 0)
    assert settle(MapSpec("p", 4, 4, 4)).max_entries > 0
    data = settle(MapSpec(".rodata", 2, 4, 8, 1, section=".rodata", initial=bytes(8)))
    assert data.flags == 1 << 10 | 1 << 7


# ------------------------------------------------------------------------------------ user space


def test_functions_of_libraries_are_found() -> None:
    import ctypes

    library = find_binary("libc.so.6")
    assert file_offset(library, "getpagesize") > 0
    with pytest.raises(AttachError, match="no function `no_such_function`"):
        file_offset(library, "no_such_function")
    with pytest.raises(AttachError, match="no program `no-such-program`"):
        find_binary("no-such-program")
    assert ctypes is not None


def test_what_is_no_executable_is_no_traceback(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "x")
    with open(path, "wb") as file:
        file.write(b"\x7fELF" + os.urandom(200))
    with pytest.raises(AttachError, match="can't be read as an executable"):
        file_offset(path, "main")


# --------------------------------------------------------------------------------------- imports


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_loading_needs_neither_compiler_nor_probes() -> None:
    heavy = "llvmlite numpy asyncio pybpfc.ir pybpfc.frontend pybpfc.backend pybpfc.runtime.features "
    heavy += "pybpfc.runtime.verifier_messages"
    loaded = run(f"import sys, pybpfc.runtime.loader; print([m for m in {heavy.split()} if m in sys.modules])")
    assert loaded == "[]"


def test_probing_loads_only_itself() -> None:
    loaded = run("import sys, pybpfc.runtime.features; print('pybpfc.runtime.loader' in sys.modules)")
    assert loaded == "False"


@pytest.mark.parametrize("source", ["/nowhere.o", b"", b"x" * 100])
def test_what_is_no_object_needs_no_kernel(source: str | bytes) -> None:
    from pybpfc.runtime import load_object

    with pytest.raises(LoadError):
        load_object(source)


def test_public_names() -> None:
    runtime = importlib.import_module("pybpfc.runtime")
    for name in runtime.__all__:
        assert getattr(runtime, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = runtime.nothing
