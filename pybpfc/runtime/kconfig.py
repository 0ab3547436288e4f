"""Values of `.kconfig`: the running kernel's build options and version, as a read-only map of the object."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Mapping

from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.abi.versions import KernelVersion, running
from pybpfc.diagnostics.errors import LoadError
from pybpfc.formats.btf import Btf, BtfType
from pybpfc.formats.spec import FunctionSpec, MapSpec, ObjectSpec, Relocation, VariableSpec
from pybpfc.records import replace

SECTION = ".kconfig"
TRISTATE = {"n": 0, "y": 1, "m": 2}
PLACES = ("/proc/config.gz", "/boot/config-{0}", "/usr/lib/modules/{0}/config", "/lib/modules/{0}/config")
ALIGN = 8
COOKIES_SINCE = KernelVersion(5, 15)
WRAPPERS_SINCE = KernelVersion(4, 19)  # on both machines that have them


def resolve_kconfig(spec: ObjectSpec) -> ObjectSpec:
    """The object with its `.kconfig` variables in a map; raises LoadError for values that don't fit.

    Weak options that the kernel's configuration does not name are 0, as those that are not set.
    """
    btf = spec.btf
    section = btf.find(SECTION, "DATASEC") if btf is not None else None
    if btf is None or section is None:
        return spec
    contents = bytearray()
    variables: dict[str, VariableSpec] = {}
    names = [btf.type(id) for id, _, _ in section.variables]
    options = kernel_options() if any(v.name.startswith("CONFIG_") for v in names) else {}
    for variable in names:
        if variable.name.startswith("CONFIG_") and variable.name not in options and variable.name not in spec.weak:
            raise LoadError(
                f"`{variable.name}` is not set in this kernel, and the object takes it for granted",
                remedy="declare it weak, which makes it 0 then",
            )
        size = btf.size_of(variable.type)
        variables[variable.name] = VariableSpec(variable.name, SECTION, len(contents), size, variable.type)
        contents += _encode(btf, variable, _value(variable.name, options), size)
        contents += bytes(-len(contents) % ALIGN)
    array = MAP_TYPES["BPF_MAP_TYPE_ARRAY"].uapi
    made = MapSpec(SECTION, array, 4, len(contents), 1, value_type_id=section.id, section=SECTION)
    made.initial = bytes(contents)
    places = {name: v.offset for name, v in variables.items()}
    return replace(
        spec,
        maps={**spec.maps, SECTION: made},
        variables={**spec.variables, **variables},
        programs={name: _linked(f, places) for name, f in spec.programs.items()},
        functions={name: _linked(f, places) for name, f in spec.functions.items()},
    )


def _linked(function: FunctionSpec, places: Mapping[str, int]) -> FunctionSpec:
    """The function with references to the variables as references into the map."""
    if not any(r.kind == "extern" and r.symbol in places for r in function.relocations):
        return function
    relocations = tuple(
        Relocation(r.index, "data", SECTION, places[r.symbol]) if r.kind == "extern" and r.symbol in places else r
        for r in function.relocations
    )
    return replace(function, relocations=relocations)


def kernel_options() -> dict[str, str]:
    """The options that the running kernel was built with; raises LoadError where they are not to be found."""
    release = os.uname().release
    for place in PLACES:
        path = place.format(release)
        try:
            with open(path, "rb") as file:
                data = file.read()
            text = (gzip.decompress(data) if path.endswith(".gz") else data).decode(errors="replace")
        except (OSError, EOFError):
            continue
        pairs = (line.partition("=") for line in text.splitlines() if line.startswith("CONFIG_"))
        return {name: value for name, _, value in pairs}
    raise LoadError(
        "the options that the running kernel was built with are not to be found",
        remedy=f"{' or '.join(place.format(release) for place in PLACES[:2])} would tell them (CONFIG_IKCONFIG_PROC=y)",
    )


def _value(name: str, options: Mapping[str, str]) -> str:
    match name:
        case "LINUX_KERNEL_VERSION":
            return str(_version_code(os.uname().release))
        case "LINUX_HAS_BPF_COOKIE":
            return "y" if running() >= COOKIES_SINCE else "n"
        case "LINUX_HAS_SYSCALL_WRAPPER":
            return "y" if _has_syscall_wrapper() else "n"
        case _:
            return options.get(name, "")


def _version_code(release: str) -> int:
    """`KERNEL_VERSION(major, minor, patch)` of a release such as `6.18.44-generic`; no patch counts more than 255."""
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", release)
    major, minor, patch = (int(part or 0) for part in found.groups()) if found is not None else (0, 0, 0)
    return major << 16 | minor << 8 | min(patch, 255)


def _has_syscall_wrapper() -> bool:
    """Whether system calls' functions take one pointer to the registers; those have the machine in their names."""
    prefix = {"x86_64": "__x64_sys_", "aarch64": "__arm64_sys_"}.get(os.uname().machine, "")
    try:
        with open("/proc/kallsyms", "rb") as file:
            return bool(prefix) and any(f" {prefix}".encode() in line for line in file)
    except OSError:
        return bool(prefix) and running() >= WRAPPERS_SINCE


def _encode(btf: Btf, variable: BtfType, value: str, size: int) -> bytes:
    """A value as its variable's type has it in memory."""
    kind = btf.skip_modifiers(variable.type)
    if kind.kind == "ARRAY":
        text = value.strip('"').replace('\\"', '"').replace("\\\\", "\\").encode()[: max(size - 1, 0)]
        return text.ljust(size, b"\0")
    number = _tristate(kind, variable.name, value) if value in TRISTATE else _number(variable.name, value)
    if not -(1 << (8 * size - 1)) <= number < 1 << (8 * size):
        raise LoadError(f"`{variable.name}` is {number} in this kernel, which takes more than {size} bytes")
    return (number & (1 << 8 * size) - 1).to_bytes(size, "little" if btf.order == "<" else "big")


def _tristate(kind: BtfType, name: str, value: str) -> int:
    """`y`, `n` or `m` as a `bool`, as libbpf's `enum libbpf_tristate`, or as the letter."""
    is_bool = kind.kind == "INT" and bool(kind.encoding & 4)
    if kind.kind in ("ENUM", "ENUM64") or (is_bool and value != "m"):
        return TRISTATE[value]
    if kind.size == 1 and not is_bool:
        return ord(value)
    shown = "a module (`m`)" if value == "m" else f"`{value}`"
    remedy = "declare it as a `u8`, which holds the letter" if is_bool else "declare it as a `bool`"
    raise LoadError(f"`{name}` is {shown} in this kernel", remedy=remedy)


def _number(name: str, value: str) -> int:
    try:
        return int(value, 0) if value else 0
    except ValueError:
        raise LoadError(
            f"`{name}` is {value} in this kernel, which is no number", remedy="declare it as `Annotated[str, N]`"
        ) from None
