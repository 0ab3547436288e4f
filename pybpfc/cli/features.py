"""`pybpfc features`: what the running kernel can, found out by trying."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable
from typing import Any

import click

from pybpfc.abi.helpers import HELPERS
from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.abi.program_types import NEWER_SECTIONS, PROGRAM_TYPES, SECTIONS
from pybpfc.runtime import features

PROGRAM, MAP = "BPF_PROG_TYPE_", "BPF_MAP_TYPE_"


def collect(helpers: bool = True) -> dict[str, Any]:
    """Everything, by the kernel's names; raises PermissionDenied where this process may not ask."""
    denied = features.refusal()
    if denied is not None:
        raise denied
    system = os.uname()
    types = {name: _answer(features.have_program_type(name)) for name in PROGRAM_TYPES}
    for name, answer in types.items():
        if helpers:
            answer["helpers"] = helpers_of(name)
    kinds = {
        name: {"available": features.btf_feature(name), "since": str(features.btf_feature_since(name))}
        for name in features.btf_features()
    }
    return {
        "kernel": {"release": system.release, "machine": system.machine},
        "instruction_set": {level: _answer(features.have_isa(level)) for level in features.isa_levels()},
        "btf": {"kernel_types": os.path.exists("/sys/kernel/btf/vmlinux"), "kinds": kinds},
        "program_types": types,
        "map_types": {name: _answer(features.have_map_type(name)) for name in MAP_TYPES},
        "sections": {s.pattern: _answer(features.have_hook(s.pattern)) for s in SECTIONS},
    }


def helpers_of(program_type: str) -> list[str]:
    """The helpers that programs of a type may call."""
    if not features.have_program_type(program_type):
        return []
    return [name for name in HELPERS if features.have_helper(program_type, name)]


def _answer(answer: features.Answer) -> dict[str, Any]:
    return {"available": answer.available, "since": str(answer.since)}


def program_type_named(text: str) -> str:
    """`xdp`, `sched_cls` or `BPF_PROG_TYPE_XDP` as the kernel's name; a section's name gives its type."""
    wanted = PROGRAM + text.upper().removeprefix(PROGRAM)
    if wanted in PROGRAM_TYPES:
        return wanted
    for section in (*SECTIONS, *NEWER_SECTIONS):
        if section.name == text:
            return section.program_type
    known = [short(name) for name in PROGRAM_TYPES]
    close = difflib.get_close_matches(text.lower(), known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    raise click.BadParameter(f"there is no program type {text!r}; {hint}")


def short(name: str) -> str:
    """A type's name without what all have."""
    return name.removeprefix(PROGRAM).removeprefix(MAP).lower()


# ---------------------------------------------------------------------------------- showing


def print_json(found: Any) -> None:
    """One JSON document."""
    click.echo(json.dumps(found, indent=2))


def print_tables(found: dict[str, Any]) -> None:
    """For people."""
    kernel = found["kernel"]
    click.echo(f"kernel {kernel['release']} ({kernel['machine']})")
    _print_list("instruction set", found["instruction_set"])
    _print_list("BTF", found["btf"]["kinds"])
    told = "in /sys/kernel/btf/vmlinux" if found["btf"]["kernel_types"] else "not told (CONFIG_DEBUG_INFO_BTF)"
    click.echo(f"kernel types     {told}")
    rows = [(short(n), a, str(len(a["helpers"])) if a["available"] else "") for n, a in found["program_types"].items()]
    _print_table("program type", rows, "helpers")
    _print_table("map type", [(short(name), answer, "") for name, answer in found["map_types"].items()])
    _print_table("section", [(name.rstrip("+"), answer, "") for name, answer in found["sections"].items()])


def _print_list(title: str, answers: dict[str, dict[str, Any]]) -> None:
    there = " ".join(name for name, answer in answers.items() if answer["available"])
    missing = " ".join(f"{name} ({answer['since']})" for name, answer in answers.items() if not answer["available"])
    click.echo(f"{title:<16} {there}" + (f"; not {missing}" if missing else ""))


def _print_table(title: str, rows: Iterable[tuple[str, dict[str, Any], str]], last: str = "") -> None:
    rows = list(rows)
    width = max(len(title), *(len(name) for name, _, _ in rows))
    click.echo(f"\n{title:<{width}}  here  since  {last}".rstrip())
    for name, answer, more in rows:
        here = "yes" if answer["available"] else "no"
        click.echo(f"{name:<{width}}  {here:<4}  {answer['since']:<5}  {more:>{len(last)}}".rstrip())
