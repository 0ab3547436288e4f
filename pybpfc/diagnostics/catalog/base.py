"""What an entry of the catalogue is: a class with a code and texts, whose fields fill the texts in.

An entry reads

    class MayBeNone(ErrorClass):
        \"\"\"A value that can be None is used without a check.

        Bad: ...        Good: ...
        \"\"\"

        code = "E0301"
        title = "`{name}` may be None"
        label = "used without a check"
        help = "check it first: `if {name} is None: return 0`"
        name: str

and is used as `sink.emit(MayBeNone("count").at(span, labels=[Label(other, "lookup returns ...")]))`.
The docstring is what `pybpfc explain E0301` prints. Entries behave as frozen dataclasses to type checkers.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, dataclass_transform

from pybpfc.diagnostics.diagnostic import Diagnostic, Fix, Help, Label, Severity
from pybpfc.diagnostics.span import Span


@dataclass_transform(frozen_default=True)
class ErrorClass:
    """The base of all entries; fields are the annotated names, in order, a class attribute being the default."""

    code: ClassVar[str] = ""
    title: ClassVar[str] = ""
    label: ClassVar[str] = ""
    help: ClassVar[str] = ""
    severity: ClassVar[Severity] = Severity.ERROR
    field_names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        """Collect the fields and register the class under its code."""
        own = tuple(name for name, kind in cls.__annotations__.items() if not str(kind).startswith("ClassVar"))
        cls.field_names = (*cls.field_names, *own)
        if cls.code:
            REGISTRY.setdefault(cls.code, cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take the fields by position or by name."""
        if len(args) > len(self.field_names):
            raise TypeError(f"{type(self).__name__} takes {len(self.field_names)} fields, got {len(args)}")
        values = dict(zip(self.field_names, args, strict=False))
        for name, value in kwargs.items():
            if name not in self.field_names or name in values:
                raise TypeError(f"{type(self).__name__}: unexpected or repeated field {name!r}")
            values[name] = value
        for name in self.field_names:
            if name not in values and not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__}: missing field {name!r}")
        self.__dict__.update(values)

    def fill(self, template: str) -> str:
        """A text of the catalogue with this entry's fields filled in."""
        return template.format_map({name: getattr(self, name) for name in self.field_names})

    @property
    def message(self) -> str:
        """The title, filled in."""
        return self.fill(self.title)

    def at(
        self,
        span: Span,
        *,
        label: str | None = None,
        labels: Iterable[Label] = (),
        notes: Sequence[str] = (),
        helps: Iterable[Help | str] = (),
    ) -> Diagnostic:
        """The diagnostic of this mistake at `span`.

        `label` replaces the entry's own text there; `labels` are further places; `helps`, when given, replace the
        entry's general help with those that fit the case.
        """
        text = self.fill(self.label) if label is None else label
        given = [Help(item) if isinstance(item, str) else item for item in helps]
        if not given and self.help:
            given = [Help(self.fill(self.help))]
        return Diagnostic(
            self.code,
            self.message,
            self.severity,
            (Label(span, text, primary=True), *labels),
            tuple(notes),
            tuple(given),
        )

    @classmethod
    def explanation(cls) -> str:
        """What `pybpfc explain` prints: the reason in words, a bad and a good example."""
        return inspect.cleandoc(cls.__doc__ or cls.title)

    @classmethod
    def examples(cls) -> tuple[str, str] | None:
        """The bad and the good example of the explanation; None when the mistake cannot be shown in a program.

        They are modules without the imports, which are those of `PRELUDE`.
        """
        parts = _EXAMPLE.split(cls.explanation())
        if len(parts) != 7:
            return None
        return inspect.cleandoc("\n" + parts[3]) + "\n", inspect.cleandoc("\n" + parts[6]) + "\n"

    @classmethod
    def example_kernels(cls) -> tuple[str | None, str | None]:
        """The kernels that the bad and the good example are compiled for; None where any will do."""
        parts = _EXAMPLE.split(cls.explanation())
        return (parts[2], parts[5]) if len(parts) == 7 else (None, None)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.field_names)
        return f"{type(self).__name__}({fields})"


_EXAMPLE = re.compile(r"\n(Bad|Good)(?:, for kernel ([\d.]+))?:\n")

PRELUDE = """\
import enum
from typing import Annotated, TypeVar

import pybpfc as bpf
from pybpfc import be16, be32, be64, i8, i16, i32, i64, u8, u16, u32, u64
from pybpfc.helpers import *
from pybpfc.uapi import *

"""
"""What the examples take as imported."""

REGISTRY: dict[str, type[ErrorClass]] = {}


def did_you_mean(name: str, candidates: Iterable[str], span: Span | None = None) -> list[Help]:
    """A help naming the candidate that `name` was probably meant to be; empty when none is close.

    With `span`, the help carries the edit.
    """
    import difflib

    known = list(candidates)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if not close:
        folded = {known_name.casefold(): known_name for known_name in known}
        match = folded.get(name.casefold())
        close = [match] if match else []
    if not close:
        return []
    return [Help(f"did you mean `{close[0]}`?", (Fix(span, close[0]),) if span is not None else ())]


def one_of(names: Iterable[str], limit: int = 8) -> str:
    """Names as a phrase: "`a`, `b` or `c`", cut after `limit`."""
    quoted = [f"`{name}`" for name in names]
    if len(quoted) > limit:
        return ", ".join(quoted[:limit]) + " …"
    if len(quoted) < 2:
        return "".join(quoted)
    return ", ".join(quoted[:-1]) + " or " + quoted[-1]
