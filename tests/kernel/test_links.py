"""Attaching: each kind of link fires on real events, tells what it is, and ends."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kernel_support import (
    bpffs,
    cgroup,
    from_c,
    getppid,
    in_network_namespace,
    no_leak,
    require,
    run_in_cgroup,
    udp_to_self,
)

from pybpfc.diagnostics.errors import AttachError, LoadError
from pybpfc.runtime import LoadedObject, load_object
from pybpfc.runtime.links.base import MissingTarget


def counting(section: str, result: str = "0", prologue: str = "") -> bytes:
    """A program that counts how often it ran."""
    source = f'{prologue}\n__u64 count;\nSEC("{section}") int prog(void *ctx) {{ count++; return {result}; }}'
    return from_c(source)


def wait(condition: Callable[[], object], seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


# ---------------------------------------------------------------------------------- tracepoints


@pytest.mark.parametrize("section", ["tracepoint/syscalls/sys_enter_getppid", "tp/syscalls/sys_enter_getppid"])
def test_tracepoint(section: str) -> None:
    with no_leak(), load_object(counting(section)) as obj:
        (link,) = obj.links
        getppid(5)
        seen = obj.globals.count
        assert seen >= 5
        assert link.info.type_name == "BPF_LINK_TYPE_PERF_EVENT"
        assert link.info.program_id == obj.prog.info.id
        assert "syscalls/sys_enter_getppid" in str(link)
        link.detach()
        seen = obj.globals.count
        getppid(5)
        assert obj.globals.count == seen
        with obj.prog.attach(event="syscalls/sys_exit_getppid"):
            getppid(5)
        assert obj.globals.count >= seen + 5


def test_tracepoint_by_ioctl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before kernel 5.15 there are no links for perf events."""
    import errno

    from pybpfc.runtime.links import perf

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EINVAL, "no such link")

    monkeypatch.setattr(perf, "create_link", refuse)
    with no_leak(), load_object(counting("tracepoint/syscalls/sys_enter_getppid")) as obj:
        (link,) = obj.links
        getppid(3)
        assert obj.globals.count >= 3
        with pytest.raises(AttachError, match="can't be pinned"):
            link.pin("/sys/fs/bpf/never")
        link.detach()
        seen = obj.globals.count
        getppid(3)
        assert obj.globals.count == seen


@pytest.mark.parametrize(
    ("event", "message", "remedy"),
    [
        ("syscalls/sys_enter_getpidd", "no tracepoint `syscalls/sys_enter_getpidd`", "sys_enter_getpid"),
        ("sycalls/sys_enter_getpid", "no tracepoint", "did you mean `syscalls/…`"),
        ("nothing", "is no tracepoint", "category/event"),
        ("../../etc", "is no tracepoint", "category/event"),
    ],
)
def test_wrong_tracepoints(event: str, message: str, remedy: str) -> None:
    with load_object(counting("tracepoint"), attach=False) as obj, pytest.raises(AttachError, match=message) as caught:
        obj.prog.attach(event=event)
    assert remedy in caught.value.remedy


def test_a_program_without_a_place_is_left_alone() -> None:
    with load_object(counting("tracepoint")) as obj:
        assert obj.links == []
        with pytest.raises(MissingTarget, match="names no tracepoint"):
            obj.prog.attach()


def test_reading_past_the_record_is_explained() -> None:
    source = """
    __u64 x;
    SEC("tracepoint/syscalls/sys_enter_getppid") int prog(__u64 *ctx) { x = ctx[40]; return 0; }
    """
    with no_leak(), pytest.raises(AttachError) as caught:
        load_object(from_c(source))
    assert "past the end" in caught.value.cause


@pytest.mark.parametrize("section", ["raw_tracepoint/sys_enter", "raw_tp/sys_enter"])
def test_raw_tracepoint(section: str) -> None:
    with no_leak(), load_object(counting(section)) as obj:
        (link,) = obj.links
        getppid(5)
        assert obj.globals.count >= 5
        assert link.info.type_name == "BPF_LINK_TYPE_RAW_TRACEPOINT"
        link.detach()
        seen = obj.globals.count
        getppid(5)
        assert obj.globals.count == seen
        with pytest.raises(AttachError, match="could not be attached") as caught:
            obj.prog.attach(name="no_such_event")
        assert "no raw tracepoint of that name" in caught.value.cause


