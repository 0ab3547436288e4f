"""Kernel functions and types by name."""

import pybpfc as bpf
from pybpfc import vmlinux
from pybpfc.kfuncs import bpf_task_release
from pybpfc.vmlinux import task_struct


@bpf.func
def done(task: task_struct, file: vmlinux.file | None) -> None:
    bpf_task_release(task)
