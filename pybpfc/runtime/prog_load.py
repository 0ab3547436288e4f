"""Loading one program into the kernel, and turning a refusal into an explanation.

The first attempt asks for no log, which is fastest. When it fails, a second one with statistics only (log level 4)
tells the true errno, which a log buffer too small would replace by ENOSPC, and a third one with the full log tells
the instruction. From kernel 6.4 the kernel says how large the log is; before, the buffer grows until the log fits.
"""

from __future__ import annotations

import ctypes
import errno
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pybpfc.abi.attach_types import ATTACH_TYPES
from pybpfc.abi.insn import BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE, LD_IMM64, SIZE, UNRESOLVED_HELPER
from pybpfc.abi.program_types import PROGRAM_TYPES, Section
from pybpfc.abi.versions import running
from pybpfc.diagnostics.errors import LoadError, VerifierError
from pybpfc.formats.link import LinkedProgram
from pybpfc.formats.spec import LineInfo
from pybpfc.records import define, frozen
from pybpfc.runtime.attributes import ProgLoad
from pybpfc.runtime.btf_load import BtfImage
from pybpfc.runtime.permissions import exhausted, needed_for, permission_denied, with_memory_limit_raised
from pybpfc.runtime.syscall import Command, Fd, address, bpf, buffer_of, object_name

if TYPE_CHECKING:
    from pybpfc.runtime.verifier_messages import Explanation

BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS = 1 << 4, 1 << 5

LOG_STATISTICS, LOG_FULL = 4, 1
FIRST_LOG, LARGEST_LOG = 1 << 20, (16 << 20) - 1
"""Sizes of the full log's buffer; kernels before 5.16 take none larger than 16 MiB - 1."""


@frozen
class Target:
    """What a program with a BTF target is for: a type id of the kernel's, or of the program's whose function it
    replaces. Of a struct of operations it is the `member` of this number.
    """

    btf_id: int = 0
    program_fd: int = 0
    member: int | None = None


@define
class Job:
    """All that one load takes.

    `sources` are texts of files by name, for quoting; `btf_fds` are of the modules whose functions are called.
    """

    program: LinkedProgram
    kind: Section
    license: str
    btf: BtfImage | None
    btf_fd: int
    target: Target
    sources: Mapping[str, str]
    btf_fds: tuple[int, ...] = ()


def load_program(job: Job, map_fd: Callable[[str], int | None]) -> Fd:
    """Load a linked program; raises VerifierError, PermissionDenied or LoadError."""
    buffers: list[object] = []
    request = _request(job, _relocate(job, map_fd), buffers)
    try:
        return with_memory_limit_raised(lambda: Fd(bpf(Command.PROG_LOAD, request)))
    except OSError as error:
        failure = error
    number, log = _retry(request, LOG_STATISTICS, 1 << 16)
    if number == 0:
        return Fd(int(log))
    failure = failure if number == errno.ENOSPC else OSError(number, "")
    if not log.strip() or _only_statistics(log):
        raise _refusal(job, failure, log)
    raise _rejection(job, failure.errno or number, log, _full_log(request) or log)


# ------------------------------------------------------------------------------ the request


def _relocate(job: Job, map_fd: Callable[[str], int | None]) -> bytes:
    """The instructions with the descriptors of their maps filled in."""
    code = bytearray(job.program.insns)
    for relocation in job.program.relocations:
        at = relocation.index * SIZE
        fd = map_fd(relocation.symbol)
        if fd is None or at + 2 * SIZE > len(code) or code[at] != LD_IMM64:
            raise LoadError(f"`{job.program.name}` refers to `{relocation.symbol}` in a way that can't be resolved")
        data = relocation.kind == "data"
        source = BPF_PSEUDO_MAP_VALUE if data else BPF_PSEUDO_MAP_FD
        code[at + 1] = code[at + 1] & 0x0F | source << 4
        struct.pack_into("=i", code, at + 4, fd)
        struct.pack_into("=i", code, at + SIZE + 4, relocation.addend if data else 0)
    return bytes(code)


