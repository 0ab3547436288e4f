"""Decorators of hooks: sections in libbpf's words, options, mistakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import pybpfc as bpf
from pybpfc.abi.contexts import CONTEXTS
from pybpfc.abi.program_types import PROGRAM_TYPES, SECTIONS, match_section
from pybpfc.lang import contexts, network_hooks
from pybpfc.lang.contexts import Context
from pybpfc.lang.errors import DeclarationError, NotLoadedError
from pybpfc.lang.network_hooks import Hook
from pybpfc.lang.programs import Program


def probe(ctx: Any) -> int:
    """A program."""
    return 0


TARGETED: dict[str, Callable[[], Any]] = {
    "tracepoint/syscalls/sys_enter_openat": lambda: bpf.tracepoint("syscalls/sys_enter_openat"),
    "raw_tracepoint/sched_switch": lambda: bpf.raw_tracepoint("sched_switch"),
    "raw_tracepoint.w/nbd_send_request": lambda: bpf.raw_tracepoint("nbd_send_request", writable=True),
    "tp_btf/sched_switch": lambda: bpf.tp_btf("sched_switch"),
    "kprobe/vfs_read": lambda: bpf.kprobe("vfs_read"),
    "kprobe/vfs_read+0x10": lambda: bpf.kprobe("vfs_read", offset=16),
    "kretprobe/vfs_read": lambda: bpf.kretprobe("vfs_read"),
    "ksyscall/openat": lambda: bpf.ksyscall("openat"),
    "kretsyscall/openat": lambda: bpf.kretsyscall("openat"),
    "kprobe.multi/tcp_*": lambda: bpf.kprobe_multi("tcp_*"),
    "kretprobe.multi/tcp_*": lambda: bpf.kprobe_multi("tcp_*", retprobe=True),
    "kprobe.session/tcp_*": lambda: bpf.kprobe_multi("tcp_*", session=True),
    "fentry/do_unlinkat": lambda: bpf.fentry("do_unlinkat"),
    "fentry.s/do_unlinkat": lambda: bpf.fentry("do_unlinkat", sleepable=True),
    "fexit/do_unlinkat": lambda: bpf.fexit("do_unlinkat"),
    "fexit.s/do_unlinkat": lambda: bpf.fexit("do_unlinkat", sleepable=True),
    "fmod_ret/bpf_modify_return_test": lambda: bpf.fmod_ret("bpf_modify_return_test"),
    "fmod_ret.s/bpf_modify_return_test": lambda: bpf.fmod_ret("bpf_modify_return_test", sleepable=True),
    "lsm/file_open": lambda: bpf.lsm("file_open"),
    "lsm.s/file_open": lambda: bpf.lsm("file_open", sleepable=True),
    "lsm_cgroup/socket_bind": lambda: bpf.lsm_cgroup("socket_bind"),
    "uprobe//usr/bin/bash:readline": lambda: bpf.uprobe("/usr/bin/bash:readline"),
    "uprobe.s//usr/bin/bash:readline+0x4": lambda: bpf.uprobe("/usr/bin/bash:readline", offset=4, sleepable=True),
    "uretprobe//usr/bin/bash:readline": lambda: bpf.uretprobe("/usr/bin/bash:readline"),
    "uretprobe.s//usr/bin/bash:readline": lambda: bpf.uretprobe("/usr/bin/bash:readline", sleepable=True),
    "uprobe.multi/libc.so.6:mem*": lambda: bpf.uprobe_multi("libc.so.6:mem*"),
    "uprobe.multi.s/libc.so.6:mem*": lambda: bpf.uprobe_multi("libc.so.6:mem*", sleepable=True),
    "uretprobe.multi/libc.so.6:mem*": lambda: bpf.uprobe_multi("libc.so.6:mem*", retprobe=True),
    "uretprobe.multi.s/libc.so.6:mem*": lambda: bpf.uprobe_multi("libc.so.6:mem*", retprobe=True, sleepable=True),
    "uprobe.session/libc.so.6:mem*": lambda: bpf.uprobe_multi("libc.so.6:mem*", session=True),
    "uprobe.session.s/libc.so.6:mem*": lambda: bpf.uprobe_multi("libc.so.6:mem*", session=True, sleepable=True),
    "usdt/libc.so.6:libc:setjmp": lambda: bpf.usdt("libc.so.6:libc:setjmp"),
    "usdt.s/libc.so.6:libc:setjmp": lambda: bpf.usdt("libc.so.6:libc:setjmp", sleepable=True),
    "perf_event": lambda: bpf.perf_event(freq=99),
    "iter/task": lambda: bpf.iter("task"),
    "iter.s/task": lambda: bpf.iter("task", sleepable=True),
    "freplace/handle": lambda: bpf.freplace("handle"),
    "struct_ops/probe": lambda: bpf.struct_ops("tcp_congestion_ops"),
    "struct_ops.s/probe": lambda: bpf.struct_ops("sched_ext_ops", sleepable=True),
    "xdp.frags": lambda: bpf.xdp(frags=True),
    "xdp/devmap": lambda: bpf.xdp(map="devmap"),
    "xdp.frags/devmap": lambda: bpf.xdp(map="devmap", frags=True),
    "xdp/cpumap": lambda: bpf.xdp(map="cpumap"),
    "xdp.frags/cpumap": lambda: bpf.xdp(map="cpumap", frags=True),
    "sk_reuseport/migrate": lambda: bpf.sk_reuseport(migrate=True),
}
HOOKS = {name: hook for name, hook in vars(network_hooks).items() if isinstance(hook, Hook)}

ALIASES = {"tp+", "raw_tp+", "raw_tp.w+", "tc/ingress", "tc/egress", "classifier"}
ALIASES |= {"cgroup/skb", "cgroup/sock", "sk_skb"}
"""Sections that libbpf accepts for what has another name of its own."""


@pytest.mark.parametrize("section", TARGETED)
def test_sections(section: str) -> None:
    program = TARGETED[section]()(probe)
    assert program.section == section
    assert program.kind is match_section(section)


@pytest.mark.parametrize("name", HOOKS)
def test_context_hooks_work_bare_and_called(name: str) -> None:
    hook: Any = HOOKS[name]
    bare, called = hook(probe), hook()(probe)
    assert bare.section == called.section == hook.section
    assert (bare.hook, bare.options, called.options) == (name, {}, {})
    assert getattr(bpf, name) is hook


def all_programs() -> list[Program[..., Any]]:
    hooks: list[Any] = list(HOOKS.values())
    return [make()(probe) for make in TARGETED.values()] + [hook(probe) for hook in hooks]


def test_every_section_has_a_decorator() -> None:
    programs = all_programs()
    reached = {program.kind.pattern for program in programs}
    assert {s.pattern for s in SECTIONS} - reached == ALIASES


def test_every_program_type_has_a_decorator() -> None:
    programs = all_programs()
    assert {p.program_type for p in programs} == set(PROGRAM_TYPES)


def test_contexts_have_the_kernels_fields() -> None:
    """What checkers see is what the compiler accepts."""
    for cls in vars(contexts).values():
        if not isinstance(cls, type) or not issubclass(cls, Context) or not cls.__bpf_context__:
            continue
        known = {f.name for f in CONTEXTS[cls.__bpf_context__].fields}
        declared = {n for c in cls.__mro__ if issubclass(c, Context) for n in vars(c).get("__annotations__", {})}
        declared -= {"__bpf_context__", "__bpf_programs__"}
        assert declared <= known, cls
        if not issubclass(cls, contexts._Open):
            assert declared == known, cls


def test_a_program_keeps_its_function() -> None:
    program = bpf.tracepoint("sched/sched_switch")(probe)
    assert isinstance(program, Program)
    assert (program.name, program.__name__, program.__doc__) == ("probe", "probe", "A program.")
    assert program.__wrapped__ is probe
    assert program.target == "sched/sched_switch"
    assert repr(program) == "<program 'probe' at tracepoint/sched/sched_switch>"


def test_facts_come_from_the_section() -> None:
    program = bpf.cgroup_connect4(cgroup="/sys/fs/cgroup")(probe)
    assert program.program_type == "BPF_PROG_TYPE_CGROUP_SOCK_ADDR"
    assert program.expected_attach_type == "BPF_CGROUP_INET4_CONNECT"
    assert (program.attach_kind, program.sleepable) == ("cgroup", False)
    assert bpf.lsm("file_open", sleepable=True)(probe).sleepable


def test_options() -> None:
    assert bpf.xdp(interface="veth0", mode="generic")(probe).options == {"interface": "veth0", "mode": "generic"}
    assert bpf.perf_event(freq=99)(probe).options == {"event": "cpu-clock", "freq": 99}
    assert bpf.profile(hz=49)(probe).options == {"event": "cpu-clock", "freq": 49}
    assert bpf.interval(seconds=0.5)(probe).options == {"event": "cpu-clock", "period": 500_000_000, "cpu": 0}
    assert bpf.uprobe("a.out:main", pid=7)(probe).options == {"pid": 7}
    assert bpf.struct_ops("tcp_congestion_ops")(probe).options == {"member": "probe"}


def test_a_class_is_a_struct_of_operations() -> None:
    @bpf.struct_ops("tcp_congestion_ops", sleepable=True)
    class careful:
        """Careful."""

        name = "careful"
        flags = 1

        def ssthresh(self, sk: Any) -> int:
            return 2

        @staticmethod
        def undo_cwnd(sk: Any) -> int:
            return 2

    assert (careful.name, careful.struct, careful.values) == (
        "careful",
        "tcp_congestion_ops",
        {"name": "careful", "flags": 1},
    )
    sections = {name: (program.name, program.section) for name, program in careful.programs.items()}
    assert sections == {
        "ssthresh": ("careful_ssthresh", "struct_ops.s/ssthresh"),
        "undo_cwnd": ("careful_undo_cwnd", "struct_ops.s/undo_cwnd"),
    }
    with pytest.raises(bpf.NotLoadedError):
        careful.attach()


def test_a_struct_of_operations_takes_members_only() -> None:
    with pytest.raises(bpf.DeclarationError, match="`window` of `wrong` is neither"):

        @bpf.struct_ops("tcp_congestion_ops")
        class wrong:
            window = 1.5

    with pytest.raises(bpf.DeclarationError, match="`ssthresh` of `mixed` is neither"):

        @bpf.struct_ops("tcp_congestion_ops")
        class mixed:
            ssthresh = bpf.struct_ops("sched_ext_ops")(probe)


MISTAKES: dict[str, Callable[[], Any]] = {
    'needs a target; write `@bpf.kprobe("vfs_read")`': lambda: bpf.kprobe(probe),  # type: ignore[arg-type]
    "needs a target": lambda: bpf.fentry(""),
    "is written `category/name`, not `sched_switch`": lambda: bpf.tracepoint("sched_switch"),
    "is written `path:symbol`, not `readline`": lambda: bpf.uprobe("readline"),
    "is written `path:provider:name`, not `libc:setjmp`": lambda: bpf.usdt("libc:setjmp"),
    "takes `freq=` or `period=`": lambda: bpf.perf_event(),
    "`hz` of `@bpf.profile` is a positive number, not 0": lambda: bpf.profile(hz=0),
    "takes one of `retprobe` and `session`": lambda: bpf.kprobe_multi("x", retprobe=True, session=True),
    "an offset is a number of bytes, not -1": lambda: bpf.kprobe("x", offset=-1),
    "`mode` of `@bpf.xdp` is native, generic or offload": lambda: bpf.xdp(mode="fast"),
    "`direction` of `@bpf.tc` is ingress or egress": lambda: bpf.tc(direction="in"),
    "takes its options by name; not 'eth0'": lambda: bpf.xdp("eth0"),  # type: ignore[call-overload]
    "decorates a function, not <class 'int'>": lambda: bpf.xdp(int),  # type: ignore[call-overload]
    "is a `xdp` program already; write the common part as a `@bpf.func`": lambda: bpf.tc(bpf.xdp(probe)),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_mistakes(message: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        MISTAKES[message]()
    assert message in str(caught.value)


def test_programs_run_in_the_kernel_only() -> None:
    program = bpf.xdp(probe)
    with pytest.raises(TypeError, match=r"use `bpf.load\(\)` or `bpf.simulate\(probe, …\)`"):
        program(None)  # type: ignore[arg-type]
    for use in (program.attach, program.test_run, lambda: program.pin("/x"), lambda: program.fd):
        with pytest.raises(NotLoadedError, match="only after `bpf.load"):
            use()


class Handle:
    """A loaded program."""

    fd = 5

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def attach(self, *where: Any, **options: Any) -> str:
        self.calls.append(("attach", (where, options)))
        return "link"

    def test_run(self, **options: Any) -> str:
        self.calls.append(("test_run", options))
        return "result"

    def pin(self, path: str) -> None:
        self.calls.append(("pin", path))


def test_a_bound_program_works_on_what_was_loaded() -> None:
    program, handle = bpf.xdp(interface="veth0", mode="generic")(probe), Handle()
    program.bind(handle)
    assert program.fd == 5
    assert program.attach(interface="veth1") == "link"
    program.attach("veth2")
    assert program.test_run(data=b"x", repeat=3) == "result"
    program.pin("/sys/fs/bpf/x")
    assert handle.calls == [
        ("attach", ((), {"interface": "veth1", "mode": "generic"})),
        ("attach", (("veth2",), {"mode": "generic"})),
        ("test_run", {"data": b"x", "ctx": None, "repeat": 3}),
        ("pin", "/sys/fs/bpf/x"),
    ]
    program.bind(None)
    with pytest.raises(NotLoadedError):
        program.attach()
