"""The isolated half of code generation: the only code that loads LLVM.

LLVM's BPF backend ends its process when it cannot select an instruction. So this runs in a child: it reads one
request, LLVM text and options, and answers with the object. What LLVM prints on its way out is the parent's
diagnostic.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from typing import Any

HEADER = struct.Struct("<I")


def serve(read_fd: int, write_fd: int) -> None:
    """Load LLVM, then answer one request."""
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    llvm.set_option("pybpfc", "-bpf-stack-size=32767")  # what a stack may hold is `stack`'s to say, with sizes
    with os.fdopen(read_fd, "rb") as source:
        request = json.loads(_take(source))
        text = _take(source).decode()
    answer = _compile(llvm, text, request)
    with os.fdopen(write_fd, "wb") as sink:
        sink.write(HEADER.pack(len(answer)))
        for name, content in answer.items():
            for part in (name.encode(), content):
                sink.write(HEADER.pack(len(part)))
                sink.write(part)


def _take(source: Any) -> bytes:
    (size,) = HEADER.unpack(source.read(HEADER.size))
    data: bytes = source.read(size)
    return data


def _compile(llvm: Any, text: str, request: dict[str, Any]) -> dict[str, bytes]:
    wanted = set(request["emit"])
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        return {"error": str(error).encode()}
    target = llvm.Target.from_triple(request["triple"])
    machine = target.create_target_machine(cpu=request["cpu"], opt=2, reloc="static", codemodel="default")
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    out: dict[str, bytes] = {}
    if "optimized" in wanted:
        out["optimized"] = str(module).encode()
    if "asm" in wanted:
        out["asm"] = machine.emit_assembly(module).encode()
    if "object" in wanted:
        out["object"] = bytes(machine.emit_object(module))
    return out


if __name__ == "__main__":
    serve(sys.stdin.fileno(), int(sys.argv[1]))
