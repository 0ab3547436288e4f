"""filetop: which files processes read and write, by bytes."""

from __future__ import annotations

import argparse
import time
from typing import Annotated

import pybpfc as bpf
from pybpfc import i64, u32, u64
from pybpfc.stdlib import task
from pybpfc.vmlinux import file


@bpf.struct
class Use:
    pid: u32
    device: u32
    inode: u64


@bpf.struct
class Traffic:
    comm: Annotated[str, 16]
    folder: Annotated[str, 32]
    name: Annotated[str, 64]
    bytes_read: u64 = 0
    bytes_written: u64 = 0


uses = bpf.LruHashMap[Use, Traffic](max_entries=10_240)
only_pid: bpf.Const[u32] = 0


@bpf.func
def count(opened: file, read: u64, written: u64) -> None:
    pid = task.current_pid()
    if only_pid and pid != only_pid:
        return
    inode = opened.f_inode
    use = Use(pid=pid, device=inode.i_sb.s_dev, inode=inode.i_ino)
    if use not in uses:
        entry = opened.f_path.dentry
        uses[use] = Traffic(comm=task.current_comm(), name=entry.d_name.name, folder=entry.d_parent.d_name.name)
    traffic = uses.lookup(use)
    if traffic is not None:
        bpf.atomic_add(traffic.bytes_read, read)
        bpf.atomic_add(traffic.bytes_written, written)


@bpf.fexit("vfs_read")
def on_read(file: file, buf: u64, size: u64, position: u64, ret: i64) -> None:
    if ret > 0:
        count(file, u64(ret), 0)


@bpf.fexit("vfs_write")
def on_write(file: file, buf: u64, size: u64, position: u64, ret: i64) -> None:
    if ret > 0:
        count(file, 0, u64(ret))


def top(rows: int) -> list[tuple[Use, Traffic]]:
    """The files with most bytes."""
    return sorted(uses.items(), key=lambda item: item[1].bytes_read + item[1].bytes_written, reverse=True)[:rows]


def main() -> None:
    """Show a table every few seconds until Ctrl-C, or for some seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pid", type=int, default=0, help="only this process")
    parser.add_argument("--interval", type=float, default=1.0, help="seconds between tables")
    parser.add_argument("--top", type=int, default=15, help="rows to show")
    parser.add_argument("--duration", type=float, help="end after this many seconds")
    options = parser.parse_args()
    with bpf.load(only_pid=options.pid):
        end = time.monotonic() + options.duration if options.duration else None
        try:
            while end is None or time.monotonic() < end:
                time.sleep(options.interval)
                print(f"{'PID':<8}{'COMM':<17}{'READ':>12}{'WRITTEN':>12}  FILE")
                for use, traffic in top(options.top):
                    sums = f"{traffic.bytes_read:>12}{traffic.bytes_written:>12}"
                    print(f"{use.pid:<8}{traffic.comm:<17}{sums}  {traffic.folder}/{traffic.name}")
                print(flush=True)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
