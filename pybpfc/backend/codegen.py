"""Code generation as the rest sees it: LLVM text in, an ELF object out, and LLVM never in this process."""

from __future__ import annotations

import json
from collections.abc import Iterable

from pybpfc.backend.emit import emit_module
from pybpfc.backend.errors import BackendError
from pybpfc.backend.object import finish_object
from pybpfc.backend.worker import CodegenWorker
from pybpfc.ir.module import Module, Target
from pybpfc.records import frozen


@frozen
class Artifacts:
    """What one compilation made; parts that were not asked for are empty."""

    llvm: str
    elf: bytes = b""
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
    elf = finish_object(answer["object"]) if "object" in answer else b""
    return Artifacts(text, elf, answer.get("optimized", b"").decode(), answer.get("asm", b"").decode())


def compile_module(module: Module, target: Target, emit: Iterable[str] = ("object",)) -> Artifacts:
    """Compile a module whose passes have run, with a worker of its own; raises `BackendError`."""
    with CodegenWorker() as worker:
        return generate(worker, module, target, emit)
