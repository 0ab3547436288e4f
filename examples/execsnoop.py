"""execsnoop: print every program that is started, with its arguments."""

from __future__ import annotations

import argparse
import time
from typing import Annotated

import pybpfc as bpf
from pybpfc import u32, u64
from pybpfc.helpers import bpf_probe_read_user, bpf_probe_read_user_str
from pybpfc.stdlib import task

MAX_ARGS = 12
ARG_SIZE = 64


@bpf.struct
class Argument:
    text: Annotated[str, ARG_SIZE]


@bpf.struct
class ExecEvent:
    pid: u32
    uid: u32
    argc: u32
    comm: Annotated[str, 16]
    filename: Annotated[str, 128]
    args: Annotated[list[Argument], MAX_ARGS]


events = bpf.RingBuf[ExecEvent](size=512 * 1024)
only_uid: bpf.Const[u32] = 0xFFFFFFFF
only_parent: bpf.Const[u32] = 0
dropped: bpf.Global[u64] = 0


@bpf.tracepoint("syscalls/sys_enter_execve")
def on_exec(ctx: bpf.TracepointContext) -> int:
    global dropped
    uid = task.current_uid()
    if only_uid != 0xFFFFFFFF and uid != only_uid:
        return 0
    pid = task.current_pid()
    if only_parent and pid != only_parent:
        return 0
    event = events.reserve()
    if event is None:
        dropped += 1
        return 0
    event.pid = pid
    event.uid = uid
    event.comm = task.current_comm()
    event.filename = ctx.filename
    argv = u64(ctx.argv)
    for i in range(MAX_ARGS):
        address: Annotated[list[u64], 1] = [0]
        if bpf_probe_read_user(address, argv + u64(i) * 8) != 0 or address[0] == 0:
            break
        if bpf_probe_read_user_str(event.args[i].text, address[0]) <= 0:
            break
        event.argc = u32(i + 1)
    events.submit(event)
    return 0


def main() -> None:
    """Print events until Ctrl-C, or for some seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uid", type=int, default=0xFFFFFFFF, help="only programs of this user")
    parser.add_argument("--duration", type=float, help="end after this many seconds")
    options = parser.parse_args()
    end = time.monotonic() + options.duration if options.duration else None
    with bpf.load(only_uid=options.uid) as obj:
        print(f"{'PID':<8}{'UID':<7}{'COMM':<17}ARGUMENTS")
        try:
            while end is None or time.monotonic() < end:
                for event in events.poll(timeout=0.2):
                    words = [a.text for a in event.args[: event.argc]] or [event.filename]
                    print(f"{event.pid:<8}{event.uid:<7}{event.comm:<17}{' '.join(words)}")
        except KeyboardInterrupt:
            pass
        print(f"{obj.globals.dropped} dropped")


if __name__ == "__main__":
    main()
