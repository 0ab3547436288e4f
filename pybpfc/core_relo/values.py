"""What a CO-RE record asks about a field, a type or an enumerator, computed from one BTF."""

from __future__ import annotations

from pybpfc.abi import uapi
from pybpfc.core_relo.compatibility import SIGNED
from pybpfc.formats.btf import Btf, BtfMember
from pybpfc.formats.core_access import ENUMERATOR_KINDS, ENUMS, TYPE_KINDS, Access, path_words, size_in_bytes
from pybpfc.formats.errors import BadBtf, BadObject
from pybpfc.records import frozen


@frozen
class Value:
    """The answer. `sure`: the compiler must have computed the same from the same types.

    `width` bytes are what a load or store of the field moves, and `type` is what it is for that; 0 where that is none.
    """

    number: int
    sure: bool = True
    width: int = 0
    type: int = 0


@frozen
class Resolution:
    """An instruction's change: from what it holds to what it shall hold; without `new` it can't be had."""

    old: Value
    new: Value | None
    resizable: bool = True
    """Whether a load or store may become wider or narrower."""


def resolve(local: Access, target: Access | None, big_endian: bool) -> Resolution:
    """The change that a record asks for, given where its path leads in the kernel's types, if anywhere."""
    old = _value(local, local, big_endian)
    if target is not None:
        new = _value(target, local, big_endian)
        return Resolution(old, new, old.width == new.width or _resizable(local.btf, old, target.btf, new))
    absent = local.kind in TYPE_KINDS or local.kind in (uapi.BPF_CORE_FIELD_EXISTS, uapi.BPF_CORE_ENUMVAL_EXISTS)
    return Resolution(old, Value(0) if absent else None)


def _value(access: Access, local: Access, big_endian: bool) -> Value:
    if access.kind in TYPE_KINDS:
        return _of_type(access)
    if access.kind in ENUMERATOR_KINDS:
        return _of_enumerator(access, local)
    if access.kind == uapi.BPF_CORE_FIELD_EXISTS:
        return Value(1)
    step = access.steps[-1]
    if step.name is None:
        return _of_element(access)
    member = access.btf.type(step.type).members[step.index]
    return _of_bits(access, member, big_endian) if member.bits else _of_field(access, member)


def _resizable(local: Btf, old: Value, target: Btf, new: Value) -> bool:
    """Zero-extension gives pointers and unsigned integers of any width their value; nothing gives it to others."""
    mine, theirs = local.type(old.type), target.type(new.type)
    if mine.kind == theirs.kind == "PTR":
        return True
    return mine.kind == theirs.kind == "INT" and mine.encoding != SIGNED and theirs.encoding != SIGNED


# ------------------------------------------------------------------------------------ types


def _of_type(access: Access) -> Value:
    match access.kind:
        case uapi.BPF_CORE_TYPE_ID_LOCAL | uapi.BPF_CORE_TYPE_ID_TARGET:
            return Value(access.root, sure=False)  # linkers number types anew
        case uapi.BPF_CORE_TYPE_SIZE:
            return Value(size_in_bytes(access.btf, access.root))
        case _:
            return Value(1)


def _of_enumerator(access: Access, local: Access) -> Value:
    if access.kind == uapi.BPF_CORE_ENUMVAL_EXISTS:
        return Value(1)
    step = access.steps[0]
    found = access.btf.type(step.type)
    _, number = found.enumerators[step.index]
    # BTF from before 2022 does not tell that an enumeration has negative values
    if found.kind == "ENUM" and not found.flag and number >> 31 and local.btf.type(local.steps[0].type).flag:
        number -= 1 << 32
    return Value(number)


# ----------------------------------------------------------------------------------- fields


def _of_element(access: Access) -> Value:
    """Of an array's element, or of what a pointer points to."""
    id = access.steps[-1].type
    match access.kind:
        case uapi.BPF_CORE_FIELD_BYTE_OFFSET:
            return Value(access.bit_offset // 8, width=_width(access.btf, id), type=id)
        case uapi.BPF_CORE_FIELD_BYTE_SIZE:
            return Value(size_in_bytes(access.btf, id))
        case _:
            what = f"`{path_words(access)}` is an element"
            raise BadObject(f"{what}, of which CO-RE tells offset, size and existence only")


def _width(btf: Btf, id: int) -> int:
    """Bytes of a load: of one element, for an array."""
    found = btf.skip_modifiers(id)
    while found.kind == "ARRAY":
        found = btf.skip_modifiers(found.type)
    return size_in_bytes(btf, found.id)


def _of_field(access: Access, member: BtfMember) -> Value:
    btf = access.btf
    size = size_in_bytes(btf, member.type)
    match access.kind:
        case uapi.BPF_CORE_FIELD_BYTE_OFFSET:
            width = _width(btf, member.type)
            return Value(access.bit_offset // 8, width=width, type=btf.skip_modifiers(member.type).id)
        case uapi.BPF_CORE_FIELD_BYTE_SIZE:
            return Value(size)
        case uapi.BPF_CORE_FIELD_SIGNED:
            return Value(_signed(btf, member))
        case _:
            return Value(64 - 8 * size)  # both shifts, in either byte order


def _of_bits(access: Access, member: BtfMember, big_endian: bool) -> Value:
    """Of a bit-field, by the smallest aligned load that holds all of it; compilers may choose another one."""
    start, size = access.bit_offset, size_in_bytes(access.btf, member.type)
    if not 0 < size <= 8:
        raise BadBtf(f"the bit-field `{path_words(access)}` is of a type of {size} bytes")
    while True:
        byte = start // 8 // size * size
        if start + member.bits <= (byte + size) * 8:
            break
        if size == 8:
            raise BadBtf(f"no load of 8 bytes holds all of the bit-field `{path_words(access)}`")
        size *= 2
    match access.kind:
        case uapi.BPF_CORE_FIELD_BYTE_OFFSET:
            return Value(byte, sure=False)
        case uapi.BPF_CORE_FIELD_BYTE_SIZE:
            return Value(size, sure=False)
        case uapi.BPF_CORE_FIELD_SIGNED:
            return Value(_signed(access.btf, member))
        case uapi.BPF_CORE_FIELD_LSHIFT_U64:
            within = start - byte * 8
            shift = (8 - size) * 8 + within if big_endian else 64 - (within + member.bits)
            return Value(shift, sure=False)
        case _:
            return Value(64 - member.bits)


def _signed(btf: Btf, member: BtfMember) -> int:
    found = btf.skip_modifiers(member.type)
    return int(found.flag if found.kind in ENUMS else found.kind == "INT" and bool(found.encoding & SIGNED))
