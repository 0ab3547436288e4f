"""openfiles: list the files that processes hold open, with the times when they were last written to.

The kernel has moved those times twice; one program finds them in all kernels. All types are declared by hand, so it
compiles on any.
"""

from __future__ import annotations

import argparse
import time
from typing import Annotated

import pybpfc as bpf
from pybpfc import i32, i64, u16, u32, u64
from pybpfc.helpers import bpf_d_path, bpf_seq_write

KINDS = {0o01: "fifo", 0o02: "chr", 0o04: "dir", 0o06: "blk", 0o10: "reg", 0o12: "link", 0o14: "sock"}


@bpf.kernel_struct
class path:
    pass


@bpf.kernel_struct
class super_block:
    s_dev: u32


@bpf.kernel_struct
class inode:
    i_ino: u64
    i_mode: u16
    i_size: i64
    i_sb: super_block
    i_mtime_sec: i64  # since 6.11
    i_mtime_nsec: u32


@bpf.kernel_struct
class timespec64:
    tv_sec: i64
    tv_nsec: i64


@bpf.kernel_struct
class inode___6_7:
    __i_mtime: bpf.Embedded[timespec64]


@bpf.kernel_struct
class inode___before:
    i_mtime: bpf.Embedded[timespec64]


@bpf.kernel_struct
class file:
    f_inode: inode
    f_path: bpf.Embedded[path]
    f_flags: u32


@bpf.kernel_struct
class task_struct:
    tgid: i32
    comm: Annotated[str, 16]


@bpf.struct
class OpenFile:
    pid: i32
    fd: u32
    flags: u32
    mode: u16
    device: u32
    inode: u64
    size: i64
    seconds: i64
    nanoseconds: u32
    comm: Annotated[str, 16]
    path: Annotated[str, 256]

    @property
    def kind(self) -> str:
        """What it is, as `ls` and `lsof` call it."""
        return KINDS.get(self.mode >> 12, "anon")


@bpf.func
def modified(node: inode) -> tuple[i64, u32]:
    if bpf.field_exists(inode.i_mtime_sec):
        return node.i_mtime_sec, node.i_mtime_nsec
    if bpf.field_exists(inode___6_7, "__i_mtime"):
        between = bpf.cast(inode___6_7, node).__i_mtime
        return between.tv_sec, u32(between.tv_nsec)
    before = bpf.cast(inode___before, node).i_mtime
    return before.tv_sec, u32(before.tv_nsec)


@bpf.iter("task_file")
def walk(ctx: bpf.IterContext) -> int:
    task: task_struct | None = ctx.task
    held: file | None = ctx.file
    if task is None or held is None:
        return 0
    node = held.f_inode
    seconds, nanoseconds = modified(node)
    line = OpenFile(
        pid=task.tgid,
        fd=ctx.fd,
        flags=held.f_flags,
        mode=node.i_mode,
        device=node.i_sb.s_dev,
        inode=node.i_ino,
        size=node.i_size,
        seconds=seconds,
        nanoseconds=nanoseconds,
        comm=task.comm,
        path="",
    )
    bpf_d_path(held.f_path, line.path)
    bpf_seq_write(ctx.meta.seq, line)
    return 0


def main() -> None:
    """Print the table once, or again and again until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pid", type=int, default=0, help="only this process")
    parser.add_argument("--interval", type=float, help="again after so many seconds")
    parser.add_argument("--duration", type=float, help="end after this many seconds")
    options = parser.parse_args()
    with bpf.load(attach=False) as obj, obj.walk.attach(pid=options.pid) as link:
        end = time.monotonic() + options.duration if options.duration else None
        try:
            while True:
                print(f"{'PID':<8}{'COMM':<17}{'FD':<5}{'KIND':<6}{'SIZE':>10}  {'WRITTEN TO':<21}PATH")
                for held in link.records(OpenFile):
                    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(held.seconds))
                    row = f"{held.pid:<8}{held.comm:<17}{held.fd:<5}{held.kind:<6}{held.size:>10}"
                    print(f"{row}  {when:<21}{held.path}")
                if options.interval is None or (end is not None and time.monotonic() >= end):
                    break
                time.sleep(options.interval)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
