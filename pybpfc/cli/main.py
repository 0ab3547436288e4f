"""The commands. Each imports what it needs when it runs."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import click

import pybpfc
from pybpfc.cli.kernel_types import vmlinux_command
from pybpfc.compiler import CPUS, STAGES


def _version(context: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    if text is not None:
        from pybpfc.abi.versions import parse_version

        try:
            parse_version(text)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return text


def _use_types(_: click.Context, __: click.Parameter, path: str | None) -> None:
    """Take the kernel's types from a file, in this process: modules ask for them when they are imported."""
    if path is not None:
        os.environ["PYBPFC_BTF"] = path


BTF = click.option(
    "--btf",
    metavar="FILE",
    expose_value=False,
    is_eager=True,
    callback=_use_types,
    help="The kernel's types, instead of the running one's: BTF, or ELF with it. Or $PYBPFC_BTF.",
)
KERNEL = click.option(
    "--kernel",
    metavar="VERSION",
    callback=_version,
    help="The oldest kernel to run on, such as 5.15: what came later is an error.",
)


# fmt: off
HOOKS = (
    "tracepoint", "raw_tracepoint", "tp_btf", "ksyscall", "kprobe", "fentry", "lsm", "iter", "struct_ops", "kfunc",
    "perf_event", "uprobe",
)
# fmt: on
"""What `pybpfc list` lists; `cli.listing.KINDS` says how."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pybpfc")
def cli() -> None:
    """eBPF programs as typed Python functions: compile, check, run and inspect them."""


@cli.command("compile")
@click.argument("source")
@click.option("-o", "--output", help="Where to write the object; beside the source by default. - is standard output.")
@click.option("--emit", type=click.Choice(STAGES), help="Print this stage instead of writing an object.")
@click.option("--cpu", type=click.Choice(CPUS), help="BPF instruction set: v3, or the best of the kernel named.")
@KERNEL
@click.option("--big-endian", is_flag=True, help="Compile for big-endian machines.")
@BTF
def compile_command(
    source: str, output: str | None, emit: str | None, cpu: str | None, kernel: str | None, big_endian: bool
) -> None:
    """Compile the programs of SOURCE, a .py file, into an ELF object."""
    from pybpfc.cli.importing import import_source
    from pybpfc.compiler import compile_source, stages

    module = import_source(source)
    if emit is not None:
        content = stages(module, (emit,), cpu=cpu, big_endian=big_endian, kernel=kernel)[emit]
        _write("-" if output is None else output, content if isinstance(content, bytes) else content.encode())
        return
    made = compile_source(module, cpu=cpu, big_endian=big_endian, kernel=kernel)
    if made.warnings:
        from pybpfc.cli.rendering import show

        show(made.warnings)
    _write(os.path.splitext(source)[0] + ".o" if output is None else output, made.elf)


def _write(path: str, data: bytes) -> None:
    from pybpfc.diagnostics.errors import PybpfcError
    from pybpfc.files import write_atomically

    if path == "-":
        if data.startswith(b"\x7fELF") and sys.stdout.isatty():
            raise PybpfcError("an object is no text for a terminal; name a file with -o, or use `pybpfc inspect`")
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_atomically(path, data)


@cli.command()
@click.argument("sources", nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(["text", "json", "sarif"]), default="text", show_default=True)
@KERNEL
@BTF
def check(sources: tuple[str, ...], form: str, kernel: str | None) -> None:
    """Check the programs of SOURCES without generating code."""
    from pybpfc.cli.importing import import_source
    from pybpfc.cli.rendering import show
    from pybpfc.compiler import options, resolve_source
    from pybpfc.diagnostics.errors import CompileError, PybpfcError
    from pybpfc.diagnostics.sink import DiagnosticSink
    from pybpfc.pipeline import check_without_code

    chosen = options(None, False, kernel)
    sink = DiagnosticSink(cap=1000)
    refused = 0
    for path in sources:
        try:
            check_without_code(resolve_source(import_source(path)), chosen, sink)
        except CompileError as error:
            for diagnostic in (*error.diagnostics, *error.warnings):
                sink.emit(diagnostic)
        except PybpfcError as error:
            print(f"pybpfc: {error}", file=sys.stderr)
            refused += 1
    found = (*sink.errors, *sink.warnings)
    if form == "text":
        show(found, sink.sources)
    elif form == "json":
        from pybpfc.diagnostics.render_json import render_json

        sys.stdout.write(render_json(found, sink.sources))
    else:
        from pybpfc.diagnostics.render_json import render_sarif

        print(render_sarif(found, pybpfc.__version__, sink.sources))
    sys.exit(1 if sink.errors or refused else 0)


@cli.command()
@click.argument("source")
@click.option("-s", "--set", "consts", multiple=True, metavar="NAME=VALUE", help="Set a constant before loading.")
@click.option("-i", "--interface", help="The network interface of programs that need one.")
@click.option("-d", "--duration", type=click.FloatRange(min=0), help="End after this many seconds.")
@BTF
def run(source: str, consts: tuple[str, ...], interface: str | None, duration: float | None) -> None:
    """Load SOURCE (a .py or .o file), attach its programs and print the events they send, until Ctrl-C."""
    from pybpfc.cli.importing import import_source
    from pybpfc.cli.running import parse_consts, print_events
    from pybpfc.diagnostics.errors import AttachError
    from pybpfc.loading import load_source

    target: Any = import_source(source) if source.endswith(".py") else source
    options = {"interface": interface} if interface else {}
    given = parse_consts(consts)
    with load_source(target, consts=given, attach=False) as obj:
        for program in obj.programs.values():
            if program.kind.attach == "struct_ops":
                continue
            try:
                program.attach(**({**options, **_decorated(target, program.name)}))
            except AttachError as error:
                if interface is None and "interface" in (error.remedy or ""):
                    error.remedy = "name the network interface: `-i eth0`"
                raise
        for ops in obj.struct_ops.values():
            ops.attach()
        print(f"attached {', '.join(obj.programs)}", file=sys.stderr, flush=True)
        end = time.monotonic() + duration if duration is not None else None
        print_events(obj, end)


def _decorated(target: Any, name: str) -> dict[str, Any]:
    """What the program's decorator said about the place."""
    from pybpfc.lang.programs import Program

    for value in vars(target).values() if hasattr(target, "__dict__") else ():
        if isinstance(value, Program) and value.name == name:
            return dict(value.options)
    return {}


