"""Who runs: the process and CPU that helpers tell of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Task:
    """The current process. `pid` is the process (what the kernel calls tgid), `tid` the thread (`pid` when 0).

    `address` is what `bpf_get_current_task` gives; place the task's memory there to have its fields read.
    """

    pid: int = 1000
    tid: int = 0
    uid: int = 1000
    gid: int = 1000
    comm: str = "simulated"
    cgroup_id: int = 1
    address: int = 0xFFFF_9FFF_0000_0000

    @property
    def pid_tgid(self) -> int:
        """What `bpf_get_current_pid_tgid` gives."""
        return self.pid << 32 | (self.tid or self.pid)

    @property
    def uid_gid(self) -> int:
        """What `bpf_get_current_uid_gid` gives."""
        return self.gid << 32 | self.uid


class Clock:
    """The machine's time: it starts at the same moment in each machine and goes on with each look at it."""

    def __init__(self, start: int = 1_000_000_000_000, step: int = 1_000) -> None:
        self.now = start
        self.step = step

    def read(self) -> int:
        """Nanoseconds since boot."""
        self.now += self.step
        return self.now

    def advance(self, nanoseconds: int) -> None:
        """Let time pass."""
        self.now += nanoseconds
