"""BTF-defined maps: the structs in `.maps` whose members say what a map is created from."""

from __future__ import annotations

from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.formats import elf as e
from pybpfc.formats.btf import Btf, BtfMember
from pybpfc.formats.errors import BadBtf, BadObject
from pybpfc.formats.spec import MapSpec, record_name

_NUMBERS = {
    "type": "type",
    "max_entries": "max_entries",
    "map_flags": "flags",
    "numa_node": "numa_node",
    "key_size": "key_size",
    "value_size": "value_size",
    "pinning": "pinning",
    "map_extra": "map_extra",
}


def read_maps(elf: e.ElfFile, btf: Btf) -> dict[str, MapSpec]:
    """The maps of an object by name; raises `BadObject`, `BadBtf`."""
    datasec = btf.find(".maps", "DATASEC")
    if datasec is None:
        raise BadObject("the object has a .maps section that its BTF does not describe")
    maps: dict[str, MapSpec] = {}
    index = next(i for i, s in enumerate(elf.sections) if s.name == ".maps")
    offsets: dict[str, int] = {}
    for var_id, _, _ in datasec.variables:
        variable = btf.type(var_id)
        definition = btf.skip_modifiers(variable.type)
        if variable.kind != "VAR" or definition.kind != "STRUCT":
            raise BadObject(f"the map {variable.name or var_id} is not defined by a struct")
        maps[variable.name] = _read_map(btf, variable.name, definition.members, ".maps")
    for symbol in elf.symbols:
        if symbol.section == index and symbol.name in maps:
            offsets[symbol.name] = symbol.value
    _read_values(elf, btf, index, maps, offsets)
    return maps


def _read_map(btf: Btf, name: str, members: tuple[BtfMember, ...], section: str, depth: int = 0) -> MapSpec:
    spec = MapSpec(name, 0, section=section)
    if depth > 1:
        raise BadObject(f"the map {name} is nested too deeply")
    for member in members:
        if member.name in _NUMBERS:
            setattr(spec, _NUMBERS[member.name], _number(btf, name, member))
            if member.name == "type":
                spec.record_type_id = _record(btf, name, member)
        elif member.name in ("key", "value"):
            target = btf.type(member.type)
            if target.kind != "PTR":
                raise BadObject(f"`{member.name}` of the map {name} is not given by `__type`")
            setattr(spec, f"{member.name}_type_id", target.type)
            setattr(spec, f"{member.name}_size", btf.size_of(target.type))
        elif member.name == "values":
            _read_inner(btf, spec, member, depth)
        else:
            raise BadObject(f"the map {name} has the unknown attribute `{member.name}`")
    if not any(spec.type == t.uapi for t in MAP_TYPES.values()):
        raise BadObject(f"the map {name} is of the unknown type {spec.type}")
    return spec


def _number(btf: Btf, name: str, member: BtfMember) -> int:
    """`__uint(x, n)` is a pointer to an array of n elements; an enumerator of the value in newer objects."""
    target = btf.type(member.type)
    if target.kind == "PTR":
        array = btf.type(target.type)
        if array.kind == "ARRAY":
            return array.length
    found = btf.skip_modifiers(member.type)
    if found.kind in ("ENUM", "ENUM64") and found.enumerators:
        return found.enumerators[0][1]
    raise BadObject(f"`{member.name}` of the map {name} is not given by `__uint`")


def _record(btf: Btf, name: str, member: BtfMember) -> int:
    """The type of a buffer's records, where the definition has it; 0 elsewhere."""
    target = btf.type(member.type)
    array = btf.type(target.type) if target.kind == "PTR" else target
    element = btf.type(array.type) if array.kind == "ARRAY" else array
    return element.type if element.kind == "TYPEDEF" and element.name == record_name(name) else 0


def _read_inner(btf: Btf, spec: MapSpec, member: BtfMember, depth: int) -> None:
    array = btf.type(member.type)
    pointer = btf.type(array.type) if array.kind == "ARRAY" else array
    if pointer.kind != "PTR":
        raise BadObject(f"`values` of the map {spec.name} is no array of pointers")
    inner = btf.skip_modifiers(pointer.type)
    spec.value_size = spec.value_size or 4
    spec.key_size = spec.key_size or 4
    if inner.kind == "STRUCT":
        spec.inner = _read_map(btf, f"{spec.name}.inner", inner.members, spec.section, depth + 1)


def _read_values(elf: e.ElfFile, btf: Btf, index: int, maps: dict[str, MapSpec], offsets: dict[str, int]) -> None:
    """Static contents of map-in-map and program arrays: relocations within `.maps`."""
    for r in elf.relocations.get(index, ()):
        owner = max((n for n, at in offsets.items() if at <= r.offset), key=lambda n: offsets[n], default=None)
        if owner is None:
            raise BadObject("a relocation of .maps belongs to no map")
        variable = btf.find(owner, "VAR")
        if variable is None:
            raise BadBtf(f"there is no BTF variable {owner}")
        members = btf.skip_modifiers(variable.type).members
        values = next((m for m in members if m.name == "values"), None)
        if values is None:
            raise BadObject(f"the map {owner} has contents but no `values`")
        slot, rest = divmod(r.offset - offsets[owner] - values.offset // 8, 8)
        if slot < 0 or rest:
            raise BadObject(f"a relocation of the map {owner} is on none of its values")
        maps[owner].values[slot] = elf.symbols[r.symbol].name
