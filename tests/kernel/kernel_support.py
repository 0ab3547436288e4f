"""What the kernel tests share: programs from C or from Python, own namespaces, events on demand."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import hashlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from pybpfc.cache import compiler_version
from pybpfc.compiler import compile_source, import_file
from pybpfc.runtime import features

T = TypeVar("T")

EXAMPLES = Path(__file__).parents[2] / "examples"

PROLOGUE = """
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
"""
LICENSE = '\nchar _license[] SEC("license") = "GPL";\n'

LIBC = ctypes.CDLL(None, use_errno=True)
SYSCALLS = {"x86_64": {"getpid": 39, "getppid": 110}, "aarch64": {"getpid": 172, "getppid": 173}}[os.uname().machine]


def clang() -> str | None:
    """A clang that can make BPF objects."""
    return next((found for name in ("clang-22", "clang") if (found := shutil.which(name))), None)


@functools.cache
def from_c(source: str, *options: str) -> bytes:
    """The object of a C program (without includes and license, which are added); skips where there is no clang.

    In a directory named by PYBPFC_TEST_OBJECTS objects are kept: made on a machine with clang, used on one without.
    """
    return _kept("\0".join([source, *options]), lambda: _compiled(source, *options))


def from_python(source: str, cpu: str | None = None) -> bytes:
    """The object of a module's source, compiled without the cache; kept as those of `from_c` are."""

    def make() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "made.py")
            path.write_text(source)
            return compile_source(import_file(str(path)), cpu=cpu, use_cache=False).elf

    return _kept("\0".join([compiler_version(), source, cpu or ""]), make)


def from_example(name: str) -> bytes:
    """The object of one of the examples, as `from_python` gives it: the same one on all kernels."""
    return from_python((EXAMPLES / f"{name}.py").read_text())


def _kept(key: str, make: Callable[[], bytes]) -> bytes:
    kept = os.environ.get("PYBPFC_TEST_OBJECTS")
    path = Path(kept or "", hashlib.sha256(key.encode()).hexdigest()[:32] + ".o")
    if kept and path.exists():
        return path.read_bytes()
    data = make()
    if kept:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return data


def _compiled(source: str, *options: str) -> bytes:
    compiler = clang()
    if compiler is None:
        pytest.skip("clang is not installed")
    machine = {"x86_64": "x86", "aarch64": "arm64"}[os.uname().machine]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "prog.c")
        path.write_text(PROLOGUE + "#line 1\n" + source + LICENSE)
        include = f"-I/usr/include/{os.uname().machine}-linux-gnu"
        arguments = ["-O2", "-g", "-target", "bpf", f"-D__TARGET_ARCH_{machine}", include, *options]
        command = [compiler, *arguments, "-c", str(path), "-o", str(path.with_suffix(".o"))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return path.with_suffix(".o").read_bytes()


def native_library(source: str, folder: Path) -> Path:
    """A library of this machine, made of C; kept as objects are, and skipping where neither is a compiler."""

    def make() -> bytes:
        compiler = next((found for name in ("cc", "gcc", "clang-22", "clang") if (found := shutil.which(name))), None)
        if compiler is None:
            pytest.skip("no C compiler is installed")
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "library.c")
            path.write_text(source)
            command = [compiler, "-O1", "-shared", "-fPIC", str(path), "-o", str(path.with_suffix(".so"))]
            subprocess.run(command, capture_output=True, check=True)
            return path.with_suffix(".so").read_bytes()

    library = folder / "library.so"
    library.write_bytes(_kept(f"native\0{os.uname().machine}\0{source}", make))
    return library


