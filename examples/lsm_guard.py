"""lsm_guard: keep processes of one cgroup, or one process, from opening a file."""

from __future__ import annotations

import argparse
import errno
import os
import time
from typing import Annotated

import pybpfc as bpf
from pybpfc import i32, u32, u64
from pybpfc.stdlib import task
from pybpfc.vmlinux import file

only_pid: bpf.Const[u32] = 0
only_cgroup: bpf.Const[u64] = 0
device: bpf.Const[u32] = 0
inode: bpf.Const[u64] = 0


@bpf.struct
class Denial:
    pid: u32
    uid: u32
    comm: Annotated[str, 16]
    name: Annotated[str, 64]


events = bpf.RingBuf[Denial](size=64 * 1024)


@bpf.lsm("file_open")
def on_open(file: file, ret: i32) -> int:
    if ret != 0 or file.f_inode.i_ino != inode or file.f_inode.i_sb.s_dev != device:
        return ret
    if only_pid and task.current_pid() != only_pid:
        return 0
    if only_cgroup and task.current_cgroup_id() != only_cgroup:
        return 0
    event = events.reserve()
    if event is not None:
        event.pid = task.current_pid()
        event.uid = task.current_uid()
        event.comm = task.current_comm()
        event.name = file.f_path.dentry.d_name.name
        events.submit(event)
    return -errno.EACCES


def place_of(path: str) -> tuple[int, int]:
    """A file's device, by the kernel's own number, which is not that of `stat`, and its inode."""
    status = os.stat(path)
    return os.major(status.st_dev) << 20 | os.minor(status.st_dev), status.st_ino


def main() -> None:
    """Guard the file until Ctrl-C, or for some seconds, and print who was refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument("--pid", type=int, default=0, help="only this process is refused")
    whom.add_argument("--cgroup", help="only processes of this cgroup are, a directory of the cgroup2 file system")
    parser.add_argument("--duration", type=float, help="end after this many seconds")
    options = parser.parse_args()
    group = os.stat(options.cgroup).st_ino if options.cgroup else 0
    held, number = place_of(options.file)
    with bpf.load(only_pid=options.pid, only_cgroup=group, device=held, inode=number):
        end = time.monotonic() + options.duration if options.duration else None
        try:
            print(f"{'PID':<8}{'UID':<7}{'COMM':<17}REFUSED", flush=True)
            while end is None or time.monotonic() < end:
                for event in events.poll(timeout=0.2):
                    print(f"{event.pid:<8}{event.uid:<7}{event.comm:<17}{event.name}", flush=True)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
