"""syscount: which system calls are made, and how often."""

from __future__ import annotations

import argparse
import time

import pybpfc as bpf
from pybpfc import u32, u64
from pybpfc.abi.syscalls import SYSCALLS
from pybpfc.stdlib import task

calls = bpf.HashMap[u64, u64](max_entries=1024)
only_pid: bpf.Const[u32] = 0


@bpf.tracepoint("raw_syscalls/sys_enter")
def on_syscall(ctx: bpf.TracepointContext) -> int:
    if only_pid and task.current_pid() != only_pid:
        return 0
    calls[u64(ctx.id)] += 1
    return 0


def top(count: int) -> list[tuple[str, int]]:
    """The most frequent system calls, by name."""
    ranked = sorted(calls.items(), key=lambda entry: entry[1], reverse=True)
    return [(SYSCALLS.get(number, f"syscall {number}"), times) for number, times in ranked[:count]]


def main() -> None:
    """Count for some seconds, or until Ctrl-C, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pid", type=int, default=0, help="only this process")
    parser.add_argument("--duration", type=float, default=5.0, help="seconds to count")
    parser.add_argument("--top", type=int, default=15, help="rows to show")
    options = parser.parse_args()
    with bpf.load(only_pid=options.pid):
        try:
            time.sleep(options.duration)
        except KeyboardInterrupt:
            pass
        print(f"{'SYSCALL':<24}{'COUNT':>12}")
        for name, times in top(options.top):
            print(f"{name:<24}{times:>12}")


if __name__ == "__main__":
    main()
