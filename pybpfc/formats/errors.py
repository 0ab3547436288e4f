"""Errors of input that is not what it claims to be."""

from __future__ import annotations


class FormatError(Exception):
    """Bytes that do not parse: the message says what is wrong and where."""


class BadElf(FormatError):
    """Not an ELF object, or a damaged one."""


class BadBtf(FormatError):
    """BTF that does not parse."""


class BadObject(FormatError):
    """An ELF object that is no usable BPF object."""
