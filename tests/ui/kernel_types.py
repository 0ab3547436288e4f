from typing import Annotated

import pybpfc as bpf
from pybpfc import i8, i32, u32, u64
from pybpfc.helpers import bpf_probe_read_kernel


@bpf.kernel_struct
class qstr:
    len: u32
    name: bpf.Ptr[i8]


@bpf.kernel_struct
class task_struct:
    pid: i32
    comm: Annotated[str, 16]
    real_parent: "task_struct"
    last: "task_struct | None"
    stack: bpf.Ptr[None]
    flags: Annotated[u32, bpf.bits(3)]
    ids: Annotated[list[u32], 4]


@bpf.kernel_struct
class file:
    f_name: bpf.Embedded[qstr]
    f_mode: u32


@bpf.struct
class Record:
    pid: i32
    comm: Annotated[str, 16]


records = bpf.HashMap[u32, Record](max_entries=8)


@bpf.raw_tracepoint("sched_switch")
def reads(preempt: bool, prev: task_struct, after: task_struct) -> int:
    a = prev.pdi
    b = prev.tgid
    c = prev.real_parent.real_parent.comn
    d = prev.last.pid
    e = prev.comm[16]
    f = prev.ids[u32(prev.pid)]
    g = prev.stack.value
    i = prev.pid.value
    j = prev.name.len
    return 0


@bpf.raw_tracepoint("sched_switch")
def writes(preempt: bool, prev: task_struct, after: task_struct) -> int:
    prev.pid = 1
    prev.flags = 1
    prev.comm = "x"
    prev.ids[0] = 1
    prev.real_parent = after
    prev.pid += 1
    bpf.atomic_add(prev.pid, 1)
    bpf_probe_read_kernel(prev.comm, after.comm)
    records[0] = prev
    return 0


@bpf.fentry("vfs_raed")
def misnamed(file, buf, count: u64, pos):
    pass


@bpf.fmod_ret("vfs_read")
def decides(file, buf, count: u64, pos, ret: i32):
    pass
