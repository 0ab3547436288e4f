from typing import Annotated

import pybpfc as bpf
from pybpfc import i8, i32, u32, u64


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


@bpf.func
def takes_file(f: file) -> u32:
    return f.f_mode


@bpf.raw_tracepoint("sched_switch")
def types(preempt: bool, prev: task_struct, after: task_struct) -> int:
    takes_file(prev)
    other: file = prev
    new = task_struct(pid=1)
    prev = None
    wrong = bpf.cast(u64, prev)
    record = bpf.cast(task_struct, records)
    record = bpf.cast(task_struct)
    return 0


@bpf.raw_tracepoint("sched_switch")
def questions(ctx: bpf.RawTracepointContext) -> int:
    a = bpf.field_exists(task_struct, "pdi")
    b = bpf.field_exists(task_struct.real_parent.pdi)
    c = bpf.field_exists(task_struct)
    d = bpf.field_exists(Record, "pid")
    e = bpf.type_size(u32)
    f = bpf.enum_value(task_struct.pid)
    g = bpf.field_exists(task_struct, "pid.value")
    h = bpf.kconfig("HZ", u32)
    i = bpf.kconfig("CONFIG_HZ", u32) + bpf.kconfig("CONFIG_HZ", u64)
    j = bpf.kconfig("CONFIG_HZ", Record)
    k = bpf.kconfig(5, u32)
    return 0


@bpf.kretprobe("vfs_read")
def result(ret: i32, more: i32) -> int:
    return 0


@bpf.kprobe("vfs_read")
def many(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64, h: u64, i: u64) -> int:
    return 0


@bpf.tp_btf("sched_switch")
def unsized(preempt: bool, name: str) -> int:
    return 0


@bpf.xdp
def network(ctx: bpf.XdpContext, task: task_struct) -> int:
    return 2
