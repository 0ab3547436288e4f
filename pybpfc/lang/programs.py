"""Programs: functions with a hook. Decorating compiles nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

from pybpfc.abi.program_types import SECTIONS, Section, match_section
from pybpfc.lang.errors import DeclarationError, NotLoadedError

P = ParamSpec("P")
R = TypeVar("R")


class Program(Generic[P, R]):
    """A program: the Python function, its ELF section, and where it is to be attached."""

    def __init__(self, function: Callable[P, R], section: str, options: dict[str, Any]) -> None:
        if not callable(function) or not hasattr(function, "__code__"):
            raise DeclarationError("a program is a function", "write the decorator above a `def`")
        functools.update_wrapper(self, function)
        found = match_section(section)
        if found is None:
            raise DeclarationError(f"`{section}` is not a hook")
        self.__wrapped__ = function
        self.name = function.__name__
        self.section = section
        self.kind: Section = found
        self.options = options
        self._loaded: Any = None

    @property
    def program_type(self) -> str:
        """The kernel's name of the program type."""
        return self.kind.program_type

    @property
    def target(self) -> str:
        """What is hooked: the section behind its fixed part."""
        return self.section.removeprefix("?").removeprefix(self.kind.name).removeprefix("/")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Refuse: a program runs in the kernel or in the VM."""
        raise TypeError(f"`{self.name}` is a BPF program: use `bpf.load()` or `bpf.simulate({self.name}, …)`")

    # ------------------------------------------------------------------------- user space

    def bind(self, loaded: Any) -> None:
        """Connect with the program that a load made, or with none."""
        self._loaded = loaded

    @property
    def loaded(self) -> Any:
        """The loaded program; raises `NotLoadedError` before `bpf.load()`."""
        if self._loaded is None:
            raise NotLoadedError(f"`{self.name}` exists in the kernel only after `bpf.load()`")
        return self._loaded

    def attach(self, **where: Any) -> Any:
        """Attach the loaded program and return its link; raises `AttachError`."""
        return self.loaded.attach(**where)

    def test_run(self, **inputs: Any) -> Any:
        """Run the loaded program by BPF_PROG_TEST_RUN (kernel 4.12); raises OSError."""
        return self.loaded.test_run(**inputs)


Decorator = Callable[[Callable[P, R]], Program[P, R]]


def _program(section: str, **options: Any) -> Decorator[P, R]:
    given = {name: value for name, value in options.items() if value is not None}

    def apply(function: Callable[P, R]) -> Program[P, R]:
        return Program(function, section, given)

    return apply


def _targeted(prefix: str, target: Any, example: str) -> str:
    if not isinstance(target, str) or not target:
        raise DeclarationError(f"`@bpf.{prefix.replace('.', '_')}` needs its target", f'write `{example}`')
    return f"{prefix}/{target}"


def tracepoint(name: str) -> Decorator[P, R]:
    """Hook a tracepoint, `category/name` (kernel 4.7)."""
    section = _targeted("tracepoint", name, '@bpf.tracepoint("syscalls/sys_enter_openat")')
    if "/" not in name:
        raise DeclarationError(f"`{name}` is not a tracepoint", 'write `@bpf.tracepoint("category/name")`')
    return _program(section)


def raw_tracepoint(name: str) -> Decorator[P, R]:
    """Hook a tracepoint with its raw arguments, `ctx.args[i]` (kernel 4.17)."""
    return _program(_targeted("raw_tracepoint", name, '@bpf.raw_tracepoint("sys_enter")'))


def xdp(function: Callable[P, R] | None = None, /, *, interface: str | None = None, ifindex: int | None = None, mode: str | None = None) -> Any:
    """Hook packets where they come in, before the network stack (kernel 4.8).

    `interface` or `ifindex` say where `bpf.load()` attaches it; `mode` is "native", "generic" or "offload".
    """
    decorate: Any = _program("xdp", interface=interface, ifindex=ifindex, mode=mode)
    return decorate if function is None else decorate(function)


def _bare(section: str, doc: str) -> Any:
    def hook(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
        decorate: Any = _program(section, **options)
        return decorate if function is None else decorate(function)

    hook.__doc__ = doc
    hook.__name__ = section.replace("/", "_")
    return hook


tc = _bare("tc", "Classify packets on a clsact qdisc (kernel 4.1).")
tcx_ingress = _bare("tcx/ingress", "Classify packets coming in, by a link (kernel 6.6).")
tcx_egress = _bare("tcx/egress", "Classify packets going out, by a link (kernel 6.6).")
socket_filter = _bare("socket", "Filter what a socket receives (kernel 3.19).")
cgroup_skb_ingress = _bare("cgroup_skb/ingress", "Filter packets coming in to a cgroup (kernel 4.10).")
cgroup_skb_egress = _bare("cgroup_skb/egress", "Filter packets going out of a cgroup (kernel 4.10).")
sk_lookup = _bare("sk_lookup", "Choose the socket of a connection (kernel 5.9).")


def section_names() -> list[str]:
    """The fixed parts of all sections, for suggestions."""
    return [s.name for s in SECTIONS]
