"""Functions that no program reaches are checked too, but generic ones, which mean nothing without a type."""

from typing import TypeVar

import pybpfc as bpf
from pybpfc import u32, u64
from pybpfc.helpers import bpf_ktime_get_ns
from pybpfc.uapi import XDP_PASS

T = TypeVar("T")


@bpf.struct
class Pair:
    a: u32
    b: u32

    @bpf.func
    def total(self) -> u32:
        return self.a + self.nothing

    def only_for_python(self) -> str:
        return f"{self.a}"


@bpf.func
def unreached(n: u32) -> u32:
    return n + undefined_name


@bpf.func
def callee(n: u32) -> u32:
    return n.nothing


@bpf.func
def caller(n: u32) -> u32:
    return callee(n)


@bpf.func
def generic(kind: type[T], n: u32) -> u32:
    return kind(n).nothing


@bpf.func
def deferred(kind: "type[T]", n: u32) -> u32:
    return kind(n).nothing


@bpf.func
def itself(n: u32) -> u32:
    return itself(n)


@bpf.func
def without_annotation(n) -> u32:
    return 0


@bpf.func
def right(n: u32) -> u64:
    return bpf_ktime_get_ns() + n


alias = unreached


@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    return XDP_PASS