def test_tp_btf() -> None:
    require("tp_btf")
    source = """
    const volatile __u32 wanted = 0;
    __u64 count, nr;
    SEC("tp_btf/sys_enter") int prog(__u64 *ctx)
    {
        if (bpf_get_current_pid_tgid() >> 32 == wanted) { count++; nr = ctx[1]; }
        return 0;
    }
    """
    with no_leak(), load_object(from_c(source), consts={"wanted": os.getpid()}) as obj:
        (link,) = obj.links
        getppid(5)
        assert obj.globals.count >= 5
        assert link.info.type_name == "BPF_LINK_TYPE_RAW_TRACEPOINT"
    with no_leak(), pytest.raises(LoadError, match="no tracepoint `no_such_event`"):
        load_object(counting("tp_btf/no_such_event"))


# ------------------------------------------------------------------------------------ networking


@pytest.mark.parametrize("by", ["name", "index"])
def test_xdp(by: str) -> None:
    def run() -> None:
        interface: str | int = "lo" if by == "name" else socket.if_nametoindex("lo")
        with load_object(counting("xdp", "XDP_PASS")) as obj:
            assert obj.links == []
            link = obj.prog.attach(interface=interface, mode="generic")
            assert udp_to_self(count=3) == 3
            assert obj.globals.count >= 3
            assert link.info.type_name == "BPF_LINK_TYPE_XDP"
            assert link.info.detail["ifindex"] == socket.if_nametoindex("lo")
            with pytest.raises(AttachError) as caught:
                obj.prog.attach(interface=interface, mode="generic")
            assert "another XDP program" in caught.value.cause
            link.detach()
            seen = obj.globals.count
            assert udp_to_self() == 1
            assert obj.globals.count == seen

    with no_leak():
        in_network_namespace(run)


def test_xdp_by_options_and_replacement() -> None:
    def run() -> None:
        dropping = counting("xdp", "XDP_DROP")
        options = {"prog": {"interface": "lo", "mode": "generic"}}
        with load_object(counting("xdp", "XDP_PASS"), attach_options=options) as obj, load_object(dropping) as other:
            (link,) = obj.links
            assert udp_to_self() == 1
            link.update(other.prog)
            assert udp_to_self() == 0
            assert other.globals.count > 0
            link.update(obj.prog, expected=other.prog)
            assert udp_to_self() == 1
            with pytest.raises(AttachError, match="does not take"):
                link.update(other.prog, expected=other.prog)

    in_network_namespace(run)


def test_wrong_interfaces_and_modes() -> None:
    with load_object(counting("xdp", "XDP_PASS")) as obj:
        with pytest.raises(AttachError, match="no network interface `nope0`") as caught:
            obj.prog.attach(interface="nope0")
        assert "lo" in caught.value.remedy
        with pytest.raises(AttachError, match="no XDP mode"):
            obj.prog.attach(interface="lo", mode="warp")
        with pytest.raises(AttachError, match="could not be attached"):
            obj.prog.attach(interface=999_999)


def test_tcx() -> None:
    require("tcx/ingress")

    def run() -> None:
        with (
            load_object(counting("tcx/egress", "-1")) as obj,
            load_object(counting("tcx/egress", "TC_ACT_SHOT")) as shot,
        ):
            link = obj.prog.attach(interface="lo")
            assert udp_to_self(count=2) == 2
            assert obj.globals.count >= 2
            assert link.info.type_name == "BPF_LINK_TYPE_TCX"
            seen = obj.globals.count
            with shot.prog.attach(interface="lo", before=obj.prog):
                assert udp_to_self() == 0
            assert obj.globals.count == seen
            with shot.prog.attach(interface="lo", after=link):
                assert udp_to_self() == 0
            assert obj.globals.count > seen

    with no_leak():
        in_network_namespace(run)


def test_netfilter() -> None:
    require("netfilter")

    def run() -> None:
        with load_object(counting("netfilter", "0")) as obj:  # NF_DROP
            assert udp_to_self() == 1
            with obj.prog.attach(hook="input", pf="ipv4", priority=-100) as link:
                assert udp_to_self() == 0
                assert link.info.detail == {"pf": 2, "hooknum": 1, "priority": -100, "flags": 0}
            assert obj.globals.count > 0
            assert udp_to_self() == 1
            with pytest.raises(AttachError, match="no netfilter hook `nowhere`"):
                obj.prog.attach(hook="nowhere")

    in_network_namespace(run)


