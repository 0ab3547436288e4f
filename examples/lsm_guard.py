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
