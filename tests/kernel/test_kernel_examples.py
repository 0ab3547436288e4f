"""The example tools that read the kernel's types: one object of each on all kernels, checked by what the system says."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from kernel_support import (
    EXAMPLES,
    cgroup,
    cgroup_root,
    from_example,
    in_network_namespace,
    require,
    require_kprobes,
    require_lsm,
)

import pybpfc as bpf

sys.path.insert(0, str(EXAMPLES))

pytestmark = pytest.mark.skipif(not os.path.exists("/sys/kernel/btf/vmlinux"), reason="the kernel tells no types")

T = TypeVar("T")

needs_compiler = pytest.mark.skipif(
    importlib.util.find_spec("llvmlite") is None, reason="programs with this kernel's types are compiled on it"
)

TICK = 10**9 // os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def example(name: str, folder: Path, **options: Any) -> Iterator[Any]:
    """The example's object, loaded."""
    path = folder / f"{name}.o"
    path.write_bytes(from_example(name))
    with bpf.load(str(path), **options) as found:
        yield found


def as_declared(cls: type[T], event: Any) -> T:
    """An event, whose class the loader has made from the object, as the example's own class."""
    return cls(**{name: getattr(event, name) for name in cls.__annotations__})


@contextlib.contextmanager
def process(code: str) -> Iterator[subprocess.Popen[str]]:
    """A process of Python code that has said that it is ready, by a line."""
    command = [sys.executable, "-c", code]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline().strip() == "ready"
        yield child
    finally:
        child.kill()
        child.communicate()


READY = "import sys; print('ready', flush=True); sys.stdin.read()"
THREADS = "import threading, time; [threading.Thread(target=time.sleep, args=(60,)).start() for _ in range(3)]\n"
NAMESPACE = "import ctypes; assert ctypes.CDLL(None).unshare(0x40000000) == 0\n"


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: rest.strip() for name, _, rest in (line.partition(":") for line in lines)}


