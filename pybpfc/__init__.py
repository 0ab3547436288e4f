"""pybpfc: eBPF programs as typed Python functions.

    import pybpfc as bpf

Decorate functions with hooks, declare maps and structs, and `bpf.load()` the module.
"""

from pybpfc.api import compile as compile
from pybpfc.api import load as load
from pybpfc.api import simulate as simulate
from pybpfc.diagnostics.errors import AttachError as AttachError
from pybpfc.diagnostics.errors import CompileError as CompileError
from pybpfc.diagnostics.errors import LoadError as LoadError
from pybpfc.diagnostics.errors import PermissionDenied as PermissionDenied
from pybpfc.diagnostics.errors import PybpfcError as PybpfcError
from pybpfc.diagnostics.errors import VerifierError as VerifierError
from pybpfc.lang.context_types import PacketContext as PacketContext
from pybpfc.lang.context_types import RawTracepointContext as RawTracepointContext
from pybpfc.lang.context_types import SkBuffContext as SkBuffContext
from pybpfc.lang.context_types import SkLookupContext as SkLookupContext
from pybpfc.lang.context_types import TracepointContext as TracepointContext
from pybpfc.lang.context_types import XdpContext as XdpContext
from pybpfc.lang.event_maps import PerfEventArray as PerfEventArray
from pybpfc.lang.event_maps import RingBuf as RingBuf
from pybpfc.lang.functions import atomic_add as atomic_add
from pybpfc.lang.functions import atomic_and as atomic_and
from pybpfc.lang.functions import atomic_cmpxchg as atomic_cmpxchg
from pybpfc.lang.functions import atomic_or as atomic_or
from pybpfc.lang.functions import atomic_sub as atomic_sub
from pybpfc.lang.functions import atomic_xchg as atomic_xchg
from pybpfc.lang.functions import atomic_xor as atomic_xor
from pybpfc.lang.functions import func as func
from pybpfc.lang.functions import printk as printk
from pybpfc.lang.functions import size_of as size_of
from pybpfc.lang.globals import Const as Const
from pybpfc.lang.globals import Global as Global
from pybpfc.lang.integers import be16 as be16
from pybpfc.lang.integers import be32 as be32
from pybpfc.lang.integers import be64 as be64
from pybpfc.lang.integers import i8 as i8
from pybpfc.lang.integers import i16 as i16
from pybpfc.lang.integers import i32 as i32
from pybpfc.lang.integers import i64 as i64
from pybpfc.lang.integers import u8 as u8
from pybpfc.lang.integers import u16 as u16
from pybpfc.lang.integers import u32 as u32
from pybpfc.lang.integers import u64 as u64
from pybpfc.lang.keyed_maps import Array as Array
from pybpfc.lang.keyed_maps import HashMap as HashMap
from pybpfc.lang.keyed_maps import LpmTrie as LpmTrie
from pybpfc.lang.keyed_maps import LruHashMap as LruHashMap
from pybpfc.lang.keyed_maps import LruPerCpuHashMap as LruPerCpuHashMap
from pybpfc.lang.keyed_maps import PerCpuArray as PerCpuArray
from pybpfc.lang.keyed_maps import PerCpuHashMap as PerCpuHashMap
from pybpfc.lang.other_maps import BloomFilter as BloomFilter
from pybpfc.lang.other_maps import ProgArray as ProgArray
from pybpfc.lang.other_maps import Queue as Queue
from pybpfc.lang.other_maps import Stack as Stack
from pybpfc.lang.pointers import Ptr as Ptr
from pybpfc.lang.pointers import UserPtr as UserPtr
from pybpfc.lang.pointers import bits as bits
from pybpfc.lang.programs import cgroup_skb_egress as cgroup_skb_egress
from pybpfc.lang.programs import cgroup_skb_ingress as cgroup_skb_ingress
from pybpfc.lang.programs import raw_tracepoint as raw_tracepoint
from pybpfc.lang.programs import sk_lookup as sk_lookup
from pybpfc.lang.programs import socket_filter as socket_filter
from pybpfc.lang.programs import tc as tc
from pybpfc.lang.programs import tcx_egress as tcx_egress
from pybpfc.lang.programs import tcx_ingress as tcx_ingress
from pybpfc.lang.programs import tracepoint as tracepoint
from pybpfc.lang.programs import xdp as xdp
from pybpfc.lang.struct import struct as struct
from pybpfc.lang.struct import union as union

__version__ = "0.1.0"
