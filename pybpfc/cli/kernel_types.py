"""`pybpfc vmlinux`: the kernel's types as Python and C, as stubs for editors, and those that objects need."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pybpfc.formats.btf import Btf, BtfType

KINDS = {
    "struct": ("STRUCT",),
    "union": ("UNION",),
    "enum": ("ENUM", "ENUM64"),
    "typedef": ("TYPEDEF",),
    "func": ("FUNC",),
}
"""The words for kinds of types, as in C."""

STUB_PACKAGE = "pybpfc-stubs"


@click.command("vmlinux")
@click.argument("words", nargs=-1, metavar="[KIND] NAME | OBJECT...")
@click.option("--btf", metavar="FILE", help="Types of another kernel: BTF, or ELF with a .BTF section. Or $PYBPFC_BTF.")
@click.option("--module", metavar="NAME", help="Types of a loaded kernel module too.")
@click.option("--format", "form", type=click.Choice(["python", "c", "both"]), default="both", show_default=True)
@click.option("--fields", metavar="NAMES", help="Of a struct only these fields, with commas between.")
@click.option("--stubs", metavar="DIR", help="Write stubs of all types, so that editors know the fields.")
@click.option("--minimize", is_flag=True, help="Write the types that the CO-RE records of OBJECTs need, as BTF.")
@click.option("-o", "--output", help="Where --minimize writes; - is standard output.")
def vmlinux_command(
    words: tuple[str, ...],
    btf: str | None,
    module: str | None,
    form: str,
    fields: str | None,
    stubs: str | None,
    minimize: bool,
    output: str | None,
) -> None:
    """Show a type of the kernel as Python and as C; or write stubs, or the types that objects need.

    KIND is struct, union, enum, typedef or func. Stubs are a package for type checkers: DIR is the site-packages of
    an environment, or pyright's stubPath.
    """
    _check_usage(words, stubs, minimize, output, fields, module, btf)
    from pybpfc.diagnostics.errors import PybpfcError
    from pybpfc.formats.errors import FormatError
    from pybpfc.lang.kernel_btf import module_btf, target_btf

    try:
        types = module_btf(module) if module else target_btf(btf)
        if stubs is not None:
            _write_stubs(types, stubs)
        elif minimize:
            _minimize(types, words, output or "-")
        else:
            wanted = tuple(name.strip() for name in fields.split(",")) if fields is not None else ()
            click.echo(_shown(types, *_kind_and_name(words), form, wanted), nl=False)
    except FormatError as error:
        raise PybpfcError(f"the kernel's types do not parse: {error}") from None


def _check_usage(
    words: tuple[str, ...],
    stubs: str | None,
    minimize: bool,
    output: str | None,
    fields: str | None,
    module: str | None,
    btf: str | None,
) -> None:
    if stubs is not None and (minimize or words):
        raise click.UsageError("--stubs is for all types: it takes no names and no --minimize")
    if minimize and not words:
        raise click.UsageError("--minimize takes the objects whose types are wanted")
    if minimize and output is None:
        raise click.UsageError("--minimize needs -o: a file, or - for standard output")
    if output is not None and not minimize:
        raise click.UsageError("-o is where --minimize writes")
    if fields is not None and (minimize or stubs is not None):
        raise click.UsageError("--fields is for showing one struct")
    if module and btf:
        raise click.UsageError("--module is of the running kernel, --btf another: give one of them")
    if not minimize and stubs is None:
        _kind_and_name(words)


def _kind_and_name(words: tuple[str, ...]) -> tuple[str, str]:
    match words:
        case (name,) if name not in KINDS:
            return "", name
        case (kind, name) if kind in KINDS:
            return kind, name
        case (kind, _):
            raise click.UsageError(f"`{kind}` is no kind of type; there are {', '.join(KINDS)}")
        case (kind,):
            raise click.UsageError(f"which {kind}? a name is missing")
        case ():
            raise click.UsageError("which type? give its name, as in `pybpfc vmlinux struct task_struct`")
        case _:
            raise click.UsageError("one type at a time")


# -------------------------------------------------------------------------------- one type


def _shown(btf: Btf, kind: str, name: str, form: str, fields: tuple[str, ...]) -> str:
    from pybpfc.formats.btf_c import define_c
    from pybpfc.formats.btf_python import declaration

    found = _find(btf, kind, name)
    _check_fields(btf, found, fields)
    in_c = define_c(btf, found)
    if form == "c":
        return in_c
    python = declaration(btf, found, fields)
    if form == "python":
        return python
    return "".join(f"# {line}\n" for line in in_c.splitlines()) + "\n" + python


def _find(btf: Btf, kind: str, name: str) -> BtfType:
    from pybpfc.diagnostics.errors import PybpfcError

    kinds = KINDS[kind] if kind else tuple(each for group in KINDS.values() for each in group)
    found = btf.find(name, *kinds)
    if found is not None:
        return found
    others = [word for word, group in KINDS.items() if btf.find(name, *group) is not None]
    if others:
        raise PybpfcError(f"`{name}` is no {kind}: try `pybpfc vmlinux {others[0]} {name}`")
    near = _alike(btf, kinds, name)
    hint = f"; did you mean {' or '.join(f'`{other}`' for other in near)}?" if near else ""
    raise PybpfcError(f"the kernel has no {kind or 'type'} `{name}`{hint}")


def _alike(btf: Btf, kinds: tuple[str, ...], name: str) -> list[str]:
    """Names of types that begin or end as a wrong one does and are much like it."""
    from difflib import get_close_matches

    starts = {found for prefix in {name[:3]} if len(prefix) == 3 for found in btf.starting(prefix)}
    near = get_close_matches(name, sorted(starts), 12, 0.75)
    return [other for other in near if btf.find(other, *kinds) is not None][:3]


def _check_fields(btf: Btf, found: BtfType, fields: tuple[str, ...]) -> None:
    from pybpfc.diagnostics.errors import PybpfcError
    from pybpfc.formats.btf_python import flat_members

    if not fields:
        return
    target = btf.skip_modifiers(found.id)
    if target.kind not in ("STRUCT", "UNION"):
        raise PybpfcError(f"`{found.name}` has no fields")
    known = {member.name for member in flat_members(btf, target)}
    for name in fields:
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, known, 1)
            raise PybpfcError(f"`{found.name}` has no field `{name}`" + (f"; it has `{near[0]}`" if near else ""))


# ------------------------------------------------------------------------------- all types


def _write_stubs(btf: Btf, folder: str) -> None:
    """A partial stub package: what it does not have is still read from pybpfc itself."""
    from pybpfc.files import write_atomically
    from pybpfc.formats.btf_python import stubs

    package = os.path.join(folder, STUB_PACKAGE)
    os.makedirs(package, exist_ok=True)
    text = "".join(stubs(btf))
    write_atomically(os.path.join(package, "vmlinux.pyi"), text.encode())
    write_atomically(os.path.join(package, "py.typed"), b"partial\n")
    click.echo(f"{text.count(chr(10) + 'class ')} types in {os.path.join(package, 'vmlinux.pyi')}")


def _minimize(btf: Btf, paths: tuple[str, ...], output: str) -> None:
    from pybpfc.core_relo.minimize import Needs
    from pybpfc.diagnostics.errors import PybpfcError
    from pybpfc.files import write_atomically
    from pybpfc.formats.errors import FormatError
    from pybpfc.formats.object_reader import parse_object

    needs = Needs(btf)
    for path in paths:
        try:
            with open(path, "rb") as file:
                needs.add_object(parse_object(file.read()))
        except FormatError as error:
            raise PybpfcError(f"{path} is no usable BPF object: {error}") from None
    data = needs.encode()
    if output == "-":
        if sys.stdout.isatty():
            raise PybpfcError("BTF is no text for a terminal; name a file with -o")
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_atomically(output, data)
