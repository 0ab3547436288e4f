"""The argument structures of bpf(2) and perf_event_open(2), one ctypes structure per command.

The kernel takes a structure longer than it knows as long as the rest is zero, and fills one shorter than it knows
with zeros, so the layouts of the newest kernel serve all of them.
"""

from __future__ import annotations

import ctypes
from typing import ClassVar

_U32 = ctypes.c_uint32
_U64 = ctypes.c_uint64
_S32 = ctypes.c_int32
_S64 = ctypes.c_int64
_Name = ctypes.c_char * 16

_Fields = list[tuple[str, type]]


class MapCreate(ctypes.Structure):
    """BPF_MAP_CREATE."""

    _fields_: ClassVar[_Fields] = [
        ("map_type", _U32),
        ("key_size", _U32),
        ("value_size", _U32),
        ("max_entries", _U32),
        ("map_flags", _U32),
        ("inner_map_fd", _U32),
        ("numa_node", _U32),
        ("map_name", _Name),
        ("map_ifindex", _U32),
        ("btf_fd", _U32),
        ("btf_key_type_id", _U32),
        ("btf_value_type_id", _U32),
        ("btf_vmlinux_value_type_id", _U32),
        ("map_extra", _U64),
        ("value_type_btf_obj_fd", _S32),
        ("map_token_fd", _S32),
    ]


class MapElement(ctypes.Structure):
    """BPF_MAP_LOOKUP_ELEM and its siblings; `value` is `next_key` for BPF_MAP_GET_NEXT_KEY."""

    _fields_: ClassVar[_Fields] = [("map_fd", _U32), ("key", _U64), ("value", _U64), ("flags", _U64)]


class MapBatch(ctypes.Structure):
    """BPF_MAP_LOOKUP_BATCH and its siblings."""

    _fields_: ClassVar[_Fields] = [
        ("in_batch", _U64),
        ("out_batch", _U64),
        ("keys", _U64),
        ("values", _U64),
        ("count", _U32),
        ("map_fd", _U32),
        ("elem_flags", _U64),
        ("flags", _U64),
    ]


class ProgLoad(ctypes.Structure):
    """BPF_PROG_LOAD."""

    _fields_: ClassVar[_Fields] = [
        ("prog_type", _U32),
        ("insn_cnt", _U32),
        ("insns", _U64),
        ("license", _U64),
        ("log_level", _U32),
        ("log_size", _U32),
        ("log_buf", _U64),
        ("kern_version", _U32),
        ("prog_flags", _U32),
        ("prog_name", _Name),
        ("prog_ifindex", _U32),
        ("expected_attach_type", _U32),
        ("prog_btf_fd", _U32),
        ("func_info_rec_size", _U32),
        ("func_info", _U64),
        ("func_info_cnt", _U32),
        ("line_info_rec_size", _U32),
        ("line_info", _U64),
        ("line_info_cnt", _U32),
        ("attach_btf_id", _U32),
        ("attach_prog_fd", _U32),
        ("core_relo_cnt", _U32),
        ("fd_array", _U64),
        ("core_relos", _U64),
        ("core_relo_rec_size", _U32),
        ("log_true_size", _U32),
        ("prog_token_fd", _S32),
        ("fd_array_cnt", _U32),
    ]


class Object(ctypes.Structure):
    """BPF_OBJ_PIN and BPF_OBJ_GET."""

    _fields_: ClassVar[_Fields] = [("pathname", _U64), ("bpf_fd", _U32), ("file_flags", _U32), ("path_fd", _S32)]


class ProgAttach(ctypes.Structure):
    """BPF_PROG_ATTACH and BPF_PROG_DETACH."""

    _fields_: ClassVar[_Fields] = [
        ("target_fd", _U32),
        ("attach_bpf_fd", _U32),
        ("attach_type", _U32),
        ("attach_flags", _U32),
        ("replace_bpf_fd", _U32),
        ("relative_fd", _U32),
        ("expected_revision", _U64),
    ]


