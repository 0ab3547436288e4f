"""E01xx: capture of source, and Python that has no meaning in a BPF program."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class Unsupported(ErrorClass):
    """The construct does not exist in the language.

    Every statement and expression is either compiled or reported; nothing is ever skipped.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            type Alias = int
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            return XDP_PASS
    """

    code = "E0101"
    title = "{what} is not supported in a BPF program"
    label = "not supported"
    what: str
