"""Maps on both sides."""

from typing import Annotated, assert_type

import pybpfc as bpf
from pybpfc import Ptr, u32, u64


@bpf.struct
class Flow:
    packets: u64 = 0
    bytes: u64 = 0
    lock: bpf.SpinLock


@bpf.struct
class Prefix:
    prefixlen: u32 = 0
    address: Annotated[bytes, 4] = b""


counts = bpf.HashMap[u32, u64](max_entries=64)
flows = bpf.LruHashMap[u32, Flow](max_entries=64, flags=2, pinned=True)
names = bpf.HashMap[Annotated[str, 16], bool](max_entries=8, numa_node=0)
slots = bpf.Array[u64](max_entries=8)
per_cpu = bpf.PerCpuArray[u64](max_entries=8)
per_cpu_flows = bpf.PerCpuHashMap[u32, Flow](max_entries=8)
routes = bpf.LpmTrie[Prefix, u32](max_entries=8)
queue = bpf.Queue[Flow](max_entries=8)
seen = bpf.BloomFilter[u32](max_entries=8)
events = bpf.RingBuf[Flow](size=4096)
samples = bpf.PerfEventArray[Flow]()
jumps = bpf.ProgArray(max_entries=8)
stacks = bpf.StackTrace(max_entries=8)
ports = bpf.DevMap(max_entries=8)
by_task = bpf.TaskStorage[u64]()
by_socket = bpf.SkStorage[Flow]()
inner = bpf.HashMap[u32, u64](max_entries=4)
outer = bpf.ArrayOfMaps[bpf.HashMap[u32, u64]](max_entries=4, inner=inner)


@bpf.tc(interface="lo", direction="ingress")
def program(skb: bpf.TcContext) -> int:
    count = counts.lookup(1)
    assert_type(count, Ptr[int] | None)
    if count is not None:
        count.value += 1
        bpf.atomic_add(count, 2)
    if flag := names.lookup("init"):
        assert_type(flag.value, bool)
    flow = flows.lookup(skb.mark)
    assert_type(flow, Flow | None)
    if flow is None:
        flows.update(skb.mark, Flow(packets=1, lock=bpf.SpinLock()), 1)
        return 0
    with bpf.spin_lock(flow.lock):
        flow.packets += 1
    assert_type(counts.get(1, 0), int)
    counts[5] += 1
    counts[6] = counts.get(5, 0)
    per_cpu[0] += 1
    assert_type(per_cpu.lookup(0), Ptr[int] | None)
    assert_type(per_cpu_flows.lookup(0), Flow | None)
    del counts[5]
    if 5 in counts or 3 in seen:
        return 1
    slots[1] += skb.len
    assert_type(routes.lookup(Prefix(prefixlen=32)), Ptr[int] | None)
    queue.push(flow)
    if events.output(flow) or samples.output(skb, flow):
        return 2
    one = by_task.get(skb.sk, create=True)
    if one is not None:
        one.value += 1
    two = by_socket.get(skb.sk)
    if two is not None:
        two.packets += 1
    within = outer.lookup(3)
    if within is not None:
        assert_type(within.lookup(1), Ptr[int] | None)
    ports.redirect(1)
    jumps.tail_call(skb, 1)
    return 0


def user_space() -> None:
    assert_type(counts[1], int)
    assert_type(counts.get(1), int | None)
    assert_type(counts.get(1, "none"), int | str)
    assert_type(dict(counts.items()), dict[int, int])
    assert_type(counts.to_dict(), dict[int, int])
    counts.update({1: 2})
    counts.update([(1, 2)])
    assert_type(counts.pop(1, None), int | None)
    assert_type(per_cpu[0].sum(), int)
    assert_type(per_cpu[0][1], int)
    per_cpu[0] = 5
    per_cpu[0] = [1, 2]
    assert_type(per_cpu_flows[1].sum(), Flow)
    assert_type([flow.packets for flow in events.poll(timeout=0.5)], list[int])
    for flow in events:
        assert_type(flow, Flow)
    for key, values in per_cpu_flows.items(batch=100):
        print(key + 1, len(values), values.sum().packets)
    routes["10.0.0.0/8"] = 1
    jumps[0] = program
    ports[1] = "eth0"
    assert_type(stacks[5], list[int])
    by_task[1] = 7
    outer[0] = inner
    counts.pin("/sys/fs/bpf/counts")
    link = program.attach(interface="lo")
    link.detach()
    assert_type(program.test_run(data=b"").retval, int)


async def follow() -> None:
    async for flow in events:
        assert_type(flow, Flow)
