"""The decorators of hooks with a target: tracing, probes, iterators and what attaches to other programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

from pybpfc.lang.errors import DeclarationError
from pybpfc.lang.programs import Program

P = ParamSpec("P")
R = TypeVar("R")


class Decorator(Protocol):
    """Makes a program of a function and keeps its signature."""

    def __call__(self, function: Callable[P, R], /) -> Program[P, R]:
        """Decorate."""
        ...


def declare(hook: str, section: str, target: Any, example: str, **options: Any) -> Decorator:
    """The decorator of `hook` for one target; options that are None were not given."""
    if not isinstance(target, str) or not target.strip():
        raise DeclarationError(f"`@bpf.{hook}` needs a target", f'write `@bpf.{hook}("{example}")`')
    given = {name: value for name, value in options.items() if value is not None}

    def decorate(function: Callable[P, R], /) -> Program[P, R]:
        return Program(function, f"{section}/{target}", target=target, options=given, hook=hook)

    return decorate


def _sleeping(section: str, sleepable: bool) -> str:
    return f"{section}.s" if sleepable else section


# ------------------------------------------------------------------------------- tracepoints


def tracepoint(event: str, /) -> Decorator:
    """A tracepoint, `"category/name"`; the program takes a `bpf.TracepointContext` (kernel 4.7)."""
    example = "syscalls/sys_enter_openat"
    if isinstance(event, str) and event.count("/") != 1:
        raise DeclarationError(f"a tracepoint is written `category/name`, not `{event}`", f"e.g. `{example}`")
    return declare("tracepoint", "tracepoint", event, example)


def raw_tracepoint(event: str, /, *, writable: bool = False) -> Decorator:
    """A tracepoint's raw arguments: `"sched_switch"` (kernel 4.17); `writable` ones may change them (5.2)."""
    return declare("raw_tracepoint", "raw_tracepoint.w" if writable else "raw_tracepoint", event, "sched_switch")


def tp_btf(event: str, /) -> Decorator:
    """A tracepoint with arguments typed by BTF (kernel 5.5)."""
    return declare("tp_btf", "tp_btf", event, "sched_switch")


# ------------------------------------------------------------------------------ kernel probes


def kprobe(function: str, /, *, offset: int = 0) -> Decorator:
    """The entry of a kernel function, or `offset` bytes into it (kernel 4.1)."""
    return declare("kprobe", "kprobe", _with_offset(function, offset), "vfs_read")


def kretprobe(function: str, /) -> Decorator:
    """The return of a kernel function (kernel 4.1)."""
    return declare("kretprobe", "kretprobe", function, "vfs_read")


def ksyscall(name: str, /) -> Decorator:
    """The entry of a system call, with its arguments, whatever the kernel calls its function."""
    return declare("ksyscall", "ksyscall", name, "openat")


def kretsyscall(name: str, /) -> Decorator:
    """The return of a system call."""
    return declare("kretsyscall", "kretsyscall", name, "openat")


def kprobe_multi(pattern: str, /, *, retprobe: bool = False, session: bool = False) -> Decorator:
    """All kernel functions that match a pattern with `*` and `?`, by one link (kernel 5.18).

    `retprobe` probes their returns, `session` both (kernel 6.10).
    """
    _one_of("kprobe_multi", retprobe=retprobe, session=session)
    section = "kprobe.session" if session else "kretprobe.multi" if retprobe else "kprobe.multi"
    return declare("kprobe_multi", section, pattern, "tcp_*")


def fentry(function: str, /, *, sleepable: bool = False) -> Decorator:
    """The entry of a kernel function, with its arguments typed by BTF (kernel 5.5)."""
    return declare("fentry", _sleeping("fentry", sleepable), function, "do_unlinkat")


def fexit(function: str, /, *, sleepable: bool = False) -> Decorator:
    """The return of a kernel function, with its arguments and its result (kernel 5.5)."""
    return declare("fexit", _sleeping("fexit", sleepable), function, "do_unlinkat")


def fmod_ret(function: str, /, *, sleepable: bool = False) -> Decorator:
    """Replace what a kernel function returns, where the kernel allows it (kernel 5.7)."""
    return declare("fmod_ret", _sleeping("fmod_ret", sleepable), function, "security_file_open")


def lsm(hook: str, /, *, sleepable: bool = False) -> Decorator:
    """A hook of the security modules: return 0 to allow, a negative errno to deny (kernel 5.7)."""
    return declare("lsm", _sleeping("lsm", sleepable), hook, "file_open")


def lsm_cgroup(hook: str, /, *, cgroup: str | int | None = None) -> Decorator:
    """A hook of the security modules for the processes of one cgroup (kernel 6.0)."""
    return declare("lsm_cgroup", "lsm_cgroup", hook, "socket_bind", cgroup=cgroup)


# -------------------------------------------------------------------------------- user probes


