"""Tracepoint formats: the `format` files of tracefs, from text to fields.

    field:const char * filename;    offset:24;    size:8;    signed:0;

becomes the field `filename` of C type `const char *` at offset 24; `char comm[16]` the field `comm` of type `char[16]`.
"""

from __future__ import annotations

import re

from pybpfc.abi.tracepoints import TracepointField
from pybpfc.formats.errors import FormatError

_FIELD = re.compile(r"^\s*field:(?P<declared>.*?);\s*offset:(\d+);\s*size:(\d+);(?:\s*signed:(-?\d+);)?", re.MULTILINE)
_DECLARATOR = re.compile(r"(?P<type>.*?)(?P<name>\w+)(?P<array>\[[^\]]*\])?\Z", re.DOTALL)
_LARGEST = 1 << 16
"""No record of the trace buffer is longer."""


def parse(text: str, *, syscall: bool = False) -> tuple[TracepointField, ...]:
    """The fields of an event, without the `common_` ones; raises `FormatError` on anything else.

    The pointers among a system call's arguments lead to user space.
    """
    fields: list[TracepointField] = []
    for found in _FIELD.finditer(text):
        declared = _DECLARATOR.match(found["declared"].strip())
        if declared is None or not declared["type"].strip():
            raise FormatError(f"a tracepoint's field is not understood: {found['declared'].strip()!r}")
        offset, size = int(found[2]), int(found[3])
        if offset + size > _LARGEST:
            raise FormatError(f"the tracepoint's field `{declared['name']}` lies outside any record")
        if declared["name"].startswith("common_"):
            continue
        ctype = declared["type"].strip() + (declared["array"] or "")
        signed = found[4] is not None and int(found[4]) != 0
        fields.append(TracepointField(declared["name"], ctype, offset, size, signed, syscall and "*" in ctype))
    if not fields and "format:" not in text:
        raise FormatError("this is not a tracepoint's format file")
    return tuple(fields)
