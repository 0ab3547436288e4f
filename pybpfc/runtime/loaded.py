"""A loaded object: its programs, maps and globals, until it is closed."""

from __future__ import annotations

import gc
import mmap
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pybpfc.diagnostics.errors import LoadError
from pybpfc.formats.spec import VariableSpec
from pybpfc.lang.codec import Codec, CodecError
from pybpfc.lang.maps import BpfMap
from pybpfc.runtime.maps import Map
from pybpfc.runtime.programs import Program

if TYPE_CHECKING:
    from pybpfc.runtime.links.base import Link
    from pybpfc.runtime.struct_ops import StructOps


class Globals:
    """The global variables of an object, by attribute or by name; read and written in the programs' own memory.

    Values of 1, 2, 4 or 8 bytes are read and written in one access, so they are never torn.
    """

    def __init__(self, variables: Iterable[tuple[VariableSpec, Codec]], maps: Mapping[str, Map]) -> None:
        found = {variable.name: (variable, codec) for variable, codec in variables}
        object.__setattr__(self, "_variables", found)
        object.__setattr__(self, "_maps", maps)
        object.__setattr__(self, "_memory", {})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __getitem__(self, name: str) -> Any:
        variable, codec = self._find(name)
        return codec.decode(self._view(variable.section), variable.offset)

    def __setitem__(self, name: str, value: Any) -> None:
        variable, codec = self._find(name)
        if variable.section.startswith((".rodata", ".kconfig")):
            raise AttributeError(f"`{name}` is a constant: set it when loading, `load(…, {name}={value!r})`")
        view = self._view(variable.section)
        raw = codec.encode(value)
        word = _WORDS.get(len(raw))
        if word is not None and variable.offset % len(raw) == 0:
            cells = view.cast(word)
            cells[variable.offset // len(raw)] = memoryview(raw).cast(word)[0]
            cells.release()
        else:
            view[variable.offset : variable.offset + len(raw)] = raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __contains__(self, name: object) -> bool:
        return name in self._names()

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._names()]

    def __repr__(self) -> str:
        return f"<globals: {', '.join(self._names()) or 'none'}>"

    def asdict(self) -> dict[str, Any]:
        """All values."""
        return {name: self[name] for name in self._names()}

    def _names(self) -> Mapping[str, Any]:
        names: Mapping[str, Any] = object.__getattribute__(self, "_variables")
        return names

    def _find(self, name: str) -> tuple[VariableSpec, Codec]:
        found: tuple[VariableSpec, Codec] | None = self._names().get(name)
        if found is None:
            close = closest(name, self._names())
            hint = f"; did you mean `{close}`?" if close else ""
            raise AttributeError(f"the object has no global `{name}`{hint}")
        return found

    def _view(self, section: str) -> memoryview:
        """The memory of a data section, mapped at its first use."""
        memory: dict[str, tuple[mmap.mmap, memoryview]] = object.__getattribute__(self, "_memory")
        if section not in memory:
            handle: Map = object.__getattribute__(self, "_maps")[section]
            area = handle.memory(writable=not section.startswith((".rodata", ".kconfig")))
            memory[section] = (area, memoryview(area))
        return memory[section][1]

    def _count(self, variable: VariableSpec) -> int:
        """A counter of 8 bytes, which programs add to."""
        count: int = self._view(variable.section)[variable.offset : variable.offset + 8].cast("Q")[0]
        return count

    def _close(self) -> None:
        memory: dict[str, tuple[mmap.mmap, memoryview]] = object.__getattribute__(self, "_memory")
        for area, view in memory.values():
            view.release()
            area.close()
        memory.clear()


_WORDS: dict[int, Any] = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Whole:
    """What holds the parts of an object together: whoever has one has all, so that none ends behind his back."""

    def __init__(
        self,
        programs: Mapping[str, Program],
        handles: Mapping[str, Map],
        globals: Globals,
        struct_ops: Mapping[str, StructOps],
    ) -> None:
        self.programs = programs
        self.struct_ops = struct_ops
        self.handles = handles
        self.globals = globals
        self.closed = False
        for program in programs.values():
            program.owner = self
        for handle in handles.values():
            handle.owner = self
        for ops in struct_ops.values():
            ops.owner = self


