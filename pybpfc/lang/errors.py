"""Errors of declarations: raised where Python evaluates them, with what to write instead."""

from __future__ import annotations


class DeclarationError(TypeError):
    """A type, struct, map or program is declared in a way that has no meaning in BPF."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message}; {remedy}" if remedy else message)
        self.message = message
        self.remedy = remedy


class AnnotationError(DeclarationError):
    """An annotation is not a type of the language."""


class NotLoadedError(RuntimeError):
    """A map or program is used in user space before its module was loaded."""
