"""Loaded programs: attach them, run them on made-up input, ask the kernel about them."""

from __future__ import annotations

import errno
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pybpfc.abi.program_types import PROGRAM_TYPES, Section
from pybpfc.diagnostics.errors import AttachError, LoadError
from pybpfc.records import frozen
from pybpfc.runtime import attributes
from pybpfc.runtime.permissions import permission_denied
from pybpfc.runtime.syscall import ENOTSUPP, Command, Fd, address, bpf, buffer_of, object_info, object_pin

if TYPE_CHECKING:
    from pybpfc.runtime.links.base import Link

_TYPE_NAMES = {kind.uapi: name for name, kind in PROGRAM_TYPES.items()}

_ROOM = 512
"""How much a program may lengthen a packet in a test run."""

BPF_F_TEST_RUN_ON_CPU = 1


@frozen
class TestRun:
    """What a test run gave: the program's result, the packet and the context behind it, nanoseconds per run."""

    __test__ = False  # its name looks like a test's

    retval: int
    data: bytes
    ctx: bytes
    duration_ns: int

    @property
    def signed_retval(self) -> int:
        """The result as a signed 32-bit number."""
        return self.retval - (1 << 32) if self.retval >> 31 else self.retval


@frozen
class ProgramInfo:
    """What the kernel tells of a program. Run time and count stay 0 unless `sysctl kernel.bpf_stats_enabled=1`."""

    id: int
    name: str
    type_name: str
    tag: str
    instructions: int
    verified_instructions: int
    jited_bytes: int
    btf_id: int
    gpl_compatible: bool
    load_time_ns: int
    run_time_ns: int
    run_count: int
    recursion_misses: int
    map_ids: tuple[int, ...]


def program_info(fd: int) -> ProgramInfo:
    """What the kernel tells of the program behind a descriptor."""
    raw = attributes.ProgInfo()
    object_info(fd, raw)
    count, ids = raw.nr_map_ids, None
    xlated, jited = raw.xlated_prog_len, raw.jited_prog_len
    if count:
        import ctypes

        ids = (ctypes.c_uint32 * count)()
        again = attributes.ProgInfo(nr_map_ids=count, map_ids=address(ids))
        object_info(fd, again)
    return ProgramInfo(
        id=raw.id,
        name=raw.name.decode(errors="replace"),
        type_name=_TYPE_NAMES.get(raw.type, f"program type {raw.type}"),
        tag=bytes(raw.tag).hex(),
        instructions=xlated // 8,
        verified_instructions=raw.verified_insns,
        jited_bytes=jited,
        btf_id=raw.btf_id,
        gpl_compatible=bool(raw.gpl_compatible & 1),
        load_time_ns=raw.load_time,
        run_time_ns=raw.run_time_ns,
        run_count=raw.run_cnt,
        recursion_misses=raw.recursion_misses,
        map_ids=tuple(ids) if ids is not None else (),
    )