def open_descriptors() -> int:
    """How many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))


@contextlib.contextmanager
def no_leak() -> Iterator[None]:
    """Assert that as many descriptors are open afterwards as before."""
    import gc

    gc.collect()
    before = open_descriptors()
    yield
    gc.collect()
    assert open_descriptors() == before


def getppid(times: int = 1) -> None:
    """Make the system call `getppid`, so often: libc caches nothing of it."""
    for _ in range(times):
        LIBC.syscall(SYSCALLS["getppid"])


def require_hook(section: str) -> None:
    """Skip unless the kernel has the kind of attachment that programs of this section need."""
    answer = features.have_hook(section)
    if not answer:
        pytest.skip(f"this kernel does not attach `{section}` programs (they came with {answer.since})")


def require(section: str) -> None:
    """Skip unless the kernel loads programs of this section."""
    answer = features.have_section(section)
    if not answer:
        pytest.skip(f"this kernel does not load `{section}` programs (they came with {answer.since})")


def require_kprobes() -> None:
    """Skip where the kernel has no kprobes."""
    if not os.path.isdir("/sys/bus/event_source/devices/kprobe"):
        pytest.skip("this kernel has no kprobes")


def require_lsm() -> None:
    """Skip unless security hooks are asked of programs."""
    require("lsm")
    lsms = Path("/sys/kernel/security/lsm")
    if lsms.exists() and "bpf" not in lsms.read_text():
        pytest.skip("this kernel was started without the bpf security module")


# ---------------------------------------------------------------------------------- namespaces

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def in_network_namespace(work: Callable[[], T]) -> T:
    """Call `work` in a thread with a network namespace of its own, its `lo` up."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            if LIBC.unshare(CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "unshare")
            set_up("lo")
            outcome.append((True, work()))
        except BaseException as error:
            outcome.append((False, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    succeeded, value = outcome[0]
    if not succeeded:
        raise value
    return value  # type: ignore[no-any-return]


def set_up(interface: str) -> None:
    """Set an interface up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sH22x", interface.encode(), 0)
        flags = struct.unpack("16sH22x", fcntl.ioctl(sock, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH22x", interface.encode(), flags | IFF_UP))


def udp_to_self(payload: bytes = b"hello", count: int = 1, timeout: float = 0.3) -> int:
    """Send datagrams over `lo`; how many of them arrived."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(timeout)
        arrived = 0
        for _ in range(count):
            with contextlib.suppress(PermissionError):
                sender.sendto(payload, receiver.getsockname())
            with contextlib.suppress(TimeoutError):
                receiver.recv(65536)
                arrived += 1
        return arrived


# -------------------------------------------------------------------------------------- cgroups


def cgroup_root() -> str | None:
    """Where the version 2 hierarchy is mounted."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        if rest.split()[0] == "cgroup2":
            return fields.split()[4]
    return None


@contextlib.contextmanager
def cgroup() -> Iterator[str]:
    """A control group of our own, removed afterwards."""
    root = cgroup_root()
    if root is None:
        pytest.skip("no cgroup2 file system is mounted")
    path = tempfile.mkdtemp(prefix="pybpfc-test-", dir=root)
    try:
        yield path
    finally:
        os.rmdir(path)


def run_in_cgroup(path: str, code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process that has joined the cgroup first."""
    join = f"open({path + '/cgroup.procs'!r}, 'w').write('0')\n"
    return subprocess.run([sys.executable, "-c", join + code], capture_output=True, text=True, check=False)


# ----------------------------------------------------------------------------------- privileges

CAPABILITIES = {"net_admin": 12, "sys_admin": 21, "perfmon": 38, "bpf": 39, "dac_read_search": 2}

_DROP = """
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
keep = {mask}
assert libc.prctl(8, 1, 0, 0, 0) == 0            # PR_SET_KEEPCAPS
os.setgroups([]); os.setgid(65534); os.setuid(65534)
header = struct.pack("Ii", 0x20080522, 0)
low, high = keep & 0xffffffff, keep >> 32
assert libc.capset(header, struct.pack("IIIIII", low, low, 0, high, high, 0)) == 0
"""


def with_capabilities(code: str, *names: str) -> subprocess.CompletedProcess[str]:
    """Run Python code as user nobody with these capabilities only. Imports of the code happen before the drop."""
    mask = sum(1 << CAPABILITIES[name] for name in names)
    imports, _, rest = code.partition("#---\n")
    program = imports + _DROP.format(mask=mask) + rest
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


@contextlib.contextmanager
def bpffs() -> Iterator[str]:
    """A BPF file system of our own, in a mount that is removed afterwards."""
    path = tempfile.mkdtemp(prefix="pybpfc-bpffs-")
    if LIBC.mount(b"bpf", path.encode(), b"bpf", 0, None):
        os.rmdir(path)
        pytest.skip("a BPF file system can't be mounted here")
    try:
        yield path
    finally:
        LIBC.umount2(path.encode(), 2)
        os.rmdir(path)


def wait_for_exit(process: subprocess.Popen[str], number: signal.Signals | None = None) -> int:
    """Send a signal, if any, and give the exit status."""
    if number is not None:
        process.send_signal(number)
    return process.wait(timeout=20)
