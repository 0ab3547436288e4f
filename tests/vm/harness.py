"""Boots Debian kernels in QEMU and runs the kernel tests in them.

The guest has this machine's Python, the project and the test runner at their own paths, but neither LLVM nor clang:
programs come from the compile cache, and C objects from a store, which the same tests fill when they run on the host.
"""

from __future__ import annotations

import lzma
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".vm"
CACHE = WORK / "cache"
OBJECTS = WORK / "objects"
BEGIN, END = "<<<pybpfc", "pybpfc>>>"
PACKAGES = ("_pytest", "pytest", "pluggy", "iniconfig", "packaging", "click", "elftools", "rich", "pygments")
EXCLUDED = (
    "test",
    "idlelib",
    "tkinter",
    "ensurepip",
    "lib2to3",
    "turtledemo",
    "site-packages",
    "pydoc_data",
    "config-",
)
BOOT_LIMIT = 900.0
COMMAND_LINE = "console=ttyS0 panic=-1 quiet lsm=lockdown,capability,bpf"


class Unavailable(Exception):
    """The harness cannot work here; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a guest said: its kernel, and the outcome of each test with the reason of failures and skips."""

    release: str
    passed: int
    failed: int
    skipped: int
    output: str
    reasons: tuple[str, ...] = field(default=())


def require_tools() -> None:
    """Raise `Unavailable` unless QEMU, cpio, busybox and dpkg are there."""
    missing = [t for t in ("qemu-system-x86_64", "cpio", "busybox", "dpkg", "apt-get") if shutil.which(t) is None]
    if missing:
        raise Unavailable(f"{', '.join(missing)} not installed")
    if os.uname().machine != "x86_64":
        raise Unavailable("the guests are x86-64")


def kernel(package: str) -> Path:
    """The kernel image of a Debian meta-package, fetched and unpacked once; raises `Unavailable`."""
    folder = WORK / package
    found = sorted(folder.glob("boot/vmlinuz-*"))
    if not found or not (folder / "modules").exists():
        listed = subprocess.run(["apt-cache", "depends", package], capture_output=True, text=True, check=False)
        names = re.findall(r"Depends: (linux-image-\S+)", listed.stdout)
        if not names:
            raise Unavailable(f"apt knows no {package}")
        folder.mkdir(parents=True, exist_ok=True)
        got = subprocess.run(["apt-get", "download", names[0]], cwd=folder, capture_output=True, text=True, check=False)
        archives = sorted(folder.glob("*.deb"))
        if got.returncode or not archives:
            raise Unavailable(f"{names[0]} could not be downloaded: {got.stderr.strip()[-200:]}")
        subprocess.run(["dpkg", "-x", str(archives[0]), str(folder)], check=True)
        archives[0].unlink()
        _keep_modules(folder)
        shutil.rmtree(folder / "lib", ignore_errors=True)
        shutil.rmtree(folder / "usr", ignore_errors=True)
        found = sorted(folder.glob("boot/vmlinuz-*"))
    return found[-1]


MODULES = ("sch_ingress", "cls_bpf", "act_bpf", "cls_matchall", "veth")
"""What Debian's kernels have as modules and tests need, in the order to load them."""


def _keep_modules(folder: Path) -> None:
    """Unpack the modules that guests load; none of them needs another one that is not here."""
    (folder / "modules").mkdir(exist_ok=True)
    for name in MODULES:
        for found in (folder / "lib/modules").rglob(f"{name}.ko*"):
            data = found.read_bytes()
            (folder / f"modules/{name}.ko").write_bytes(lzma.decompress(data) if found.suffix == ".xz" else data)


