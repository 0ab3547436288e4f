"""The compile cache: objects by what they were made from, checked without loading the compiler.

Beside each object stands what the compilation depended on: the text of the source files, and the live values of the
names that programs use (constants, map declarations, struct layouts), each as a fingerprint. An entry counts when all
of them are as they were. `PYBPFC_CACHE=0` turns the cache off; it lives under `$XDG_CACHE_HOME/pybpfc`.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pybpfc.files import cache_directory, cache_enabled, write_atomically
from pybpfc.lang.fingerprint import VMLINUX, Dependencies, fingerprint
from pybpfc.records import frozen

if TYPE_CHECKING:
    from pybpfc.diagnostics.diagnostic import Diagnostic

FORMAT = 2


@frozen
class Entry:
    """One place in the cache: a module's file, the programs chosen and what they are compiled for."""

    file: str
    module: str
    programs: str
    options: object

    @property
    def enabled(self) -> bool:
        """Whether there is a cache for this source."""
        return cache_enabled() and os.path.isabs(self.file) and os.path.isfile(self.file)

    def _path(self) -> str:
        parts = (self.file, self.module, self.programs, self.options, compiler_version())
        digest = hashlib.sha256(repr(parts).encode()).hexdigest()
        return os.path.join(cache_directory(), digest[:2], digest[2:32])

    def lookup(self, namespace: Mapping[str, Any]) -> tuple[bytes, tuple[Any, ...]] | None:
        """The object and the warnings given for it, when nothing it was made from has changed."""
        if not self.enabled:
            return None
        try:
            with open(self._path(), "rb") as file:
                head = json.loads(file.readline())
                elf = file.read()
        except (OSError, ValueError):
            return None
        if not isinstance(head, dict) or hashlib.sha256(elf).hexdigest() != head.get("sha256"):
            return None
        try:
            same = all(file_digest(path) == digest for path, digest in head["files"].items())
            same = same and all(
                fingerprint(find(namespace, self.module, module, name)) == value
                for module, name, value in head["names"]
            )
            return (elf, _warnings(head["warnings"])) if same else None
        except (KeyError, ValueError, TypeError, AttributeError, LookupError):
            return None

    def store(self, elf: bytes, dependencies: Dependencies, warnings: Iterable[Diagnostic]) -> None:
        """Keep an object; a cache that cannot be written is no error."""
        if not self.enabled or not dependencies.complete:
            return
        files = {path: file_digest(path) for path in dependencies.files}
        from pybpfc.diagnostics.stored import pack

        head = {"sha256": hashlib.sha256(elf).hexdigest(), "files": files, "names": list(dependencies.names)}
        head["warnings"] = [pack(warning) for warning in warnings]
        path = self._path()
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write_atomically(path, json.dumps(head).encode() + b"\n" + elf)
        except OSError:
            return


def _warnings(stored: list[Any]) -> tuple[Any, ...]:
    if not stored:
        return ()
    from pybpfc.diagnostics.stored import unpack

    return tuple(unpack(item) for item in stored)


_COMPILER = (
    *("abi", "backend", "diagnostics", "frontend", "frontend/check", "frontend/lower", "ir", "ir/passes", "lang"),
    "stdlib",
)


def compiler_version() -> str:
    """What changes when the compiler does: its own sources, by size and time."""
    import pybpfc

    root = os.path.dirname(os.path.abspath(pybpfc.__file__))
    marks = []
    for name in _COMPILER:
        with os.scandir(os.path.join(root, name)) as found:
            marks += sorted((e.name, int(e.stat().st_mtime), e.stat().st_size) for e in found if e.name.endswith(".py"))
    digest = hashlib.sha256(repr(marks).encode()).hexdigest()[:16]
    return f"{FORMAT}:{pybpfc.__version__}:{digest}:{sys.byteorder}"


def file_digest(path: str) -> str:
    """The digest of a file's contents, or of nothing when it is not there."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return ""


def find(namespace: Mapping[str, Any], own: str, module: str, name: str) -> Any:
    """The live value of a dotted name; raises LookupError or AttributeError when it is gone."""
    head, *rest = name.split(".")
    if module == own:
        value = namespace[head]
    else:  # modules may make their names when they are asked for
        value = getattr(importlib.import_module(module) if module == VMLINUX else sys.modules[module], head)
    for part in rest:
        value = getattr(value, part)
    return value
