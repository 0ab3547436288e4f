"""CO-RE access paths: what a relocation record is about, as steps through the local types and in words."""

from __future__ import annotations

import re

from pybpfc.abi import uapi
from pybpfc.formats.btf import Btf, BtfType
from pybpfc.formats.errors import BadBtf, BadObject, FormatError
from pybpfc.formats.spec import CoreRelocation
from pybpfc.records import frozen

MAX_STEPS = 64
"""Steps of an access path; libbpf and the kernel take no longer ones."""

FIELD_KINDS = {
    uapi.BPF_CORE_FIELD_BYTE_OFFSET: "byte offset",
    uapi.BPF_CORE_FIELD_BYTE_SIZE: "byte size",
    uapi.BPF_CORE_FIELD_EXISTS: "existence",
    uapi.BPF_CORE_FIELD_SIGNED: "signedness",
    uapi.BPF_CORE_FIELD_LSHIFT_U64: "left shift of the bit-field",
    uapi.BPF_CORE_FIELD_RSHIFT_U64: "right shift of the bit-field",
}
TYPE_KINDS = {
    uapi.BPF_CORE_TYPE_ID_LOCAL: "type id in the object",
    uapi.BPF_CORE_TYPE_ID_TARGET: "type id in the kernel",
    uapi.BPF_CORE_TYPE_EXISTS: "existence",
    uapi.BPF_CORE_TYPE_SIZE: "byte size",
    uapi.BPF_CORE_TYPE_MATCHES: "same layout",
}
ENUMERATOR_KINDS = {
    uapi.BPF_CORE_ENUMVAL_EXISTS: "existence",
    uapi.BPF_CORE_ENUMVAL_VALUE: "value",
}
_ALL = {**FIELD_KINDS, **TYPE_KINDS, **ENUMERATOR_KINDS}

COMPOSITES = ("STRUCT", "UNION")
ENUMS = ("ENUM", "ENUM64")
_WRITTEN = re.compile(r"[0-9]{1,10}(?::[0-9]{1,10})*\Z")
_LONG = ("long int", "long unsigned int", "long", "unsigned long")


@frozen
class Step:
    """One step of a path: the member `name` of the composite `type`, or element `index` (then of type `type`).

    `through` are the anonymous members that lead to it: composites and their members' numbers.
    """

    name: str | None
    type: int
    index: int
    through: tuple[tuple[int, int], ...] = ()


@frozen
class Access:
    """Where a record points: `steps` from the type `root`, the first being the index of a pointer's element.

    An enumerator is one step with its name; a type has no steps.
    """

    btf: Btf
    root: int
    kind: int
    steps: tuple[Step, ...] = ()
    bit_offset: int = 0


def pointer_size(btf: Btf) -> int:
    """Bytes of a pointer, as the size of `long` tells: types of 32-bit kernels have shorter ones."""
    found = next((known for name in _LONG if (known := btf.find(name, "INT")) is not None), None)
    return found.size if found is not None and found.size in (4, 8) else 8


def size_in_bytes(btf: Btf, id: int) -> int:
    """As `Btf.size_of`, with pointers as long as the BTF's own machine has them."""
    count, found = 1, btf.skip_modifiers(id)
    for _ in range(MAX_STEPS):
        if found.kind != "ARRAY":
            return count * (pointer_size(btf) if found.kind == "PTR" else btf.size_of(found.id))
        count, found = count * found.length, btf.skip_modifiers(found.type)
    raise BadBtf(f"BTF type {id} never ends")


def is_flexible(btf: Btf, before: Step, array: BtfType) -> bool:
    """Whether an array, reached by the step `before`, is a struct's last member without a length."""
    if before.name is None or array.length:
        return False
    return before.index == len(btf.type(before.type).members) - 1


