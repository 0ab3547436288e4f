import pybpfc as bpf
from pybpfc.helpers import bpf_ktime_get_ns
from pybpfc.uapi import XDP_PASS


@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    n = ctx.rx_queue_index
    now = bpf_ktime_get_ns()
    print(f"{n:.2}")
    print(f"{n:,}")
    print(f"{n:b}")
    print(f"{n:#o}")
    print(f"{n:f}")
    print(f"{n:u}")
    print(f"{n:^8}")
    print(f"{n:*>8}")
    print(f"{n:<08}")
    print(f"{n:#8x}")
    print(f"{n:#d}")
    print(f"{n:05c}")
    print(f"{n:+x}")
    print(f"{now:+}")
    print(f"{n:{now}}")
    print(f"{n!s:>8}")
    print(f"{n:5000}")
    print(f"{n:nonsense}")
    return XDP_PASS
