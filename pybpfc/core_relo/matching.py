"""Finding an access path of the object in a type of the kernel: members by name, elements by number."""

from __future__ import annotations

from pybpfc.abi import uapi
from pybpfc.core_relo.compatibility import fields_compatible, types_compatible, types_match
from pybpfc.formats.btf import Btf, BtfType, essential_name
from pybpfc.formats.core_access import (
    COMPOSITES,
    ENUMERATOR_KINDS,
    ENUMS,
    MAX_STEPS,
    TYPE_KINDS,
    Access,
    Step,
    is_flexible,
    path_words,
    size_in_bytes,
    type_words,
)
from pybpfc.formats.errors import BadBtf


def match_access(local: Access, target: Btf, root: int) -> Access | None:
    """The same path from the type `root` of another BTF, or None when it isn't there; raises `BadBtf`."""
    if local.kind in TYPE_KINDS:
        relation = types_match if local.kind == uapi.BPF_CORE_TYPE_MATCHES else types_compatible
        return Access(target, root, local.kind) if relation(local.btf, local.root, target, root) else None
    if local.kind in ENUMERATOR_KINDS:
        return _match_enumerator(local, target, root)
    search = _Search(local.btf, target, root)
    if not all(search.take(step) for step in local.steps):
        return None
    return Access(target, root, local.kind, tuple(search.steps), search.bit_offset)


def _match_enumerator(local: Access, target: Btf, root: int) -> Access | None:
    found = target.skip_modifiers(root)
    wanted = essential_name(local.steps[0].name or "")
    if found.kind in ENUMS:
        for index, (name, _) in enumerate(found.enumerators):
            if essential_name(name) == wanted:
                return Access(target, root, local.kind, (Step(name, found.id, index),))
    return None


class _Search:
    """A path under way: where in the target it is, and what was found so far."""

    def __init__(self, local: Btf, target: Btf, root: int) -> None:
        self.local, self.target = local, target
        self.at = target.skip_modifiers(root)
        self.steps: list[Step] = []
        self.bit_offset = 0
        self.depth = 0
        self.misfit: BtfType | None = None
        """What the member looked for last is of, where its type is not compatible."""

    def take(self, step: Step) -> bool:
        """Go one step of the local path further, if the target has it."""
        return self._element(step) if step.name is None else self._member(step)

    def _element(self, step: Step) -> bool:
        if self.steps:
            array = self.at
            if array.kind != "ARRAY":
                return False
            if step.index >= array.length and not is_flexible(self.target, self.steps[-1], array):
                return False
            self.at = self.target.skip_modifiers(array.type)
        self._deepen(1)
        self.steps.append(Step(None, self.at.id, step.index))
        self.bit_offset += step.index * size_in_bytes(self.target, self.at.id) * 8
        return True

    def _member(self, step: Step) -> bool:
        self.misfit = None
        wanted = self.local.type(step.type).members[step.index]
        found = self._find(wanted.name, wanted.type, self.at, self.depth)
        if found is None:
            return False
        path, offset = found
        container, index = path[-1]
        self._deepen(len(path))
        through = tuple((outer.id, number) for outer, number in path[:-1])
        self.steps.append(Step(step.name, container.id, index, through))
        self.bit_offset += offset
        self.at = self.target.skip_modifiers(container.members[index].type)
        return True

    def _find(self, name: str, type: int, at: BtfType, depth: int) -> tuple[list[tuple[BtfType, int]], int] | None:
        """The way to a member, through anonymous members, and its offset in bits; the first of its name decides."""
        if at.kind not in COMPOSITES:
            return None
        if depth >= MAX_STEPS:
            raise BadBtf(f"{type_words(at)} nests too deeply")
        for index, member in enumerate(at.members):
            if member.name == name:
                if fields_compatible(self.local, type, self.target, member.type):
                    return [(at, index)], member.offset
                self.misfit = self.target.skip_modifiers(member.type)
                return None
            if not member.name:
                inner = self._find(name, type, self.target.skip_modifiers(member.type), depth + 1)
                if inner is not None:
                    return [(at, index), *inner[0]], inner[1] + member.offset
        return None

    def _deepen(self, by: int) -> None:
        self.depth += by
        if self.depth > MAX_STEPS:
            raise BadBtf(f"{type_words(self.at)} nests too deeply")


def why_not(local: Access, target: Btf, root: int) -> str:
    """Why `match_access` finds nothing, for people."""
    theirs = type_words(target.type(root))
    if local.kind in ENUMERATOR_KINDS:
        return f"{theirs} has no `{local.steps[0].name}`"
    if local.kind in TYPE_KINDS:
        return f"{theirs} is another type"
    search = _Search(local.btf, target, root)
    for number, step in enumerate(local.steps):
        if search.take(step):
            continue
        place = path_words(local, number) if number > 1 else theirs
        if step.name is None:
            what = f"only {search.at.length} elements" if search.at.kind == "ARRAY" else "no elements"
            return f"{place} has {what}"
        if search.misfit is not None:
            return f"{place} has a member `{step.name}`, but of another type: {type_words(search.misfit)}"
        return f"{place} has no member `{step.name}`"
    return f"{theirs} has no such field"
