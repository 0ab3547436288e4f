"""The table of hooks in docs/: from the sections that the loader knows, the decorators, and the tests that prove them."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import hook_proofs

import pybpfc as bpf
from pybpfc.abi.program_types import PROGRAM_TYPES, SECTIONS, Section, match_section
from pybpfc.lang import network_hooks
from pybpfc.lang.contexts import context_class
from pybpfc.runtime.links.base import attacher

_SLEEPING = {
    "uprobe": '"path:symbol"',
    "uretprobe": '"path:symbol"',
    "uprobe_multi": '"path:pattern"',
    "usdt": '"path:provider:name"',
    "fentry": '"function"',
    "fexit": '"function"',
    "fmod_ret": '"function"',
    "lsm": '"hook"',
    "iter": '"task"',
}
_CALLS = (
    'kprobe("function")',
    'kretprobe("function")',
    'ksyscall("name")',
    'kretsyscall("name")',
    'kprobe_multi("pattern")',
    'kprobe_multi("pattern", retprobe=True)',
    'kprobe_multi("pattern", session=True)',
    'uprobe_multi("path:pattern", retprobe=True)',
    'uprobe_multi("path:pattern", retprobe=True, sleepable=True)',
    'uprobe_multi("path:pattern", session=True)',
    'uprobe_multi("path:pattern", session=True, sleepable=True)',
    *(f"{name}({target})" for name, target in _SLEEPING.items()),
    *(f"{name}({target}, sleepable=True)" for name, target in _SLEEPING.items()),
    'tracepoint("category/name")',
    'raw_tracepoint("name")',
    'raw_tracepoint("name", writable=True)',
    'tp_btf("name")',
    'lsm_cgroup("hook")',
    'perf_event(event="cpu_clock", freq=99)',
    'freplace("function")',
    "xdp(frags=True)",
    'xdp(map="cpumap")',
    'xdp(map="devmap")',
    'xdp(map="cpumap", frags=True)',
    'xdp(map="devmap", frags=True)',
    "sk_reuseport(migrate=True)",
)

_UNPROVEN = {
    "fentry.s+": "no kernel of the tests lets programs at functions sleep",
    "fexit.s+": "no kernel of the tests lets programs at functions sleep",
    "fmod_ret.s+": "no kernel of the tests lets programs at functions sleep",
    "freplace+": "not in the language yet, and not attached",
    "lirc_mode2": "not in the language yet, and not attached",
    "lwt_seg6local": "not yet",
    "struct_ops.s+": "not yet",
    "cgroup/skb": "objects say nothing of the direction; libbpf does not attach them by themselves either",
    "sk_skb": "objects say nothing of the hook; libbpf does not attach them by themselves either",
}
"""Why no test shows an event of a hook."""

_SKIPPED_ON_ALL = ("fentry.s+", "fexit.s+")
_INTRODUCTION = """# Hooks

Every section that the loader knows: the decorator that makes it, what `program.attach(…)` takes, what the program
takes, the first kernel that has it, and a test in which an event of it reached a program written in Python. The tests
run on Linux 6.1, 6.12 and 6.18. `pybpfc features` tells what the running kernel has, `pybpfc list` what there is to
attach to.

| Section | Decorator | Program type | `attach(…)` | Takes | Kernel | Proven by |
|---|---|---|---|---|---|---|
"""


def decorators() -> dict[str, str]:
    """How each section's pattern is written in Python."""
    found: dict[str, str] = {}
    for name, hook in vars(network_hooks).items():
        section = getattr(hook, "section", None)
        if isinstance(section, str) and isinstance(getattr(bpf, name, None), type(hook)):
            found.setdefault(_pattern(section), name)
    for call in _CALLS:
        made = eval(f"bpf.{call}", {"bpf": bpf})(_program)
        found.setdefault(_pattern(made.section), call)
    found |= {"struct_ops+": 'struct_ops("struct")', "struct_ops.s+": ""}
    return found


def _program(ctx: object) -> int:
    return 0


def _pattern(section: str) -> str:
    kind = match_section(section)
    assert kind is not None, section
    return kind.pattern


def load_proofs() -> None:
    """Import the tests, so that all that they prove is known."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if "@proves(" in path.read_text():
            importlib.import_module(path.stem)


def table() -> str:
    """The page."""
    load_proofs()
    known = decorators()
    return _INTRODUCTION + "".join(f"| {' | '.join(_row(kind, known))} |\n" for kind in SECTIONS)


def _row(kind: Section, known: dict[str, str]) -> tuple[str, ...]:
    decorator = known.get(kind.pattern)
    short = kind.program_type.removeprefix("BPF_PROG_TYPE_")
    attach_type = (kind.expected_attach_type or "").removeprefix("BPF_")
    return (
        f"`{kind.pattern.removesuffix('+')}{'/…' if kind.pattern.endswith('+') else ''}`",
        f"`@bpf.{decorator}`" if decorator else "objects only",
        f"{short}{f', {attach_type}' if attach_type and attach_type != short else ''}",
        _options(kind),
        _takes(kind),
        str(kind.since),
        proof(kind),
    )


def _options(kind: Section) -> str:
    attach = attacher(kind.attach)
    if attach is None:
        return {"map": "a value of its map", "none": "`test_run()`", "struct_ops": "its struct"}.get(kind.attach, "—")
    return ", ".join(f"`{name}`" for name in list(inspect.signature(attach).parameters)[1:])


_BY_BTF = {
    "tracing": "the arguments, typed by BTF",
    "struct_ops": "the member's arguments, typed by BTF",
    "iter": "the iterator's context, typed by BTF",
    "usdt": "the probe's arguments, or `UsdtContext`",
    "kprobe": "the arguments, typed by BTF, or `KprobeContext`",
    "kprobe_multi": "the arguments, or `KprobeContext`",
    "ksyscall": "the system call's arguments",
    "uprobe": "the arguments, as annotated, or `UprobeContext`",
    "uprobe_multi": "the arguments, as annotated, or `UprobeContext`",
    "tracepoint": "`TracepointContext`, its fields from the event's format",
    "raw_tracepoint": "the arguments, typed by BTF, or `RawTracepointContext`",
    "freplace": "what the function takes",
}


def _takes(kind: Section) -> str:
    if kind.name.startswith(("kret", "uret")):
        return "the result, or `KprobeContext`"
    if kind.attach in _BY_BTF:
        return _BY_BTF[kind.attach]
    if kind.name == "lsm_cgroup":
        return _BY_BTF["tracing"]
    cls = context_class(kind.program_type, PROGRAM_TYPES[kind.program_type].context)
    return f"`{cls.__name__}`" if cls is not None else "—"


def proof(kind: Section) -> str:
    """The test that shows an event of the hook, that of a section which means the same, or why there is none."""
    if kind.pattern in hook_proofs.PROVEN and kind.pattern not in _SKIPPED_ON_ALL:
        return f"`{hook_proofs.PROVEN[kind.pattern][0]}`"
    same = (kind.program_type, kind.expected_attach_type, kind.attach, kind.sleepable, kind.frags)
    for other in SECTIONS:
        named = (other.program_type, other.expected_attach_type, other.attach, other.sleepable, other.frags)
        if named == same and other.pattern in hook_proofs.PROVEN and kind.pattern not in _UNPROVEN:
            return f"as `{other.name}`"
    return _UNPROVEN[kind.pattern]
