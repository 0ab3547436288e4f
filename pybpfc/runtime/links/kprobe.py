"""Kprobes: entry, inside and return of kernel functions, and system calls by name."""

from __future__ import annotations

import errno
import os
from typing import ClassVar

from pybpfc.diagnostics.errors import AttachError
from pybpfc.runtime.links.base import MissingTarget, attach_error
from pybpfc.runtime.links.perf import PerfLink, attach_to_event
from pybpfc.runtime.links.probes import open_probe
from pybpfc.runtime.programs import Program

_ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64", "s390x": "s390x", "riscv64": "riscv", "ppc64le": "powerpc"}


class KprobeLink(PerfLink):
    """A program on a kernel function."""

    kind: ClassVar[str] = "kprobe"


def attach(program: Program, function: str | None = None, *, offset: int = 0, cookie: int = 0) -> PerfLink:
    """Attach to a kernel function (`name` or `name+offset`), or for ksyscall sections to a system call."""
    wanted = function or program.section_target
    if not wanted:
        raise MissingTarget(f"`{program.name}` names no function", remedy='attach(function="do_unlinkat")')
    name, plus, number = wanted.partition("+")
    try:
        offset = int(number, 0) if plus else offset
    except ValueError:
        raise AttachError(f"`{wanted}` is no function with an offset", remedy='write "name+0x10"') from None
    returns = "ret" in program.section_name
    system_call = "syscall" in program.section_name
    names = _system_call_names(name) if system_call else [name]
    target = f"{program.section_name} {wanted}"
    failure: OSError | None = None
    for candidate in names:
        try:
            event = open_probe("kprobe", candidate, offset, returns=returns)
            return attach_to_event(program, event, target, cookie, KprobeLink)
        except OSError as error:
            failure = error
            if error.errno not in (errno.ENOENT, errno.EINVAL, errno.EADDRNOTAVAIL):
                break
    assert failure is not None
    raise attach_error(program, failure, target, _CAUSES, ("CAP_BPF", "CAP_PERFMON")) from None


def _system_call_names(name: str) -> list[str]:
    """What the entry of a system call is called: with the architecture's wrapper (kernel 4.17), or without."""
    architecture = _ARCHITECTURES.get(os.uname().machine)
    wrapped = [f"__{architecture}_sys_{name}"] if architecture else []
    return [*wrapped, f"__se_sys_{name}", f"sys_{name}"]


_CAUSES = {
    errno.ENODEV: (
        "this kernel has no kprobes (CONFIG_KPROBES, CONFIG_KPROBE_EVENTS)",
        "use a tracepoint, raw_tracepoint or tp_btf instead, or another kernel",
    ),
    errno.ENOENT: (
        "the kernel has no function of that name, or it was inlined",
        "look for it in /proc/kallsyms; compilers rename functions (`name.isra.0`) or inline them",
    ),
    errno.EINVAL: ("the function can't be probed there", "see /sys/kernel/debug/kprobes/blacklist; use offset 0"),
    errno.EADDRNOTAVAIL: ("several functions have that name", "use a unique one"),
    errno.EILSEQ: ("the offset does not lie at the beginning of an instruction", "use another offset"),
}
