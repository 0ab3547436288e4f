"""Map types: what keys, values and flags they take, and the operations of programs and of user space."""

from __future__ import annotations

from pybpfc.abi.versions import KernelVersion, version
from pybpfc.records import frozen


@frozen
class MapType:
    """One map type.

    `key`: `any` size, `none`, `u32` (an index), `lpm` (a prefix length and up to 256 bytes), `fd` (of the object that the
    storage belongs to) or `cgroup` (an id, or a struct `bpf_cgroup_storage_key`).
    `value`: `any` size, `none`, `u32` (a file descriptor or program id), `stack` (addresses of 8 bytes, or 32 bytes for
    each build id), `dev` and `cpu` (u32, or with a program `bpf_devmap_val`, `bpf_cpumap_val`), `sock` (4 or 8 bytes) or
    `struct` (the struct of a struct_ops).
    `entries`: what `max_entries` is: `some` (at least one), `none` (0), `pages` (bytes: a power of two and whole pages),
    `cpus` (at most the CPUs), `one`, `arena` (pages).
    `required_flags` must be given at creation, `flags` may be.
    """

    name: str
    uapi: int
    key: str
    value: str
    kernel_ops: frozenset[str]
    user_ops: frozenset[str]
    per_cpu: bool
    since: KernelVersion
    btf: bool
    entries: str
    flags: frozenset[str]
    required_flags: frozenset[str]


_IN_PROGRAMS = "lookup update delete contains get increment"
_IN_USER = "lookup update delete iterate batch"
_ACCESS = "RDONLY WRONLY"
_BOTH = "RDONLY WRONLY RDONLY_PROG WRONLY_PROG"

# name, number, key, value, entries, operations in programs, operations in user space, since, flags (! for required ones)
_ROWS: tuple[tuple[str, int, str, str, str, str, str, str, str], ...] = (
    ("HASH", 1, "any", "any", "some", _IN_PROGRAMS, f"{_IN_USER} pop", "3.19", f"NO_PREALLOC NUMA_NODE ZERO_SEED {_BOTH}"),
    ("ARRAY", 2, "u32", "any", "some", "lookup update get contains increment", "lookup update iterate batch mmap", "3.19", f"NUMA_NODE MMAPABLE INNER_MAP {_BOTH}"),
    ("PROG_ARRAY", 3, "u32", "u32", "some", "tail_call", "lookup update delete iterate", "4.2", f"NUMA_NODE {_ACCESS}"),
    ("PERF_EVENT_ARRAY", 4, "u32", "u32", "some", "output read", "update delete read", "4.3", f"NUMA_NODE PRESERVE_ELEMS {_ACCESS}"),
    ("PERCPU_HASH", 5, "any", "any", "some", f"{_IN_PROGRAMS} lookup_percpu", f"{_IN_USER} pop", "4.6", f"NO_PREALLOC ZERO_SEED {_BOTH}"),
    ("PERCPU_ARRAY", 6, "u32", "any", "some", "lookup update get contains increment lookup_percpu", "lookup update iterate batch", "4.6", _BOTH),
    ("STACK_TRACE", 7, "u32", "stack", "some", "get_stackid", "lookup delete iterate", "4.6", f"NUMA_NODE STACK_BUILD_ID {_ACCESS}"),
    ("CGROUP_ARRAY", 8, "u32", "u32", "some", "under_cgroup", "update delete", "4.8", f"NUMA_NODE {_ACCESS}"),
    ("LRU_HASH", 9, "any", "any", "some", _IN_PROGRAMS, f"{_IN_USER} pop", "4.10", f"NO_COMMON_LRU NUMA_NODE ZERO_SEED {_BOTH}"),
    ("LRU_PERCPU_HASH", 10, "any", "any", "some", f"{_IN_PROGRAMS} lookup_percpu", f"{_IN_USER} pop", "4.10", f"NO_COMMON_LRU ZERO_SEED {_BOTH}"),
    ("LPM_TRIE", 11, "lpm", "any", "some", "lookup update delete contains get", _IN_USER, "4.11", f"NO_PREALLOC! NUMA_NODE {_BOTH}"),
    ("ARRAY_OF_MAPS", 12, "u32", "u32", "some", "lookup", _IN_USER, "4.12", f"NUMA_NODE {_ACCESS}"),
    ("HASH_OF_MAPS", 13, "any", "u32", "some", "lookup", _IN_USER, "4.12", f"NO_PREALLOC NUMA_NODE ZERO_SEED {_BOTH}"),
    ("DEVMAP", 14, "u32", "dev", "some", "redirect lookup", "lookup update delete iterate", "4.14", f"NUMA_NODE {_ACCESS}"),
    ("SOCKMAP", 15, "u32", "sock", "some", "redirect lookup update delete", "lookup update delete iterate", "4.14", f"NUMA_NODE {_ACCESS}"),
    ("CPUMAP", 16, "u32", "cpu", "cpus", "redirect", "lookup update delete iterate", "4.15", "NUMA_NODE"),
    ("XSKMAP", 17, "u32", "u32", "some", "redirect lookup", "update delete iterate", "4.18", f"NUMA_NODE {_ACCESS}"),
    ("SOCKHASH", 18, "any", "sock", "some", "redirect lookup update delete", "lookup update delete iterate", "4.18", f"NUMA_NODE {_ACCESS}"),
    ("CGROUP_STORAGE", 19, "cgroup", "any", "none", "get_local", "lookup update iterate", "4.19", f"NUMA_NODE {_BOTH}"),
    ("REUSEPORT_SOCKARRAY", 20, "u32", "sock", "some", "select", "lookup update delete iterate", "4.19", f"NUMA_NODE {_BOTH}"),
    ("PERCPU_CGROUP_STORAGE", 21, "cgroup", "any", "none", "get_local", "lookup update iterate", "4.20", f"NUMA_NODE {_BOTH}"),
    ("QUEUE", 22, "none", "any", "some", "push pop peek", "push pop peek", "4.20", f"NUMA_NODE {_BOTH}"),
    ("STACK", 23, "none", "any", "some", "push pop peek", "push pop peek", "4.20", f"NUMA_NODE {_BOTH}"),
    ("SK_STORAGE", 24, "fd", "any", "none", "storage_get storage_delete", "lookup update delete", "5.2", "NO_PREALLOC! CLONE"),
    ("DEVMAP_HASH", 25, "u32", "dev", "some", "redirect lookup", "lookup update delete iterate", "5.4", f"NUMA_NODE {_ACCESS}"),
    ("STRUCT_OPS", 26, "u32", "struct", "one", "", "lookup update delete", "5.6", "LINK VTYPE_BTF_OBJ_FD"),
    ("RINGBUF", 27, "none", "none", "pages", "reserve submit discard output query", "read", "5.8", "NUMA_NODE"),
    ("INODE_STORAGE", 28, "fd", "any", "none", "storage_get storage_delete", "lookup update delete", "5.10", "NO_PREALLOC! CLONE"),
    ("TASK_STORAGE", 29, "fd", "any", "none", "storage_get storage_delete", "lookup update delete", "5.11", "NO_PREALLOC! CLONE"),
    ("BLOOM_FILTER", 30, "none", "any", "some", "push peek", "push peek", "5.16", f"NUMA_NODE ZERO_SEED {_BOTH}"),
    ("USER_RINGBUF", 31, "none", "none", "pages", "drain", "write", "6.1", "NUMA_NODE"),
    ("CGRP_STORAGE", 32, "fd", "any", "none", "storage_get storage_delete", "lookup update delete", "6.2", "NO_PREALLOC! CLONE"),
    ("ARENA", 33, "none", "none", "arena", "arena", "mmap", "6.9", "MMAPABLE! SEGV_ON_FAULT NO_USER_CONV"),
)

