"""Modules, functions and blocks: the containers of the IR."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, TypeAlias

from pybpfc.abi.versions import KernelVersion
from pybpfc.diagnostics.span import Span
from pybpfc.ir.ops import Local, Op, Temp, Terminator
from pybpfc.lang.types import Struct, Type
from pybpfc.records import define, field, frozen

if TYPE_CHECKING:
    from pybpfc.abi.program_types import ProgramType
    from pybpfc.lang.maps import MapDeclaration

Initial: TypeAlias = "int | bytes | tuple[Initial, ...] | None"


class Linkage(enum.Enum):
    """How a function is seen: an entry point, a static subprogram, or a global one verified on its own."""

    PROGRAM = "program"
    STATIC = "static"
    GLOBAL = "global"


@frozen
class Target:
    """What code is generated for: instruction set v1 to v4, byte order, and the oldest kernel, if one was named."""

    cpu: str = "v3"
    big_endian: bool = False
    kernel: KernelVersion | None = None

    @property
    def triple(self) -> str:
        """LLVM's name of the target."""
        return "bpfeb" if self.big_endian else "bpfel"

    @property
    def version(self) -> int:
        """The instruction set's version as a number."""
        return int(self.cpu.removeprefix("v"))


@define
class Block:
    """Straight-line ops and the terminator that leaves them."""

    label: str
    ops: list[Op] = field(default_factory=list)
    terminator: Terminator | None = None


@frozen
class ProgramInfo:
    """What makes a function a program: its hook, as libbpf's section, and its context."""

    section: str
    type: ProgramType
    context: Struct | None


@define
class Function:
    """A function: parameters are locals with `param` set; the entry is the first block."""

    name: str
    params: tuple[Local, ...]
    result: Type
    span: Span
    linkage: Linkage = Linkage.STATIC
    program: ProgramInfo | None = None
    inline: bool = False
    noinline: bool = False
    locals: list[Local] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    next_id: int = 0

    def new_temp(self, type: Type) -> Temp:
        """A fresh temporary."""
        self.next_id += 1
        return Temp(self.next_id, type)

    def new_local(self, name: str, type: Type, span: Span, *, user: bool = False) -> Local:
        """A fresh slot."""
        self.next_id += 1
        local = Local(name, type, self.next_id, span, user)
        self.locals.append(local)
        return local

    def scratch(self, name: str, type: Type, span: Span) -> Local:
        """The slot of this name and type that uses take in turn, each done with it before the next."""
        found = (local for local in self.locals if local.name == name and local.type == type and not local.user)
        return next(found, None) or self.new_local(name, type, span)

    def new_label(self, stem: str) -> str:
        """A label not yet used in this function."""
        self.next_id += 1
        return f"{stem}.{self.next_id}"


@define
class MapDef:
    """A map of the object, under the name of the variable that holds it."""

    name: str
    declaration: MapDeclaration
    span: Span


@define
class GlobalVar:
    """A global variable: `section` is .rodata, .data, .bss, .kconfig or .ksyms.

    `exported` ones get a symbol users can see. A `weak` one of the kernel may be missing; its type is `VOID` where only
    its address is asked for.
    """

    name: str
    type: Type
    section: str
    initial: Initial
    span: Span
    exported: bool = True
    weak: bool = True

    @property
    def external(self) -> bool:
        """Whether the loader provides it."""
        return self.section in (".kconfig", ".ksyms")


@frozen
class OpsMember:
    """A member of a struct of operations: a `function` of the module, or a value of a `type`."""

    name: str
    function: str = ""
    type: Type | None = None
    initial: Initial = None


@define
class OpsDef:
    """A struct of operations of the object: the kernel's `struct` with the members that are set."""

    name: str
    struct: str
    members: tuple[OpsMember, ...]
    span: Span


@define
class Module:
    """One compilation unit: what becomes one ELF object."""

    name: str
    file: str
    functions: list[Function] = field(default_factory=list)
    maps: list[MapDef] = field(default_factory=list)
    globals: list[GlobalVar] = field(default_factory=list)
    license: str = "GPL"
    sources: dict[str, str] = field(default_factory=dict)
    struct_ops: list[OpsDef] = field(default_factory=list)

    def function(self, name: str) -> Function:
        """The function called `name`."""
        return next(f for f in self.functions if f.name == name)
