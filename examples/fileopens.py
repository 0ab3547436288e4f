"""fileopens: print the files that processes open, with the descriptor they get or the error."""

from __future__ import annotations

import argparse
import errno
import os
import time
from typing import Annotated, TypeAlias

import pybpfc as bpf
from pybpfc import i32, u32, u64
from pybpfc.stdlib import task

Path: TypeAlias = Annotated[str, 256]


@bpf.struct
class Request:
    folder: i32
    flags: i32
    path: bpf.UserPtr[Path]


@bpf.struct
class Opening:
    pid: u32
    uid: u32
    result: i32
    folder: i32
    flags: i32
    comm: Annotated[str, 16]
    path: Path


requests = bpf.HashMap[u32, Request](max_entries=10_240)
events = bpf.RingBuf[Opening](size=512 * 1024)
only_pid: bpf.Const[u32] = 0
only_failed: bpf.Const[bool] = False
dropped: bpf.Global[u64] = 0


@bpf.ksyscall("openat")
def on_call(folder: i32, path: bpf.UserPtr[Path], flags: i32) -> int:
    if not only_pid or task.current_pid() == only_pid:
        requests[task.current_tid()] = Request(folder=folder, flags=flags, path=path)
    return 0


@bpf.kretsyscall("openat")
def on_return(ret: i32) -> int:
    global dropped
    thread = task.current_tid()
    request = requests.lookup(thread)
    if request is None:
        return 0
    if not only_failed or ret < 0:
        event = events.reserve()
        if event is None:
            dropped += 1
        else:
            event.pid = task.current_pid()
            event.uid = task.current_uid()
            event.result = ret
            event.folder = request.folder
            event.flags = request.flags
            event.comm = task.current_comm()
            event.path = request.path.value
            events.submit(event)
    del requests[thread]
    return 0


def main() -> None:
    """Print what is opened until Ctrl-C, or for some seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pid", type=int, default=0, help="only this process")
    parser.add_argument("--failed", action="store_true", help="only what could not be opened")
    parser.add_argument("--duration", type=float, help="end after this many seconds")
    options = parser.parse_args()
    with bpf.load(only_pid=options.pid, only_failed=options.failed) as obj:
        end = time.monotonic() + options.duration if options.duration else None
        try:
            print(f"{'PID':<8}{'UID':<7}{'COMM':<17}{'FD':<8}{'FLAGS':>8}  PATH", flush=True)
            while end is None or time.monotonic() < end:
                for event in events.poll(timeout=0.2):
                    outcome = str(event.result) if event.result >= 0 else errno.errorcode[-event.result]
                    kind = ("r", "w", "rw", "?")[event.flags & os.O_ACCMODE]
                    row = f"{event.pid:<8}{event.uid:<7}{event.comm:<17}{outcome:<8}{kind:>8}"
                    print(f"{row}  {event.path}", flush=True)
        except KeyboardInterrupt:
            pass
        print(f"{obj.globals.dropped} dropped")


if __name__ == "__main__":
    main()