class TestRun(ctypes.Structure):
    """BPF_PROG_TEST_RUN."""

    __test__ = False  # its name looks like a test's

    _fields_: ClassVar[_Fields] = [
        ("prog_fd", _U32),
        ("retval", _U32),
        ("data_size_in", _U32),
        ("data_size_out", _U32),
        ("data_in", _U64),
        ("data_out", _U64),
        ("repeat", _U32),
        ("duration", _U32),
        ("ctx_size_in", _U32),
        ("ctx_size_out", _U32),
        ("ctx_in", _U64),
        ("ctx_out", _U64),
        ("flags", _U32),
        ("cpu", _U32),
        ("batch_size", _U32),
    ]


class ObjectId(ctypes.Structure):
    """BPF_*_GET_NEXT_ID and BPF_*_GET_FD_BY_ID."""

    _fields_: ClassVar[_Fields] = [("id", _U32), ("next_id", _U32), ("open_flags", _U32)]


class ObjectInfo(ctypes.Structure):
    """BPF_OBJ_GET_INFO_BY_FD."""

    _fields_: ClassVar[_Fields] = [("bpf_fd", _U32), ("info_len", _U32), ("info", _U64)]


class RawTracepoint(ctypes.Structure):
    """BPF_RAW_TRACEPOINT_OPEN."""

    _fields_: ClassVar[_Fields] = [("name", _U64), ("prog_fd", _U32), ("cookie", _U64)]


class BtfLoad(ctypes.Structure):
    """BPF_BTF_LOAD."""

    _fields_: ClassVar[_Fields] = [
        ("btf", _U64),
        ("btf_log_buf", _U64),
        ("btf_size", _U32),
        ("btf_log_size", _U32),
        ("btf_log_level", _U32),
        ("btf_log_true_size", _U32),
        ("btf_flags", _U32),
        ("btf_token_fd", _S32),
    ]


class _IterTarget(ctypes.Structure):
    _fields_: ClassVar[_Fields] = [("info", _U64), ("info_len", _U32)]


class _KprobeMulti(ctypes.Structure):
    _fields_: ClassVar[_Fields] = [("flags", _U32), ("cnt", _U32), ("syms", _U64), ("addrs", _U64), ("cookies", _U64)]


class _Tracing(ctypes.Structure):
    _fields_: ClassVar[_Fields] = [("target_btf_id", _U32), ("cookie", _U64)]


class _Netfilter(ctypes.Structure):
    _fields_: ClassVar[_Fields] = [("pf", _U32), ("hooknum", _U32), ("priority", _S32), ("flags", _U32)]


class _Ordered(ctypes.Structure):
    _fields_: ClassVar[_Fields] = [("relative", _U32), ("expected_revision", _U64)]


class _UprobeMulti(ctypes.Structure):
    _fields_: ClassVar[_Fields] = [
        ("path", _U64),
        ("offsets", _U64),
        ("ref_ctr_offsets", _U64),
        ("cookies", _U64),
        ("cnt", _U32),
        ("flags", _U32),
        ("pid", _U32),
    ]


class _LinkTarget(ctypes.Union):
    _fields_: ClassVar[_Fields] = [
        ("iter", _IterTarget),
        ("perf_cookie", _U64),
        ("kprobe_multi", _KprobeMulti),
        ("tracing", _Tracing),
        ("netfilter", _Netfilter),
        ("ordered", _Ordered),
        ("uprobe_multi", _UprobeMulti),
    ]


class LinkCreate(ctypes.Structure):
    """BPF_LINK_CREATE; `ordered` serves tcx, netkit and cgroup links."""

    _anonymous_ = ("which",)
    _fields_: ClassVar[_Fields] = [
        ("prog_fd", _U32),
        ("target_fd", _U32),
        ("attach_type", _U32),
        ("flags", _U32),
        ("which", _LinkTarget),
    ]


class LinkUpdate(ctypes.Structure):
    """BPF_LINK_UPDATE."""

    _fields_: ClassVar[_Fields] = [("link_fd", _U32), ("new_prog_fd", _U32), ("flags", _U32), ("old_prog_fd", _U32)]


class LinkFd(ctypes.Structure):
    """BPF_LINK_DETACH and BPF_ITER_CREATE."""

    _fields_: ClassVar[_Fields] = [("link_fd", _U32), ("flags", _U32)]


class MapFd(ctypes.Structure):
    """BPF_MAP_FREEZE."""

    _fields_: ClassVar[_Fields] = [("map_fd", _U32)]


