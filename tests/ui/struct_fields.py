import pybpfc as bpf
from pybpfc import u32, u64


@bpf.kernel_struct
class task_struct:
    pid: u32


@bpf.struct
class Ratio:
    value: float


@bpf.struct
class Held:
    task: task_struct
    since: u64


@bpf.xdp
def made(ctx: bpf.XdpContext) -> int:
    r = Ratio()
    return 1


@bpf.xdp
def held(ctx: bpf.XdpContext) -> int:
    h = Held(since=1)
    return 1 if h.since else 2
