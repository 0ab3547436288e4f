"""Views: objects of programs that hold the context and numbers, such as `net.Cursor`."""

from __future__ import annotations

from typing import Any, ClassVar


class View:
    """The base of classes made from a context: `__init__` takes it as `ctx`, and all numbers start at 0.

    In a program the object is a local variable; its methods are `@func` functions.
    """

    __bpf_numbers__: ClassVar[dict[str, Any]] = {}
    """The integer classes of the attributes beside `ctx`."""
    __bpf_packets__: ClassVar[bool] = True
    """Whether the context has to be one that carries a packet."""
