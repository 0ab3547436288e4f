"""Programs that read the kernel's structs."""

TYPES = """
import enum
from typing import Annotated

import pybpfc as bpf
from pybpfc import i8, i32, i64, u8, u16, u32, u64
from pybpfc.helpers import *
from pybpfc.stdlib import task as tasks


@bpf.kernel_struct
class qstr:
    name: bpf.Ptr[i8]


@bpf.kernel_struct
class dentry:
    d_name: bpf.Embedded[qstr]


@bpf.kernel_struct
class path:
    dentry: "dentry"


@bpf.kernel_struct
class file:
    f_path: bpf.Embedded[path]


@bpf.kernel_struct
class mm_struct:
    exe_file: file


@bpf.kernel_struct
class upid:
    nr: i32


@bpf.kernel_struct
class pid:
    level: u32
    numbers: Annotated[list[bpf.Embedded[upid]], 1]


@bpf.kernel_struct
class signal_struct:
    pids: Annotated[list[pid], 4]


@bpf.kernel_struct
class sched_entity:
    vruntime: u64


@bpf.kernel_struct
class task_struct:
    se: bpf.Embedded[sched_entity]
    pid: i32
    tgid: i32
    comm: Annotated[str, 16]
    real_parent: "task_struct"
    start_boottime: u64
    mm: mm_struct
    signal: signal_struct
    thread_pid: "pid"
    sched_reset_on_fork: Annotated[u32, bpf.bits(1)]
    __state: u32


@bpf.kernel_struct
class linux_binprm:
    filename: bpf.Ptr[i8]
"""

FROM_BTF = """
from typing import Annotated

import pybpfc as bpf
from pybpfc import i32, i64, u32, u64
from pybpfc.helpers import *
from pybpfc.stdlib import task as tasks
from pybpfc.vmlinux import linux_binprm, task_struct
"""

ROWS = """

@bpf.struct
class Row:
    pid: i32
    ppid: i32
    start: u64
    comm: Annotated[str, 16]
    exe: Annotated[str, 32]
    session: i32
    number: i32
    reset: u32
    same: u32


wanted: bpf.Const[u32] = 0
first: bpf.Global[u32] = 0
rows = bpf.HashMap[u32, Row](max_entries=8)


@bpf.func
def parent_of(task: task_struct) -> task_struct:
    return task.real_parent
"""

KEY = 1

READ = f"""
    row = Row()
    row.pid = task.tgid
    row.ppid = parent_of(task).tgid
    row.start = task.start_boottime
    row.comm = task.comm
    row.exe = task.mm.exe_file.f_path.dentry.d_name.name
    row.session = task.signal.pids[3].numbers[0].nr
    row.number = task.thread_pid.numbers[min(first, 0)].nr
    row.reset = task.sched_reset_on_fork
    parent = task.real_parent
    row.same = 1 if task.comm == parent.comm else 0
    row.same |= u32(2 if task.comm.startswith("pybpfc") else 0)
    row.same |= u32(4 if parent == task.real_parent else 0)
    row.same |= u32(8 if task.comm == "pybpfc-test" else 0)
    text = task.mm.exe_file.f_path.dentry.d_name.name
    row.same |= u32(16 if text.startswith("pytho") and not text.startswith("python-") else 0)
    row.same |= u32(32 if text == "pytho" or text == "python3.1" or text == "python3.110" else 0)
    row.same |= u32(64 if text == "python3.11" or text == "python3.12" or text == "python3.13" else 0)
    rows[{KEY}] = row
    return 0
"""

PROBES = (
    """
@bpf.raw_tracepoint("sys_enter")
def probes(regs, number: i64) -> int:
    if u32(bpf_get_current_pid_tgid() >> 32) != wanted:
        return 0
    task = bpf.cast(task_struct, bpf_get_current_task())
"""
    + READ
)

LOADS = (
    """
@bpf.tp_btf("sys_enter")
def loads(ctx: bpf.TracingContext) -> int:
    if tasks.current_pid() != wanted:
        return 0
    task = tasks.current()
"""
    + READ
)

CURRENT_TASK = {
    "probes, declared": TYPES + ROWS + PROBES,
    "loads, declared": TYPES + ROWS + LOADS,
    "probes, from BTF": FROM_BTF + ROWS + PROBES,
    "loads, from BTF": FROM_BTF + ROWS + LOADS,
}

ARGUMENTS = (
    ROWS
    + """

@bpf.struct
class Exec:
    pid: i32
    before: i32
    filename: Annotated[str, 32]


execs = bpf.HashMap[u32, Exec](max_entries=8)


@bpf.tp_btf("sched_process_exec")
def typed(task: task_struct, before: i32, program: linux_binprm) -> int:
    if task.real_parent.tgid != i32(wanted):
        return 0
    e = Exec(pid=task.tgid, before=before)
    e.filename = program.filename
    execs[1] = e
    return 0


@bpf.raw_tracepoint("sched_process_exec")
def raw(task: task_struct, before: i32, program: linux_binprm) -> int:
    if task.real_parent.tgid != i32(wanted):
        return 0
    e = Exec(pid=task.tgid, before=before)
    e.filename = program.filename
    execs[2] = e
    return 0
"""
)
CONDITIONS = (
    TYPES
    + ROWS
    + """

parent: bpf.Const[i32] = 0


@bpf.tp_btf("sched_process_exec")
def prog(task: task_struct, before: i32) -> int:
    if (first and before) or (wanted and task.se.vruntime < wanted):
        return 0
    if task.real_parent.tgid != parent:
        return 0
    if parent and task.signal.pids[1].numbers[0].nr and task.pid:
        rows[1] = Row(pid=task.tgid)
    return 0
"""
)

