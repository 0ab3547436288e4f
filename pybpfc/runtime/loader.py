"""Loading an object: types, maps, programs, attachments; all of it or nothing.

The order: the object is read (no kernel asked), fitted to the kernel's types (CO-RE), its constants set, its types
loaded, its maps created and filled, its programs linked, relocated and loaded, its program arrays filled, and its
programs attached. Whatever fails, what was made before is given back.
"""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pybpfc.abi.program_types import Section, match_section
from pybpfc.diagnostics.errors import LoadError
from pybpfc.formats.errors import FormatError
from pybpfc.formats.link import link_program
from pybpfc.formats.object_reader import parse_object
from pybpfc.formats.spec import FunctionSpec, MapSpec, ObjectSpec, VariableSpec
from pybpfc.lang.codec import Codec, codec_for
from pybpfc.lang.maps import BpfMap
from pybpfc.lang.types import Type, size_of
from pybpfc.records import define, field, replace
from pybpfc.runtime.btf_load import BtfImage, image_of, load_btf
from pybpfc.runtime.kconfig import resolve_kconfig
from pybpfc.runtime.loaded import Globals, LoadedObject, closest, encode_initial
from pybpfc.runtime.maps import Map
from pybpfc.runtime.object_maps import PIN_BY_NAME, create_map, fill_data, fill_slots
from pybpfc.runtime.permissions import needed_for, permission_denied
from pybpfc.runtime.prog_load import Job, Target, load_program
from pybpfc.runtime.programs import Program
from pybpfc.runtime.syscall import Fd

if TYPE_CHECKING:
    from pybpfc.runtime.struct_ops import Fitted, StructOps

Source = ObjectSpec | bytes | bytearray | memoryview | str | os.PathLike[str]
Types = Mapping[str, tuple[Type | None, Type | None]]

PIN_ROOT = "/sys/fs/bpf"


def load_object(
    source: Source,
    *,
    types: Types | None = None,
    maps: Mapping[str, BpfMap] | None = None,
    consts: Mapping[str, Any] | None = None,
    attach: bool = True,
    attach_options: Mapping[str, Mapping[str, Any]] | None = None,
    pin_root: str = PIN_ROOT,
    btf: str | os.PathLike[str] | None = None,
) -> LoadedObject:
    """Load an object (its specification, its bytes or its path) and attach its programs.

    `types` gives key and value types of maps, and (None, type) of globals; without, they come from the object's BTF.
    `maps` are map objects to be bound to the maps of their names. `consts` are values of globals, set before the
    programs are verified. `attach_options` are arguments of `Program.attach` by program name. `btf` is a file with
    the types (BTF, alone or in an ELF file) that CO-RE fits the programs to, instead of the one that PYBPFC_BTF names
    or of the running kernel's. Raises LoadError (also
    VerifierError, PermissionDenied) or AttachError; then nothing stays loaded or attached.
    """
    spec = read_source(source)
    with ExitStack() as stack:
        loading = _Loading(spec, dict(types or {}), dict(maps or {}), pin_root, btf, stack)
        loaded = loading.run(dict(consts or {}), attach_options or {})
        stack.pop_all()
    loaded.attach_options = dict(attach_options or {})
    if attach:
        try:
            loaded.attach_all()
        except BaseException:
            loaded.close()
            raise
    return loaded


def read_source(source: Source) -> ObjectSpec:
    """The specification of an object; raises LoadError for a missing file and for what is no object."""
    if isinstance(source, ObjectSpec):
        return source
    name = "the object"
    if isinstance(source, str | os.PathLike):
        name = os.fspath(source)
        try:
            with open(name, "rb") as file:
                source = file.read()
        except OSError as error:
            raise LoadError(f"{name} can't be read", errno=error.errno or errno.EIO) from None
    try:
        return parse_object(bytes(source))
    except FormatError as error:
        raise LoadError(f"{name} is no usable BPF object: {error}") from None