def _request(job: Job, code: bytes, buffers: list[object]) -> ProgLoad:
    insns, license = buffer_of(code), ctypes.create_string_buffer(job.license.encode())
    buffers += [insns, license]
    kind = job.kind
    request = ProgLoad(
        prog_type=PROGRAM_TYPES[kind.program_type].uapi,
        insn_cnt=len(code) // SIZE,
        insns=address(insns),
        license=address(license),
        prog_name=object_name(job.program.name),
        prog_flags=(BPF_F_SLEEPABLE if kind.sleepable else 0) | (BPF_F_XDP_HAS_FRAGS if kind.frags else 0),
        expected_attach_type=job.target.member or ATTACH_TYPES.get(kind.expected_attach_type or "", 0),
        attach_btf_id=job.target.btf_id,
        attach_prog_fd=job.target.program_fd,
    )
    if job.btf_fds:
        request.fd_array = _pack("=i", [(fd,) for fd in job.btf_fds], buffers)
    if job.btf is not None and job.btf_fd and job.program.func_info and job.btf.has_functions:
        _add_records(job, job.btf, request, buffers)
    return request


def _add_records(job: Job, btf: BtfImage, request: ProgLoad, buffers: list[object]) -> None:
    """Which types its functions have, which source lines its instructions come from."""
    request.prog_btf_fd = job.btf_fd
    functions = _pack("=II", job.program.func_info, buffers)
    request.func_info, request.func_info_cnt, request.func_info_rec_size = functions, len(job.program.func_info), 8
    lines = [
        (line.index, btf.string(line.file), btf.string(line.text), line.line << 10 | min(line.column, 0x3FF))
        for line in _distinct(job.program.line_info)
    ]
    if _covers_functions(lines, job.program.func_info):
        request.line_info, request.line_info_cnt, request.line_info_rec_size = (
            _pack("=IIII", lines, buffers),
            len(lines),
            16,
        )


def _distinct(lines: Sequence[LineInfo]) -> list[LineInfo]:
    """The records in order, one for each instruction, as the kernel wants them."""
    found: dict[int, LineInfo] = {}
    for line in sorted(lines, key=lambda line: line.index):
        found.setdefault(line.index, line)
    return list(found.values())


def _covers_functions(lines: Sequence[tuple[int, ...]], functions: Sequence[tuple[int, int]]) -> bool:
    """Whether each function's first instruction has a record, which the kernel demands if there are any."""
    starts = {line[0] for line in lines}
    return bool(lines) and all(start in starts for start, _ in functions)


def _pack(layout: str, records: Sequence[tuple[int, ...]], buffers: list[object]) -> int:
    """Where the packed records lie; `buffers` keeps them alive."""
    buffer = buffer_of(b"".join(struct.pack(layout, *record) for record in records))
    buffers.append(buffer)
    return address(buffer)


# -------------------------------------------------------------------------------- the answer


def _retry(request: ProgLoad, level: int, size: int) -> tuple[int, str]:
    """Load again with a log: the errno and the log; 0 and the new descriptor when it works this time."""
    log = ctypes.create_string_buffer(size)
    request.log_level, request.log_size, request.log_buf = level, size, address(log)
    request.log_true_size = 0
    try:
        return 0, str(bpf(Command.PROG_LOAD, request))
    except OSError as error:
        return error.errno or errno.EINVAL, log.value.decode("utf-8", "replace")
    finally:
        request.log_level = request.log_size = request.log_buf = 0


def _full_log(request: ProgLoad) -> str:
    """The verifier's log with all instructions, or its end where it is longer than the largest buffer."""
    size, text = FIRST_LOG, ""
    while True:
        number, log = _retry(request, LOG_FULL, size)
        if number == 0:
            Fd(int(log)).close()
            return text
        text = log
        if number != errno.ENOSPC or size >= LARGEST_LOG:
            return text
        size = min(max(int(request.log_true_size) + 1, 4 * size), LARGEST_LOG)


def _only_statistics(log: str) -> bool:
    """Whether the verifier said nothing about the program."""
    from pybpfc.runtime.verifier_log import parse_log

    return not parse_log(log).message


def _rejection(job: Job, number: int, short_log: str, log: str) -> VerifierError:
    """The verifier's refusal, in terms of the source."""
    from pybpfc.runtime.verifier_log import parse_log

    brief, parsed = parse_log(short_log), parse_log(log)
    message = brief.message or parsed.message
    unresolved = _unresolved(job, message, parsed.instruction)
    place = line_of(job.program.line_info, parsed.instruction, parsed.source)
    story = _helper_story(message, job.kind) or brief.explanation or parsed.explanation
    cause = story.cause if story else parsed.report.get("Reason", "")
    remedy = story.remedy if story else parsed.report.get("Suggestion", "")
    explanation = unresolved or cause
    error = VerifierError(
        f"the verifier rejected `{job.program.name}`: {message}",
        errno=number,
        file=place.file if place else "",
        line=place.line if place else 0,
        explanation=explanation,
        remedy=remedy,
        log=log,
    )
    if place is not None:
        _add_diagnostic(error, job, place, message)
    return error


