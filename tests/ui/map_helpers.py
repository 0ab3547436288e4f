import pybpfc as bpf
from pybpfc import i32, u64
from pybpfc.helpers import bpf_get_current_task_btf
from pybpfc.uapi import XDP_PASS

sockets = bpf.SockMap(max_entries=4)
groups = bpf.CgroupArray(max_entries=4)
stacks = bpf.StackTrace(max_entries=4)
calls = bpf.TaskStorage[u64]()
members = bpf.ReuseportSockArray(max_entries=4)


@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    sockets.redirect(ctx, 1)
    groups.packet_under(ctx, 1)
    calls.get(bpf_get_current_task_btf(), create=1)
    calls.get(5)
    members.select(ctx, 1)
    calls.delete(ctx)
    stacks.get_stackid(ctx)
    return XDP_PASS


@bpf.cgroup_skb_egress
def account(ctx: bpf.SkBuff) -> int:
    calls.get(ctx.sk)
    return i32(ctx.sk.family)
