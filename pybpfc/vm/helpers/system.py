"""Helpers that tell of the system: time, CPU, the current task, random numbers, tracing arguments."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from pybpfc.abi.contexts import CONTEXTS
from pybpfc.vm.errors import VmError
from pybpfc.vm.helpers.base import context, helper, memory, number, number32, room, write
from pybpfc.vm.values import Value

if TYPE_CHECKING:
    from pybpfc.vm.execution import Execution

_COMM = 16
_HZ = 250
_JIFFIES_START = (1 << 32) - 300 * _HZ


@helper("bpf_ktime_get_ns", "bpf_ktime_get_boot_ns", "bpf_ktime_get_coarse_ns")
def ktime(vm: Execution) -> int:
    """The machine's clock."""
    return vm.machine.clock.read()


@helper("bpf_ktime_get_tai_ns")
def ktime_tai(vm: Execution) -> int:
    """The machine's clock, as if it had been started in 2026."""
    return 1_767_225_637_000_000_000 + vm.machine.clock.read()


@helper("bpf_jiffies64")
def jiffies(vm: Execution) -> int:
    """The machine's clock in ticks."""
    return _JIFFIES_START + vm.machine.clock.read() * _HZ // 1_000_000_000


@helper("bpf_get_prandom_u32")
def random(vm: Execution) -> int:
    """The next number of the machine's generator."""
    return vm.machine.random.getrandbits(32)


@helper("bpf_get_smp_processor_id")
def processor(vm: Execution) -> int:
    """The CPU of this run."""
    return vm.cpu


@helper("bpf_get_numa_node_id")
def numa_node(vm: Execution) -> int:
    """There is one node."""
    return 0


@helper("bpf_get_current_pid_tgid")
def pid_tgid(vm: Execution) -> int:
    """Process and thread."""
    return vm.machine.task.pid_tgid


@helper("bpf_get_ns_current_pid_tgid")
def ns_pid_tgid(vm: Execution, device: Value, inode: Value, out: Value, size: Value) -> int:
    """Thread and process as a PID namespace has them; there is one."""
    task = vm.machine.task
    if number(size) != 8:
        return -errno.EINVAL
    write(out, (task.tid or task.pid).to_bytes(4, vm.order) + task.pid.to_bytes(4, vm.order))
    return 0


@helper("bpf_get_current_uid_gid")
def uid_gid(vm: Execution) -> int:
    """User and group."""
    return vm.machine.task.uid_gid


@helper("bpf_get_current_comm")
def comm(vm: Execution, buffer: Value, size: Value) -> int:
    """The thread's name, cut and filled up to the buffer's size."""
    count = number(size)
    room(buffer, count)
    name = vm.machine.task.comm.encode()[: _COMM - 1]
    write(buffer, name[: max(count - 1, 0)].ljust(count, b"\0"))
    return 0


@helper("bpf_get_current_cgroup_id")
def cgroup_id(vm: Execution) -> int:
    """The task's cgroup."""
    return vm.machine.task.cgroup_id


@helper("bpf_get_current_ancestor_cgroup_id")
def ancestor_cgroup_id(vm: Execution, level: Value) -> int:
    """The root's cgroup at level 0, the task's at level 1."""
    return {0: 1, 1: vm.machine.task.cgroup_id}.get(number32(level), 0)


@helper("bpf_get_current_task", "bpf_get_current_task_btf")
def current_task(vm: Execution) -> int:
    """The address of the task's `task_struct`."""
    return vm.machine.task.address


@helper("bpf_send_signal", "bpf_send_signal_thread")
def send_signal(vm: Execution, signal: Value) -> int:
    """Note the signal in the result."""
    if not 1 <= number32(signal) <= 64:
        return -errno.EINVAL
    vm.signals.append(number32(signal))
    return 0


@helper("bpf_override_return")
def override_return(vm: Execution, regs: Value, result: Value) -> int:
    """Note the result that the probed function is to give."""
    context(vm, regs)
    vm.override = number(result)
    return 0


# ---------------------------------------------------------------------- tracing's arguments


@helper("bpf_get_func_arg_cnt")
def argument_count(vm: Execution, ctx: Value) -> int:
    """How many arguments the traced function has."""
    context(vm, ctx)
    return len(vm.input.arguments)


@helper("bpf_get_func_arg")
def argument(vm: Execution, ctx: Value, index: Value, out: Value) -> int:
    """An argument of the traced function."""
    context(vm, ctx)
    memory(out)
    if number32(index) >= len(vm.input.arguments):
        return -errno.EINVAL
    write(out, vm.input.arguments[number32(index)].to_bytes(8, vm.order))
    return 0


@helper("bpf_get_func_ret")
def traced_result(vm: Execution, ctx: Value, out: Value) -> int:
    """The result of the traced function."""
    context(vm, ctx)
    write(out, vm.input.result.to_bytes(8, vm.order))
    return 0


@helper("bpf_get_attach_cookie")
def attach_cookie(vm: Execution, ctx: Value) -> int:
    """The cookie given to the run."""
    context(vm, ctx)
    return vm.cookie


@helper("bpf_get_func_ip")
def function_address(vm: Execution, ctx: Value) -> int:
    """The address of the probed function: the instruction pointer where there are registers."""
    region, registers = context(vm, ctx), CONTEXTS["pt_regs"]
    place = next((f.offset for f in registers.fields if f.name in ("ip", "pc")), 0)
    return int.from_bytes(region.data[place : place + 8], vm.order) if region.size >= registers.size else 0


@helper("bpf_get_retval")
def get_retval(vm: Execution) -> int:
    """What the hook will give to user space."""
    return vm.retval


@helper("bpf_set_retval")
def set_retval(vm: Execution, value: Value) -> int:
    """Change what the hook will give to user space."""
    result = number32(value)
    signed = result - (1 << 32) if result >> 31 else result
    if signed > 0 or signed < -4095:
        raise VmError(f"`bpf_set_retval` takes 0 or a negative errno, not {signed}")
    vm.retval = signed
    return 0
