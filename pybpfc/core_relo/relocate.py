"""Relocating a whole object: each CO-RE record resolved against the kernel's types, each instruction changed."""

from __future__ import annotations

from collections.abc import Callable

from pybpfc.abi import insn as i
from pybpfc.abi import uapi
from pybpfc.core_relo.candidates import Candidate, TargetTypes
from pybpfc.core_relo.matching import match_access, why_not
from pybpfc.core_relo.patching import patch
from pybpfc.core_relo.values import Resolution, Value, resolve
from pybpfc.diagnostics.errors import LoadError
from pybpfc.formats.btf import Btf
from pybpfc.formats.core_access import Access, parse_access, path_words, type_words, words
from pybpfc.formats.errors import BadBtf, BadObject, FormatError
from pybpfc.formats.spec import CoreRelocation, FunctionSpec, ObjectSpec, Poison
from pybpfc.records import replace


def relocate_core(spec: ObjectSpec, target: Callable[[], TargetTypes]) -> ObjectSpec:
    """The object with its CO-RE records applied; where one finds nothing the instruction is poisoned.

    `target` is called only if there is something to look up. Raises LoadError for records that make no sense, and for
    those with more than one answer.
    """
    functions = (*spec.programs.values(), *spec.functions.values())
    if not any(function.core_relos for function in functions):
        return spec
    if spec.btf is None:
        raise LoadError("the object has CO-RE records but no types", remedy="compile it with -g")
    relocating = _Relocating(spec.btf, spec.big_endian, target)
    return replace(
        spec,
        programs={name: relocating.function(f) for name, f in spec.programs.items()},
        functions={name: relocating.function(f) for name, f in spec.functions.items()},
    )


class _Relocating:
    """One object under way; candidates are kept for all records of a type."""

    def __init__(self, btf: Btf, big_endian: bool, target: Callable[[], TargetTypes]) -> None:
        self.btf, self.big_endian = btf, big_endian
        self._make_target = target
        self._target: TargetTypes | None = None
        self._candidates: dict[int, list[Candidate]] = {}

    @property
    def target(self) -> TargetTypes:
        """The kernel's types, read when first needed."""
        if self._target is None:
            self._target = self._make_target()
        return self._target

    def function(self, function: FunctionSpec) -> FunctionSpec:
        """A function with its instructions changed."""
        if not function.core_relos:
            return function
        code = i.decode(function.insns, big_endian=self.big_endian)
        poisoned = list(function.poisoned)
        for relocation in function.core_relos:
            try:
                failure = self._apply(code, relocation)
            except (BadBtf, BadObject) as error:
                raise self._unusable(function, relocation, error) from None
            if failure:
                told = f"`{words(self.btf, relocation)}` is not to be had: {failure}"
                poisoned.append(Poison(relocation.index, told))
        insns = i.encode(code, big_endian=self.big_endian)
        return replace(function, insns=insns, core_relos=(), poisoned=tuple(poisoned))

    def _apply(self, code: list[i.Insn], relocation: CoreRelocation) -> str:
        """Change the record's instruction; why it was poisoned, if it was."""
        local = parse_access(self.btf, relocation)
        if relocation.kind == uapi.BPF_CORE_TYPE_ID_LOCAL:
            patch(code, relocation.index, Resolution(Value(local.root, sure=False), Value(local.root)))
            return ""
        change, found = self._resolve(local)
        if patch(code, relocation.index, change):
            return ""
        return self._misfit(local, found, change) if found is not None else self._absence(local)

    def _resolve(self, local: Access) -> tuple[Resolution, Access | None]:
        """The change on which all candidates that have the path agree, and where the first has it."""
        candidates = self._candidates.get(local.root)
        if candidates is None:
            candidates = self._candidates[local.root] = self.target.candidates(self.btf, local.root)
        matching: list[Candidate] = []
        first: tuple[Resolution, Access] | None = None
        for candidate in candidates:
            found = match_access(local, candidate.btf, candidate.id)
            if found is None:
                continue
            matching.append(candidate)
            change = resolve(local, found, self.big_endian)
            if first is None:
                first = change, found
            elif found.bit_offset != first[1].bit_offset or _number(change) != _number(first[0]):
                raise BadObject(_ambiguity(first, (change, found), self.target.name))
        if first is None:
            return resolve(local, None, self.big_endian), None
        self._candidates[local.root] = matching  # as libbpf: what has one field shall have the others too
        return first

    # ------------------------------------------------------------------------------ messages

    def _absence(self, local: Access) -> str:
        candidates, name = self._candidates[local.root], self.target.name
        if not candidates:
            return f"{name} has no {type_words(self.btf.type(local.root))}"
        reasons = dict.fromkeys(why_not(local, c.btf, c.id) for c in candidates)
        return f"in {name}, {'; '.join(reasons)}"

    def _misfit(self, local: Access, found: Access, change: Resolution) -> str:
        width = change.new.width if change.new is not None else 0
        if not width or not change.old.width:
            kind = "no bit-field" if width else "a bit-field"
            return f"in {self.target.name}, {path_words(found)} is {kind}, unlike in the object"
        widths = f"{path_words(found)} has {width} bytes instead of {change.old.width}"
        rule = "only pointers and unsigned integers are loaded and stored in other widths"
        return f"in {self.target.name}, {widths}; {rule}"

    def _unusable(self, function: FunctionSpec, relocation: CoreRelocation, error: FormatError) -> LoadError:
        return LoadError(
            f"`{function.name}` can't be fitted to the kernel's types: `{words(self.btf, relocation)}` at instruction "
            f"{relocation.index}: {error}",
            remedy="see `pybpfc inspect` for the records; compile the object again, with the types it uses",
        )


def _number(change: Resolution) -> int | None:
    return change.new.number if change.new is not None else None


def _ambiguity(first: tuple[Resolution, Access], second: tuple[Resolution, Access], name: str) -> str:
    """Two types of the kernel that answer differently."""
    places = []
    for change, found in (first, second):
        words = f"{path_words(found)} (type {found.root})"
        places.append(f"{words} at bit {found.bit_offset}, giving {_number(change)}")
    return f"{name} has more than one such type, and they differ: {places[0]}; {places[1]}"
