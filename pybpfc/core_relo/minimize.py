"""The types that objects need of a kernel, as a BTF blob of some hundred bytes.

Objects run on kernels that do not tell their types where the loader is given them: of a struct the members that
CO-RE records name, of a type asked for as a whole just that it is there, of an enum all of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from pybpfc.abi import uapi
from pybpfc.core_relo.candidates import TargetTypes
from pybpfc.core_relo.matching import match_access
from pybpfc.formats.btf import Btf, BtfType
from pybpfc.formats.btf_encode import encode_btf
from pybpfc.formats.core_access import FIELD_KINDS, Access, parse_access
from pybpfc.formats.spec import CoreRelocation, ObjectSpec
from pybpfc.records import replace

_COMPOSITE = ("STRUCT", "UNION")
_OF_TYPES = (uapi.BPF_CORE_TYPE_ID_TARGET, uapi.BPF_CORE_TYPE_EXISTS, uapi.BPF_CORE_TYPE_SIZE)
_QUALIFIERS = ("TYPEDEF", "CONST", "VOLATILE", "RESTRICT", "TYPE_TAG")


def minimize(kernel: Btf, objects: Iterable[ObjectSpec]) -> bytes:
    """BTF of what the objects' CO-RE records need. Raises FormatError for records that make no sense.

    What the kernel does not have is left out: a loader then finds out the same as it would from the whole.
    """
    needs = Needs(kernel)
    for spec in objects:
        needs.add_object(spec)
    return needs.encode()


def _records(spec: ObjectSpec) -> Iterable[CoreRelocation]:
    """Each that differs, once: programs name the same field many times."""
    functions = (*spec.programs.values(), *spec.functions.values())
    return {(r.type_id, r.access, r.kind): r for f in functions for r in f.core_relos}.values()


class Needs:
    """Types of a kernel by id, with the numbers of the members needed."""

    def __init__(self, kernel: Btf) -> None:
        self.kernel = kernel
        self._target = TargetTypes(kernel, "the kernel")
        self.types: dict[int, set[int]] = {}
        self._reached: set[tuple[int, bool]] = set()
        self._matched: set[tuple[int, bool]] = set()

    def add_object(self, spec: ObjectSpec) -> None:
        """What an object's records need. Raises FormatError for records that make no sense."""
        own = spec.btf
        if own is None:
            return
        for record in _records(spec):
            if record.kind != uapi.BPF_CORE_TYPE_ID_LOCAL:
                found = self._find(parse_access(own, record))
                if found is not None:
                    self._add(found)

    def _find(self, local: Access) -> Access | None:
        """What a record means in the kernel: of several types that fit, the first."""
        for candidate in self._target.candidates(local.btf, local.root):
            found = match_access(local, candidate.btf, candidate.id)
            if found is not None:
                return found
        return None

    def _add(self, found: Access) -> None:
        """What one record needs."""
        if found.kind in FIELD_KINDS:
            self._field(found)
        elif found.kind == uapi.BPF_CORE_TYPE_MATCHES:
            self._whole(found.root, False)
        else:
            self._type(found.root, found.kind in _OF_TYPES)

    def _field(self, found: Access) -> None:
        self._type(found.root, False)
        for step in found.steps[1:]:
            if step.name is not None:
                for composite, number in (*step.through, (step.type, step.index)):
                    self.types.setdefault(composite, set()).add(number)
                    self._type(self.kernel.type(composite).members[number].type, False)

    def _type(self, id: int, pointers: bool) -> None:
        """A type with what it is made of, without members; what pointers lead to when asked for."""
        while id and (id, pointers) not in self._reached:
            self._reached.add((id, pointers))
            t = self.kernel.type(id)
            self.types.setdefault(id, set())
            if t.kind == "ARRAY":
                self._type(t.index_type, pointers)
            elif t.kind not in _QUALIFIERS and not (t.kind == "PTR" and pointers):
                return
            id = t.type

    def _whole(self, id: int, behind: bool) -> None:
        """A type with all its members; what is behind a pointer by name only."""
        if not id or (id, behind) in self._matched:
            return
        self._matched.add((id, behind))
        t = self.kernel.type(id)
        members = self.types.setdefault(id, set())
        match t.kind:
            case "STRUCT" | "UNION" if not behind:
                members.update(range(len(t.members)))
                for member in t.members:
                    self._whole(member.type, False)
            case "ARRAY":
                self._whole(t.type, False)
                self._whole(t.index_type, False)
            case "FUNC_PROTO":
                for part in (t.type, *(type for _, type in t.params)):
                    self._whole(part, False)
            case "PTR":
                self._whole(t.type, True)
            case _ if t.kind in _QUALIFIERS:
                self._whole(t.type, behind)

    def encode(self) -> bytes:
        """The types as BTF, under new ids in the order of the old."""
        ids = {old: new for new, old in enumerate(sorted(self.types), 1)}
        return encode_btf(self._renumbered(self.kernel.type(old), ids) for old in ids)

    def _renumbered(self, t: BtfType, ids: dict[int, int]) -> BtfType:
        kept = [t.members[number] for number in sorted(self.types[t.id])] if t.kind in _COMPOSITE else []
        return replace(
            t,
            id=ids[t.id],
            type=ids.get(t.type, 0),
            index_type=ids.get(t.index_type, 0),
            flag=any(m.bits for m in kept) if t.kind in _COMPOSITE else t.flag,
            members=tuple(replace(m, type=ids.get(m.type, 0)) for m in kept),
            params=tuple((name, ids.get(type, 0)) for name, type in t.params),
        )