def _unresolved(job: Job, message: str, instruction: int | None) -> str:
    """What the kernel does not have, when that is what the program was refused for."""
    if f"unknown#{UNRESOLVED_HELPER}" not in message:
        return ""
    return next((p.why for p in job.program.poisoned if p.index == instruction), "")


_HELPER = re.compile(r"(?:unknown func|cannot use helper|invalid func) (?:(bpf_\w+)|unknown)#(\d+)")


def _helper_story(message: str, kind: Section) -> Explanation | None:
    """What the helper tables add to a refused call: that it sleeps, or which kernel had it first."""
    from pybpfc.abi.helpers import HELPERS
    from pybpfc.runtime.verifier_messages import Explanation, explain

    found = _HELPER.search(message)
    if found is None:
        return None
    helper = HELPERS.get(found[1]) if found[1] else next((h for h in HELPERS.values() if h.id == int(found[2])), None)
    if helper is None:
        return None
    if helper.sleepable_only and not kind.sleepable and kind.program_type in helper.available:
        return explain("helper call might sleep in a non-sleepable prog")
    if running() < helper.since:
        cause = f"this kernel does not have `{helper.name}`, which came with kernel {helper.since}"
        return Explanation(cause, "use an older helper, or a newer kernel", "environment")
    return None


def _add_diagnostic(error: VerifierError, job: Job, place: LineInfo, message: str) -> None:
    """What to render: the source line, the reason under it, the remedy below."""
    from pybpfc.diagnostics.catalog.verifier import VerifierRejection
    from pybpfc.diagnostics.source import SourceMap
    from pybpfc.diagnostics.span import Span

    sources = SourceMap()
    for file, text in job.sources.items():
        sources.add(file, text)
    text = sources.line(place.file, place.line) or ""
    if not text:
        text = place.text
        sources.add(place.file, "\n" * (place.line - 1) + text)
    first = len(text) - len(text.lstrip()) + 1
    column = place.column if first <= place.column <= len(text) else first
    span = Span(place.file, place.line, column, place.line, max(len(text.rstrip()) + 1, column + 1))
    entry = VerifierRejection(job.program.name, message)
    helps = [error.remedy] if error.remedy else []
    error.diagnostic = entry.at(span, label=error.explanation or "the verifier stopped here", helps=helps)
    error.sources = sources


def line_of(lines: Sequence[LineInfo], instruction: int | None, quoted: tuple[str, int] | None) -> LineInfo | None:
    """The source line of an instruction: its record, or the nearest one before it that names a line."""
    if instruction is not None:
        before = [line for line in lines if line.index <= instruction and line.line]
        if before:
            return max(before, key=lambda line: line.index)
    if quoted is not None:
        same = [line for line in lines if line.line == quoted[1] and line.file.endswith(quoted[0])]
        return same[0] if same else LineInfo(0, quoted[0], quoted[1], 1, "")
    return None


def _refusal(job: Job, error: OSError, log: str) -> LoadError:
    """A refusal that the verifier did not explain: privilege, an unknown type, a limit."""
    number, name = error.errno or errno.EINVAL, job.program.name
    if number in (errno.EPERM, errno.EACCES):
        return permission_denied(f"loading `{name}`", needed_for(job.kind.program_type), number=number)
    kind = PROGRAM_TYPES[job.kind.program_type]
    reason, remedy = "the kernel does not take its attributes", "see `pybpfc features` for what this kernel can"
    if lacking := exhausted(number):
        reason, remedy = lacking
    match number:
        case errno.E2BIG:
            reason = f"it has {len(job.program.insns) // SIZE} instructions, more than this process may load"
            remedy = "make it shorter, or split it by tail calls"
        case errno.EINVAL:
            from pybpfc.runtime.features import have_program_type

            if not have_program_type(kind.name):
                reason, remedy = f"this kernel has no programs of type {kind.name}", f"it takes kernel {kind.since}"
            elif running() < job.kind.since:
                reason = f"this kernel has no `{job.kind.name}` programs"
                remedy = f"they take kernel {job.kind.since}"
        case 524:
            reason, remedy = "this kernel can't run it", "check that the JIT is on: `sysctl net.core.bpf_jit_enable`"
    return LoadError(f"`{name}` could not be loaded: {reason}", errno=number, remedy=remedy)