class LoadedObject:
    """What `load` gives. Use it in a `with`, or keep it: when nobody holds it or a part of it, its programs detach.

    Programs, maps and globals are in `programs`, `maps` and `globals`, structs of operations in `struct_ops`; all but
    globals are attributes as well. The maps and programs of a module that was loaded are parts, until the module is
    loaded again.
    """

    def __init__(
        self,
        programs: Mapping[str, Program],
        maps: Mapping[str, BpfMap],
        handles: Mapping[str, Map],
        globals: Globals,
        struct_ops: Mapping[str, StructOps] | None = None,
    ) -> None:
        self.programs: Mapping[str, Program] = MappingProxyType(dict(programs))
        self.maps: Mapping[str, BpfMap] = MappingProxyType(dict(maps))
        self.handles: Mapping[str, Map] = MappingProxyType(dict(handles))
        self.globals = globals
        self.attach_options: Mapping[str, Mapping[str, Any]] = {}
        self.struct_ops: Mapping[str, StructOps] = MappingProxyType(dict(struct_ops or {}))
        self._whole = Whole(self.programs, self.handles, globals, self.struct_ops)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or "programs" not in self.__dict__:
            raise AttributeError(name)
        if name in self.programs:
            return self.programs[name]
        if name in self.maps:
            return self.maps[name]
        if name in self.struct_ops:
            return self.struct_ops[name]
        known = [*self.programs, *self.maps, *self.struct_ops]
        close = closest(name, known)
        hint = f"; did you mean `{close}`?" if close else f"; it has {', '.join(known) or 'nothing'}"
        if name in self.globals:
            hint = f"; the global is `globals.{name}`"
        raise AttributeError(f"the object has no program or map `{name}`{hint}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.programs, *self.maps, *self.struct_ops]

    @property
    def _attachable(self) -> list[Program | StructOps]:
        return [*self.programs.values(), *self.struct_ops.values()]

    @property
    def links(self) -> list[Link]:
        """All attachments made through the object's programs and structs of operations."""
        return [link for part in self._attachable for link in part.links]

    def attach_all(self) -> list[Link]:
        """Attach every program whose section or options say where, and every struct of operations; all or none.

        Programs that need a place that nobody named (an interface, a cgroup) are left alone; so are those of
        sections that begin with `?`.
        """
        from pybpfc.runtime.links.base import MissingTarget, attacher

        made: list[Link] = []
        try:
            for program in self.programs.values():
                options = dict(self.attach_options.get(program.name, {}))
                if program.section.startswith("?") or attacher(program.kind.attach) is None:
                    continue
                try:
                    made.append(program.attach(**options))
                except MissingTarget:
                    continue
            for ops in self.struct_ops.values():
                made.append(ops.attach())
        except BaseException:
            for link in reversed(made):
                link.detach()
            raise
        return made

    def detach(self) -> None:
        """End all attachments; programs and maps stay loaded."""
        _end(self.links, lambda link: link.detach())
        for part in self._attachable:
            part.links.clear()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._whole.closed

    def close(self) -> None:
        """End all attachments that are not pinned, and let go of programs and maps. Doing it again is fine."""
        if self._whole.closed:
            return
        self._whole.closed = True
        _end(self.links, lambda link: link.close())
        for part in self._attachable:
            part.close()
        self.globals._close()
        for handle in self.handles.values():
            handle.close()

    def __enter__(self) -> LoadedObject:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self, finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        whole: Whole | None = self.__dict__.get("_whole")
        if whole is not None and not whole.closed and not finalizing():
            del whole
            self.__dict__.clear()
            gc.collect()  # parts know each other: what nobody holds any more would stay attached for who knows how long

    def __repr__(self) -> str:
        state = "closed object" if self.closed else "object"
        return f"<{state}: programs {', '.join(self.programs) or 'none'}; maps {', '.join(self.maps) or 'none'}>"


def _end(links: Iterable[Link], how: Callable[[Link], None]) -> None:
    """End attachments, those to perf events two at a time.

    For each of them the kernel waits tens of milliseconds until no CPU runs the program any more, first for the program
    and then for the event. With two threads one waits while the other works, which takes about half the time.
    """
    todo: list[Link] = []
    failures: list[BaseException] = []

    def work() -> None:
        while True:
            try:
                link = todo.pop()
            except IndexError:
                return
            try:
                how(link)
            except BaseException as error:
                failures.append(error)

    for link in links:
        if link.slow:
            todo.append(link)
        else:
            how(link)
    helper = threading.Thread(target=work, name="pybpfc-detach", daemon=True)
    if len(todo) > 1:
        try:
            helper.start()
        except RuntimeError:
            pass  # the interpreter is on its way out, or the system has no room: one does it alone
    work()
    if helper.ident is not None:
        helper.join()
    if failures:
        raise failures[0]


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    import difflib

    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)


def encode_initial(name: str, codec: Codec, value: Any) -> bytes:
    """A global's initial value as bytes; raises LoadError when it does not fit."""
    try:
        return codec.encode(value)
    except (CodecError, TypeError) as error:
        raise LoadError(f"`{name}` can't be set to {value!r}: {error}") from None
