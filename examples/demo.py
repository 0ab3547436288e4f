"""Runs opensnoop for some seconds on files that a small workload of its own opens, and shows them as a table.

Where this process may not use bpf(), the same program runs on recorded input in the built-in VM.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import opensnoop
from rich.console import Console
from rich.table import Table

import pybpfc as bpf

SECONDS = 3.0
WORKLOAD = """
import time
for i in range(12):
    for name in ("/etc/hostname", "/etc/passwd", "/proc/self/status", f"/tmp/no-such-file-{i}"):
        try:
            open(name).close()
        except OSError:
            pass
    time.sleep(0.1)
"""
RECORDED = ("/etc/ld.so.cache", "/usr/lib/locale/locale-archive", "/etc/hostname", "/etc/passwd", "/proc/self/status")


def live() -> list[opensnoop.OpenEvent]:
    """The files that the workload opens, seen by the kernel."""
    worker = subprocess.Popen([sys.executable, "-c", "input()\n" + WORKLOAD], stdin=subprocess.PIPE)
    seen: list[opensnoop.OpenEvent] = []
    try:
        with bpf.load(opensnoop, only_pid=worker.pid) as obj:
            assert worker.stdin is not None
            worker.stdin.write(b"\n")
            worker.stdin.close()
            end = time.monotonic() + SECONDS
            while (left := end - time.monotonic()) > 0 and worker.poll() is None:
                seen.extend(opensnoop.events.poll(timeout=min(left, 0.2)))
            seen.extend(opensnoop.events.consume())
            print(f"{len(seen)} events, {obj.globals.dropped} dropped")
    finally:
        worker.kill()
        worker.wait()
    return seen


def recorded() -> list[opensnoop.OpenEvent]:
    """The same program in the VM, on recorded system calls."""
    seen: list[opensnoop.OpenEvent] = []
    for number, name in enumerate(RECORDED):
        address = 0x7F00_0000_0000 + number * 4096
        result = bpf.simulate(
            opensnoop.on_open,
            ctx={"filename": address, "flags": os.O_RDONLY},
            memory={address: name.encode() + b"\0"},
        )
        seen.extend(result.events)
    return seen


def main() -> None:
    """Run live where that is permitted, else in the VM, and print the table."""
    try:
        events, where = live(), "live events of this kernel"
    except bpf.PermissionDenied as error:
        print(f"{error}\nso the program runs in the built-in VM, on recorded input.\n")
        events, where = recorded(), "recorded input in the built-in VM"
    table = Table(title=f"opensnoop: {where}")
    for name, justify in (("PID", "right"), ("COMM", "left"), ("FLAGS", "right"), ("FILE", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for event in events[-25:]:
        table.add_row(str(event.pid), event.comm, f"{event.flags:#x}", event.filename)
    Console(width=100).print(table)
    if not events:
        raise SystemExit("no events were seen")


if __name__ == "__main__":
    main()
