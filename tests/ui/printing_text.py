from typing import Annotated

import pybpfc as bpf
from pybpfc import i64, u32, u64
from pybpfc.helpers import bpf_ktime_get_ns
from pybpfc.uapi import XDP_PASS

counts = bpf.HashMap[u32, u64](max_entries=1)
TEXT = "text"


@bpf.struct
class Named:
    name: Annotated[str, 8]
    raw: Annotated[bytes, 8]


@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    n = ctx.rx_queue_index
    now = bpf_ktime_get_ns()
    named = Named(name="x")
    print(f"{named.name:.3}")
    print(f"{named.name:08}")
    print(f"{named.name:d}")
    print(f"{named.name!r}")
    print(f"{named.raw}")
    print(f"{named}")
    print(f"{counts}")
    print(f"{TEXT:d}")
    print(f"{n} → {now}")
    print("bell\a")
    print("nul\0")
    print(n)
    print("a", "b")
    print("a", end="")
    print(f"{i64(n)}{n}{n}{n}{n}{n}{n}{n}{n}{n}{n}{n}{n}")
    return XDP_PASS
