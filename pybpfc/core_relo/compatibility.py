"""Which types of an object and of a kernel stand for one another: three relations, from loose to strict."""

from __future__ import annotations

from pybpfc.formats.btf import Btf, BtfType, essential_name
from pybpfc.formats.core_access import COMPOSITES, ENUMS
from pybpfc.formats.errors import BadBtf

DEPTH = 32
SIGNED = 1
"""The bit of an integer's encoding that says so."""


def same_kind(local: BtfType, target: BtfType) -> bool:
    """Whether the kinds are the same; enumerations of 32 and of 64 bits are."""
    return local.kind == target.kind or (local.kind in ENUMS and target.kind in ENUMS)


def same_name(local: str, target: str) -> bool:
    """Whether the names are, but for their flavors."""
    return essential_name(local) == essential_name(target)


def fields_compatible(local: Btf, local_id: int, target: Btf, target_id: int) -> bool:
    """Whether a field of one type may be found as one of the other.

    Structs and unions may, whatever they hold; so may pointers, and integers of any size and sign.
    """
    for _ in range(DEPTH):
        mine, theirs = local.skip_modifiers(local_id), target.skip_modifiers(target_id)
        if mine.kind in COMPOSITES and theirs.kind in COMPOSITES:
            return True
        if not same_kind(mine, theirs):
            return False
        match mine.kind:
            case "PTR" | "FLOAT":
                return True
            case "FWD" | "ENUM" | "ENUM64":
                return not mine.name or not theirs.name or same_name(mine.name, theirs.name)
            case "INT":
                return not mine.bit_offset and not theirs.bit_offset
            case "ARRAY":
                local_id, target_id = mine.type, theirs.type
            case _:
                return False
    raise BadBtf(f"BTF type {target_id} nests too deeply")


def types_compatible(local: Btf, local_id: int, target: Btf, target_id: int) -> bool:
    """Whether one type exists as the other: the names are taken for granted, and contents do not count."""
    if not same_kind(local.type(local_id), target.type(target_id)):
        return False
    return _compatible(local, local_id, target, target_id, DEPTH)


def _compatible(local: Btf, local_id: int, target: Btf, target_id: int, level: int) -> bool:
    for _ in range(level):
        mine, theirs = local.skip_modifiers(local_id), target.skip_modifiers(target_id)
        if not same_kind(mine, theirs):
            return False
        match mine.kind:
            case "VOID" | "STRUCT" | "UNION" | "ENUM" | "ENUM64" | "FWD":
                return True
            case "INT":
                return not mine.bit_offset and not theirs.bit_offset
            case "FUNC_PROTO":
                if len(mine.params) != len(theirs.params):
                    return False
                pairs = zip(mine.params, theirs.params, strict=True)
                if not all(_compatible(local, a, target, b, level - 1) for (_, a), (_, b) in pairs):
                    return False
            case "PTR" | "ARRAY":
                pass
            case _:
                return False
        local_id, target_id = mine.type, theirs.type
    raise BadBtf(f"BTF type {target_id} nests too deeply")


def types_match(local: Btf, local_id: int, target: Btf, target_id: int) -> bool:
    """Whether all that one type has, the other has too, of the same size and sign; offsets and values do not count."""
    return _match(local, local_id, target, target_id, False, DEPTH)


def _match(local: Btf, local_id: int, target: Btf, target_id: int, pointed: bool, level: int) -> bool:
    """`pointed`: a pointer was followed; of structs behind it only name and kind count."""
    if level <= 0:
        raise BadBtf(f"BTF type {target_id} nests too deeply")
    for _ in range(DEPTH):
        mine, theirs = local.skip_modifiers(local_id), target.skip_modifiers(target_id)
        if not same_name(mine.name, theirs.name):
            return False
        if pointed and (mine.kind in COMPOSITES or mine.kind == "FWD"):
            return _composite_of(mine) == _composite_of(theirs)
        if not same_kind(mine, theirs):
            return False
        match mine.kind:
            case "VOID":
                return True
            case "FWD":
                return mine.flag == theirs.flag
            case "ENUM" | "ENUM64":
                return _enums_match(mine, theirs)
            case "STRUCT" | "UNION":
                return _members_match(local, mine, target, theirs, level)
            case "INT":
                return mine.bits == theirs.bits and mine.encoding & SIGNED == theirs.encoding & SIGNED
            case "PTR":
                pointed = True
            case "ARRAY":
                if mine.length != theirs.length:
                    return False
            case "FUNC_PROTO":
                if len(mine.params) != len(theirs.params):
                    return False
                pairs = zip(mine.params, theirs.params, strict=True)
                if not all(_match(local, a, target, b, pointed, level - 1) for (_, a), (_, b) in pairs):
                    return False
            case _:
                return False
        local_id, target_id = mine.type, theirs.type
    raise BadBtf(f"BTF type {target_id} nests too deeply")


def _composite_of(found: BtfType) -> str:
    """STRUCT or UNION, also of what is only declared."""
    if found.kind == "FWD":
        return "UNION" if found.flag else "STRUCT"
    return found.kind


def _enums_match(mine: BtfType, theirs: BtfType) -> bool:
    if mine.size != theirs.size or len(mine.enumerators) > len(theirs.enumerators):
        return False
    names = {essential_name(name) for name, _ in theirs.enumerators}
    return all(essential_name(name) in names for name, _ in mine.enumerators)


def _members_match(local: Btf, mine: BtfType, target: Btf, theirs: BtfType, level: int) -> bool:
    if len(mine.members) > len(theirs.members):
        return False

    def has(name: str, id: int) -> bool:
        for other in theirs.members:
            if same_name(name, other.name):
                try:
                    if _match(local, id, target, other.type, False, level - 1):
                        return True
                except BadBtf:
                    continue
        return False

    return all(has(member.name, member.type) for member in mine.members)
