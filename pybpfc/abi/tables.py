"""A read-only mapping that makes its values when they are first asked for, so that tables cost nothing at import."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

R = TypeVar("R")
T = TypeVar("T")


class LazyTable(Mapping[str, T], Generic[R, T]):
    """Rows by name; `make(name, row)` is called once for each name that is looked up."""

    __slots__ = ("_made", "_make", "_rows")

    def __init__(self, rows: Mapping[str, R], make: Callable[[str, R], T]) -> None:
        self._rows = rows
        self._make = make
        self._made: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._make(name, self._rows[name])
        return made

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<{len(self._rows)} rows: {', '.join(list(self._rows)[:3])}, …>"
