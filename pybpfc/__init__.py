"""pybpfc: eBPF programs as typed Python functions.

Names load their modules at first use, so that `import pybpfc` costs next to nothing and a deployed tool never
imports the compiler.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # as in `typing`, whose import would cost more than all else here

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pybpfc.api import compile as compile
    from pybpfc.api import load as load
    from pybpfc.api import open_map as open_map
    from pybpfc.api import simulate as simulate
    from pybpfc.diagnostics.errors import AttachError as AttachError
    from pybpfc.diagnostics.errors import CompileError as CompileError
    from pybpfc.diagnostics.errors import CompilerBug as CompilerBug
    from pybpfc.diagnostics.errors import LoadError as LoadError
    from pybpfc.diagnostics.errors import PermissionDenied as PermissionDenied
    from pybpfc.diagnostics.errors import PybpfcError as PybpfcError
    from pybpfc.diagnostics.errors import VerifierError as VerifierError
    from pybpfc.lang.codec import CodecError as CodecError
    from pybpfc.lang.contexts import CgroupDeviceContext as CgroupDeviceContext
    from pybpfc.lang.contexts import CgroupSkbContext as CgroupSkbContext
    from pybpfc.lang.contexts import Context as Context
    from pybpfc.lang.contexts import FlowDissectorContext as FlowDissectorContext
    from pybpfc.lang.contexts import IterContext as IterContext
    from pybpfc.lang.contexts import KprobeContext as KprobeContext
    from pybpfc.lang.contexts import LircContext as LircContext
    from pybpfc.lang.contexts import LwtContext as LwtContext
    from pybpfc.lang.contexts import NetfilterContext as NetfilterContext
    from pybpfc.lang.contexts import PacketContext as PacketContext
    from pybpfc.lang.contexts import PerfEventContext as PerfEventContext
    from pybpfc.lang.contexts import RawTracepointContext as RawTracepointContext
    from pybpfc.lang.contexts import SkBuff as SkBuff
    from pybpfc.lang.contexts import SkBuffContext as SkBuffContext
    from pybpfc.lang.contexts import SkLookupContext as SkLookupContext
    from pybpfc.lang.contexts import SkMsgContext as SkMsgContext
    from pybpfc.lang.contexts import SkReuseportContext as SkReuseportContext
    from pybpfc.lang.contexts import SkSkbContext as SkSkbContext
    from pybpfc.lang.contexts import SockAddrContext as SockAddrContext
    from pybpfc.lang.contexts import SockContext as SockContext
    from pybpfc.lang.contexts import SocketFilterContext as SocketFilterContext
    from pybpfc.lang.contexts import SockOpsContext as SockOpsContext
    from pybpfc.lang.contexts import SockoptContext as SockoptContext
    from pybpfc.lang.contexts import SyscallContext as SyscallContext
    from pybpfc.lang.contexts import SysctlContext as SysctlContext
    from pybpfc.lang.contexts import TcContext as TcContext
    from pybpfc.lang.contexts import TracepointContext as TracepointContext
    from pybpfc.lang.contexts import TracingContext as TracingContext
    from pybpfc.lang.contexts import UprobeContext as UprobeContext
    from pybpfc.lang.contexts import UsdtContext as UsdtContext
    from pybpfc.lang.contexts import XdpContext as XdpContext
    from pybpfc.lang.errors import AnnotationError as AnnotationError
    from pybpfc.lang.errors import DeclarationError as DeclarationError
    from pybpfc.lang.errors import NotLoadedError as NotLoadedError
    from pybpfc.lang.event_maps import PerfEventArray as PerfEventArray
    from pybpfc.lang.event_maps import RingBuf as RingBuf
    from pybpfc.lang.event_maps import UserRingBuf as UserRingBuf
    from pybpfc.lang.functions import Function as Function
    from pybpfc.lang.functions import Kfunc as Kfunc
    from pybpfc.lang.functions import func as func
    from pybpfc.lang.functions import kfunc as kfunc
    from pybpfc.lang.globals import Const as Const
    from pybpfc.lang.globals import Global as Global
    from pybpfc.lang.hooks import fentry as fentry
    from pybpfc.lang.hooks import fexit as fexit
    from pybpfc.lang.hooks import fmod_ret as fmod_ret
    from pybpfc.lang.hooks import freplace as freplace
    from pybpfc.lang.hooks import interval as interval
    from pybpfc.lang.hooks import iter as iter
    from pybpfc.lang.hooks import kprobe as kprobe
    from pybpfc.lang.hooks import kprobe_multi as kprobe_multi
    from pybpfc.lang.hooks import kretprobe as kretprobe
    from pybpfc.lang.hooks import kretsyscall as kretsyscall
    from pybpfc.lang.hooks import ksyscall as ksyscall
    from pybpfc.lang.hooks import lsm as lsm
    from pybpfc.lang.hooks import lsm_cgroup as lsm_cgroup
    from pybpfc.lang.hooks import perf_event as perf_event
    from pybpfc.lang.hooks import profile as profile
    from pybpfc.lang.hooks import raw_tracepoint as raw_tracepoint
    from pybpfc.lang.hooks import tp_btf as tp_btf
    from pybpfc.lang.hooks import tracepoint as tracepoint
    from pybpfc.lang.hooks import uprobe as uprobe
    from pybpfc.lang.hooks import uprobe_multi as uprobe_multi
    from pybpfc.lang.hooks import uretprobe as uretprobe
    from pybpfc.lang.hooks import usdt as usdt
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
    from pybpfc.lang.intrinsics import atomic_add as atomic_add
    from pybpfc.lang.intrinsics import atomic_and as atomic_and
    from pybpfc.lang.intrinsics import atomic_cmpxchg as atomic_cmpxchg
    from pybpfc.lang.intrinsics import atomic_or as atomic_or
    from pybpfc.lang.intrinsics import atomic_sub as atomic_sub
    from pybpfc.lang.intrinsics import atomic_xchg as atomic_xchg
    from pybpfc.lang.intrinsics import atomic_xor as atomic_xor
    from pybpfc.lang.intrinsics import cast as cast
    from pybpfc.lang.intrinsics import dynptr_from_mem as dynptr_from_mem
    from pybpfc.lang.intrinsics import enum_exists as enum_exists
    from pybpfc.lang.intrinsics import enum_value as enum_value
    from pybpfc.lang.intrinsics import field_exists as field_exists
    from pybpfc.lang.intrinsics import field_offset as field_offset
    from pybpfc.lang.intrinsics import field_signed as field_signed
    from pybpfc.lang.intrinsics import field_size as field_size
    from pybpfc.lang.intrinsics import iter_num as iter_num
    from pybpfc.lang.intrinsics import kconfig as kconfig
    from pybpfc.lang.intrinsics import kernel_version as kernel_version
    from pybpfc.lang.intrinsics import ksym as ksym
    from pybpfc.lang.intrinsics import ksym_exists as ksym_exists
    from pybpfc.lang.intrinsics import local_type_id as local_type_id
    from pybpfc.lang.intrinsics import loop as loop
    from pybpfc.lang.intrinsics import offset_of as offset_of
    from pybpfc.lang.intrinsics import preempt_disable as preempt_disable
    from pybpfc.lang.intrinsics import printk as printk
    from pybpfc.lang.intrinsics import rcu_read_lock as rcu_read_lock
    from pybpfc.lang.intrinsics import size_of as size_of
    from pybpfc.lang.intrinsics import snprintf as snprintf
    from pybpfc.lang.intrinsics import spin_lock as spin_lock
    from pybpfc.lang.intrinsics import static_assert as static_assert
    from pybpfc.lang.intrinsics import type_exists as type_exists
    from pybpfc.lang.intrinsics import type_id as type_id
    from pybpfc.lang.intrinsics import type_matches as type_matches
    from pybpfc.lang.intrinsics import type_size as type_size
    from pybpfc.lang.keyed_maps import Array as Array
    from pybpfc.lang.keyed_maps import HashMap as HashMap
    from pybpfc.lang.keyed_maps import LpmTrie as LpmTrie
    from pybpfc.lang.keyed_maps import LruHashMap as LruHashMap
    from pybpfc.lang.keyed_maps import LruPerCpuHashMap as LruPerCpuHashMap
    from pybpfc.lang.keyed_maps import PerCpuArray as PerCpuArray
    from pybpfc.lang.keyed_maps import PerCpuHashMap as PerCpuHashMap
    from pybpfc.lang.keyed_maps import PerCpuValues as PerCpuValues
    from pybpfc.lang.network_hooks import cgroup_bind4 as cgroup_bind4
    from pybpfc.lang.network_hooks import cgroup_bind6 as cgroup_bind6
    from pybpfc.lang.network_hooks import cgroup_connect4 as cgroup_connect4
    from pybpfc.lang.network_hooks import cgroup_connect6 as cgroup_connect6
    from pybpfc.lang.network_hooks import cgroup_connect_unix as cgroup_connect_unix
    from pybpfc.lang.network_hooks import cgroup_device as cgroup_device
    from pybpfc.lang.network_hooks import cgroup_getpeername4 as cgroup_getpeername4
    from pybpfc.lang.network_hooks import cgroup_getpeername6 as cgroup_getpeername6
    from pybpfc.lang.network_hooks import cgroup_getpeername_unix as cgroup_getpeername_unix
    from pybpfc.lang.network_hooks import cgroup_getsockname4 as cgroup_getsockname4
    from pybpfc.lang.network_hooks import cgroup_getsockname6 as cgroup_getsockname6
    from pybpfc.lang.network_hooks import cgroup_getsockname_unix as cgroup_getsockname_unix
    from pybpfc.lang.network_hooks import cgroup_getsockopt as cgroup_getsockopt
    from pybpfc.lang.network_hooks import cgroup_post_bind4 as cgroup_post_bind4
    from pybpfc.lang.network_hooks import cgroup_post_bind6 as cgroup_post_bind6
    from pybpfc.lang.network_hooks import cgroup_recvmsg4 as cgroup_recvmsg4
    from pybpfc.lang.network_hooks import cgroup_recvmsg6 as cgroup_recvmsg6
    from pybpfc.lang.network_hooks import cgroup_recvmsg_unix as cgroup_recvmsg_unix
    from pybpfc.lang.network_hooks import cgroup_sendmsg4 as cgroup_sendmsg4
    from pybpfc.lang.network_hooks import cgroup_sendmsg6 as cgroup_sendmsg6
    from pybpfc.lang.network_hooks import cgroup_sendmsg_unix as cgroup_sendmsg_unix
    from pybpfc.lang.network_hooks import cgroup_setsockopt as cgroup_setsockopt
    from pybpfc.lang.network_hooks import cgroup_skb_egress as cgroup_skb_egress
    from pybpfc.lang.network_hooks import cgroup_skb_ingress as cgroup_skb_ingress
    from pybpfc.lang.network_hooks import cgroup_sock_create as cgroup_sock_create
    from pybpfc.lang.network_hooks import cgroup_sock_release as cgroup_sock_release
    from pybpfc.lang.network_hooks import cgroup_sysctl as cgroup_sysctl
    from pybpfc.lang.network_hooks import flow_dissector as flow_dissector
    from pybpfc.lang.network_hooks import lirc_mode2 as lirc_mode2
    from pybpfc.lang.network_hooks import lwt_in as lwt_in
    from pybpfc.lang.network_hooks import lwt_out as lwt_out
    from pybpfc.lang.network_hooks import lwt_seg6local as lwt_seg6local
    from pybpfc.lang.network_hooks import lwt_xmit as lwt_xmit
    from pybpfc.lang.network_hooks import netfilter as netfilter
    from pybpfc.lang.network_hooks import netkit_peer as netkit_peer
    from pybpfc.lang.network_hooks import netkit_primary as netkit_primary
    from pybpfc.lang.network_hooks import sk_lookup as sk_lookup
    from pybpfc.lang.network_hooks import sk_msg as sk_msg
    from pybpfc.lang.network_hooks import sk_reuseport as sk_reuseport
    from pybpfc.lang.network_hooks import sk_skb_stream_parser as sk_skb_stream_parser
    from pybpfc.lang.network_hooks import sk_skb_stream_verdict as sk_skb_stream_verdict
    from pybpfc.lang.network_hooks import sk_skb_verdict as sk_skb_verdict
    from pybpfc.lang.network_hooks import socket_filter as socket_filter
    from pybpfc.lang.network_hooks import sockops as sockops
    from pybpfc.lang.network_hooks import syscall as syscall
    from pybpfc.lang.network_hooks import tc as tc
    from pybpfc.lang.network_hooks import tc_action as tc_action
    from pybpfc.lang.network_hooks import tcx_egress as tcx_egress
    from pybpfc.lang.network_hooks import tcx_ingress as tcx_ingress
    from pybpfc.lang.network_hooks import xdp as xdp
    from pybpfc.lang.opaque import Dynptr as Dynptr
    from pybpfc.lang.opaque import ListHead as ListHead
    from pybpfc.lang.opaque import ListNode as ListNode
    from pybpfc.lang.opaque import RbNode as RbNode
    from pybpfc.lang.opaque import RbRoot as RbRoot
    from pybpfc.lang.opaque import RefCount as RefCount
    from pybpfc.lang.opaque import SpinLock as SpinLock
    from pybpfc.lang.opaque import Timer as Timer
    from pybpfc.lang.opaque import Workqueue as Workqueue
    from pybpfc.lang.other_maps import Arena as Arena
    from pybpfc.lang.other_maps import ArrayOfMaps as ArrayOfMaps
    from pybpfc.lang.other_maps import BloomFilter as BloomFilter
    from pybpfc.lang.other_maps import CgroupArray as CgroupArray
    from pybpfc.lang.other_maps import CpuMap as CpuMap
    from pybpfc.lang.other_maps import DevMap as DevMap
    from pybpfc.lang.other_maps import DevMapHash as DevMapHash
    from pybpfc.lang.other_maps import HashOfMaps as HashOfMaps
    from pybpfc.lang.other_maps import ProgArray as ProgArray
    from pybpfc.lang.other_maps import Queue as Queue
    from pybpfc.lang.other_maps import ReuseportSockArray as ReuseportSockArray
    from pybpfc.lang.other_maps import SockHash as SockHash
    from pybpfc.lang.other_maps import SockMap as SockMap
    from pybpfc.lang.other_maps import Stack as Stack
    from pybpfc.lang.other_maps import StackTrace as StackTrace
    from pybpfc.lang.other_maps import XskMap as XskMap
    from pybpfc.lang.pointers import Embedded as Embedded
    from pybpfc.lang.pointers import Ptr as Ptr
    from pybpfc.lang.pointers import UserPtr as UserPtr
    from pybpfc.lang.pointers import bits as bits
    from pybpfc.lang.programs import Link as Link
    from pybpfc.lang.programs import Program as Program
    from pybpfc.lang.programs import TestRun as TestRun
    from pybpfc.lang.storage_maps import CgroupStorage as CgroupStorage
    from pybpfc.lang.storage_maps import InodeStorage as InodeStorage
    from pybpfc.lang.storage_maps import SkStorage as SkStorage
    from pybpfc.lang.storage_maps import TaskStorage as TaskStorage
    from pybpfc.lang.struct import asdict as asdict
    from pybpfc.lang.struct import kernel_struct as kernel_struct
    from pybpfc.lang.struct import struct as struct
    from pybpfc.lang.struct import union as union
    from pybpfc.lang.struct_ops import StructOps as StructOps
    from pybpfc.lang.struct_ops import struct_ops as struct_ops
    from pybpfc.vm.errors import VmError as VmError

_EXPORTS: dict[str, str] = {
    "pybpfc.api": "compile load open_map simulate",
    "pybpfc.diagnostics.errors": (
        "AttachError CompileError CompilerBug LoadError PermissionDenied PybpfcError VerifierError"
    ),
    "pybpfc.lang.codec": "CodecError",
    "pybpfc.vm.errors": "VmError",
    "pybpfc.lang.contexts": (
        "CgroupDeviceContext CgroupSkbContext Context FlowDissectorContext IterContext KprobeContext "
        "LircContext LwtContext NetfilterContext PacketContext PerfEventContext RawTracepointContext SkBuff "
        "SkBuffContext SkLookupContext SkMsgContext SkReuseportContext SkSkbContext SockAddrContext "
        "SockContext SockOpsContext SocketFilterContext SockoptContext SyscallContext SysctlContext TcContext "
        "TracepointContext TracingContext UprobeContext UsdtContext XdpContext"
    ),
    "pybpfc.lang.errors": "AnnotationError DeclarationError NotLoadedError",
    "pybpfc.lang.event_maps": "PerfEventArray RingBuf UserRingBuf",
    "pybpfc.lang.functions": "Function Kfunc func kfunc",
    "pybpfc.lang.globals": "Const Global",
    "pybpfc.lang.hooks": (
        "fentry fexit fmod_ret freplace interval iter kprobe kprobe_multi kretprobe kretsyscall ksyscall lsm "
        "lsm_cgroup perf_event profile raw_tracepoint tp_btf tracepoint uprobe uprobe_multi "
        "uretprobe usdt"
    ),
    "pybpfc.lang.integers": "be16 be32 be64 i16 i32 i64 i8 u16 u32 u64 u8",
    "pybpfc.lang.intrinsics": (
        "atomic_add atomic_and atomic_cmpxchg atomic_or atomic_sub atomic_xchg atomic_xor cast dynptr_from_mem "
        "enum_exists enum_value field_exists field_offset field_signed field_size iter_num kconfig kernel_version "
        "ksym ksym_exists local_type_id loop "
        "offset_of preempt_disable printk rcu_read_lock size_of snprintf spin_lock static_assert "
        "type_exists type_id type_matches type_size"
    ),
    "pybpfc.lang.keyed_maps": (
        "Array HashMap LpmTrie LruHashMap LruPerCpuHashMap PerCpuArray PerCpuHashMap PerCpuValues"
    ),
    "pybpfc.lang.network_hooks": (
        "cgroup_bind4 cgroup_bind6 cgroup_connect4 cgroup_connect6 cgroup_connect_unix cgroup_device "
        "cgroup_getpeername4 cgroup_getpeername6 cgroup_getpeername_unix cgroup_getsockname4 "
        "cgroup_getsockname6 cgroup_getsockname_unix cgroup_getsockopt cgroup_post_bind4 cgroup_post_bind6 "
        "cgroup_recvmsg4 cgroup_recvmsg6 cgroup_recvmsg_unix cgroup_sendmsg4 cgroup_sendmsg6 "
        "cgroup_sendmsg_unix cgroup_setsockopt cgroup_skb_egress cgroup_skb_ingress cgroup_sock_create "
        "cgroup_sock_release cgroup_sysctl flow_dissector lirc_mode2 lwt_in lwt_out lwt_seg6local lwt_xmit "
        "netfilter netkit_peer netkit_primary sk_lookup sk_msg sk_reuseport sk_skb_stream_parser "
        "sk_skb_stream_verdict sk_skb_verdict socket_filter sockops syscall tc tc_action tcx_egress "
        "tcx_ingress xdp"
    ),
    "pybpfc.lang.opaque": "Dynptr ListHead ListNode RbNode RbRoot RefCount SpinLock Timer Workqueue",
    "pybpfc.lang.other_maps": (
        "Arena ArrayOfMaps BloomFilter CgroupArray CpuMap DevMap DevMapHash HashOfMaps ProgArray Queue "
        "ReuseportSockArray SockHash SockMap Stack StackTrace XskMap"
    ),
    "pybpfc.lang.pointers": "Embedded Ptr UserPtr bits",
    "pybpfc.lang.programs": "Link Program TestRun",
    "pybpfc.lang.storage_maps": "CgroupStorage InodeStorage SkStorage TaskStorage",
    "pybpfc.lang.struct": "asdict kernel_struct struct union",
    "pybpfc.lang.struct_ops": "StructOps struct_ops",
}
_MODULES: dict[str, str] = {name: module for module, names in _EXPORTS.items() for name in names.split()}

__all__ = ["__version__", *_MODULES]  # pyright: ignore[reportUnsupportedDunderAll]


if not TYPE_CHECKING:  # or checkers would take every name to exist

    def __getattr__(name):
        module = _MODULES.get(name)
        if module is None:
            raise AttributeError(f"module `pybpfc` has no attribute `{name}`")
        value = globals()[name] = getattr(importlib.import_module(module), name)
        return value

    def __dir__():
        return sorted({*globals(), *_MODULES})
