"""tasks: list the processes by a walk of the kernel's own over its tasks, without /proc."""

from __future__ import annotations

import argparse
import time
from typing import Annotated

import pybpfc as bpf
from pybpfc import i32, u32, u64
from pybpfc.helpers import bpf_seq_write
from pybpfc.vmlinux import task_struct

STATES = "RSDTtXZPI"
TASK_IDLE = 0x402


@bpf.struct
class Task:
    pid: i32
    ppid: i32
    uid: u32
    state: u32
    threads: i32
    network: u32  # the number of its namespace
    cgroup: u64
    start: u64  # nanoseconds after the boot
    comm: Annotated[str, 16]
    cgroup_name: Annotated[str, 64]

    @property
    def letter(self) -> str:
        """The state as `ps` shows it."""
        return "I" if self.state & TASK_IDLE == TASK_IDLE else STATES[(self.state & 0x7F).bit_length()]


@bpf.iter("task")
def walk(ctx: bpf.IterContext) -> int:
    task: task_struct | None = ctx.task
    if task is None or task.pid != task.tgid:  # the end, or another thread of a process
        return 0
    group = task.cgroups.dfl_cgrp.kn
    line = Task(
        pid=task.tgid,
        ppid=task.real_parent.tgid,
        uid=task.cred.uid.val,
        state=task.__state | u32(task.exit_state),
        threads=task.signal.nr_threads,
        network=task.nsproxy.net_ns.ns.inum,
        cgroup=group.id,
        start=task.start_boottime,
        comm=task.comm,
        cgroup_name=group.name,
    )
    bpf_seq_write(ctx.meta.seq, line)
    return 0


def main() -> None:
    """Print the table once, or again and again until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uid", type=int, help="only this user's")
    parser.add_argument("--interval", type=float, help="again after so many seconds")
    parser.add_argument("--duration", type=float, help="end after this many seconds")
    options = parser.parse_args()
    with bpf.load(attach=False) as obj, obj.walk.attach() as link:
        end = time.monotonic() + options.duration if options.duration else None
        try:
            while True:
                print(f"{'PID':<8}{'PPID':<8}{'UID':<7}{'S':<3}{'THREADS':<9}{'AGE':>9}  {'CGROUP':<24}COMM")
                now = time.clock_gettime(time.CLOCK_BOOTTIME)
                for task in link.records(Task):
                    if options.uid is None or task.uid == options.uid:
                        row = f"{task.pid:<8}{task.ppid:<8}{task.uid:<7}{task.letter:<3}{task.threads:<9}"
                        print(f"{row}{now - task.start / 1e9:>8.0f}s  {task.cgroup_name or '/':<24}{task.comm}")
                if options.interval is None or (end is not None and time.monotonic() >= end):
                    break
                time.sleep(options.interval)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