def test_sk_lookup() -> None:
    def run() -> None:
        with load_object(counting("sk_lookup", "SK_DROP")) as obj:
            assert [link.info.type_name for link in obj.links] == ["BPF_LINK_TYPE_NETNS"]
            assert udp_to_self() == 0
            assert obj.globals.count > 0
            obj.detach()
            assert udp_to_self() == 1

    in_network_namespace(run)


def test_socket_filter() -> None:
    with no_leak(), load_object(counting("socket", "0")) as obj:
        left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with left, right:
            link = obj.prog.attach(socket=right)
            left.send(b"x")
            right.setblocking(False)
            with pytest.raises(BlockingIOError):
                right.recv(10)
            assert obj.globals.count == 1
            link.detach()
            left.send(b"y")
            assert right.recv(10) == b"y"


def test_sockmap() -> None:
    source = """
    struct { __uint(type, BPF_MAP_TYPE_SOCKMAP); __uint(max_entries, 2);
             __type(key, __u32); __type(value, __u64); } sockets SEC(".maps");
    __u64 count;
    SEC("sk_msg") int prog(struct sk_msg_md *msg) { count++; return SK_PASS; }
    """
    with no_leak(), load_object(from_c(source)) as obj:
        link = obj.prog.attach(map=obj.maps["sockets"])
        listener = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        with listener, client, server:
            obj.maps["sockets"][0] = client
            client.send(b"hello")
            assert server.recv(10) == b"hello"
            assert obj.globals.count >= 1
            link.detach()
            seen = obj.globals.count
            del obj.maps["sockets"][0]  # sockets keep what was attached when they entered the map
            obj.maps["sockets"][0] = client
            client.send(b"again")
            assert server.recv(10) == b"again"
            assert obj.globals.count == seen


# --------------------------------------------------------------------------------------- cgroups


def test_cgroup() -> None:
    with no_leak(), cgroup() as path, load_object(counting("cgroup/connect4", "0")) as obj:
        assert obj.links == []
        code = "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', 9))"
        assert run_in_cgroup(path, code).returncode == 0
        link = obj.prog.attach(cgroup=path)
        refused = run_in_cgroup(path, code)
        assert refused.returncode != 0
        assert "PermissionError" in refused.stderr
        assert obj.globals.count == 1
        assert link.info.type_name == "BPF_LINK_TYPE_CGROUP"
        assert link.info.detail["attach_type"] == 10
        link.detach()
        assert run_in_cgroup(path, code).returncode == 0
        with pytest.raises(AttachError, match="is no cgroup"):
            obj.prog.attach(cgroup="/nowhere")
        with pytest.raises(AttachError) as caught:
            obj.prog.attach(cgroup="/tmp")
        assert "version 2" in caught.value.cause


# --------------------------------------------------------------------------- probes, perf events


def test_perf_event() -> None:
    with no_leak(), load_object(counting("perf_event")) as obj:
        link = obj.prog.attach(event="cpu-clock", freq=1000)
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            pass
        assert obj.globals.count > 20
        link.detach()
        seen = obj.globals.count
        time.sleep(0.05)
        assert obj.globals.count == seen
        with pytest.raises(AttachError, match="no perf event `warp`"):
            obj.prog.attach(event="warp", freq=9)


def test_uprobe() -> None:
    code = """
import ctypes, sys
libc = ctypes.CDLL(None)
sys.stdin.readline()
for _ in range(7): libc.getpagesize()
"""
    read, write = os.pipe()
    child = subprocess.Popen([sys.executable, "-c", code], stdin=read)
    libc = next(line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "libc.so" in line)
    try:
        with no_leak(), load_object(counting(f"uprobe/{libc}:getpagesize")) as obj:
            obj.detach()
            link = obj.prog.attach(pid=child.pid)
            os.write(write, b"go\n")
            child.wait(20)
            assert obj.globals.count == 7
            assert link.attached
            with pytest.raises(AttachError, match="no function `getpagesizes`") as caught:
                obj.prog.attach(f"{libc}:getpagesizes")
            assert "getpagesize" in caught.value.remedy
            with pytest.raises(AttachError, match="there is no file"):
                obj.prog.attach("/nowhere/x:f")
    finally:
        child.kill()
        child.wait()
        os.close(read)
        os.close(write)


