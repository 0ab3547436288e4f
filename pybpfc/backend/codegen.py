"""Code generation as the rest sees it: LLVM text in, an ELF object out, and LLVM never in this process."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from pybpfc.backend.emit import emit_module
from pybpfc.backend.errors import BackendError
from pybpfc.backend.object import finish_object
from pybpfc.backend.stack import frame_sizes
from pybpfc.backend.worker import CodegenWorker
from pybpfc.formats.elf import read_elf
from pybpfc.ir.module import Module, Target
from pybpfc.records import field, frozen


@frozen
class Artifacts:
    """What one compilation made; parts that were not asked for are empty. `frames`: each function's bytes of stack."""

    llvm: str
    elf: bytes = b""
    frames: Mapping[str, int] = field(default_factory=dict)
    optimized: str = ""
    asm: str = ""


def generate(worker: CodegenWorker, module: Module, target: Target, emit: Iterable[str] = ("object",)) -> Artifacts:
    """Compile a module whose passes have run; raises `BackendError`.

    `emit` names what is wanted: "object", "asm", "optimized".
    """
    text = emit_module(module, target)
    wanted = sorted(emit)
    if not wanted:
        return Artifacts(text)
    request = json.dumps({"cpu": target.cpu, "triple": target.triple, "emit": wanted}).encode()
    answer = worker.exchange(request, text.encode())
    if "error" in answer:
        raise BackendError(f"LLVM refused the module: {answer['error'].decode()}")
    elf, frames = b"", dict[str, int]()
    if "object" in answer:
        made = read_elf(answer["object"])
        frames = frame_sizes(made)
        elf = finish_object(made)
    return Artifacts(text, elf, frames, answer.get("optimized", b"").decode(), answer.get("asm", b"").decode())


def compile_module(module: Module, target: Target, emit: Iterable[str] = ("object",)) -> Artifacts:
    """Compile a module whose passes have run, with a worker of its own; raises `BackendError`."""
    with CodegenWorker() as worker:
        return generate(worker, module, target, emit)
