"""The task a program runs for."""

from __future__ import annotations

from typing import Annotated

from pybpfc.helpers import (
    bpf_get_current_cgroup_id,
    bpf_get_current_comm,
    bpf_get_current_pid_tgid,
    bpf_get_current_uid_gid,
)
from pybpfc.helpers import bpf_get_current_task_btf as current
from pybpfc.lang.functions import func
from pybpfc.lang.integers import u32, u64

__all__ = ["current", "current_cgroup_id", "current_comm", "current_gid", "current_pid", "current_tid", "current_uid"]


@func(inline=True)
def current_pid() -> u32:
    """The process id as users know it: the kernel's thread group id."""
    return u32(bpf_get_current_pid_tgid() >> 32)


@func(inline=True)
def current_tid() -> u32:
    """The thread id: the kernel's pid."""
    return u32(bpf_get_current_pid_tgid())


@func(inline=True)
def current_uid() -> u32:
    """The user id."""
    return u32(bpf_get_current_uid_gid())


@func(inline=True)
def current_gid() -> u32:
    """The group id."""
    return u32(bpf_get_current_uid_gid() >> 32)


@func(inline=True)
def current_comm() -> Annotated[str, 16]:
    """The task's name."""
    comm: Annotated[str, 16] = ""
    bpf_get_current_comm(comm)
    return comm


@func(inline=True)
def current_cgroup_id() -> u64:
    """The id of the task's cgroup in the v2 hierarchy (kernel 4.18)."""
    return bpf_get_current_cgroup_id()
