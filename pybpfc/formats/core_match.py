"""CO-RE records: which type of a kernel, and which of its members, a record of an object means.

By the rules of libbpf and the kernel: a type's candidates are those of the same name and kind, without what follows
`___`; members are found by name, within anonymous structs and unions too, and must be of a kind alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pybpfc.formats.btf import Btf, BtfMember, BtfType
from pybpfc.formats.errors import BadBtf, BadObject
from pybpfc.formats.spec import CoreRelocation
from pybpfc.records import frozen

FIELD_KINDS = range(6)
TYPE_ID_LOCAL, TYPE_ID_TARGET, TYPE_EXISTS, TYPE_SIZE, ENUM_EXISTS, ENUM_VALUE, TYPE_MATCHES = range(6, 13)
_DEEPEST = 32
_LONGEST = 64
_FLAVOR = re.compile(r".*[^_](?=___[^_])", re.DOTALL)
_ENUMS = ("ENUM", "ENUM64")
_COMPOSITE = ("STRUCT", "UNION")


@frozen
class Target:
    """What a record means in a kernel: a type, and the way into it by numbers of members and elements."""

    type: int
    path: tuple[int, ...] = ()


@frozen
class _Step:
    """One step that has a meaning: into a member by name, or to an element."""

    number: int
    member: BtfMember | None = None


def essential(name: str) -> str:
    """A name without its flavor: `task_struct` of `task_struct___old`."""
    found = _FLAVOR.match(name)
    return found[0] if found else name


def find_target(local: Btf, record: CoreRelocation, kernel: Btf) -> Target | None:
    """What a record of an object with the types `local` means; None for what the kernel does not have.

    Of several candidates that fit it is the first. Raises BadBtf or BadObject for records that make no sense.
    """
    return next(targets(local, record, kernel), None)


def targets(local: Btf, record: CoreRelocation, kernel: Btf) -> Iterator[Target]:
    """All candidates that fit."""
    if not 0 <= record.kind <= TYPE_MATCHES:
        raise BadObject(f"the CO-RE record of instruction {record.index} is of the unknown kind {record.kind}")
    steps = _steps(local, record)
    root = local.type(record.type_id)
    for candidate in _candidates(root, kernel):
        if record.kind in FIELD_KINDS:
            path = _field(local, steps, kernel, candidate)
            if path is not None:
                yield Target(candidate.id, path)
        elif record.kind in (ENUM_EXISTS, ENUM_VALUE):
            number = _enumerator(local, record, kernel, candidate)
            if number is not None:
                yield Target(candidate.id, (number,))
        elif record.kind == TYPE_MATCHES:
            if _match(local, record.type_id, kernel, candidate.id):
                yield Target(candidate.id)
        elif _alike(local, record.type_id, kernel, candidate.id):
            yield Target(candidate.id)


def _candidates(root: BtfType, kernel: Btf) -> Iterator[BtfType]:
    name = essential(root.name)
    if not name:
        return
    kinds = _ENUMS if root.kind in _ENUMS else (root.kind,)
    names = [name, *sorted(other for other in kernel.starting(f"{name}___") if essential(other) == name)]
    yield from sorted((t for each in names for t in kernel.find_all(each, *kinds)), key=lambda t: t.id)


# ---------------------------------------------------------------------------------- fields


def _numbers(record: CoreRelocation) -> list[int]:
    try:
        numbers = [int(part) for part in record.access.split(":")]
    except ValueError:
        numbers = []
    if not numbers or len(numbers) > _LONGEST or min(numbers) < 0:
        raise BadObject(f"the CO-RE record of instruction {record.index} has the bad access {record.access!r}")
    return numbers


def _steps(local: Btf, record: CoreRelocation) -> list[_Step]:
    """What a field's record says, in the object's own types: the steps into members without names left out."""
    if record.kind not in FIELD_KINDS:
        return []
    numbers = _numbers(record)
    steps, id = [_Step(numbers[0])], record.type_id
    for number in numbers[1:]:
        t = local.skip_modifiers(id)
        if t.kind in _COMPOSITE and number < len(t.members):
            member = t.members[number]
            if member.name:
                steps.append(_Step(number, member))
            id = member.type
        elif t.kind == "ARRAY":
            steps.append(_Step(number))
            id = t.type
        else:
            raise BadObject(f"the CO-RE record of instruction {record.index} leads into {t.kind} {t.name!r}, no member")
    return steps


def _field(local: Btf, steps: list[_Step], kernel: Btf, root: BtfType) -> tuple[int, ...] | None:
    path, id = [steps[0].number], root.id
    last = False
    for step in steps[1:]:
        t = kernel.skip_modifiers(id)
        if step.member is not None:
            found = _member(kernel, t, step.member.name)
            if found is None:
                return None
            id, last = found[-1][1].type, found[-1][0] == len(found[-1][2].members) - 1
            if not _fields_alike(local, step.member.type, kernel, id):
                return None
            path += [number for number, _, _ in found]
        else:
            open_ended = last and not t.length
            if t.kind != "ARRAY" or not open_ended and step.number >= t.length:
                return None
            path.append(step.number)
            id, last = t.type, False
    return tuple(path)


_Way = list[tuple[int, BtfMember, BtfType]]


def _member(kernel: Btf, t: BtfType, name: str, depth: int = 0) -> _Way | None:
    """The way to a member: numbers, members and the structs they are of."""
    if t.kind not in _COMPOSITE or depth > _DEEPEST:
        return None
    for number, member in enumerate(t.members):
        if member.name == name:
            return [(number, member, t)]
        if not member.name:
            found = _member(kernel, kernel.skip_modifiers(member.type), name, depth + 1)
            if found is not None:
                return [(number, member, t), *found]
    return None


def _fields_alike(local: Btf, mine: int, kernel: Btf, theirs: int) -> bool:
    for _ in range(_DEEPEST):
        a, b = local.skip_modifiers(mine), kernel.skip_modifiers(theirs)
        if a.kind in _COMPOSITE and b.kind in _COMPOSITE:
            return True
        if not _same_kind(a, b):
            return False
        if a.kind == "ARRAY":
            mine, theirs = a.type, b.type
            continue
        if a.kind in (*_ENUMS, "FWD"):
            return not a.name or not b.name or essential(a.name) == essential(b.name)
        return a.kind in ("PTR", "FLOAT", "INT")
    raise BadBtf(f"BTF type {mine} never ends")


def _same_kind(a: BtfType, b: BtfType) -> bool:
    return a.kind == b.kind or a.kind in _ENUMS and b.kind in _ENUMS


# ------------------------------------------------------------------------- enums and types


def _enumerator(local: Btf, record: CoreRelocation, kernel: Btf, candidate: BtfType) -> int | None:
    numbers = _numbers(record)
    own = local.skip_modifiers(record.type_id)
    if own.kind not in _ENUMS or len(numbers) != 1 or numbers[0] >= len(own.enumerators):
        raise BadObject(f"the CO-RE record of instruction {record.index} names no value of an enum")
    name = essential(own.enumerators[numbers[0]][0])
    found = kernel.skip_modifiers(candidate.id)
    return next((n for n, (other, _) in enumerate(found.enumerators) if essential(other) == name), None)


def _alike(local: Btf, mine: int, kernel: Btf, theirs: int, depth: int = 0) -> bool:
    """Whether two types are of the same make, names aside."""
    while depth < _DEEPEST:
        depth += 1
        a, b = local.skip_modifiers(mine), kernel.skip_modifiers(theirs)
        if not _same_kind(a, b):
            return False
        if a.kind == "FUNC_PROTO":
            pairs = list(zip(a.params, b.params, strict=False))
            if len(a.params) != len(b.params):
                return False
            if not all(_alike(local, p[1], kernel, q[1], depth) for p, q in pairs):
                return False
        elif a.kind not in ("PTR", "ARRAY"):
            return a.kind in ("VOID", "INT", "FWD", *_COMPOSITE, *_ENUMS)
        mine, theirs = a.type, b.type
    raise BadBtf(f"BTF type {mine} never ends")


def _match(local: Btf, mine: int, kernel: Btf, theirs: int, behind: bool = False, depth: int = 0) -> bool:
    """Whether the kernel's type has all that the object's has; of what is `behind` a pointer only the names count."""
    while depth < _DEEPEST:
        depth += 1
        a, b = local.skip_modifiers(mine), kernel.skip_modifiers(theirs)
        if essential(a.name) != essential(b.name):
            return False
        if a.kind in _COMPOSITE or a.kind == "FWD":
            return _match_named(local, a, kernel, b, behind, depth)
        if a.kind in _ENUMS:
            names = {essential(name) for name, _ in b.enumerators}
            return b.kind in _ENUMS and all(essential(name) in names for name, _ in a.enumerators)
        if a.kind != b.kind:
            return False
        if a.kind == "FUNC_PROTO":
            if len(a.params) != len(b.params):
                return False
            pairs = zip(a.params, b.params, strict=True)
            if not all(_match(local, p[1], kernel, q[1], False, depth) for p, q in pairs):
                return False
        elif a.kind == "ARRAY":
            if a.length != b.length:
                return False
        elif a.kind != "PTR":
            return a.kind == "VOID" or a.kind == "INT" and (a.size, a.encoding & 1) == (b.size, b.encoding & 1)
        behind, mine, theirs = a.kind == "PTR", a.type, b.type
    raise BadBtf(f"BTF type {mine} never ends")


def _match_named(local: Btf, a: BtfType, kernel: Btf, b: BtfType, behind: bool, depth: int) -> bool:
    shape = {"STRUCT": False, "UNION": True, "FWD": None}
    if b.kind not in shape:
        return False
    if a.kind == "FWD" or b.kind == "FWD" or behind:
        if not behind and a.kind != b.kind:
            return False
        return (a.flag if a.kind == "FWD" else shape[a.kind]) == (b.flag if b.kind == "FWD" else shape[b.kind])
    return a.kind == b.kind and all(
        any(
            essential(m.name) == essential(n.name) and _match(local, m.type, kernel, n.type, False, depth)
            for n in b.members
        )
        for m in a.members
    )
