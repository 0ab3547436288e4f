import pybpfc as bpf
from pybpfc import u32, u64
from pybpfc.helpers import bpf_get_prandom_u32
from pybpfc.uapi import XDP_PASS

counts = bpf.HashMap[u32, u64](max_entries=4)


@bpf.struct
class State:
    total: u64


@bpf.func
def right(i: u32, state: State) -> int:
    state.total += i
    return 0


@bpf.func
def two_states(i: u32, a: State, b: State) -> int:
    return 0


@bpf.func
def nothing() -> int:
    return 0


@bpf.func
def without_result(i: u32, state: State) -> None:
    state.total += i


def plain(i: u32) -> int:
    return 0


@bpf.xdp
def by_loop(ctx: bpf.XdpContext) -> int:
    state = State()
    n = bpf_get_prandom_u32()
    bpf.loop(n)
    bpf.loop(n, right, state, 4)
    bpf.loop(n, right)
    bpf.loop(n, right, n)
    bpf.loop(n, two_states, state)
    bpf.loop(n, nothing)
    bpf.loop(n, without_result, state)
    bpf.loop(n, plain)
    bpf.loop(n, 4)
    bpf.loop(state, right, state)
    bpf.loop(count=n, callback=right)
    bpf.loop(n, count=n, function=right)
    bpf.loop(count=n, function=right, ctx=state)
    x = bpf.loop(n, right, state) + 1
    return XDP_PASS


@bpf.xdp
def by_iter_num(ctx: bpf.XdpContext) -> int:
    n = bpf_get_prandom_u32()
    for i in bpf.iter_num(n):
        pass
    for i in bpf.iter_num(0, n, 2):
        pass
    for i, j in bpf.iter_num(0, n):
        pass
    for i in bpf.iter_num(0, counts):
        pass
    for i in bpf.iter_num(0, 100_000_000):
        pass
    bpf.loop(100_000_000, right, State())
    numbers = bpf.iter_num(0, n)
    return XDP_PASS
