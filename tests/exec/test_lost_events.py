"""What a ring buffer could not take is counted by the programs: what was sent is what was received and what was lost."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Annotated

import pytest

import pybpfc as bpf
from pybpfc import u64
from pybpfc.runtime.syscall import Command, next_ids
from pybpfc.stdlib import task

sys.path.insert(0, str(Path(__file__).parents[1] / "kernel"))
from kernel_support import getppid

PRODUCERS, EACH = 4, 20_000


@bpf.struct
class Event:
    n: u64
    filler: Annotated[bytes, 40]


reserved = bpf.RingBuf[Event](size=4096)
copied = bpf.RingBuf[u64](size=4096)
untouched = bpf.RingBuf[u64](size=4096)
only_pid: bpf.Const[u64] = 0
sent: bpf.Global[u64] = 0
refused: bpf.Global[u64] = 0


@bpf.tracepoint("syscalls/sys_enter_getppid")
def on_getppid(ctx: bpf.TracepointContext) -> int:
    if task.current_pid() != only_pid:
        return 0
    bpf.atomic_add(sent, 1)
    event = reserved.reserve()
    if event is not None:
        event.n = sent
        reserved.submit(event)
    copied.output(7)
    return 0


@bpf.socket_filter
def fill(skb: bpf.SkBuff) -> int:
    global refused
    for i in range(100):
        if copied.output(u64(i)) != 0:
            refused += 1
        event = reserved.reserve()
        if event is None:
            refused += 1
        elif i % 2:
            reserved.discard(event)
        else:
            reserved.submit(event)
    return 0


def test_sent_is_received_plus_lost_with_a_slow_reader_and_many_producers() -> None:
    with bpf.load(sys.modules[__name__], only_pid=os.getpid()) as obj:
        producers = [threading.Thread(target=getppid, args=(EACH,)) for _ in range(PRODUCERS)]
        got = [0, 0]

        def read() -> None:
            for index, buffer in enumerate((reserved, copied)):
                got[index] += len(buffer.consume())

        for producer in producers:
            producer.start()
        while any(producer.is_alive() for producer in producers):
            read()
            time.sleep(0.01)
        read()
        total = obj.globals.sent
        assert total >= PRODUCERS * EACH
        assert [received + buffer.lost for received, buffer in zip(got, (reserved, copied), strict=True)] == [total] * 2
        assert reserved.lost > 0 < got[0]
        assert copied.lost > 0 < got[1]
        assert untouched.lost == 0


def test_the_machine_counts_the_same() -> None:
    with bpf.load(sys.modules[__name__], attach=False, only_pid=0) as obj:
        obj.fill.test_run(data=bytes(64))
        kernel = (obj.globals.refused, reserved.lost, copied.lost)
    result = bpf.simulate(fill, data=bytes(64))
    machine = (result.globals.refused, result.maps["reserved"].lost, result.maps["copied"].lost)
    assert kernel == machine
    assert kernel == (27, 100 - 4095 // 56, 0)  # records take 48 bytes and a header


def test_an_object_alone_counts_too(tmp_path: Path) -> None:
    path = tmp_path / "lost.o"
    bpf.compile(sys.modules[__name__]).write(path)
    with bpf.load(path, attach=False) as obj:
        for _ in range(3):
            obj.fill.test_run(data=bytes(64))
        assert (obj.reserved.lost, obj.copied.lost) == (227, 300 - 255)
        assert obj.globals.refused == 227 + 45


def test_the_counters_are_not_among_the_globals() -> None:
    with bpf.load(sys.modules[__name__], attach=False, only_pid=0) as obj:
        assert set(obj.globals) == {"only_pid", "sent", "refused"}
        assert set(obj.globals.asdict()) == {"only_pid", "sent", "refused"}
        assert "__copied_lost" not in repr(obj.globals)
    assert set(bpf.simulate(fill, data=bytes(64)).globals) == {"only_pid", "sent", "refused"}


def test_loading_a_module_again_lets_go_of_what_it_was_loaded_as_before() -> None:
    before = set(next_ids(Command.LINK_GET_NEXT_ID))
    gc.disable()
    try:
        for _ in range(2):
            bpf.load(sys.modules[__name__], only_pid=0)  # kept by the module's maps and programs
            assert len(set(next_ids(Command.LINK_GET_NEXT_ID)) - before) == 1
        with bpf.load(sys.modules[__name__], attach=False, only_pid=0):
            assert set(next_ids(Command.LINK_GET_NEXT_ID)) <= before
    finally:
        gc.enable()


def test_attaching_twice_is_explained() -> None:
    with bpf.load(sys.modules[__name__], only_pid=0) as obj:
        with pytest.raises(bpf.AttachError, match="could not be attached to tracepoint") as caught:
            on_getppid.attach()
        assert caught.value.cause == "this program is attached to this event already"
        assert len(obj.links) == 1
        obj.links[0].detach()
        on_getppid.attach().detach()


TOOL = """
import pybpfc as bpf
from pybpfc import u32, u64
from pybpfc.runtime.syscall import Command, next_ids
from pybpfc.stdlib import task

few = bpf.RingBuf[u64](size=4096)
only_pid: bpf.Const[u32] = 0


@bpf.tracepoint("syscalls/sys_enter_getppid")
def burst(ctx: bpf.TracepointContext) -> int:
    if task.current_pid() == only_pid:
        for i in range(1000):
            few.output(u64(i))
    return 0
"""


def test_the_command_tells_of_losses(tmp_path: Path) -> None:
    path = tmp_path / "tool.py"
    path.write_text(TOOL)
    command = [sys.executable, "-c", "from pybpfc.cli import main; main()", "run", "-s", f"only_pid={os.getpid()}"]
    tool = subprocess.Popen([*command, "-d", "1", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert tool.stderr is not None
    assert tool.stderr.readline() == "attached burst\n"
    getppid()
    output, errors = tool.communicate(timeout=20)
    received = output.split()
    assert 255 <= len(received) < 1000
    assert errors == f"few: {1000 - len(received)} events lost\n"


def test_a_global_with_a_counters_name_is_refused() -> None:
    taken = {"__copied_lost": bpf.Global[u64]}
    module = {"__name__": "clash", "__file__": __file__, "copied": copied, "fill": fill, "__annotations__": taken}
    with pytest.raises(bpf.CompileError, match="__copied_lost"):
        bpf.compile(module)
