import pybpfc as bpf
from pybpfc import u32, u64
from pybpfc.uapi import XDP_PASS

queue = bpf.Queue[u64](max_entries=8)
jumps = bpf.ProgArray(max_entries=4)
ports = bpf.DevMap(max_entries=4)
seen = bpf.BloomFilter[u32](max_entries=64)
inner = bpf.HashMap[u32, u64](max_entries=4)
outer = bpf.ArrayOfMaps[bpf.HashMap[u32, u64]](inner=inner, max_entries=4)


@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    x = queue.pop()
    total = x + 1
    y = x
    inner[1] = x
    if x == 3:
        print(f"{x}")
    queue.push("text")
    queue.lookup(1)
    jumps.tail_call(x, 1)
    jumps.tail_call(ctx)
    ports.redirect(-1)
    ports[1] = 2
    if 1 in queue:
        pass
    if "text" in seen:
        pass
    table = outer.lookup(1)
    table[1] = 2
    table.lookup(1)
    if 1 in table:
        pass
    if table is not None:
        kept = table
        table.push(1)
        for key in table:
            pass
    outer[1] = inner
    return XDP_PASS