@define
class _Loading:
    """One load under way; `stack` gives back what was made if it does not come to its end."""

    spec: ObjectSpec
    types: dict[str, tuple[Type | None, Type | None]]
    declared: dict[str, BpfMap]
    pin_root: str
    target_btf: str | os.PathLike[str] | None
    stack: ExitStack
    image: BtfImage | None = None
    btf_fd: int = 0
    btf_fds: tuple[int, ...] = ()
    handles: dict[str, Map] = field(default_factory=dict)
    programs: dict[str, Program] = field(default_factory=dict)
    kinds: dict[str, Section] = field(default_factory=dict)
    globals: dict[str, tuple[VariableSpec, Codec]] = field(default_factory=dict)
    fitted: dict[str, Fitted] = field(default_factory=dict)
    struct_ops: dict[str, StructOps] = field(default_factory=dict)

    def run(self, consts: dict[str, Any], options: Mapping[str, Any]) -> LoadedObject:
        """All phases but attaching."""
        if not self.spec.programs and not self.spec.maps:
            raise LoadError("the object has neither programs nor maps", remedy="compile something into it")
        self.spec = resolve_kconfig(self.spec)
        self._check_kinds()
        self._check_names(options)
        self._apply_core()
        self._apply_ksyms()
        self._find_globals()
        specs = self._with_constants(consts)
        try:
            self._load_types()
            self._create_maps(specs)
        except PermissionError as error:
            raise self._denied(error) from None
        self._fit_struct_ops()
        for function in self.spec.programs.values():
            if self._is_wanted(function):
                self._load_program(function)
        self._create_struct_ops()
        for name, spec in specs.items():
            if spec.values:
                fill_slots(spec, self.handles[name], self._fd_of)
        return self._result()

    def _check_kinds(self) -> None:
        for name, function in self.spec.programs.items():
            kind = match_section(function.section)
            if kind is None:
                raise LoadError(
                    f"`{name}` is in section `{function.section}`, which names no hook",
                    remedy="name the section as libbpf does: `xdp`, `tracepoint/category/name`, `kprobe/function`, …",
                )
            self.kinds[name] = kind

    def _check_names(self, options: Mapping[str, Any]) -> None:
        for name in options:
            if name not in self.spec.programs:
                close = closest(name, self.spec.programs)
                hint = f"did you mean `{close}`?" if close else f"it has {', '.join(self.spec.programs) or 'none'}"
                raise LoadError(f"the object has no program `{name}` that options could be for", remedy=hint)

    def _apply_core(self) -> None:
        """Fit accesses to kernel types to the kernel at hand, if there are any."""
        if any(f.core_relos for f in (*self.spec.programs.values(), *self.spec.functions.values())):
            from pybpfc.core_relo.candidates import target_types
            from pybpfc.core_relo.relocate import relocate_core

            self.spec = relocate_core(self.spec, lambda: target_types(self.target_btf))

    def _apply_ksyms(self) -> None:
        """Resolve what the programs take of the kernel by name."""
        functions = (*self.spec.programs.values(), *self.spec.functions.values())
        if any(r.kind == "extern" for f in functions for r in f.relocations):
            from pybpfc.runtime.ksyms import resolve_ksyms

            self.spec, self.btf_fds = resolve_ksyms(self.spec, self.stack)

    def _denied(self, error: PermissionError) -> LoadError:
        """What the whole object needs: better told once than map by map."""
        needed = dict.fromkeys(c for kind in self.kinds.values() for c in needed_for(kind.program_type))
        return permission_denied(
            "loading BPF programs", tuple(needed) or ("CAP_BPF",), number=error.errno or errno.EPERM
        )

    # ------------------------------------------------------------------------------ globals

    def _find_globals(self) -> None:
        from pybpfc.lang.btf_types import BtfTypes, type_or_bytes

        converted = BtfTypes(self.spec.btf) if self.spec.btf is not None else None
        hidden = {counter.name for counter in self.spec.lost_counters.values()}
        for name, variable in self.spec.variables.items():
            if name in hidden:
                continue
            given = self.types.get(name, (None, None))[1]
            if given is None or size_of(given) != variable.size:
                given = type_or_bytes(converted, variable.type_id, variable.size)
            if given is not None:
                self.globals[name] = (variable, codec_for(given))

    def _with_constants(self, consts: dict[str, Any]) -> dict[str, MapSpec]:
        """The maps' specifications, with the given values in the initial contents."""
        specs = dict(self.spec.maps)
        for name, value in consts.items():
            found = self.globals.get(name)
            if found is None:
                close = closest(name, self.globals)
                hint = f"did you mean `{close}`?" if close else f"it has {', '.join(self.globals) or 'none'}"
                raise LoadError(f"the object has no constant or global `{name}`", remedy=hint)
            variable, codec = found
            section = specs[variable.section]
            contents = bytearray(section.initial or b"")
            raw = encode_initial(name, codec, value)
            contents[variable.offset : variable.offset + len(raw)] = raw
            specs[variable.section] = replace(section, initial=bytes(contents))
        return specs

    # -------------------------------------------------------------------------- types, maps

    def _load_types(self) -> None:
        """Load the object's BTF, with the strings that line records need and the layout of its sections."""
        if self.spec.btf is None:
            return
        image = self.image = image_of(self.spec.btf)
        sizes = {spec.section: spec.value_size for spec in self.spec.maps.values() if spec.is_data}
        offsets = {(v.section, v.name): v.offset for v in self.spec.variables.values()}
        image.place_sections(sizes, offsets)
        image.make_static({f.func_type_id for f in self.spec.functions.values() if f.is_hidden})
        for function in (*self.spec.programs.values(), *self.spec.functions.values()):
            for line in function.line_info:
                image.string(line.file)
                image.string(line.text)
        fd = self.stack.enter_context(load_btf(image))
        self.btf_fd = fd.number

    def _create_maps(self, specs: dict[str, MapSpec]) -> None:
        for name, spec in specs.items():
            handle = create_map(spec, self.btf_fd, self._pin_path(name, spec))
            self.stack.callback(handle.close)
            self.handles[name] = handle
            if spec.is_data:
                fill_data(spec, handle)

    def _pin_path(self, name: str, spec: MapSpec) -> str | None:
        declared = self.declared.get(name)
        wanted = declared.declaration.pinned if declared is not None else False
        if isinstance(wanted, str):
            return wanted
        return os.path.join(self.pin_root, name) if wanted or spec.pinning == PIN_BY_NAME else None

    def _fd_of(self, name: str) -> int | None:
        """The descriptor of a map or program of this object."""
        part = self.handles.get(name) or self.programs.get(name)
        return part.fd if part is not None else None

    # ---------------------------------------------------------------------------- programs

    def _load_program(self, function: FunctionSpec) -> None:
        kind = self.kinds[function.name]
        try:
            linked = link_program(self.spec, function.name)
        except FormatError as error:
            raise LoadError(f"`{function.name}` can't be linked: {error}") from None
        target = self._target(function, kind)
        job = Job(linked, kind, self.spec.license, self.image, self.btf_fd, target, self.spec.sources, self.btf_fds)
        fd: Fd = load_program(job, self._map_fd)
        program = Program(fd, function.name, function.section, kind)
        self.stack.callback(program.close)
        self.programs[function.name] = program

    def _map_fd(self, name: str) -> int | None:
        handle = self.handles.get(name)
        return handle.fd if handle is not None else None

    def _is_wanted(self, function: FunctionSpec) -> bool:
        """Whether a program is loaded: libbpf, too, loads none of a section that begins with `?` unless told so."""
        if function.section.startswith("?"):
            return False
        users = [ops for ops in self.spec.struct_ops.values() if function.name in ops.functions.values()]
        return not users or any(function.name in self.fitted[ops.name].targets for ops in users if ops.autoload)

    def _fit_struct_ops(self) -> None:
        """Find the kernel's forms of the structs of operations."""
        if not self.spec.struct_ops or self.spec.btf is None:
            return
        from pybpfc.lang.kernel_btf import vmlinux_btf
        from pybpfc.runtime.struct_ops import fit

        for ops in self.spec.struct_ops.values():
            if ops.autoload:
                self.fitted[ops.name] = fit(ops, self.spec.btf, vmlinux_btf())

    def _create_struct_ops(self) -> None:
        for name, fitted in self.fitted.items():
            from pybpfc.runtime.struct_ops import StructOps

            made = StructOps(self.spec.struct_ops[name], fitted, self.programs, self.btf_fd)
            self.stack.callback(made.close)
            self.struct_ops[name] = made

    def _target(self, function: FunctionSpec, kind: Section) -> Target:
        """The kernel type that a program is verified against, for the hooks that have one."""
        if kind.attach == "struct_ops":
            return self._member(function)
        if kind.attach == "freplace":
            raise LoadError(
                f"`{function.name}`: `{kind.name}` programs are not supported yet",
                remedy="load them with bpftool or libbpf",
            )
        if not kind.needs_btf:
            return Target()
        name = function.section.removeprefix("?").removeprefix(kind.name).removeprefix("/")
        if not name:
            raise LoadError(
                f"`{function.name}` does not say what it attaches to", remedy=f"name the section `{kind.name}/NAME`"
            )
        from pybpfc.runtime.kernel_btf import attach_target

        return Target(attach_target(kind.expected_attach_type or "", name))

    def _member(self, function: FunctionSpec) -> Target:
        """The member of a struct of operations that a program implements; the same one wherever it is used."""
        targets = {f.targets[function.name] for f in self.fitted.values() if function.name in f.targets}
        if len(targets) != 1:
            reason = "implements different members" if targets else "is a member of no struct of operations"
            raise LoadError(f"`{function.name}` {reason}", remedy="name it in one variable in `.struct_ops.link`")
        return targets.pop()

    # ------------------------------------------------------------------------------- result

    def _result(self) -> LoadedObject:
        objects: dict[str, BpfMap] = {}
        for name, handle in self.handles.items():
            if not self.spec.maps[name].is_data:
                objects[name] = self._map_object(name, handle)
        values = Globals(self.globals.values(), self.handles)
        for name, counter in self.spec.lost_counters.items():
            self.handles[name].count_lost = functools.partial(values._count, counter)
        return LoadedObject(self.programs, objects, self.handles, values, self.struct_ops)

    def _map_object(self, name: str, handle: Map) -> BpfMap:
        declared = self.declared.get(name)
        if declared is not None:
            declared.bind(handle)
            return declared
        from pybpfc.lang.btf_types import BtfTypes, map_types
        from pybpfc.lang.map_objects import map_object

        given = self.types.get(name, (None, None))
        found = map_types(BtfTypes(self.spec.btf) if self.spec.btf is not None else None, self.spec.maps[name])
        return map_object(handle, given[0] or found[0], given[1] or found[1])
