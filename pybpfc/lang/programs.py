"""Programs: what a hook's decorator makes of a function.

Nothing is compiled at import. A `Program` knows its function, its ELF section and how it is attached; after
`bpf.load()` it works on the program that was loaded, through a handle that the runtime or the VM binds.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar

from pybpfc.lang.errors import DeclarationError, NotLoadedError

if TYPE_CHECKING:
    from pybpfc.abi.program_types import Section

P = ParamSpec("P")
R = TypeVar("R")

_PLACES = frozenset({"interface", "ifindex", "cgroup", "netns", "map", "program"})
"""Options that say where a program is attached; the others say how."""


class Link(Protocol):
    """An attached program. Detaches when closed, unless it is pinned."""

    def detach(self) -> None:
        """Detach the program."""
        ...

    def close(self) -> None:
        """Let go of the link: it detaches unless something else holds it."""
        ...

    def pin(self, path: str) -> None:
        """Keep the link in a BPF file system after this process."""
        ...

    def __enter__(self) -> Any: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class TestRun(Protocol):
    """What a test run gives."""

    @property
    def retval(self) -> int:
        """What the program returned."""
        ...

    @property
    def data(self) -> bytes:
        """The packet as the program left it."""
        ...

    @property
    def ctx(self) -> bytes:
        """The context as the program left it."""
        ...

    @property
    def duration_ns(self) -> int:
        """The mean time of one run."""
        ...


class ProgramHandle(Protocol):
    """A loaded program: what the runtime and the VM provide."""

    @property
    def fd(self) -> int:
        """The program's file descriptor."""
        ...

    def attach(self, *where: Any, **options: Any) -> Any:
        """Attach the program to its hook; raises AttachError."""
        ...

    def test_run(self, **options: Any) -> Any:
        """Run the program once, or `repeat` times, on given data."""
        ...

    def pin(self, path: str) -> None:
        """Pin the program in a BPF file system."""
        ...


class Program(Generic[P, R]):
    """A function that runs at a hook of the kernel.

    `target` is what the hook names (`"syscalls/sys_enter_openat"`, `"vfs_read"`), `section` the ELF section in
    libbpf's words, `options` what its decorator said about the place to attach.
    """

    __wrapped__: Callable[P, R]

    def __init__(
        self,
        function: Callable[P, R],
        section: str,
        *,
        target: str = "",
        options: Mapping[str, Any] | None = None,
        hook: str = "",
    ) -> None:
        if isinstance(function, Program):
            raise DeclarationError(
                f"`{function.name}` is a `{function.section}` program already",
                "write the common part as a `@bpf.func` and one program for each hook",
            )
        if not hasattr(function, "__code__"):
            raise DeclarationError(f"`@bpf.{hook or 'program'}` decorates a function, not {function!r}")
        self.section: str = section
        functools.update_wrapper(self, function)
        self.function = function
        self.name: str = function.__name__
        self.target = target
        self.hook = hook
        self.options: Mapping[str, Any] = dict(options or {})
        self._kind: Section | None = None
        self._handle: ProgramHandle | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Refuse: a program runs in the kernel or in the VM."""
        raise TypeError(f"`{self.name}` is a BPF program: use `bpf.load()` or `bpf.simulate({self.name}, …)`")

    def __repr__(self) -> str:
        return f"<program {self.name!r} at {self.section}>"

    # ------------------------------------------------------------------------- what it is

    @property
    def kind(self) -> Section:
        """libbpf's entry for the section: program type, attach type, how it is attached."""
        if self._kind is None:
            from pybpfc.abi.program_types import match_section

            found = match_section(self.section)
            if found is None:
                raise DeclarationError(f"libbpf knows no section `{self.section}`")
            self._kind = found
        return self._kind

    @property
    def program_type(self) -> str:
        """The kernel's name of the program type: `BPF_PROG_TYPE_XDP`."""
        return self.kind.program_type

    @property
    def expected_attach_type(self) -> str | None:
        """The kernel's name of the attach type, where the section sets one."""
        return self.kind.expected_attach_type

    @property
    def attach_kind(self) -> str:
        """The kind of link: `tracepoint`, `xdp`, `cgroup`, …."""
        return self.kind.attach

    @property
    def sleepable(self) -> bool:
        """Whether the program may sleep."""
        return self.kind.sleepable

    # --------------------------------------------------------------------------- user space

    def bind(self, handle: ProgramHandle | None) -> None:
        """Connect with a loaded program, or with none."""
        self._handle = handle

    @property
    def bound(self) -> bool:
        """Whether it was loaded."""
        return self._handle is not None

    @property
    def handle(self) -> ProgramHandle:
        """The loaded program; raises `NotLoadedError` before `bpf.load()`."""
        if self._handle is None:
            raise NotLoadedError(f"program `{self.name}` is in the kernel only after `bpf.load()`")
        return self._handle

    @property
    def fd(self) -> int:
        """The loaded program's file descriptor."""
        return self.handle.fd

    def attach(self, *where: Any, **options: Any) -> Link:
        """Attach the loaded program; `options` add to the decorator's: `interface=`, `cgroup=`, `pid=`, ….

        A place given here, by name or as the first argument, replaces the decorator's. Raises AttachError with the
        cause and what to do.
        """
        elsewhere = bool(where) or not _PLACES.isdisjoint(options)
        given = {name: value for name, value in self.options.items() if not (elsewhere and name in _PLACES)}
        link: Link = self.handle.attach(*where, **{**given, **options})
        return link

    def test_run(
        self,
        *,
        data: bytes | None = None,
        ctx: bytes | Mapping[str, int] | None = None,
        repeat: int = 1,
        **options: Any,
    ) -> TestRun:
        """Run the loaded program on a packet or a context, without attaching it."""
        result: TestRun = self.handle.test_run(data=data, ctx=ctx, repeat=repeat, **options)
        return result

    def pin(self, path: str) -> None:
        """Pin the loaded program in a BPF file system."""
        self.handle.pin(path)
