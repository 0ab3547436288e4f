"""Structs of operations: kernel structs whose functions are programs, such as TCP congestion controls (kernel 5.6).

The kernel's own types say where the members lie; an object's struct has the members that it uses, matched by name, as
libbpf does. The value with the programs' descriptors goes into a map, which a link attaches from kernel 6.4 on. On
older kernels, and for what lies in `.struct_ops`, storing the value is what attaches it.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pybpfc.abi.attach_types import ATTACH_TYPES
from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.diagnostics.errors import AttachError, LoadError
from pybpfc.formats.btf import Btf, BtfMember, BtfType
from pybpfc.formats.spec import StructOpsSpec
from pybpfc.records import frozen
from pybpfc.runtime.attributes import LinkCreate, MapCreate
from pybpfc.runtime.links.base import Attachment, Link, attach_error
from pybpfc.runtime.maps import Map
from pybpfc.runtime.permissions import exhausted, needed_for, permission_denied, with_memory_limit_raised
from pybpfc.runtime.prog_load import Target
from pybpfc.runtime.syscall import Command, Fd, bpf, object_name

if TYPE_CHECKING:
    from pybpfc.runtime.programs import Program

BPF_F_LINK = 1 << 13
_TYPE = "BPF_MAP_TYPE_STRUCT_OPS"
_PROGRAM = "BPF_PROG_TYPE_STRUCT_OPS"
_ONLY = struct.pack("=I", 0)

REQUIRED = {"tcp_congestion_ops": "`ssthresh`, `undo_cwnd`, a `name`, and `cong_avoid` or `cong_control`"}
"""Members without which the kernel refuses a struct."""


@frozen
class KernelOps:
    """A struct of operations as the kernel has it; `value` wraps it, `start` bytes in, in the map's value."""

    struct: BtfType
    value: BtfType
    start: int


