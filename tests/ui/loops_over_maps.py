import pybpfc as bpf
from pybpfc import u32, u64
from pybpfc.uapi import XDP_PASS

counts = bpf.HashMap[u32, u64](max_entries=4)
queue = bpf.Queue[u32](max_entries=4)
maps = bpf.HashOfMaps[u32, bpf.HashMap[u32, u64]](inner=counts, max_entries=4)


@bpf.xdp
def over_maps(ctx: bpf.XdpContext) -> int:
    for k in counts.items():
        pass
    for k, v in counts:
        pass
    for k, v, w in counts.items():
        pass
    for k, v in queue.items():
        pass
    for k, v in counts.items(4):
        pass
    for k in counts.nothing():
        pass
    for k, v in counts.items():
        v += 1
    for k, v in maps.lookup(1).items():
        pass
    inner = maps.lookup(1)
    if inner is not None:
        for k, v in inner.items():
            pass
    for k, (a, b) in counts.items():
        pass
    items = counts.items()
    keys = counts.keys()
    return XDP_PASS
