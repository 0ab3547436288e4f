"""opensnoop: print every file that any process opens."""

from typing import Annotated

import pybpfc as bpf
from pybpfc import i32, u32, u64
from pybpfc.helpers import bpf_ktime_get_ns, bpf_probe_read_user_str
from pybpfc.stdlib import task


@bpf.struct
class OpenEvent:
    ts: u64
    pid: u32
    flags: i32
    comm: Annotated[str, 16]
    filename: Annotated[str, 256]


events = bpf.RingBuf[OpenEvent](size=256 * 1024)
opens = bpf.HashMap[u32, u64](max_entries=10_240)
only_pid: bpf.Const[u32] = 0  # .rodata: set before load
dropped: bpf.Global[u64] = 0  # .bss: read it while the program runs


@bpf.tracepoint("syscalls/sys_enter_openat")
def on_open(ctx: bpf.TracepointContext) -> int:
    global dropped
    pid = task.current_pid()
    if only_pid and pid != only_pid:
        return 0
    opens[pid] += 1
    event = events.reserve()
    if event is None:
        dropped += 1
        return 0
    event.ts = bpf_ktime_get_ns()
    event.pid = pid
    event.flags = i32(ctx.flags)
    event.comm = task.current_comm()
    bpf_probe_read_user_str(event.filename, ctx.filename)
    events.submit(event)
    return 0


if __name__ == "__main__":
    with bpf.load(only_pid=0) as obj:  # compile this module, load it, attach every program
        for event in events:  # blocks; Ctrl-C leaves the loop cleanly
            print(f"{event.pid:<7} {event.comm:<16} {event.filename}")
        print("dropped", obj.globals.dropped, "top", list(opens.items())[:5])