def test_uretprobe_finds_libraries_by_name() -> None:
    with load_object(counting("uretprobe/libc.so.6:getpagesize")) as obj:
        import ctypes

        ctypes.CDLL(None).getpagesize()
        assert obj.globals.count >= 1


def test_kprobe() -> None:
    data = counting("kprobe/do_nanosleep")
    if not os.path.isdir("/sys/bus/event_source/devices/kprobe"):
        with no_leak(), pytest.raises(AttachError) as caught:
            load_object(data)
        assert "no kprobes" in caught.value.cause
        return
    with no_leak(), load_object(data) as obj:
        time.sleep(0.001)
        assert obj.globals.count >= 1


def test_ksyscall() -> None:
    data = counting("ksyscall/getppid")
    if not os.path.isdir("/sys/bus/event_source/devices/kprobe"):
        pytest.skip("this kernel has no kprobe PMU")
    with load_object(data) as obj:
        getppid(5)
        assert obj.globals.count >= 5


def test_fentry() -> None:
    data = counting("fentry/do_nanosleep")
    require("fentry")
    with no_leak(), load_object(data) as obj:
        time.sleep(0.001)
        assert obj.globals.count >= 1


# ------------------------------------------------------------------------------------- iterators

ITER = """
struct seq_file; struct bpf_iter_meta { struct seq_file *seq; __u64 session_id, seq_num; };
struct task_struct { int pid; } __attribute__((preserve_access_index));
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; };
SEC("iter/task") int prog(struct bpf_iter__task *ctx)
{
    struct task_struct *task = ctx->task;
    if (task) {
        int pid = task->pid;
        bpf_seq_write(ctx->meta->seq, &pid, sizeof(pid));
    }
    return 0;
}
"""


def test_iterator_with_core_records_applied_by_the_kernel() -> None:
    require("iter")
    with no_leak(), load_object(from_c(ITER)) as obj:
        (link,) = obj.links
        raw = link.read()
        pids = {int.from_bytes(raw[i : i + 4], "little") for i in range(0, len(raw), 4)}
        assert os.getpid() in pids
        assert link.info.type_name == "BPF_LINK_TYPE_ITER"


# ---------------------------------------------------------------------------------------- common


def test_pinned_links_outlive_their_object() -> None:
    with bpffs() as path, load_object(counting("raw_tp/sys_enter")) as obj:
        (link,) = obj.links
        link.pin(f"{path}/link")
        with pytest.raises(LoadError, match="something is there already"):
            link.pin(f"{path}/link")
        with pytest.raises(LoadError, match="not in a BPF file system"):
            link.pin("/tmp/pybpfc-no-bpffs")
        link.close()
        seen = obj.globals.count
        getppid(5)
        assert obj.globals.count >= seen + 5
        link.detach()
        assert wait(lambda: not os.path.exists(f"{path}/link"))
        time.sleep(0.01)
        seen = obj.globals.count
        getppid(5)
        assert obj.globals.count == seen


def test_a_link_is_a_context_manager_and_repeatable() -> None:
    with load_object(counting("raw_tp/sys_enter"), attach=False) as obj:
        for _ in range(3):
            with obj.prog.attach() as link:
                assert link.attached
                getppid()
            assert not link.attached
            with pytest.raises(AttachError, match="is detached"):
                _ = link.fd
        assert obj.globals.count >= 3


def test_attaching_twice_counts_twice() -> None:
    with load_object(counting("tracepoint/syscalls/sys_enter_getppid")) as obj:
        obj.prog.attach(event="syscalls/sys_exit_getppid")
        assert len(obj.links) == 2
        getppid(10)
        assert obj.globals.count >= 20
        with pytest.raises(AttachError) as caught:
            obj.prog.attach()
        assert "attached to this event already" in caught.value.cause


def test_unknown_options_are_named() -> None:
    with load_object(counting("xdp")) as obj, pytest.raises(TypeError, match="interfaces"):
        obj.prog.attach(interfaces="lo")


def test_programs_that_run_by_test_run_only_say_so() -> None:
    with load_object(counting("syscall")) as obj, pytest.raises(AttachError) as caught:
        obj.prog.attach()
    assert "test_run" in caught.value.remedy


def test_attaching_from_many_threads() -> None:
    with no_leak(), load_object(counting("raw_tp/sys_enter"), attach=False) as obj:

        def work(loaded: LoadedObject = obj) -> None:
            for _ in range(20):
                with contextlib.closing(loaded.prog.attach()):
                    pass

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
