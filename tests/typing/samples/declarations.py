"""Types, structs, globals and functions of programs."""

import enum
from typing import Annotated, ClassVar, assert_type

import pybpfc as bpf
from pybpfc import be16, be32, i32, i64, u8, u16, u32, u64

N = 4


class Verdict(enum.IntEnum):
    DROP = 1
    PASS = 2


@bpf.struct
class Header:
    version: Annotated[u8, bpf.bits(4)]
    length: Annotated[u8, bpf.bits(4)]
    port: be16
    address: be32


@bpf.struct(packed=True, align=8)
class Event:
    VERSION: ClassVar[int] = 3
    ts: u64 = 0
    pid: u32 = 0
    ok: bool = False
    verdict: Verdict
    comm: Annotated[str, 16] = ""
    digest: Annotated[bytes, 20] = b""
    cpus: Annotated[list[u64], N]
    grid: Annotated[list[Annotated[list[u16], 2]], N]
    header: Header

    @bpf.func
    def age(self, now: u64) -> u64:
        return now - self.ts


@bpf.union
class Address:
    v4: be32 = 0
    v6: Annotated[bytes, 16] = b""


@bpf.struct
class Node:
    next: "bpf.Ptr[Node]"
    value: u64


@bpf.kernel_struct
class path:
    dentry: "dentry"


@bpf.kernel_struct
class dentry:
    d_flags: u32
    d_parent: "dentry"


@bpf.kernel_struct
class file:
    f_path: bpf.Embedded[path]
    f_mode: u32


limit: bpf.Const[u32] = 10
name: bpf.Const[Annotated[str, 16]] = ""
total: bpf.Global[u64] = 0
table: bpf.Global[Annotated[list[u32], 8]] = []
plain: u64 = 0


@bpf.func
def halve(x: u32) -> u32:
    return x // 2


@bpf.func(inline=True)
def clamp(x: i64, low: i64 = 0, high: i64 = 100) -> i64:
    return max(low, min(x, high))


@bpf.func(exported=True)
def verdict_of(event: Event | None) -> Verdict:
    if event is None:
        return Verdict.DROP
    assert_type(event.age(5), int)
    return event.verdict


@bpf.kfunc(since="6.2", acquire=True)
def bpf_task_from_pid(pid: i32) -> dentry | None: ...


@bpf.xdp
def program(ctx: bpf.XdpContext) -> int:
    global total, plain
    header = ctx.packet(Header)
    if header is None:
        return Verdict.PASS
    word = ctx.packet(u32, 14)
    if word:
        total += word.value
    assert_type(halve(3), int)
    assert_type(limit, int)
    assert_type(name, str)
    assert_type(header.port, int)
    bpf.atomic_add(total, 1)
    plain += clamp(limit, high=3)
    event = Event(verdict=Verdict.DROP, cpus=[], grid=[], header=header, pid=u32(1))
    total = event.age(u64(1) << 3)
    f: bpf.Ptr[file] | None = None
    if f is not None:
        assert_type(f.value.f_path.dentry.d_parent.d_flags, int)
    task = bpf_task_from_pid(1)
    if task is not None:
        total = task.d_flags
    if bpf.field_exists(file, "f_mode") and bpf.kconfig("CONFIG_HZ", u32) == 250:
        bpf.printk(f"version {bpf.kernel_version():x}")
    return Verdict.PASS


header = Header(version=4, length=5, port=80, address=0)
raw = bpf.asdict(Event(verdict=Verdict.PASS, cpus=[], grid=[], header=header))
print(raw, Event.VERSION, Address(v4=1).v6)
