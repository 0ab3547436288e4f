"""The maps of the machine, made from an object's specification."""

from __future__ import annotations

from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.formats.btf import Btf
from pybpfc.formats.errors import BadBtf
from pybpfc.formats.spec import MapSpec
from pybpfc.records import replace
from pybpfc.vm.errors import VmError
from pybpfc.vm.maps.base import TYPE_NAMES, VmMap
from pybpfc.vm.maps.events import PerfEventArray, RingBuffer, UserRingBuffer
from pybpfc.vm.maps.lpm import PrefixTrie
from pybpfc.vm.maps.queues import BloomFilter, Queue
from pybpfc.vm.maps.slots import MapOfMaps, ProgramArray, TargetMap
from pybpfc.vm.maps.storage import CgroupLocal, LocalStorage, StackTraces
from pybpfc.vm.maps.tables import ArrayTable, HashTable, PerCpuArrayTable, PerCpuHashTable
from pybpfc.vm.regions import Order

PAGE = 4096

CLASSES: dict[str, type[VmMap]] = {
    "HASH": HashTable,
    "LRU_HASH": HashTable,
    "PERCPU_HASH": PerCpuHashTable,
    "LRU_PERCPU_HASH": PerCpuHashTable,
    "ARRAY": ArrayTable,
    "PERCPU_ARRAY": PerCpuArrayTable,
    "LPM_TRIE": PrefixTrie,
    "QUEUE": Queue,
    "STACK": Queue,
    "BLOOM_FILTER": BloomFilter,
    "RINGBUF": RingBuffer,
    "USER_RINGBUF": UserRingBuffer,
    "PERF_EVENT_ARRAY": PerfEventArray,
    "PROG_ARRAY": ProgramArray,
    "ARRAY_OF_MAPS": MapOfMaps,
    "HASH_OF_MAPS": MapOfMaps,
    "STACK_TRACE": StackTraces,
    "CGROUP_ARRAY": TargetMap,
    "DEVMAP": TargetMap,
    "DEVMAP_HASH": TargetMap,
    "CPUMAP": TargetMap,
    "XSKMAP": TargetMap,
    "SOCKMAP": TargetMap,
    "SOCKHASH": TargetMap,
    "REUSEPORT_SOCKARRAY": TargetMap,
    "SK_STORAGE": LocalStorage,
    "INODE_STORAGE": LocalStorage,
    "TASK_STORAGE": LocalStorage,
    "CGRP_STORAGE": LocalStorage,
    "CGROUP_STORAGE": CgroupLocal,
    "PERCPU_CGROUP_STORAGE": CgroupLocal,
}


def create_map(spec: MapSpec, cpus: int, order: Order, fd: int, btf: Btf | None = None) -> VmMap:
    """The map of a specification; raises `VmError` for types and sizes that the machine, or any kernel, has not."""
    name = TYPE_NAMES.get(spec.type, f"type {spec.type}").removeprefix("BPF_MAP_TYPE_")
    cls = CLASSES.get(name)
    if cls is None:
        raise VmError(f"map `{spec.name}` is of type {name}, which the simulation does not have")
    spec = _settle(spec, name, cpus)
    _check_sizes(spec, name)
    return cls(spec, cpus, order, fd, _lockable(spec, btf))


def _settle(spec: MapSpec, name: str, cpus: int) -> MapSpec:
    """Fill in what loaders fill in."""
    if name == "PERF_EVENT_ARRAY" and not spec.max_entries:
        return replace(spec, max_entries=cpus, key_size=spec.key_size or 4, value_size=spec.value_size or 4)
    if name in ("RINGBUF", "USER_RINGBUF"):
        return replace(spec, max_entries=1 << (max(spec.max_entries, PAGE) - 1).bit_length())
    return spec


def _check_sizes(spec: MapSpec, name: str) -> None:
    kind = MAP_TYPES["BPF_MAP_TYPE_" + name]
    if spec.max_entries == 0 and "STORAGE" not in name:
        raise VmError(f"map `{spec.name}` has max_entries 0", remedy="say how many entries it holds")
    if kind.key in ("u32", "any", "lpm") and not spec.key_size:
        raise VmError(f"the keys of map `{spec.name}` have no bytes", remedy="give the key's type")
    if kind.key == "u32" and spec.key_size != 4:
        raise VmError(f"the keys of map `{spec.name}` are {spec.key_size} bytes; {name} takes 4")
    if kind.key == "lpm" and not 5 <= spec.key_size <= 260:
        raise VmError(f"the keys of map `{spec.name}` are {spec.key_size} bytes; {name} takes 4 and 1 to 256 of data")
    if kind.value == "any" and not spec.value_size and name not in ("RINGBUF", "USER_RINGBUF", "HASH"):
        raise VmError(f"the values of map `{spec.name}` have no bytes", remedy="give the value's type")


def _lockable(spec: MapSpec, btf: Btf | None) -> bool:
    """Whether values hold a spin lock."""
    if btf is None or not spec.value_type_id:
        return False
    try:
        members = btf.skip_modifiers(spec.value_type_id).members
        return any(btf.skip_modifiers(m.type).name == "bpf_spin_lock" for m in members)
    except BadBtf:
        return False


__all__ = ["CLASSES", "VmMap", "create_map"]