EVENT_MAPS = ("BPF_MAP_TYPE_PERF_EVENT_ARRAY", "BPF_MAP_TYPE_RINGBUF", "BPF_MAP_TYPE_USER_RINGBUF")
"""Maps that hold records in a row, not values."""

NO_BTF = frozenset(
    (
        "PERF_EVENT_ARRAY",
        "CGROUP_ARRAY",
        "STACK_TRACE",
        "ARRAY_OF_MAPS",
        "HASH_OF_MAPS",
        "DEVMAP",
        "DEVMAP_HASH",
        "CPUMAP",
        "XSKMAP",
        "SOCKMAP",
        "SOCKHASH",
        "QUEUE",
        "STACK",
        "ARENA",
    )
)
"""Types whose creation takes no BTF for key and value, as libbpf knows them."""

FLAG_BITS: dict[str, int] = {
    "BPF_F_" + name: 1 << bit
    for bit, name in enumerate(
        (
            "NO_PREALLOC",
            "NO_COMMON_LRU",
            "NUMA_NODE",
            "RDONLY",
            "WRONLY",
            "STACK_BUILD_ID",
            "ZERO_SEED",
            "RDONLY_PROG",
            "WRONLY_PROG",
            "CLONE",
            "MMAPABLE",
            "PRESERVE_ELEMS",
            "INNER_MAP",
            "LINK",
            "PATH_FD",
            "VTYPE_BTF_OBJ_FD",
            "TOKEN_FD",
            "SEGV_ON_FAULT",
            "NO_USER_CONV",
        )
    )
}
"""The flags of BPF_MAP_CREATE by name; `BPF_F_TOKEN_FD` goes with each map type."""


def _map_type(row: tuple[str, int, str, str, str, str, str, str, str]) -> MapType:
    name, number, key, value, entries, kernel, user, since, flags = row
    words = ["BPF_F_" + word for word in flags.split()]
    return MapType(
        "BPF_MAP_TYPE_" + name,
        number,
        key,
        value,
        frozenset(kernel.split()),
        frozenset(user.split()),
        "PERCPU" in name,
        version(since),
        name not in NO_BTF,
        entries,
        frozenset(word.rstrip("!") for word in words),
        frozenset(word[:-1] for word in words if word.endswith("!")),
    )


MAP_TYPES: dict[str, MapType] = {kind.name: kind for kind in map(_map_type, _ROWS)}
"""The map types by name."""
MAP_TYPES_BY_NUMBER: dict[int, MapType] = {m.uapi: m for m in MAP_TYPES.values()}
"""The map types by number."""
