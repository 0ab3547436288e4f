"""Maps that are neither mappings nor event buffers in user space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pybpfc.lang.maps import BpfMap, in_program_only

V = TypeVar("V")

class Queue(BpfMap, Generic[V]):
    """BPF_MAP_TYPE_QUEUE (kernel 4.20): first in, first out."""

    parameters = 1

    type_name = "BPF_MAP_TYPE_QUEUE"

    def push(self, value: V, flags: int = 0) -> int:
        """Add an element; in user space raises OSError (E2BIG: full)."""
        self.handle.push(self._codecs()[1].encode(value), flags)
        return 0

    def pop(self) -> V | None:
        """Take the next element; None when there is none."""
        raw = self.handle.pop()
        return None if raw is None else self._codecs()[1].decode(raw)


class Stack(Queue[V]):
    """BPF_MAP_TYPE_STACK (kernel 4.20): last in, first out."""

    type_name = "BPF_MAP_TYPE_STACK"


class BloomFilter(BpfMap, Generic[V]):
    """BPF_MAP_TYPE_BLOOM_FILTER (kernel 5.16)."""

    parameters = 1

    type_name = "BPF_MAP_TYPE_BLOOM_FILTER"

    def push(self, value: V, flags: int = 0) -> int:
        """Add a value."""
        self.handle.push(self._codecs()[1].encode(value), flags)
        return 0


class ProgArray(BpfMap):
    """BPF_MAP_TYPE_PROG_ARRAY (kernel 4.2): programs to tail-call."""

    type_name = "BPF_MAP_TYPE_PROG_ARRAY"
    parameters = 0

    def tail_call(self, ctx: object, index: int) -> Any:
        """In a program: go on with the program at `index`, if there is one."""
        raise in_program_only("tail_call")

    def __setitem__(self, index: int, program: Any) -> None:
        """Put a loaded program, or its file descriptor, at `index`."""
        fd = program if isinstance(program, int) else program.fd
        self.handle.update(int(index).to_bytes(4, "little"), int(fd).to_bytes(4, "little"))

    def __delitem__(self, index: int) -> None:
        if not self.handle.delete(int(index).to_bytes(4, "little")):
            raise KeyError(index)
