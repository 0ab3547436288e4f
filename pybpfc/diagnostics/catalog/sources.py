"""E010x: finding the source of a program, and its annotations."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class NoSource(ErrorClass):
    r"""The text of a function is not available.

    A program is compiled from its source text. Code made by `exec` has none.

    Bad:

        exec("@bpf.xdp\ndef prog(ctx: bpf.XdpContext) -> int:\n    return XDP_PASS\n")

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PASS
    """

    code = "E0102"
    title = "the source of `{name}` is not available"
    help = "define it in a file, a notebook cell or the REPL, not with `exec`, `eval` or a code generator"
    name: str


class SourceChanged(ErrorClass):
    """The file of a function no longer holds it where it was imported from.

    The function was imported from one version of the file, and the file now holds another: compiling it would not be
    what Python runs.
    """

    code = "E0103"
    title = "`{name}` is no longer where it was when its module was imported"
    label = "expected the definition here"
    help = "import the module again: its file has changed"
    name: str


class InvalidSyntax(ErrorClass):
    """The file is not Python: its parser refuses it.

    Nothing else of the file can be checked before this is corrected. The words are those of the Python that runs
    pybpfc; syntax that came with a later Python is an error too.
    """

    code = "E0104"
    title = "this is not valid Python: {reason}"
    label = "refused by the parser"
    reason: str


class ImportFails(ErrorClass):
    """Running the file, as `import` does, raised an exception.

    A file of programs is a Python module: it is run up to its end, which declares its maps and programs, and compiled
    then. What is to happen only when the file is started as a script, such as loading the programs, stands under
    `if __name__ == "__main__":`.
    """

    code = "E0105"
    title = "importing this file fails: {reason}"
    label = "raised while this ran"
    reason: str


class UnresolvedAnnotation(ErrorClass):
    """An annotation could not be evaluated.

    Annotations are evaluated in the function's module, as Python would. The name or expression failed there.

    Bad:

        @bpf.func
        def twice(x: "u46") -> u64:
            return x * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return i32(twice(2))

    Good:

        @bpf.func
        def twice(x: u64) -> u64:
            return x * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return i32(twice(2))
    """

    code = "E0107"
    title = "the annotation `{text}` cannot be resolved: {reason}"
    label = "not known here"
    help = "define the type at module level, before the program is compiled"
    text: str
    reason: str


class InvalidAnnotation(ErrorClass):
    """An annotation is not a type of the language.

    A type of the language has a fixed size: integers, `bool`, enums, `@bpf.struct` classes, `bpf.Ptr[T]`, and
    `Annotated[str, N]`, `Annotated[bytes, N]`, `Annotated[list[T], N]`.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: str = "a"
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[str, 16] = "a"
            return XDP_PASS
    """

    code = "E0108"
    title = "`{text}` is not a type of a BPF program"
    label = "not a type here"
    help = "integers are `u8` … `i64`, text is `Annotated[str, N]`, records are `@bpf.struct` classes"
    text: str


class MissingAnnotation(ErrorClass):
    """A parameter has no type.

    The parameters of a `@bpf.func` function are typed: the type decides how they are passed.

    Bad:

        @bpf.func
        def twice(x) -> u64:
            return x * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return i32(twice(2))

    Good:

        @bpf.func
        def twice(x: u64) -> u64:
            return x * 2


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return i32(twice(2))
    """

    code = "E0109"
    title = "the parameter `{name}` needs a type"
    label = "its type is not known"
    help = "annotate it: `{name}: u64`"
    name: str