@cli.command("features")
@click.option("--helpers", "program_type", metavar="TYPE", help="List the helpers that programs of a type may call.")
@click.option("--json", "as_json", is_flag=True, help="Everything as one JSON document.")
def features_command(program_type: str | None, as_json: bool) -> None:
    """Show what the running kernel can, found out by trying: program types, helpers, maps, hooks, instructions."""
    from pybpfc.cli import features

    if program_type is None:
        found = features.collect()
        features.print_json(found) if as_json else features.print_tables(found)
        return
    helpers = features.helpers_of(features.program_type_named(program_type))
    features.print_json(helpers) if as_json else click.echo("\n".join(helpers))


@cli.command("list")
@click.argument("kind", type=click.Choice(HOOKS), metavar=f"[{'|'.join(HOOKS)}]")
@click.argument("pattern", default="*")
@click.option("--fields/--no-fields", default=None, help="Show what each gives; by default when there are 5 at most.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object: fields by name.")
def list_command(kind: str, pattern: str, fields: bool | None, as_json: bool) -> None:
    """List what programs of a KIND can be attached to, under names that match PATTERN, a glob."""
    from pybpfc.cli.features import print_json
    from pybpfc.cli.listing import entries
    from pybpfc.diagnostics.errors import PybpfcError

    found = entries(kind, pattern)
    if as_json:
        print_json({name: describe() for name, describe in found})
        return
    if not found:
        raise PybpfcError(f"there is no {kind} whose name matches {pattern!r}")
    shown = fields if fields is not None else len(found) <= 5
    lines: list[str] = []
    for name, describe in found:
        lines += [name, *(f"    {field}" for field in describe())] if shown else [name]
    click.echo("\n".join(lines))


@cli.command()
@click.argument("path")
def inspect(path: str) -> None:
    """Show what an object file holds: sections, maps, data, programs with their Python lines, types."""
    from pybpfc.diagnostics.errors import PybpfcError
    from pybpfc.formats.dump import dump_object
    from pybpfc.formats.errors import FormatError

    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise PybpfcError(f"{path or repr(path)}: {error.strerror}") from None
    try:
        text = dump_object(data)
    except FormatError as error:
        raise PybpfcError(f"{path} is no usable BPF object: {error}") from None
    print(text, end="")


@cli.command()
@click.argument("code")
def explain(code: str) -> None:
    """Explain a diagnostic's CODE, such as E0301."""
    from pybpfc.diagnostics import catalog
    from pybpfc.diagnostics.errors import PybpfcError

    try:
        print(catalog.explain(code), end="")
    except KeyError:
        raise PybpfcError(f"there is no diagnostic `{code}`; codes are written as `E0301`") from None


cli.add_command(vmlinux_command)
