import pybpfc as bpf
from pybpfc import i32, kfuncs, u64, vmlinux
from pybpfc.kfuncs import bpf_task_from_pid
from pybpfc.uapi import XDP_PASS
from pybpfc.vmlinux import file, task_struct


@bpf.kfunc
def bpf_cpumask_first(mask: u64) -> i32: ...


@bpf.kernel_struct
class sock:
    sk_mark: i32


@bpf.func
def by_reference(s: sock) -> i32:
    return 0


@bpf.func
def pointer(s: bpf.Ptr[sock]) -> i32:
    return 0


@bpf.func
def maybe(s: task_struct | None) -> "vmlinux.file | None":
    return None


@bpf.kprobe("vfs_read")
def typed(where: file) -> int:
    return 0


@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    task = bpf_task_from_pid(1)
    kfuncs.bpf_task_release(task)
    if bpf_cpumask_first:
        return XDP_PASS
    first = bpf_cpumask_first(3)
    s = sock(sk_mark=1)
    t: sock
    u: task_struct
    v = vmlinux.file
    return XDP_PASS
