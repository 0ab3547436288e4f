from typing import Annotated

import pybpfc as bpf
from pybpfc import u32
from pybpfc.uapi import XDP_PASS

PORTS = (80, 443)
NAMES = ["eth0", "lo"]
MANY_NAMES = tuple(f"eth{i}" for i in range(40))
UNEVEN = ((1, 2), (3,))
MIXED = (1, "a", None)
HUGE = (1 << 64, 1)
LIMITS = {80: 1, 443: 2}
NONE = ()
OBJECTS = {"a": object()}


@bpf.func
def named(name: Annotated[str, 8]) -> bool:
    return name in MANY_NAMES


@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    i = ctx.rx_queue_index
    PORTS[0] = 1
    PORTS[i % 2] = 1
    PORTS[2]
    PORTS[i]
    PORTS[0:1]
    for name in NAMES:
        pass
    for row in UNEVEN:
        pass
    for x in HUGE:
        pass
    for x in NONE:
        pass
    for x in LIMITS[80]:
        pass
    for a, b, c in LIMITS.items():
        pass
    x = MIXED[0]
    y = LIMITS[i]
    z = LIMITS[22]
    w = LIMITS
    v = LIMITS.get(80)
    k = OBJECTS["a"]
    named("lo")
    for q in (1, "a"):
        pass
    return XDP_PASS
