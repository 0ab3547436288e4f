"""Methods of maps that need the real thing: sockets, cgroups, stacks, tasks."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernel_support import cgroup, getppid, no_leak, require, run_in_cgroup

import pybpfc as bpf
from pybpfc import i32, u32, u64
from pybpfc.helpers import bpf_get_current_task_btf, bpf_sk_fullsock
from pybpfc.stdlib import task
from pybpfc.uapi import (
    BPF_F_INGRESS,
    BPF_F_USER_STACK,
    BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB,
    BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB,
    SK_DROP,
    SK_PASS,
)


@bpf.struct
class Route:
    port: u32
    side: u32


@bpf.struct
class Usage:
    packets: u64
    bytes: u64


only_pid: bpf.Const[u32] = 0
stacks = bpf.StackTrace(max_entries=256)
last_stack: bpf.Global[i32] = -1
groups = bpf.CgroupArray(max_entries=4)
inside: bpf.Global[u64] = 0
outside: bpf.Global[u64] = 0
by_index = bpf.SockMap(max_entries=8)
by_route = bpf.SockHash[Route](max_entries=8)
wanted: bpf.Global[u32] = 0
established: bpf.Global[u32] = 0
update_result: bpf.Global[u64] = 0
members = bpf.ReuseportSockArray(max_entries=4)
chosen: bpf.Global[u32] = 0
usage = bpf.SkStorage[Usage]()
connections = bpf.SkStorage[u64]()
calls = bpf.TaskStorage[u64]()
rings = bpf.ArrayOfMaps[bpf.RingBuf[Usage]](inner=bpf.RingBuf[Usage](size=4096), max_entries=2)
tables = bpf.HashOfMaps[Route, bpf.PerCpuArray[u64]](inner=bpf.PerCpuArray[u64](max_entries=3), max_entries=2)


@bpf.tracepoint("syscalls/sys_enter_getppid")
def on_getppid(ctx: bpf.TracepointContext) -> int:
    global last_stack
    if task.current_pid() != only_pid:
        return 0
    last_stack = i32(stacks.get_stackid(ctx, BPF_F_USER_STACK))
    count = calls.get(bpf_get_current_task_btf(), create=True)
    if count is not None:
        count.value += 1
    return 0


@bpf.tracepoint("syscalls/sys_enter_getpgid")
def on_getpgid(ctx: bpf.TracepointContext) -> int:
    global inside, outside
    if groups.current_under(1):
        inside += 1
    elif groups.current_under(0) or groups.current_under(3):
        outside += 1
    return 0


@bpf.tracepoint("syscalls/sys_enter_getpgrp")
def forget(ctx: bpf.TracepointContext) -> int:
    if task.current_pid() == only_pid:
        calls.delete(bpf_get_current_task_btf())
    return 0


@bpf.sk_msg
def to_index(ctx: bpf.SkMsgContext) -> int:
    return by_index.redirect(ctx, wanted, BPF_F_INGRESS)


@bpf.sk_skb_stream_verdict
def to_route(ctx: bpf.SkBuff) -> int:
    key = Route(port=7, side=wanted)
    return by_route.redirect(ctx, key)


@bpf.sockops
def on_socket(ctx: bpf.SockOpsContext) -> int:
    global established
    if ctx.op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB or ctx.op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
        side = u32(ctx.op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
        key = Route(port=7, side=side)
        if by_route.update(ctx, key) == 0 and by_index.update(ctx, side) == 0:
            established += 1
        sk = ctx.sk
        if sk is not None:
            seen = connections.get(sk, create=True)
            if seen is not None:
                seen.value = 40 + side
    return 1


@bpf.sk_reuseport
def choose(ctx: bpf.SkReuseportContext) -> int:
    return SK_PASS if members.select(ctx, chosen) == 0 else SK_DROP


@bpf.cgroup_skb_egress
def account(ctx: bpf.SkBuff) -> int:
    sk = ctx.sk
    if sk is None:
        return 1
    full = bpf_sk_fullsock(sk)
    if full is None or full.protocol != 17:
        return 1
    used = usage.get(full, create=True)
    if used is not None:
        used.packets += 1
        used.bytes += ctx.len
    return 1


@bpf.cgroup_skb_egress
def forget_socket(ctx: bpf.SkBuff) -> int:
    sk = ctx.sk
    if sk is not None and usage.get(sk) is not None:
        usage.delete(sk)
    return 1


@pytest.fixture(scope="module")
def loaded() -> Iterator[Any]:
    for section in ("sk_msg", "sk_skb/stream_verdict", "sockops", "sk_reuseport", "cgroup_skb/egress"):
        require(section)
    with bpf.load(sys.modules[__name__], attach=False, only_pid=os.getpid()) as obj:
        yield obj


def code_areas() -> list[tuple[int, int]]:
    """Where this process has code."""
    lines = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    return [(int(s, 16), int(e, 16)) for s, e in (line[0].split("-") for line in lines if "x" in line[1])]


def test_stacks_of_user_space(loaded: Any) -> None:
    with on_getppid.attach():
        getppid()
        assert loaded.globals.last_stack >= 0
        addresses = stacks[loaded.globals.last_stack]
        assert addresses
        assert all(0 < address < 1 << 56 for address in addresses)
        assert any(start <= addresses[0] < end for start, end in code_areas())
        assert loaded.globals.last_stack in list(stacks)
        del stacks[loaded.globals.last_stack]
        with pytest.raises(KeyError):
            _ = stacks[loaded.globals.last_stack]


def test_values_of_tasks(loaded: Any) -> None:
    own = os.getpid()
    with contextlib.suppress(KeyError):
        del calls[own]
    with on_getppid.attach():
        getppid(5)
    assert (calls[own], own in calls) == (5, True)
    calls[own] = 100
    with on_getppid.attach():
        getppid(2)
    assert calls[own] == 102
    with forget.attach():
        os.getpgrp()
    assert own not in calls


def test_cgroups_of_tasks(loaded: Any) -> None:
    with cgroup() as one, cgroup() as two, on_getpgid.attach():
        groups[1] = one
        groups[3] = two
        before = loaded.globals.inside, loaded.globals.outside
        assert run_in_cgroup(one, "import os\nfor _ in range(3): os.getpgid(0)").returncode == 0
        assert run_in_cgroup(two, "import os\nfor _ in range(2): os.getpgid(0)").returncode == 0
        os.getpgid(0)
        after = loaded.globals.inside, loaded.globals.outside
        assert (after[0] - before[0], after[1] - before[1]) == (3, 2)
        del groups[1], groups[3]


@contextlib.contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
        listener.accept()[0] as server,
    ):
        for end in (client, server):
            end.settimeout(2)
        yield client, server


def test_messages_go_to_another_socket(loaded: Any) -> None:
    with no_leak(), connected() as (left, left_far), connected() as (right, right_far):
        with to_index.attach(map=by_index):
            by_index[0], by_index[1] = left, right_far
            loaded.globals.wanted = 1
            left.send(b"round the corner")
            assert right_far.recv(100) == b"round the corner"
            loaded.globals.wanted = 5  # nobody is there: the message is dropped
            with pytest.raises(PermissionError):
                left.send(b"lost")
            del by_index[0]
            assert by_index.delete(1) == 0
            assert by_index.delete(1) < 0
        left_far.send(b"back")
        assert left.recv(100) == b"back"
        assert right.fileno() > 0


def test_data_goes_to_another_socket_by_key(loaded: Any) -> None:
    with connected() as (left, left_far), connected() as (right, right_far), to_route.attach(map=by_route):
        by_route[Route(port=7, side=1)] = left_far
        by_route[Route(port=7, side=2)] = right_far
        loaded.globals.wanted = 2
        left.send(b"to the other")
        assert right.recv(100) == b"to the other"
        del by_route[Route(port=7, side=1)]
        assert by_route.delete(Route(port=7, side=2)) == 0


def test_programs_store_their_sockets(loaded: Any) -> None:
    code = (
        "import socket\n"
        "with socket.create_server(('127.0.0.1', 0)) as s, socket.create_connection(s.getsockname()) as c:\n"
        "    far, _ = s.accept()\n"
        "    with far: print(far.fileno())\n"
    )
    with cgroup() as path, on_socket.attach(cgroup=path):
        assert run_in_cgroup(path, code).returncode == 0
        assert loaded.globals.established == 2


def test_the_socket_of_a_group_is_chosen(loaded: Any) -> None:
    with contextlib.ExitStack() as stack:
        group = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(3)]
        for member in group:
            member.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            member.bind(group[0].getsockname() if member is not group[0] else ("127.0.0.1", 0))
            member.settimeout(2)
        for index, member in enumerate(group):
            members[index] = member
        stack.enter_context(choose.attach(socket=group[0]))
        sender = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        for index in (2, 0, 1, 1):
            loaded.globals.chosen = index
            sender.sendto(bytes((index,)), group[0].getsockname())
            assert group[index].recv(10) == bytes((index,))


def test_values_of_sockets(loaded: Any) -> None:
    with cgroup() as path, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        with pytest.raises(KeyError):
            _ = usage[own]
        usage[own] = Usage(packets=7)
        assert usage[own] == Usage(packets=7)
        del usage[own]
        assert own not in usage
        with account.attach(cgroup=path):
            pid = os.fork()
            if pid == 0:
                with open(f"{path}/cgroup.procs", "w") as file:
                    file.write("0")
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                    for _ in range(4):
                        one.sendto(b"x" * 100, ("127.0.0.1", 9))
                    os._exit(0 if usage[one] == Usage(packets=4, bytes=4 * 128) else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_socket_storage_is_found_and_deleted_in_a_test_run(loaded: Any) -> None:
    for program in (account, forget_socket):
        assert program.test_run(data=bytes(64)).retval == 1


@pytest.mark.skipif(shutil.which("bpftool") is None, reason="bpftool is not installed")
def test_bpftool_loads_the_object(loaded: Any, tmp_path: Path) -> None:
    path = tmp_path / "methods.o"
    bpf.compile(sys.modules[__name__]).write(path)
    pinned = f"/sys/fs/bpf/pybpfc-test-{os.getpid()}-methods"
    done = subprocess.run(
        ["bpftool", "prog", "loadall", str(path), pinned], capture_output=True, text=True, check=False
    )
    shutil.rmtree(pinned, ignore_errors=True)
    assert done.returncode == 0, done.stderr