class Program:
    """A program in the kernel. It stays until closed, or as long as a link or a pin holds it."""

    def __init__(self, fd: Fd, name: str, section: str, kind: Section) -> None:
        self.name = name
        self.section = section
        self.kind = kind
        self.links: list[Link] = []
        self.owner: object = None
        self._fd = fd

    @property
    def fd(self) -> int:
        """The descriptor; raises AttachError once closed."""
        if self._fd.closed:
            raise AttachError(f"program `{self.name}` was closed with its object")
        return self._fd.number

    def fileno(self) -> int:
        """The descriptor."""
        return self.fd

    @property
    def type_name(self) -> str:
        """The kernel's name of the program's type."""
        return self.kind.program_type

    @property
    def expected_attach_type(self) -> str | None:
        """The kernel's name of the attach type it was loaded for, if any."""
        return self.kind.expected_attach_type

    @property
    def section_name(self) -> str:
        """The part of the section that names the hook: `tracepoint`."""
        return self.kind.name

    @property
    def section_target(self) -> str:
        """The part of the section behind the hook's name: `syscalls/sys_enter_openat`; empty without one."""
        return self.section.removeprefix("?").removeprefix(self.kind.name).removeprefix("/")

    def attach(self, *where: Any, **options: Any) -> Link:
        """Attach to the place the section names, or to the one given; raises AttachError or PermissionDenied.

        What can be given depends on the hook: `interface=` and `mode=` for XDP, `event=` for tracepoints, `cgroup=`,
        `cookie=` and so on. The link lives until detached, or closed with the object.
        """
        from pybpfc.runtime.links.base import attacher

        attach = attacher(self.kind.attach)
        if attach is None:
            raise AttachError(
                f"`{self.name}` in section `{self.section}` has no place that it could be attached to",
                remedy=_ELSEWHERE.get(
                    self.kind.attach, f"`{self.kind.name}` programs can be loaded but not yet attached by pybpfc"
                ),
            )
        link: Link = attach(self, *where, **options)
        link.list_in(self.links)
        return link

    def test_run(
        self,
        data: bytes | None = None,
        ctx: bytes | Mapping[str, int] | None = None,
        repeat: int = 1,
        *,
        cpu: int | None = None,
        flags: int = 0,
        room: int = _ROOM,
    ) -> TestRun:
        """Run the program in the kernel (BPF_PROG_TEST_RUN) on a packet and a context of your own.

        `ctx` is the context's bytes, or its fields by name. `repeat` runs it more often, for the time it takes.
        `room` is how many bytes longer than `data` the result may be.
        """
        ctx_bytes = self._context(ctx, len(data or b""))
        data_in = buffer_of(data) if data else None
        data_out = buffer_of(bytes(len(data) + room)) if data else None
        ctx_in = buffer_of(ctx_bytes) if ctx_bytes else None
        ctx_out = buffer_of(bytes(len(ctx_bytes))) if ctx_bytes and self._gives_context_back else None
        request = attributes.TestRun(prog_fd=self.fd, repeat=repeat, flags=flags)
        if cpu is not None:
            request.flags, request.cpu = flags | BPF_F_TEST_RUN_ON_CPU, cpu
        if self.type_name in _NO_REPEAT:
            request.repeat = 0
        for name, given, result in (("data", data_in, data_out), ("ctx", ctx_in, ctx_out)):
            setattr(request, f"{name}_in", address(given))
            setattr(request, f"{name}_size_in", len(given) if given is not None else 0)
            setattr(request, f"{name}_out", address(result))
            setattr(request, f"{name}_size_out", len(result) if result is not None else 0)
        try:
            bpf(Command.PROG_TEST_RUN, request)
        except OSError as error:
            raise self._run_error(error, data) from None
        return TestRun(
            request.retval,
            data_out.raw[: request.data_size_out] if data_out is not None else b"",
            ctx_out.raw[: request.ctx_size_out] if ctx_out is not None else ctx_in.raw if ctx_in is not None else b"",
            request.duration,
        )

    @property
    def _gives_context_back(self) -> bool:
        return self.type_name not in ("BPF_PROG_TYPE_RAW_TRACEPOINT", "BPF_PROG_TYPE_SYSCALL")

    def _context(self, ctx: bytes | Mapping[str, int] | None, length: int) -> bytes:
        """The context's bytes; an XDP context made from fields gets the packet's length as the kernel wants it."""
        if ctx is None:
            return b""
        if isinstance(ctx, bytes | bytearray | memoryview):
            return bytes(ctx)
        from pybpfc.abi.contexts import CONTEXTS

        layout = CONTEXTS.get(PROGRAM_TYPES[self.type_name].context)
        if layout is None:
            raise LoadError(f"`{self.name}` takes no context with named fields", remedy="give its bytes")
        fields = {field.name: field for field in layout.fields}
        values = {"data_end": length, **ctx} if layout.name == "xdp_md" else dict(ctx)
        raw = bytearray(layout.size)
        for name, value in values.items():
            field = fields.get(name)
            if field is None:
                raise LoadError(f"`{layout.name}` has no field `{name}`", remedy=f"it has {', '.join(fields)}")
            try:
                raw[field.offset : field.offset + field.size] = field.encode(int(value), sys.byteorder)
            except OverflowError:
                raise LoadError(f"`{name}` of `{layout.name}` has {field.size} bytes; {value} does not fit") from None
        return bytes(raw)

    def _run_error(self, error: OSError, data: bytes | None) -> LoadError:
        number = error.errno or 0
        short = self.type_name.removeprefix("BPF_PROG_TYPE_").lower()
        if number in (errno.EPERM, errno.EACCES):
            return permission_denied(f"running `{self.name}`", ("CAP_BPF", "CAP_NET_ADMIN"), number=number)
        match number:
            case _ if number in (ENOTSUPP, errno.EOPNOTSUPP):
                reason, remedy = f"the kernel has no test run for {short} programs", "attach it and cause the event"
            case errno.EINVAL if data is not None and len(data) < 14:
                reason, remedy = "the packet is shorter than an Ethernet header", "give at least 14 bytes of `data`"
            case errno.EINVAL if data is None and short in _NEED_DATA:
                reason, remedy = "it needs a packet", "give at least 14 bytes of `data`"
            case errno.EINVAL:
                reason, remedy = (
                    "the kernel does not take these arguments",
                    f"check which context fields and flags a test run of {short} programs takes",
                )
            case errno.ENOSPC:
                reason, remedy = "the packet grew beyond the room for the result", "give more `room`"
            case _:
                reason, remedy = error.strerror or "", ""
        return LoadError(f"`{self.name}` could not be run: {reason}", errno=number, remedy=remedy)

    @property
    def info(self) -> ProgramInfo:
        """What the kernel tells of the program."""
        return program_info(self.fd)

    def pin(self, path: str) -> None:
        """Pin the program in a BPF file system, so that it outlives the process."""
        from pybpfc.runtime.links.base import pin_error

        try:
            object_pin(self.fd, path)
        except OSError as error:
            raise pin_error(error, f"program `{self.name}`", path) from None

    def detach(self) -> None:
        """End all attachments made through this object."""
        while self.links:
            self.links.pop().detach()

    def close(self) -> None:
        """End the attachments that are not pinned, and let go of the program."""
        while self.links:
            self.links.pop().close()
        self._fd.close()

    def __repr__(self) -> str:
        return f"<program {self.name!r} {self.section!r}>"


_NO_REPEAT = frozenset({"BPF_PROG_TYPE_RAW_TRACEPOINT", "BPF_PROG_TYPE_SYSCALL", "BPF_PROG_TYPE_TRACING"})
_NEED_DATA = frozenset({"xdp", "sched_cls", "sched_act", "socket_filter", "cgroup_skb", "flow_dissector"})

_ELSEWHERE = {
    "none": "run it with `test_run(ctx=…)`",
    "map": "store its `fd` in the value of a device or CPU map",
    "struct_ops": "attach the struct that it belongs to: `obj.struct_ops[…].attach()`",
}