class ProgBindMap(ctypes.Structure):
    """BPF_PROG_BIND_MAP."""

    _fields_: ClassVar[_Fields] = [("prog_fd", _U32), ("map_fd", _U32), ("flags", _U32)]


class MapInfo(ctypes.Structure):
    """What BPF_OBJ_GET_INFO_BY_FD tells of a map."""

    _fields_: ClassVar[_Fields] = [
        ("type", _U32),
        ("id", _U32),
        ("key_size", _U32),
        ("value_size", _U32),
        ("max_entries", _U32),
        ("map_flags", _U32),
        ("name", _Name),
        ("ifindex", _U32),
        ("btf_vmlinux_value_type_id", _U32),
        ("netns_dev", _U64),
        ("netns_ino", _U64),
        ("btf_id", _U32),
        ("btf_key_type_id", _U32),
        ("btf_value_type_id", _U32),
        ("btf_vmlinux_id", _U32),
        ("map_extra", _U64),
    ]


class ProgInfo(ctypes.Structure):
    """What BPF_OBJ_GET_INFO_BY_FD tells of a program."""

    _fields_: ClassVar[_Fields] = [
        ("type", _U32),
        ("id", _U32),
        ("tag", ctypes.c_uint8 * 8),
        ("jited_prog_len", _U32),
        ("xlated_prog_len", _U32),
        ("jited_prog_insns", _U64),
        ("xlated_prog_insns", _U64),
        ("load_time", _U64),
        ("created_by_uid", _U32),
        ("nr_map_ids", _U32),
        ("map_ids", _U64),
        ("name", _Name),
        ("ifindex", _U32),
        ("gpl_compatible", _U32),
        ("netns_dev", _U64),
        ("netns_ino", _U64),
        ("nr_jited_ksyms", _U32),
        ("nr_jited_func_lens", _U32),
        ("jited_ksyms", _U64),
        ("jited_func_lens", _U64),
        ("btf_id", _U32),
        ("func_info_rec_size", _U32),
        ("func_info", _U64),
        ("nr_func_info", _U32),
        ("nr_line_info", _U32),
        ("line_info", _U64),
        ("jited_line_info", _U64),
        ("nr_jited_line_info", _U32),
        ("line_info_rec_size", _U32),
        ("jited_line_info_rec_size", _U32),
        ("nr_prog_tags", _U32),
        ("prog_tags", _U64),
        ("run_time_ns", _U64),
        ("run_cnt", _U64),
        ("recursion_misses", _U64),
        ("verified_insns", _U32),
        ("attach_btf_obj_id", _U32),
        ("attach_btf_id", _U32),
    ]


class LinkInfo(ctypes.Structure):
    """What BPF_OBJ_GET_INFO_BY_FD tells of a link: the common part, then `detail` as the kind of link defines it."""

    _fields_: ClassVar[_Fields] = [
        ("type", _U32),
        ("id", _U32),
        ("prog_id", _U32),
        ("padding", _U32),
        ("detail", ctypes.c_uint8 * 64),
    ]


class PerfEventAttr(ctypes.Structure):
    """perf_event_attr of perf_event_open(2), as of PERF_ATTR_SIZE_VER7; `flags` is the bit-field word."""

    _fields_: ClassVar[_Fields] = [
        ("type", _U32),
        ("size", _U32),
        ("config", _U64),
        ("sample_period", _U64),
        ("sample_type", _U64),
        ("read_format", _U64),
        ("flags", _U64),
        ("wakeup_events", _U32),
        ("bp_type", _U32),
        ("config1", _U64),
        ("config2", _U64),
        ("branch_sample_type", _U64),
        ("sample_regs_user", _U64),
        ("sample_stack_user", _U32),
        ("clockid", _S32),
        ("sample_regs_intr", _U64),
        ("aux_watermark", _U32),
        ("sample_max_stack", ctypes.c_uint16),
        ("reserved_2", ctypes.c_uint16),
    ]


class BtfInfo(ctypes.Structure):
    """What BPF_OBJ_GET_INFO_BY_FD tells of BTF."""

    _fields_: ClassVar[_Fields] = [
        ("btf", _U64),
        ("btf_size", _U32),
        ("id", _U32),
        ("name", _U64),
        ("name_len", _U32),
        ("kernel_btf", _U32),
    ]
