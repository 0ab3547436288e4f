"""Side by side with the peers that are installed: time and memory of compiling, time until attached.

Prints ratios; the smaller of several runs counts, as the machine may be busy.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUNS = 5
C_PROGRAM = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
struct event { __u64 ts; __u32 pid; __s32 flags; char comm[16]; char filename[256]; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 262144); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 10240); __type(key, __u32); __type(value, __u64); }
    opens SEC(".maps");
const volatile __u32 only_pid = 0;
__u64 dropped = 0;
SEC("tracepoint/syscalls/sys_enter_openat")
int on_open(struct trace_event_raw_sys_enter *ctx)
{
    __u32 pid = bpf_get_current_pid_tgid() >> 32;
    __u64 one = 1, *count;
    struct event *e;

    if (only_pid && pid != only_pid)
        return 0;
    count = bpf_map_lookup_elem(&opens, &pid);
    if (count)
        __sync_fetch_and_add(count, 1);
    else
        bpf_map_update_elem(&opens, &pid, &one, BPF_NOEXIST);
    e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
    if (!e) {
        dropped++;
        return 0;
    }
    e->ts = bpf_ktime_get_ns();
    e->pid = pid;
    e->flags = ctx->args[2];
    bpf_get_current_comm(e->comm, sizeof(e->comm));
    bpf_probe_read_user_str(e->filename, sizeof(e->filename), (void *)ctx->args[1]);
    bpf_ringbuf_submit(e, 0);
    return 0;
}
char LICENSE[] SEC("license") = "GPL";
"""


def measure(
    command: list[str], env: dict[str, str] | None = None, before: list[str] | None = None
) -> tuple[float, float]:
    """The least wall time in seconds and the most memory in MB of a command and its children over some runs."""
    best, memory = float("inf"), 0.0
    for _ in range(RUNS):
        if before:
            subprocess.run(before, check=True)
        start = time.perf_counter()
        pid = os.posix_spawnp(
            command[0],
            command,
            env or os.environ,
            file_actions=[(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)],
        )
        _, status, usage = os.wait4(pid, 0)
        best = min(best, time.perf_counter() - start)
        memory = max(memory, usage.ru_maxrss / 1024)
        if status:
            raise SystemExit(f"{' '.join(command)} failed")
    return best, memory


def compile_times() -> None:
    """opensnoop: pybpfc cold and warm, and clang with a full vmlinux.h."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pybpfc = [sys.executable, "-m", "pybpfc", "compile", str(ROOT / "examples/opensnoop.py"), "-o", f"{name}/x.o"]
        off = {**os.environ, "PYBPFC_CACHE": "0"}
        on = {**os.environ, "XDG_CACHE_HOME": name}
        rows: dict[str, tuple[float, float] | None] = {"pybpfc compile, no cache": measure(pybpfc, off)}
        measure(pybpfc, on)
        rows["pybpfc compile, cached"] = measure(pybpfc, on)
        clang = next((c for c in ("clang-22", "clang") if shutil.which(c)), None)
        if clang and shutil.which("bpftool") and os.path.exists("/sys/kernel/btf/vmlinux"):
            header = subprocess.run(
                ["bpftool", "btf", "dump", "file", "/sys/kernel/btf/vmlinux", "format", "c"],
                capture_output=True,
                check=True,
            ).stdout
            (folder / "vmlinux.h").write_bytes(header)
            (folder / "x.c").write_text(C_PROGRAM)
            command = [clang, "-O2", "-g", "-target", "bpf", "-I", name, "-c", f"{name}/x.c", "-o", f"{name}/c.o"]
            rows[f"{clang} -O2 -g"] = measure(command)
        show("compile opensnoop", rows)


def show(title: str, rows: dict[str, tuple[float, float] | None]) -> None:
    """A table with ratios to the first row."""
    first = next(iter(rows.values()))
    if first is None:
        raise SystemExit(f"{title}: pybpfc itself failed")
    print(f"\n{title}")
    for name, row in rows.items():
        if row is None:
            print(f"  {name:<28} does not work on this machine")
            continue
        seconds, memory = row
        print(f"  {name:<28}{seconds * 1000:8.0f} ms {memory:7.0f} MB   time x{seconds / first[0]:.2f}")


def until_line(command: list[str], word: str, env: dict[str, str] | None = None) -> tuple[float, float] | None:
    """The least time in seconds from starting a command to a line with `word` in it, and its memory in MB at the end.

    None where the command does not work on this machine.
    """
    best, memory = float("inf"), 0.0
    for _ in range(RUNS):
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env) as process:
            assert process.stdout is not None
            if not any(word in line for line in process.stdout):
                return None
            best = min(best, time.perf_counter() - start)
            process.stdout.read()
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = 0
            memory = max(memory, usage.ru_maxrss / 1024)
    return best, memory


def attach_times() -> None:
    """From process start to attached programs: a cached opensnoop, bpftrace's and bcc's."""
    if os.geteuid() != 0:
        print("\nattaching is not measured: it needs root")
        return
    with tempfile.TemporaryDirectory() as name:
        env = {**os.environ, "XDG_CACHE_HOME": name, "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "pybpfc", "run", "-d", "0", str(ROOT / "examples/opensnoop.py")]
        measure(command, env)
        rows = {"pybpfc run, cached": until_line(command, "attached", env)}
        script = Path("/usr/sbin/opensnoop.bt")
        if shutil.which("bpftrace") and script.exists():
            # the command given with -c starts when everything is attached
            rows["bpftrace opensnoop.bt"] = until_line(["bpftrace", "-c", "/bin/echo ready", str(script)], "ready")
        if shutil.which("opensnoop-bpfcc"):
            rows["bcc opensnoop"] = until_line(["opensnoop-bpfcc", "-d", "1"], "COMM", env)
        show("until attached", rows)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # as an installation does it
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(ROOT / "pybpfc"), str(ROOT / "stdlib")], check=True)
    compile_times()
    attach_times()
