"""Map types: what keys and values they take, and the operations of programs and of user space."""

from __future__ import annotations

from dataclasses import dataclass

from pybpfc.abi.versions import KernelVersion, version


@dataclass(frozen=True, slots=True)
class MapType:
    """One map type. `key` and `value`: `any`, `none`, or what the kernel demands (u32, lpm, fd, …)."""

    name: str
    uapi: int
    key: str
    value: str
    kernel_ops: frozenset[str]
    user_ops: frozenset[str]
    per_cpu: bool
    since: KernelVersion
    btf: bool


# name, number, key, value, operations in programs, operations in user space, since
_ROWS: tuple[tuple[str, int, str, str, str, str, str], ...] = (
    ("HASH", 1, "any", "any", "lookup update delete contains get increment", "lookup update delete iterate batch pop", "3.19"),
    ("ARRAY", 2, "u32", "any", "lookup update get contains increment", "lookup update iterate batch mmap", "3.19"),
    ("PROG_ARRAY", 3, "u32", "u32", "tail_call", "update delete", "4.2"),
    ("PERF_EVENT_ARRAY", 4, "u32", "u32", "output", "update delete read", "4.3"),
    ("PERCPU_HASH", 5, "any", "any", "lookup update delete contains get increment", "lookup update delete iterate batch", "4.6"),
    ("PERCPU_ARRAY", 6, "u32", "any", "lookup update get contains increment", "lookup update iterate batch", "4.6"),
    ("STACK_TRACE", 7, "u32", "stack", "get_stackid", "lookup delete iterate", "4.6"),
    ("CGROUP_ARRAY", 8, "u32", "u32", "under_cgroup", "update delete", "4.8"),
    ("LRU_HASH", 9, "any", "any", "lookup update delete contains get increment", "lookup update delete iterate batch", "4.10"),
    ("LRU_PERCPU_HASH", 10, "any", "any", "lookup update delete contains get increment", "lookup update delete iterate batch", "4.10"),
    ("LPM_TRIE", 11, "lpm", "any", "lookup update delete contains get", "lookup update delete iterate batch", "4.11"),
    ("ARRAY_OF_MAPS", 12, "u32", "u32", "lookup", "lookup update delete iterate", "4.12"),
    ("HASH_OF_MAPS", 13, "any", "u32", "lookup", "lookup update delete iterate", "4.12"),
    ("DEVMAP", 14, "u32", "dev", "redirect lookup", "lookup update delete iterate", "4.14"),
    ("SOCKMAP", 15, "u32", "sock", "redirect lookup update delete", "lookup update delete iterate", "4.14"),
    ("CPUMAP", 16, "u32", "cpu", "redirect", "lookup update delete iterate", "4.15"),
    ("XSKMAP", 17, "u32", "u32", "redirect lookup", "update delete", "4.18"),
    ("SOCKHASH", 18, "any", "sock", "redirect lookup update delete", "lookup update delete iterate", "4.18"),
    ("CGROUP_STORAGE", 19, "cgroup", "any", "get_local", "lookup update iterate", "4.19"),
    ("REUSEPORT_SOCKARRAY", 20, "u32", "sock", "select", "lookup update delete", "4.19"),
    ("PERCPU_CGROUP_STORAGE", 21, "cgroup", "any", "get_local", "lookup update iterate", "4.20"),
    ("QUEUE", 22, "none", "any", "push pop peek", "push pop peek", "4.20"),
    ("STACK", 23, "none", "any", "push pop peek", "push pop peek", "4.20"),
    ("SK_STORAGE", 24, "fd", "any", "storage_get storage_delete", "lookup update delete", "5.2"),
    ("DEVMAP_HASH", 25, "u32", "dev", "redirect lookup", "lookup update delete iterate", "5.4"),
    ("STRUCT_OPS", 26, "u32", "struct", "", "lookup update delete", "5.6"),
    ("RINGBUF", 27, "none", "none", "reserve submit discard output query", "read", "5.8"),
    ("INODE_STORAGE", 28, "fd", "any", "storage_get storage_delete", "lookup update delete", "5.10"),
    ("TASK_STORAGE", 29, "fd", "any", "storage_get storage_delete", "lookup update delete", "5.11"),
    ("BLOOM_FILTER", 30, "none", "any", "push peek", "push peek", "5.16"),
    ("USER_RINGBUF", 31, "none", "none", "drain", "write", "6.1"),
    ("CGRP_STORAGE", 32, "fd", "any", "storage_get storage_delete", "lookup update delete", "6.2"),
    ("ARENA", 33, "none", "none", "arena", "mmap", "6.9"),
)

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

MAP_TYPES: dict[str, MapType] = {
    "BPF_MAP_TYPE_" + name: MapType(
        "BPF_MAP_TYPE_" + name,
        number,
        key,
        value,
        frozenset(kernel.split()),
        frozenset(user.split()),
        "PERCPU" in name,
        version(since),
        name not in NO_BTF,
    )
    for name, number, key, value, kernel, user, since in _ROWS
}
MAP_TYPES_BY_NUMBER: dict[int, MapType] = {m.uapi: m for m in MAP_TYPES.values()}
