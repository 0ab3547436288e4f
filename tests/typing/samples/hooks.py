"""Every hook's decorator, bare and with its options."""

from typing import Any, assert_type

import pybpfc as bpf
from pybpfc import i32, u32, u64


@bpf.raw_tracepoint("sched_switch")
def raw(ctx: bpf.RawTracepointContext) -> int:
    return i32(ctx.args[0])


@bpf.tp_btf("sched_switch")
def btf(preempt: bool, previous: Any, following: Any) -> int:
    return 0


@bpf.fexit("do_unlinkat", sleepable=True)
def unlinked(dfd: i32, name: Any, ret: i32) -> int:
    return ret


@bpf.kprobe("vfs_read")
def read(file: Any, buf: Any, count: u64) -> int:
    return 0


@bpf.ksyscall("openat")
def opened(dfd: i32, path: Any, flags: i32) -> int:
    return 0


@bpf.lsm("file_open")
def may_open(file: Any) -> int:
    return -1


@bpf.uprobe("/usr/bin/bash:readline", pid=1)
def line(ctx: bpf.UprobeContext) -> int:
    return i32(ctx.di)


@bpf.usdt("libc.so.6:libc:setjmp")
def jumped(ctx: bpf.KprobeContext) -> int:
    return 0


@bpf.profile(hz=99)
def sampled(ctx: bpf.PerfEventContext) -> int:
    return i32(ctx.sample_period)


@bpf.interval(seconds=0.5)
def ticked(ctx: bpf.PerfEventContext) -> int:
    return 0


@bpf.iter("task")
def visited(ctx: bpf.IterContext) -> int:
    return 0


@bpf.xdp(interface="veth0", mode="generic", frags=True)
def packet(ctx: bpf.XdpContext) -> int:
    return i32(ctx.ingress_ifindex)


@bpf.tcx_ingress
def arriving(skb: bpf.SkBuff) -> int:
    return i32(skb.mark)


@bpf.cgroup_connect4(cgroup="/sys/fs/cgroup")
def connecting(ctx: bpf.SockAddrContext) -> int:
    ctx.user_ip4 = 0x7F000001
    return 1


@bpf.cgroup_sysctl
def tuning(ctx: bpf.SysctlContext) -> int:
    return int(not ctx.write)


@bpf.netfilter(hook="local_in", pf="ipv4", priority=-10)
def filtered(ctx: bpf.NetfilterContext) -> int:
    return 1


@bpf.sk_lookup
def chosen(ctx: bpf.SkLookupContext) -> int:
    return i32(ctx.local_port)


@bpf.struct_ops("tcp_congestion_ops")
def undo_cwnd(sk: Any) -> int:
    return 0


@bpf.struct_ops("tcp_congestion_ops")
class congestion:
    name = "mine"
    undo = undo_cwnd

    def ssthresh(self, sk: Any) -> u32:
        return u32(2)


assert_type(undo_cwnd.name, str)

first: bpf.Program[[bpf.XdpContext], int] = packet
assert_type(arriving.name, str)