def uprobe(symbol: str, /, *, pid: int | None = None, offset: int = 0, sleepable: bool = False) -> Decorator:
    """The entry of a function of a binary or library, `"path:symbol"`, in all processes or one (kernel 4.3)."""
    target = _with_offset(_path("uprobe", symbol, 1), offset)
    return declare("uprobe", _sleeping("uprobe", sleepable), target, _SYMBOL, pid=pid)


def uretprobe(symbol: str, /, *, pid: int | None = None, sleepable: bool = False) -> Decorator:
    """The return of a function of a binary or library, `"path:symbol"` (kernel 4.3)."""
    return declare("uretprobe", _sleeping("uretprobe", sleepable), _path("uretprobe", symbol, 1), _SYMBOL, pid=pid)


def uprobe_multi(
    pattern: str, /, *, pid: int | None = None, retprobe: bool = False, session: bool = False, sleepable: bool = False
) -> Decorator:
    """All functions of a binary that match, `"path:pattern"`, by one link (kernel 6.6)."""
    _one_of("uprobe_multi", retprobe=retprobe, session=session)
    if session and sleepable:
        section = "uprobe.session.s"
    else:
        kind = "uprobe.session" if session else "uretprobe.multi" if retprobe else "uprobe.multi"
        section = _sleeping(kind, sleepable)
    return declare("uprobe_multi", section, _path("uprobe_multi", pattern, 1), "/usr/lib/libc.so.6:mem*", pid=pid)


def usdt(probe: str, /, *, pid: int | None = None, sleepable: bool = False) -> Decorator:
    """A statically defined probe of a binary, `"path:provider:name"`."""
    target = _path("usdt", probe, 2)
    return declare("usdt", _sleeping("usdt", sleepable), target, "/usr/lib/libc.so.6:libc:setjmp", pid=pid)


_SYMBOL = "/usr/bin/bash:readline"


def _path(hook: str, text: Any, colons: int) -> Any:
    """`path:symbol` or `path:provider:name`; the path may hold colons itself."""
    if isinstance(text, str):
        parts = text.rsplit(":", colons)
        if len(parts) != colons + 1 or not all(parts):
            form, example = ("path:symbol", _SYMBOL) if colons == 1 else ("path:provider:name", "libc.so.6:libc:setjmp")
            message = f"the target of `@bpf.{hook}` is written `{form}`, not `{text}`"
            raise DeclarationError(message, f"e.g. `{example}`")
    return text


def _with_offset(target: Any, offset: int) -> Any:
    if not isinstance(offset, int) or offset < 0:
        raise DeclarationError(f"an offset is a number of bytes, not {offset!r}")
    return f"{target}+{offset:#x}" if offset and isinstance(target, str) else target


def _one_of(hook: str, **flags: bool) -> None:
    if sum(flags.values()) > 1:
        raise DeclarationError(f"`@bpf.{hook}` takes one of {' and '.join(f'`{f}`' for f in flags)}")


# ------------------------------------------------------------------- perf events and timers


def _perf(hook: str, **options: Any) -> Decorator:
    given = {name: value for name, value in options.items() if value is not None}

    def decorate(function: Callable[P, R], /) -> Program[P, R]:
        return Program(function, "perf_event", options=given, hook=hook)

    return decorate


def perf_event(
    *,
    event: str = "cpu-clock",
    freq: int | None = None,
    period: int | None = None,
    cpu: int | None = None,
    pid: int | None = None,
) -> Decorator:
    """A sampled perf event: `freq` times a second, or every `period` occurrences (kernel 4.9)."""
    if (freq is None) == (period is None):
        raise DeclarationError("`@bpf.perf_event` takes `freq=` or `period=`", "e.g. `@bpf.perf_event(freq=99)`")
    _positive("perf_event", freq=freq, period=period)
    return _perf("perf_event", event=event, freq=freq, period=period, cpu=cpu, pid=pid)


def profile(*, hz: int = 99, cpu: int | None = None, pid: int | None = None) -> Decorator:
    """`hz` times a second on every CPU."""
    _positive("profile", hz=hz)
    return _perf("profile", event="cpu-clock", freq=hz, cpu=cpu, pid=pid)


def interval(*, seconds: float = 1) -> Decorator:
    """Every so many seconds, on one CPU."""
    _positive("interval", seconds=seconds)
    return _perf("interval", event="cpu-clock", period=max(1, round(seconds * 1_000_000_000)), cpu=0)


def _positive(hook: str, **numbers: float | None) -> None:
    for name, value in numbers.items():
        if value is not None and (not isinstance(value, int | float) or value <= 0):
            raise DeclarationError(f"`{name}` of `@bpf.{hook}` is a positive number, not {value!r}")


# ------------------------------------------------------------------------------------ others


def iter(kind: str, /, *, sleepable: bool = False) -> Decorator:
    """An iterator over the kernel's objects: `"task"`, `"bpf_map"`, `"tcp"`, … (kernel 5.8)."""
    return declare("iter", _sleeping("iter", sleepable), kind, "task")


def freplace(function: str, /, *, program: str | int | None = None) -> Decorator:
    """Replace a global function of a loaded program (kernel 5.6)."""
    return declare("freplace", "freplace", function, "handle_packet", program=program)