def initramfs(command: str, modules: Path) -> Path:
    """An uncompressed initramfs whose init loads modules and runs `command` in the project's folder."""
    tree = WORK / "root"
    shutil.rmtree(tree, ignore_errors=True)
    for folder in ("bin", "proc", "sys", "dev", "tmp", "run", "etc"):
        (tree / folder).mkdir(parents=True)
    (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (tree / "etc/hostname").write_text("guest\n")
    _copy_file(Path(shutil.which("busybox") or ""), tree, tree / "bin/busybox")
    for name in ("sh", "mount", "ip", "insmod", "poweroff", "ls", "cat", "echo", "sleep", "true"):
        (tree / "bin" / name).symlink_to("busybox")
    _copy_python(tree)
    _copy_project(tree)
    shutil.copytree(modules, tree / "modules")
    init = tree / "init"
    loaded = "\n".join(f"insmod /modules/{name}.ko" for name in MODULES if (modules / f"{name}.ko").exists())
    values = {"begin": BEGIN, "end": END, "command": command, "modules": loaded}
    init.write_text(_INIT.format(root=ROOT, cache=CACHE, objects=OBJECTS, **values))
    init.chmod(0o755)
    image = WORK / "initramfs.cpio"
    with image.open("wb") as out:
        names = "\n".join(str(p.relative_to(tree)) for p in sorted(tree.rglob("*"))).encode()
        subprocess.run(
            ["cpio", "-o", "-H", "newc", "--quiet"],
            cwd=tree,
            input=names,
            stdout=out,
            check=True,
            stderr=subprocess.DEVNULL,
        )
    return image


_INIT = """#!/bin/sh
export PATH=/bin HOME=/tmp XDG_CACHE_HOME={cache} PYBPFC_TEST_OBJECTS={objects} PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
{modules}
cd {root}
echo "{begin} release $(cat /proc/sys/kernel/osrelease)"
{command}
echo "exit status $? {end}"
poweroff -f
"""


def _copy_file(source: Path, tree: Path, to: Path | None = None) -> None:
    """A file with the libraries it is linked to, at the same place (or at `to`)."""
    target = to or tree / source.relative_to("/")
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source.resolve(), target)
    listed = subprocess.run(["ldd", str(source)], capture_output=True, text=True, check=False)
    for path in re.findall(r"(/\S+) \(0x", listed.stdout):
        _copy_file(Path(path), tree)


def _copy_python(tree: Path) -> None:
    binary = Path(sys.executable).resolve()
    _copy_file(binary, tree)
    library = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))

    def unwanted(folder: str, names: list[str]) -> list[str]:
        return [n for n in names if Path(folder) == library and n.startswith(EXCLUDED)]

    shutil.copytree(library, tree / library.relative_to("/"), ignore=unwanted, symlinks=True, dirs_exist_ok=True)
    for module in library.glob("lib-dynload/*.so"):
        listed = subprocess.run(["ldd", str(module)], capture_output=True, text=True, check=False)
        for path in re.findall(r"(/\S+) \(0x", listed.stdout):
            _copy_file(Path(path), tree)
    site = Path(sysconfig.get_path("purelib"))
    for name in PACKAGES:
        if (site / name).is_dir():
            shutil.copytree(site / name, tree / (site / name).relative_to("/"), dirs_exist_ok=True)
    for loose in ("py.py", "typing_extensions.py"):
        if (site / loose).exists():
            shutil.copy2(site / loose, tree / site.relative_to("/"))
    if sys.prefix != sys.base_prefix:
        prefix = tree / Path(sys.prefix).relative_to("/")
        prefix.mkdir(parents=True, exist_ok=True)
        shutil.copy2(Path(sys.prefix) / "pyvenv.cfg", prefix)
    called = tree / Path(sys.executable).relative_to("/")
    if not called.exists():
        called.parent.mkdir(parents=True, exist_ok=True)
        called.symlink_to(binary)


def _copy_project(tree: Path) -> None:
    target = tree / ROOT.relative_to("/")
    for name in ("pybpfc", "stdlib", "tests", "examples", "pyproject.toml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target / name)
    for store in (CACHE, OBJECTS):
        if store.exists():
            shutil.copytree(store, tree / store.relative_to("/"), dirs_exist_ok=True)


def boot(image: Path, initrd: Path) -> str:
    """Run a guest to its end and give what it printed."""
    command = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "2048", "-nographic", "-no-reboot"]
    command += ["-kernel", str(image), "-initrd", str(initrd), "-append", COMMAND_LINE]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=BOOT_LIMIT, check=False)
    return ended.stdout.decode("utf-8", "replace").replace("\r", "")


def run_tests(package: str, tests: str, options: str = "") -> Result:
    """Run `tests` (paths for pytest) in a guest; raises `Unavailable`, or AssertionError when the guest says nothing."""
    require_tools()
    image = kernel(package)
    python = f"{sys.executable} -m pytest -q -rsfE --color=no --durations=5 -p no:cacheprovider --tb=short -o addopts= {options} {tests}"
    output = boot(image, initramfs(f"PYTHONPATH={ROOT} {python}", WORK / package / "modules"))
    release = re.search(rf"{BEGIN} release (\S+)", output)
    assert release is not None, f"the guest did not come up:\n{output[-3000:]}"
    assert END in output, f"the guest did not finish:\n{output[-3000:]}"
    numbers = {
        word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|skipped|error)", output.split(END)[0][-400:])
    }
    reasons = tuple(re.findall(r"^(?:SKIPPED|FAILED|ERROR).*$", output, re.MULTILINE))
    failed = numbers.get("failed", 0) + numbers.get("error", 0)
    return Result(release[1], numbers.get("passed", 0), failed, numbers.get("skipped", 0), output, reasons)