def parse_access(btf: Btf, relocation: CoreRelocation) -> Access:
    """What a record is about in the object's own types; raises `FormatError` for records that make no sense."""
    id, kind, text = relocation.type_id, relocation.kind, relocation.access
    if kind not in _ALL:
        raise BadObject(f"CO-RE relocations of kind {kind} are not known")
    if not _WRITTEN.match(text):
        raise BadObject(f"`{text}` is no CO-RE access path")
    numbers = [int(part) for part in text.split(":")]
    if len(numbers) > MAX_STEPS:
        raise BadObject(f"a CO-RE access path of {len(numbers)} steps is longer than {MAX_STEPS}")
    if kind in TYPE_KINDS:
        if numbers != [0]:
            raise BadObject(f"the CO-RE access path `{text}` leads into a type that is meant as a whole")
        btf.type(id)
        return Access(btf, id, kind)
    if kind in ENUMERATOR_KINDS:
        return _enumerator(btf, id, kind, numbers)
    return _field(btf, id, kind, numbers)


def _enumerator(btf: Btf, id: int, kind: int, numbers: list[int]) -> Access:
    found = btf.skip_modifiers(id)
    if found.kind not in ENUMS or len(numbers) > 1 or numbers[0] >= len(found.enumerators):
        raise BadObject(f"BTF type {id} has no enumerator {':'.join(map(str, numbers))}")
    name, _ = found.enumerators[numbers[0]]
    return Access(btf, id, kind, (Step(name, found.id, numbers[0]),))


def _field(btf: Btf, id: int, kind: int, numbers: list[int]) -> Access:
    at = btf.skip_modifiers(id)
    steps = [Step(None, at.id, numbers[0])]
    offset = numbers[0] * size_in_bytes(btf, id) * 8
    for number in numbers[1:]:
        if at.kind in COMPOSITES:
            if number >= len(at.members):
                raise BadObject(f"{type_words(at)} has no member {number}, to which a CO-RE access path leads")
            member = at.members[number]
            offset += member.offset
            if member.name:
                steps.append(Step(member.name, at.id, number))
            at = btf.skip_modifiers(member.type)
        elif at.kind == "ARRAY":
            if number >= at.length and not is_flexible(btf, steps[-1], at):
                raise BadObject(f"a CO-RE access path leads to element {number} of an array of {at.length}")
            at = btf.skip_modifiers(at.type)
            steps.append(Step(None, at.id, number))
            offset += number * size_in_bytes(btf, at.id) * 8
        else:
            raise BadObject(f"a CO-RE access path leads into {type_words(at)}, which has no parts")
    return Access(btf, id, kind, tuple(steps), offset)


# ------------------------------------------------------------------------------------ words

_KEYWORDS = {"STRUCT": "struct ", "UNION": "union ", "ENUM": "enum ", "ENUM64": "enum "}


def type_words(found: BtfType) -> str:
    """A type as C names it: `struct sock`, `pid_t`, `an anonymous struct`."""
    keyword = _KEYWORDS.get(found.kind, "")
    if found.kind == "FWD":
        keyword = "union " if found.flag else "struct "
    if found.name:
        return f"{keyword}{found.name}"
    return f"an anonymous {keyword.strip() or found.kind.lower()}"


def path_words(access: Access, steps: int | None = None) -> str:
    """A path, or its first steps, as C writes it: `task_struct.mm.arg_start`, `enum state::READY`."""
    root = access.btf.type(access.root)
    if access.kind in TYPE_KINDS:
        return type_words(root)
    if access.kind in ENUMERATOR_KINDS:
        return f"{type_words(root)}::{access.steps[0].name}"
    text = root.name or type_words(access.btf.skip_modifiers(access.root))
    for number, step in enumerate(access.steps[:steps]):
        if step.name is not None:
            text += f".{step.name}"
        elif number or step.index:
            text += f"[{step.index}]"
    return text


def words(btf: Btf, relocation: CoreRelocation) -> str:
    """A record in words: `task_struct.mm.arg_start: byte offset`. Records that make no sense are told as they are."""
    try:
        path = path_words(parse_access(btf, relocation))
    except FormatError:
        path = f"type {relocation.type_id} `{relocation.access}`"
    return f"{path}: {_ALL.get(relocation.kind, f'kind {relocation.kind}')}"
