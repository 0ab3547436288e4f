"""The example tools on live events of the tests' own making."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from kernel_support import in_network_namespace, set_up, udp_to_self

import pybpfc as bpf

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))

import execsnoop  # noqa: E402
import opensnoop  # noqa: E402
import syscount  # noqa: E402
import xdp_count  # noqa: E402

UDP_FRAME = (
    bytes(12)
    + b"\x08\x00"
    + bytes.fromhex("4500001d0000000040110000")
    + bytes([10, 199, 7, 1, 10, 199, 7, 2])
    + bytes(9)
)


def test_opensnoop_shows_the_files_that_are_opened(tmp_path: Path) -> None:
    names = [str(tmp_path / f"file-{i}") for i in range(20)]
    with bpf.load(opensnoop, only_pid=os.getpid()) as obj:
        for name in names:
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o600))
        seen = [e for e in opensnoop.events.poll(timeout=2) if e.filename.startswith(str(tmp_path))]
        assert [e.filename for e in seen] == names
        assert all(e.pid == os.getpid() and e.flags & os.O_CREAT for e in seen)
        assert seen[0].comm == Path("/proc/self/comm").read_text().strip()
        assert [e.ts for e in seen] == sorted(e.ts for e in seen)
        assert obj.globals.dropped == 0
        assert opensnoop.opens[os.getpid()] >= len(names)


def test_opensnoop_loses_nothing_in_100_000_events(tmp_path: Path) -> None:
    total = 100_000
    code = (
        "import os, sys\n"
        "sys.stdin.readline()\n"
        f"for i in range({total}):\n"
        f"    os.close(os.open({str(tmp_path)!r}, os.O_RDONLY | os.O_DIRECTORY))\n"
        "    if i % 400 == 399: sys.stdout.write('.'); sys.stdout.flush(); sys.stdin.readline()\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        with bpf.load(opensnoop, only_pid=worker.pid) as obj:
            worker.stdin.write("\n")
            worker.stdin.flush()
            seen = 0
            for _ in range(total // 400):  # the worker waits while a part of its events is read
                assert worker.stdout.read(1) == "."
                seen += sum(e.filename == str(tmp_path) for e in opensnoop.events.consume())
                worker.stdin.write("\n")
                worker.stdin.flush()
            worker.wait(timeout=30)
            seen += sum(e.filename == str(tmp_path) for e in opensnoop.events.consume())
            assert (seen, obj.globals.dropped) == (total, 0)
    finally:
        worker.kill()
        worker.wait()
        worker.stdin.close()
        worker.stdout.close()


def test_opensnoop_counts_what_does_not_fit(tmp_path: Path) -> None:
    with bpf.load(opensnoop, only_pid=os.getpid()) as obj:
        opensnoop.events.consume()
        before = opensnoop.opens.get(os.getpid(), 0) or 0
        for _ in range(3000):
            os.close(os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY))
        sent = opensnoop.opens[os.getpid()] - before
        received = len(opensnoop.events.consume())
        assert obj.globals.dropped > 0
        assert received + obj.globals.dropped == sent


def test_execsnoop_shows_programs_with_their_arguments() -> None:
    with bpf.load(execsnoop) as obj:
        marker = f"marker-{os.getpid()}"
        subprocess.run([sys.executable, "-c", "pass", marker, "two words"], check=True)
        mine = [e for e in execsnoop.events.poll(timeout=2) if marker in [a.text for a in e.args]]
        assert len(mine) == 1
        assert [a.text for a in mine[0].args[: mine[0].argc]] == [sys.executable, "-c", "pass", marker, "two words"]
        assert mine[0].filename == sys.executable
        assert mine[0].uid == os.getuid()
        assert obj.globals.dropped == 0


def test_syscount_counts_exactly() -> None:
    with bpf.load(syscount, only_pid=os.getpid()):
        before = dict(syscount.top(1000)).get("getpgid", 0)
        for _ in range(1234):
            os.getpgid(0)
        assert dict(syscount.top(1000))["getpgid"] - before == 1234


def test_xdp_count_counts_packets_by_protocol() -> None:
    def work() -> dict[str, int]:
        set_up("lo")
        with bpf.load(xdp_count, attach=False) as obj:
            with obj.count.attach(interface="lo"):
                udp_to_self(b"x", count=5)
            udp_to_self(b"x", count=3)
            return xdp_count.counts()

    assert in_network_namespace(work)["UDP"] == 5


def test_xdp_count_sees_a_veth_pair() -> None:
    suffix = os.getpid() % 100000
    space, near, far = f"pyb{suffix}", f"pa{suffix}", f"pb{suffix}"

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    try:
        ip("netns", "add", space)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"network namespaces by `ip netns` are not available here: {error}")
    try:
        ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", space)
        ip("-n", space, "addr", "add", "10.199.7.2/24", "dev", far)
        ip("-n", space, "link", "set", far, "up")
        ip("link", "set", near, "netns", space)
        ip("-n", space, "link", "set", near, "up")

        def work() -> dict[str, int]:
            enter_namespace(f"/run/netns/{space}")
            with bpf.load(xdp_count, attach=False) as obj, obj.count.attach(interface=far):
                with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
                    sender.bind((near, 0))
                    for _ in range(7):
                        sender.send(UDP_FRAME)
                return xdp_count.counts()

        assert _in_thread(work)["UDP"] == 7
    finally:
        subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)


def enter_namespace(path: str) -> None:
    """Move the calling thread to a network namespace."""
    with open(path) as file:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(file.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")


def _in_thread(work: Callable[[], dict[str, int]]) -> dict[str, int]:
    """A namespace is entered by one thread, which ends with the work."""
    out: list[dict[str, int]] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            out.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    if errors:
        raise errors[0]
    return out[0]