def find_ops(btf: Btf, name: str) -> KernelOps:
    """The kernel's struct of a name, its flavour aside; raises LoadError where programs can't implement it."""
    plain = name.partition("___")[0]
    found, wrapper = btf.find(plain, "STRUCT"), btf.find(f"bpf_struct_ops_{plain}", "STRUCT")
    inside = [m for m in wrapper.members if found is not None and m.type == found.id] if wrapper is not None else []
    if found is None or wrapper is None or not inside:
        raise LoadError(
            f"this kernel has no struct_ops `{plain}`",
            errno=errno.ENOENT,
            remedy="see `pybpfc list struct_ops`; some come with kernel modules or build options",
        )
    return KernelOps(found, wrapper, inside[0].offset // 8)


@frozen
class Fitted:
    """An object's struct fitted to the kernel: the value, where the functions go in it, and their programs' targets.

    `targets` are by function; `missing` are functions whose members this kernel does not have.
    """

    ops: KernelOps
    value: bytes
    slots: Mapping[str, int]
    targets: Mapping[str, Target]
    missing: tuple[str, ...]


def fit(spec: StructOpsSpec, local: Btf, kernel: Btf) -> Fitted:
    """Fit a struct to the kernel's members by name; raises LoadError for what has no place or another form there."""
    ops = find_ops(kernel, spec.struct)
    places = {member.name: (index, member) for index, member in enumerate(ops.struct.members)}
    value, slots = bytearray(ops.value.size), dict[str, int]()
    targets, missing = dict[str, Target](), list[str]()
    for member in local.type(spec.type_id).members:
        function, place = spec.functions.get(member.name), places.get(member.name)
        size = local.size_of(member.type)
        data = spec.data[member.offset // 8 : member.offset // 8 + size]
        if place is None:
            if any(data):
                raise LoadError(f"`{spec.name}`: `{ops.struct.name}` of this kernel has no member `{member.name}`")
            missing += [function] if function is not None else []
            continue
        index, there = place
        at = ops.start + there.offset // 8
        if function is not None:
            _require_function(spec, kernel, there)
            if function in targets:
                reason = f"`{function}` implements two members of `{spec.name}`"
                raise LoadError(reason, remedy="each member takes a program of its own")
            slots[function], targets[function] = at, Target(ops.struct.id, 0, index)
        elif any(data):
            _require_same(spec, (local, member), (kernel, there))
            value[at : at + size] = data
    return Fitted(ops, bytes(value), slots, targets, tuple(missing))


def _require_function(spec: StructOpsSpec, kernel: Btf, there: BtfMember) -> None:
    pointer = kernel.skip_modifiers(there.type)
    if pointer.kind != "PTR" or kernel.skip_modifiers(pointer.type).kind != "FUNC_PROTO":
        raise LoadError(f"`{spec.name}`: member `{there.name}` of this kernel's `{spec.struct}` is no function")


def _require_same(spec: StructOpsSpec, here: tuple[Btf, BtfMember], there: tuple[Btf, BtfMember]) -> None:
    kinds = [btf.skip_modifiers(member.type).kind for btf, member in (here, there)]
    sizes = [btf.size_of(member.type) for btf, member in (here, there)]
    if kinds[0] != kinds[1] or sizes[0] != sizes[1] or here[1].bits or there[1].bits:
        raise LoadError(
            f"`{spec.name}`: member `{here[1].name}` of this kernel's `{spec.struct}` is another type",
            remedy=f"there it is {kinds[1]} of {sizes[1]} bytes, here {kinds[0]} of {sizes[0]}",
        )


class StructOps:
    """A struct of operations in the kernel, not in use before `attach`. It stays until closed, or a link holds it."""

    def __init__(self, spec: StructOpsSpec, fitted: Fitted, programs: Mapping[str, Program], btf_fd: int) -> None:
        self.name = spec.name
        self.struct = fitted.ops.struct.name
        self.programs: Mapping[str, Program] = {m: programs[f] for m, f in spec.functions.items() if f in programs}
        self.links: list[Link] = []
        self.owner: object = None
        self._fitted, self._btf = fitted, Fd(os.dup(btf_fd))
        self._value = bytearray(fitted.value)
        for function, at in fitted.slots.items():
            self._value[at : at + 8] = programs[function].fd.to_bytes(8, sys.byteorder)
        self._used = False
        try:
            self.map, self.by_link = self._create(spec.link)
            if self.by_link:
                self._store(LoadError)
        except BaseException:
            self._btf.close()
            raise

    def _create(self, link: bool) -> tuple[Map, bool]:
        request = MapCreate(
            map_type=MAP_TYPES[_TYPE].uapi,
            key_size=4,
            value_size=len(self._value),
            max_entries=1,
            map_flags=BPF_F_LINK if link else 0,
            map_name=object_name(self.name),
            btf_fd=self._btf.number,
            btf_vmlinux_value_type_id=self._fitted.ops.value.id,
        )
        try:
            fd = with_memory_limit_raised(lambda: Fd(bpf(Command.MAP_CREATE, request)))
        except OSError as error:
            number = error.errno or errno.EINVAL
            if link and number == errno.EINVAL:
                return self._create(False)  # before kernel 6.4, which has no links for them
            if number in (errno.EPERM, errno.EACCES):
                raise permission_denied(f"creating `{self.name}`", needed_for(_PROGRAM), number=number) from None
            cause, remedy = exhausted(number) or (f"the kernel can't make a `{self.struct}`", "")
            raise LoadError(f"`{self.name}`: {cause}", errno=number, remedy=remedy) from None
        return Map(fd, self.name, _TYPE, 4, len(self._value), 1, request.map_flags), link

    def _store(self, kind: type[LoadError] | type[AttachError]) -> None:
        """Put the value into the map, which checks it; without links that is what attaches it."""
        try:
            self.map.update(_ONLY, bytes(self._value))
        except OSError as error:
            number = error.errno or 0
            cause, remedy = _CAUSES.get(number, (error.strerror or "", ""))
            if number == errno.EINVAL and self.struct in REQUIRED:
                remedy = f"a `{self.struct}` has {REQUIRED[self.struct]}"
            raise kind(f"the kernel refuses `{self.name}`: {cause}", errno=number, remedy=remedy) from None

    @property
    def fd(self) -> int:
        """The map's descriptor; raises NotLoadedError once closed."""
        return self.map.fd

    @property
    def value(self) -> bytes:
        """The kernel's value of it, its own fields before the struct included."""
        return self.map.lookup(_ONLY) or b""

    def attach(self) -> Link:
        """Put it to use: by a link (kernel 6.4), else until it is detached. Raises AttachError, PermissionDenied."""
        target = f"struct_ops {self.struct}"
        if not self.by_link:
            return self._register(target)
        request = LinkCreate(prog_fd=self.fd, attach_type=ATTACH_TYPES["BPF_STRUCT_OPS"])
        try:
            fd = Fd(bpf(Command.LINK_CREATE, request))
        except OSError as error:
            raise attach_error(self, error, target, _CAUSES, needed_for(_PROGRAM)) from None
        link = StructOpsLink(self, fd, target)
        link.list_in(self.links)
        return link

    def _register(self, target: str) -> Link:
        if any(link.attached for link in self.links):
            raise AttachError(f"`{self.name}` is attached already", errno=errno.EBUSY, remedy="detach it first")
        if self._used:  # what was taken out of use can't come back
            self.map.close()
            self.map, _ = self._create(False)
        self._store(AttachError)
        self._used = True
        link = StructOpsRegistration(self, self.map, target)
        link.list_in(self.links)
        return link

    def detach(self) -> None:
        """End its attachments."""
        while self.links:
            self.links.pop().detach()

    def close(self) -> None:
        """End the attachments that are not pinned, and let go of it."""
        while self.links:
            self.links.pop().close()
        self.map.close()
        self._btf.close()

    def __repr__(self) -> str:
        return f"<struct_ops {self.name!r} of {self.struct}>"


class StructOpsLink(Link):
    """A struct of operations in use; `update` puts another of its kind in place, where the kernel's has `update`."""

    kind: ClassVar[str] = "struct_ops"


class StructOpsRegistration(Attachment):
    """A struct of operations in use without a link."""

    kind: ClassVar[str] = "struct_ops"
    why_no_link = "structs of operations have BPF links from kernel 6.4"

    def __init__(self, ops: StructOps, map: Map, target: str) -> None:
        own = Map.from_fd(Fd(os.dup(map.fd)))  # the other one holds its object, and so this attachment
        super().__init__(ops, Fd(os.dup(map.fd)), target, lambda _: own.delete(_ONLY))


_CAUSES = {
    errno.EINVAL: ("a member that it needs is missing, or has a value that the kernel does not take", ""),
    errno.EEXIST: ("one of this name is in use already", "choose another `name`, or detach the other"),
    errno.EBUSY: ("another one is in use, and the kernel takes one only", "detach the other"),
    errno.EOPNOTSUPP: ("the kernel has no use for it now", "see the kernel's log: `dmesg`"),
}
