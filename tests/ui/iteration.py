from typing import Annotated

import pybpfc as bpf
from pybpfc import u32
from pybpfc.uapi import XDP_PASS


@bpf.struct
class S:
    a: Annotated[list[u32], 4]
    name: Annotated[str, 8]


@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    s = S()
    for i, x in enumerate(5):
        pass
    for i, x in enumerate(s.a, ctx.rx_queue_index):
        pass
    for x, y in zip(s.a, s.name):
        pass
    for x in zip():
        pass
    for q in zip(s.a, s.a):
        pass
    for i, x in reversed(enumerate(s.a)):
        pass
    for k in reversed(range(1, ctx.rx_queue_index)):
        pass
    pairs = enumerate(s.a)
    total = sum(s.a, 4)
    total = sum(s)
    found = s in s.a
    least = min(s.name)
    return XDP_PASS
