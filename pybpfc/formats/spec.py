"""What an object file holds, before any kernel is asked: programs, maps, variables, types.

Reading an object gives this; the loader and the VM work on it; it can be inspected and edited in between.
"""

from __future__ import annotations

from typing import Literal

from pybpfc.formats.btf import Btf
from pybpfc.records import define, field, frozen

RelocationKind = Literal["map", "data", "call", "function_address", "extern"]


@frozen
class Relocation:
    """A reference from an instruction to a symbol. `index` counts 8-byte instructions from the function's start.

    `map`: the file descriptor of map `symbol`. `data`: an address `addend` bytes into data map `symbol`. `call` and
    `function_address`: function `symbol`. `extern`: a kernel symbol or kconfig value.
    """

    index: int
    kind: RelocationKind
    symbol: str
    addend: int = 0


@frozen
class LineInfo:
    """Where an instruction comes from: `index` counts instructions, `text` is the source line."""

    index: int
    file: str
    line: int
    column: int
    text: str


@frozen
class CoreRelocation:
    """A CO-RE record: `kind` by the kernel's `enum bpf_core_relo_kind`."""

    index: int
    type_id: int
    access: str
    kind: int
    access_offset: int = 0


@frozen
class Poison:
    """An instruction that must not be reached, as what it is about is not there, and why."""

    index: int
    why: str


@frozen
class FunctionSpec:
    """A program or subprogram; `section` is its ELF section, `.text` for subprograms.

    A hidden subprogram is global for the linker alone: the verifier checks it with each of its callers.
    """

    name: str
    section: str
    insns: bytes
    relocations: tuple[Relocation, ...] = ()
    func_type_id: int = 0
    line_info: tuple[LineInfo, ...] = ()
    core_relos: tuple[CoreRelocation, ...] = ()
    is_global: bool = True
    poisoned: tuple[Poison, ...] = ()
    is_hidden: bool = False


@define
class MapSpec:
    """A map; data sections are maps of one entry with `initial` contents.

    `record_type_id` is the type of the records of a ring or perf buffer, which have no values: see `record_name`.
    """

    name: str
    type: int
    key_size: int = 0
    value_size: int = 0
    max_entries: int = 0
    flags: int = 0
    map_extra: int = 0
    numa_node: int | None = None
    pinning: int = 0
    key_type_id: int = 0
    value_type_id: int = 0
    record_type_id: int = 0
    inner: MapSpec | None = None
    values: dict[int, str] = field(default_factory=dict)
    section: str = ".maps"
    initial: bytes | None = None

    @property
    def is_data(self) -> bool:
        """Whether this is a data section."""
        return self.initial is not None

    @property
    def read_only(self) -> bool:
        """Whether programs must not write it."""
        return self.section.startswith((".rodata", ".kconfig"))


def record_name(map: str) -> str:
    """The typedef of a buffer's records.

    The kernel refuses ring buffers that have a value type, and libbpf attributes that it does not know. Both look at
    the length only of the array that an attribute's number is written as: the `type` of a buffer's definition is an
    array of its records, under this name.
    """
    return f"{map.replace('.', '_')}_record"


def lost_name(map: str) -> str:
    """The variable in which programs count the records that found no room in a ring buffer: 8 bytes, in `.bss`."""
    return f"__{map}_lost"


@frozen
class VariableSpec:
    """A global variable: `offset` bytes into the data map `section`."""

    name: str
    section: str
    offset: int
    size: int
    type_id: int = 0


@define
class StructOpsSpec:
    """A struct of operations that programs implement; `data` is its value without the `functions`, by member.

    `struct` is the kernel's name of it (a flavour behind `___` aside), `type_id` the object's own declaration. With
    `link`, a link attaches it (kernel 6.4); `autoload` is off for sections that begin with `?`.
    """

    name: str
    struct: str
    type_id: int
    data: bytes
    functions: dict[str, str]
    link: bool = True
    autoload: bool = True


@define
class ObjectSpec:
    """One object file."""

    programs: dict[str, FunctionSpec]
    functions: dict[str, FunctionSpec]
    maps: dict[str, MapSpec]
    variables: dict[str, VariableSpec]
    btf: Btf | None
    license: str
    big_endian: bool = False
    version: int = 0
    sources: dict[str, str] = field(default_factory=dict)
    weak: frozenset[str] = frozenset()
    """Symbols of the kernel that may be missing."""
    struct_ops: dict[str, StructOpsSpec] = field(default_factory=dict)

    @property
    def lost_counters(self) -> dict[str, VariableSpec]:
        """The counters of lost records, by ring buffer."""
        found = ((name, self.variables.get(lost_name(name))) for name in self.maps)
        return {name: counter for name, counter in found if counter is not None and counter.size == 8}

    def function(self, name: str) -> FunctionSpec | None:
        """The program or subprogram called `name`."""
        return self.programs.get(name) or self.functions.get(name)