_PARAMETERS = "task: task_struct, before: i32, program: linux_binprm"
EXECS = {
    "annotated": TYPES + ARGUMENTS,
    "annotated, from BTF": FROM_BTF + ARGUMENTS,
    "not annotated": TYPES + ARGUMENTS.replace(_PARAMETERS, "task, before, program"),
    "not declared": FROM_BTF + ARGUMENTS.replace(_PARAMETERS, "task, before, program"),
}

ITERATORS = (
    TYPES
    + """
@bpf.struct
class Line:
    pid: i32
    tgid: i32
    ppid: i32
    padding: i32
    start: u64
    comm: Annotated[str, 16]


@bpf.iter("task")
def by_context(ctx: bpf.IterContext) -> int:
    task: task_struct | None = ctx.task
    if task is None:
        return 0
    line = Line(pid=task.pid, tgid=task.tgid, ppid=task.real_parent.tgid, start=task.start_boottime)
    line.comm = task.comm
    bpf_seq_write(ctx.meta.seq, line)
    return 0


@bpf.iter("task")
def by_name(meta, task: task_struct) -> int:
    if task is None:
        return 0
    line = Line(pid=task.pid, tgid=task.tgid, ppid=task.real_parent.tgid, start=task.start_boottime)
    line.comm = task.comm
    bpf_seq_write(meta.seq, line)
    return 0
"""
)

QUESTIONS = (
    TYPES
    + ROWS
    + """
class pid_type(enum.IntEnum):
    PIDTYPE_SID = 9


class pid_type___later(enum.IntEnum):
    PIDTYPE_UNHEARD_OF = 3


@bpf.kernel_struct
class task_struct___before:
    state: i64
    never_was: u64
    tgid: u64


@bpf.kernel_struct
class never_was_either:
    x: u32


@bpf.kernel_struct
class upid___like:
    nr: i32


@bpf.kernel_struct
class upid___unlike:
    nr: u64


@bpf.struct
class Answers:
    state: u64
    never: u32
    struct: u32
    session: u64
    unheard: u32
    size: u32
    offset: u32
    inner: u32
    comm: u32
    id: u32
    none: u32
    like: u32
    unlike: u32


answers = bpf.HashMap[u32, Answers](max_entries=8)


@bpf.raw_tracepoint("sys_enter")
def asks(regs, number: i64) -> int:
    if u32(bpf_get_current_pid_tgid() >> 32) != wanted:
        return 0
    task = bpf.cast(task_struct, bpf_get_current_task())
    before = bpf.cast(task_struct___before, task)
    a = Answers()
    if bpf.field_exists(task_struct___before.state):
        a.state = u64(before.state) & 0xFFFFFFFF | 1 << 32
    else:
        a.state = u64(task.__state) | 2 << 32
    if bpf.field_exists(task_struct___before, "never_was"):
        a.never = u32(before.never_was) + 1
    if bpf.type_exists(never_was_either):
        a.struct = bpf.cast(never_was_either, task).x + 1
    a.session = bpf.enum_value(pid_type.PIDTYPE_SID)
    a.unheard = 1 if bpf.enum_exists(pid_type___later.PIDTYPE_UNHEARD_OF) else 2
    a.size = bpf.type_size(task_struct)
    a.offset = bpf.field_offset(task_struct, "comm")
    a.inner = bpf.field_offset(task_struct.signal.pids)
    a.comm = bpf.field_size(task_struct.comm)
    a.id = bpf.type_id(task_struct)
    a.none = bpf.type_size(never_was_either)
    a.like = u32(bpf.type_matches(upid___like))
    a.unlike = u32(bpf.type_matches(upid___unlike))
    answers[0] = a
    return 0
"""
)

KCONFIG = """
from typing import Annotated

import pybpfc as bpf
from pybpfc import u8, u32
from pybpfc.uapi import XDP_DROP, XDP_PASS

hz: bpf.Global[u32] = 0
version: bpf.Global[u32] = 0
bits: bpf.Global[u32] = 0
letter: bpf.Global[u8] = 0
text: bpf.Global[Annotated[str, 32]] = ""


@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    global hz, version, bits, letter, text
    hz = bpf.kconfig("CONFIG_HZ", u32)
    version = bpf.kernel_version()
    if bpf.kconfig("CONFIG_BPF_SYSCALL", bool):
        bits |= 1
    if bpf.kconfig("CONFIG_NEVER_HEARD_OF", bool):
        bits |= 2
    if bpf.kernel_version() >= 4 << 16:
        bits |= 4
    letter = bpf.kconfig("CONFIG_BPF", u8)
    text = bpf.kconfig("CONFIG_DEFAULT_HOSTNAME", Annotated[str, 32])
    return XDP_PASS if bpf.kconfig("CONFIG_HZ", u32) else XDP_DROP
"""
