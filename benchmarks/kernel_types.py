"""Resolving ten types of the kernel in a process of its own: time and memory, with and without a kept index."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUNS = 5
TARGETS = {"cold": (0.150, 40.0), "warm": (0.015, 40.0)}
"""Seconds and MB. Warm, the index is in the cache directory; cold, it is made and written there."""

CHILD = """
import resource, sys, time
start = time.perf_counter()
from pybpfc.lang.kernel_btf import target_btf
loaded = time.perf_counter()
btf = target_btf()
for name in ("task_struct", "sock", "sk_buff", "file", "inode", "dentry", "mm_struct", "cred", "bpf_prog", "socket"):
    found = btf.find(name, "STRUCT")
    assert found is not None and btf.size_of(found.id) == found.size and found.members, name
print(loaded - start, time.perf_counter() - loaded, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def resolve(cache: str) -> tuple[float, float, float]:
    """Seconds of importing and of resolving, and the most memory in MB."""
    env = {**os.environ, "XDG_CACHE_HOME": cache, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", CHILD], env=env, stdout=subprocess.PIPE, text=True, check=True)
    imported, seconds, memory = map(float, done.stdout.split())
    return imported, seconds, memory


def main() -> None:
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        runs = {"cold": [resolve(f"{folder}/{run}") for run in range(RUNS)]}
        runs["warm"] = [resolve(f"{folder}/0") for _ in range(RUNS)]
    for name, results in runs.items():
        imported, seconds, memory = (min(column) for column in zip(*results, strict=True))
        most, limit = TARGETS[name]
        good = seconds < most and memory < limit
        failed |= not good
        times = f"{seconds * 1000:6.1f} ms (target {most * 1000:.0f}), imports {imported * 1000:.1f} ms"
        print(f"{name}: {times}, {memory:.1f} MB (target {limit:.0f}){'' if good else '  MISSED'}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