def ended(pid: int) -> None:
    """Wait until a process is a zombie."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def stopped(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)


def check_task(task: Any) -> None:
    """A row of the list is what /proc says."""
    status = status_of(task.pid)
    start = int(Path(f"/proc/{task.pid}/stat").read_text().rpartition(")")[2].split()[19])
    assert (task.comm, task.ppid, task.letter) == (status["Name"], int(status["PPid"]), status["State"][0])
    assert (task.uid, task.threads, task.start // TICK) == (
        int(status["Uid"].split()[0]),
        int(status["Threads"]),
        start,
    )
    if task.letter != "Z":
        assert task.network == os.stat(f"/proc/{task.pid}/ns/net").st_ino


def test_tasks(tmp_path: Path) -> None:
    import tasks

    user = "import os; os.setuid(65534)\n"
    kinds = (READY, user + READY, THREADS + READY, NAMESPACE + READY, READY, "print('ready', flush=True)")
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(process(code)).pid for code in kinds]
        stopped(children[4])
        ended(children[5])
        obj = stack.enter_context(example("tasks", tmp_path, attach=False))
        found = {task.pid: task for task in stack.enter_context(obj.walk.attach()).records(tasks.Task)}
        for pid in [os.getpid(), *children]:
            if pid != os.getpid():
                _wait_for_sleep(pid)
                check_task(found[pid])
        assert [found[pid].letter for pid in children] == ["S", "S", "S", "S", "T", "Z"]
        assert found[os.getpid()].letter == "R"
        assert found[children[2]].threads == 4
        assert found[children[1]].uid == 65534
        assert found[children[3]].network != found[children[0]].network


def _wait_for_sleep(pid: int) -> None:
    for _ in range(500):
        if status_of(pid)["State"][0] != "R":
            return
        time.sleep(0.01)


def test_tasks_shows_cgroups(tmp_path: Path) -> None:
    import tasks

    with cgroup() as path, process(READY) as child, example("tasks", tmp_path, attach=False) as obj:
        Path(path, "cgroup.procs").write_text(str(child.pid))
        try:
            with obj.walk.attach() as link:
                found = {task.pid: task for task in link.records(tasks.Task)}
            assert (found[child.pid].cgroup, found[child.pid].cgroup_name) == (os.stat(path).st_ino, Path(path).name)
        finally:
            Path(cgroup_root() or "", "cgroup.procs").write_text(str(child.pid))


@needs_compiler
@pytest.mark.parametrize("arguments", [[], ["--uid", "0", "--interval", "0.05", "--duration", "0.3"]])
def test_tasks_prints_a_table(arguments: list[str]) -> None:
    run = [sys.executable, str(EXAMPLES / "tasks.py"), *arguments]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert sum(row[0] == "PID" for row in rows) >= (2 if arguments else 1)
    assert [str(os.getpid()), str(os.getppid()), str(os.getuid())] in [row[:3] for row in rows]


def connections() -> list[tuple[bool, str, int, str, int]]:
    """Connect to a listener and to a closed port, by IPv4 and IPv6; what the sockets say about it."""
    out = []
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as listener:
            listener.bind((host, 0))
            listener.listen()
            with socket.create_connection(listener.getsockname()[:2]) as client:
                out.append((True, *client.getsockname()[:2], *client.getpeername()[:2]))
            closed = out[-1][4]
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, closed))
        out.append((False, host, 0, host, closed))
    return out


def test_tcpconnect(tmp_path: Path) -> None:
    def work() -> None:
        with example("tcpconnect", tmp_path, only_pid=os.getpid()) as obj:
            made = connections()
            time.sleep(0.05)
            found = obj.maps["events"].poll(timeout=2)
            network = os.stat("/proc/thread-self/ns/net").st_ino
            assert (len(obj.maps["attempts"]), obj.globals.dropped) == (0, 0)
        import tcpconnect

        for event, (connected, source, source_port, destination, port) in zip(found, made, strict=True):
            shown = as_declared(tcpconnect.Connection, event)
            assert (shown.connected, shown.network) == (connected, network)
            assert (shown.source, shown.destination, shown.port) == (source, destination, port)
            assert not connected or shown.source_port == source_port
            who = shown.attempt
            assert (who.pid, who.uid, who.comm) == (os.getpid(), os.getuid(), status_of(os.getpid())["Name"])
            assert 0 < shown.nanoseconds < 10**9

    in_network_namespace(work)


def test_filetop(tmp_path: Path) -> None:
    from_example("filetop")
    require("fexit")
    path = tmp_path / "measured"
    with example("filetop", tmp_path, only_pid=os.getpid()) as obj:
        with path.open("wb", buffering=0) as file:
            written = sum(file.write(bytes(size)) for size in (1, 4000, 100_000))
        with path.open("rb", buffering=0) as file:
            read = sum(len(file.read(size)) for size in (10, 50_000, 1_000_000, 5))
        found = {use.inode: (use, traffic) for use, traffic in obj.maps["uses"].items()}
    use, traffic = found[path.stat().st_ino]
    device = path.stat().st_dev
    assert (use.pid, use.device) == (os.getpid(), os.major(device) << 20 | os.minor(device))
    assert (traffic.bytes_read, traffic.bytes_written) == (read, written)
    assert (traffic.name, traffic.folder, traffic.comm) == (path.name, tmp_path.name, status_of(os.getpid())["Name"])


def test_fileopens(tmp_path: Path) -> None:
    from_example("fileopens")
    require_kprobes()
    path = tmp_path / "opened"
    path.touch()
    with example("fileopens", tmp_path, only_pid=os.getpid()) as obj:
        fd = os.open(path, os.O_RDWR)
        folder = os.open(tmp_path, os.O_DIRECTORY)
        with pytest.raises(FileNotFoundError):
            os.open("nowhere", os.O_RDONLY, dir_fd=folder)
        os.close(fd)
        os.close(folder)
        found = {event.path: event for event in obj.maps["events"].poll(timeout=2)}
        assert (len(obj.maps["requests"]), obj.globals.dropped) == (0, 0)
    assert found[str(path)].result == fd
    assert found[str(path)].flags & os.O_ACCMODE == os.O_RDWR
    assert (found[str(tmp_path)].result, found[str(tmp_path)].flags & os.O_DIRECTORY) == (folder, os.O_DIRECTORY)
    assert (found["nowhere"].result, found["nowhere"].folder) == (-errno.ENOENT, folder)
    assert all((event.pid, event.uid) == (os.getpid(), os.getuid()) for event in found.values())


READS = "import sys\ntry: print(open(sys.argv[1]).read())\nexcept PermissionError: print('refused')\n"


def reads(path: Path, group: str | None = None) -> tuple[int, str]:
    """The pid of a process that reads a file, of a cgroup if given, and what it gets."""
    join = f"open({group + '/cgroup.procs'!r}, 'w').write('0')\n" if group else ""
    command = [sys.executable, "-c", join + READS, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        return child.pid, child.communicate()[0].strip()


def test_lsm_guard(tmp_path: Path) -> None:
    import lsm_guard

    from_example("lsm_guard")
    require_lsm()
    guarded, other = tmp_path / "guarded", tmp_path / "other"
    guarded.write_text("secret")
    other.write_text("open to all")
    device, inode = lsm_guard.place_of(str(guarded))
    with cgroup() as group:
        number = os.stat(group).st_ino
        with example("lsm_guard", tmp_path, device=device, inode=inode, only_cgroup=number) as obj:
            pid, seen = reads(guarded, group)
            assert seen == "refused"
            assert reads(other, group)[1] == "open to all"
            assert reads(guarded)[1] == "secret"
            found = obj.maps["events"].poll(timeout=2)
        assert [(event.pid, event.uid, event.name) for event in found] == [(pid, os.getuid(), "guarded")]
        assert reads(guarded, group)[1] == "secret"
    with example("lsm_guard", tmp_path, device=device, inode=inode, only_pid=os.getpid()):
        assert reads(guarded)[1] == "secret"
        with pytest.raises(PermissionError):
            guarded.read_text()


def test_openfiles(tmp_path: Path) -> None:
    import openfiles

    path = tmp_path / "held open"
    path.write_text("some text")
    os.utime(path, ns=(5, 1_234_567_890_123_456_789))
    with contextlib.ExitStack() as stack:
        ends = os.pipe()
        for fd in ends:
            stack.callback(os.close, fd)
        fd = stack.enter_context(path.open("r+")).fileno()
        obj = stack.enter_context(example("openfiles", tmp_path, attach=False))
        link = stack.enter_context(obj.walk.attach(pid=os.getpid()))
        found = {held.fd: held for held in link.records(openfiles.OpenFile)}
        for held in found.values():
            assert (held.pid, held.comm) == (os.getpid(), status_of(os.getpid())["Name"])
            if "bpf_iter" in held.path:
                continue  # the walk itself
            status = os.fstat(held.fd)
            assert (held.inode, held.size, held.mode) == (status.st_ino, status.st_size, status.st_mode)
            if held.kind != "chr":  # a terminal's times are those of its driver
                assert held.seconds * 10**9 + held.nanoseconds == status.st_mtime_ns
        assert (found[fd].seconds, found[fd].nanoseconds) == divmod(1_234_567_890_123_456_789, 10**9)
        assert (found[fd].path, found[fd].flags & os.O_ACCMODE, found[fd].kind) == (str(path), os.O_RDWR, "reg")
        assert found[ends[0]].path == os.readlink(f"/proc/self/fd/{ends[0]}")
        assert set(found) >= {fd, *ends}


@needs_compiler
def test_openfiles_prints_a_table() -> None:
    run = [sys.executable, str(EXAMPLES / "openfiles.py"), "--pid", str(os.getpid())]
    with open("/etc/hostname") as file:
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        row = next(line for line in done.stdout.splitlines() if line.endswith(" /etc/hostname"))
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(os.fstat(file.fileno()).st_mtime))
        assert row.split()[0] == str(os.getpid())
        assert when in row


@needs_compiler
@pytest.mark.parametrize("name", ["tasks", "openfiles", "tcpconnect"])
def test_tools_end_by_ctrl_c_and_by_time(name: str) -> None:
    again = [] if name == "tcpconnect" else ["--interval", "0.05"]
    command = [sys.executable, "-u", str(EXAMPLES / f"{name}.py"), *again]
    timed = subprocess.run([*command, "--duration", "0.2"], capture_output=True, text=True, check=False, timeout=60)
    assert (timed.returncode, timed.stderr) == (0, "")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline().startswith("PID")
        child.send_signal(signal.SIGINT)
        assert (child.wait(timeout=60), child.stderr.read() if child.stderr else "") == (0, "")
