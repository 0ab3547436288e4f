"""Reading the verifier's log: which message counts, and which instruction and source line it is about.

The message is not at a fixed place: statistics, states and, from kernel 7.3, a structured report follow it; so it is
searched for from the end, first by what is known, then by leaving out what is known to be something else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pybpfc.records import field, frozen
from pybpfc.runtime.verifier_messages import Explanation, explain, known


@frozen
class ParsedLog:
    """What a log says: the message, the instruction it is about, the source line quoted last, a 7.3 report's "
    "parts."""

    message: str
    instruction: int | None = None
    source: tuple[str, int] | None = None
    report: dict[str, str] = field(default_factory=dict)

    @property
    def explanation(self) -> Explanation | None:
        """What the message means, as far as it is known."""
        return explain(self.message) if self.message else None


_INSTRUCTION = re.compile(r"^(\d+): \([0-9a-f]{2}\)")
_SOURCE = re.compile(r"^; .* @ (.+?):(\d+)\s*$")
_STATISTICS = re.compile(r"processed \d+ insns \(limit \d+\).*$")
_REPORT = "Verification failed:"
_REPORT_PARTS = ("Reason", "At", "Causal path", "Suggestion")
_PLACE = re.compile(
    r"(?:infinite loop detected at|back-edge from|unreachable|jump out of range from"
    r"|BPF_EXIT instruction at) insn (\d+)"
    r"|Unreleased reference id=\d+ alloc_insn=(\d+)"
)

_SEQUEL = re.compile(r"^R\d+ (?:offset|min value|max value) is outside")
"""Second lines of messages whose first line says more."""

_NOISE = re.compile(
    r"^\s*$|^;|^\d+: \([0-9a-f]{2}\)|^\s+\d+: [.\d]{10}|^\d+: R\d|^from \d+ to \d+|^(?:cur|old) state:"
    r"|^verification time"
    r"|^stack depth|^mark_precise|^(?:last_idx|first_idx|regs=|parent (?:didn't|already)|propagating)|^caller:"
    r"|^callee:"
    r"|^(?:to caller|returning from callee|frame\d+:)|^ ?R\d+(?:_\w+)?=|^func#\d+ @\d+|^Live regs before insn"
    r"|^arg#\d+ reference type\('UNKNOWN ?'\)|^Validating \w+\(\)|^Func#\d+ .*(?:is safe|is global)|^max_states"
    r"|^total_states"
    r"|^(?:peak_states|mark_read|insns processed)|^safe$|^async_cb|^BTF of|^\s*-+\s*$|^callback (?:unwound|iteration)"
)


def parse_log(log: str) -> ParsedLog:
    """Find the message, the instruction and the source line in a log of any level and kernel."""
    lines = [_STATISTICS.sub("", line).rstrip() for line in log.replace("\0", "").splitlines()]
    end = next((index for index, line in enumerate(lines) if line.startswith(_REPORT)), len(lines))
    at = _message_index(lines, end)
    message = lines[at].strip() if at is not None else ""
    if at and _SEQUEL.search(message) and lines[at - 1].startswith("invalid access to "):
        message = f"{lines[at - 1].strip()}; {message}"
    report = _report(lines[end:]) if end < len(lines) else {}
    if not message and report:
        message = report.get("Reason", report.get("title", ""))
    before = lines[: at if at is not None else end]
    return ParsedLog(message, _instruction(message, before), _source(before), report)


def _message_index(lines: Sequence[str], end: int) -> int | None:
    """The line that says what is wrong: the last one known as such, else the last one that is nothing else."""
    fallback: int | None = None
    for index in range(end - 1, -1, -1):
        line = lines[index]
        if _NOISE.match(line):
            if fallback is not None and _INSTRUCTION.match(line):
                break  # what precedes the failing instruction is about others
            continue
        if fallback is None:
            fallback = index
        if known(line):
            return index
    return fallback


def _instruction(message: str, before: Sequence[str]) -> int | None:
    """The instruction the message is about: named in it, else the last one that was being verified."""
    place = _PLACE.search(message)
    if place:
        return int(place[1] or place[2])
    for line in reversed(before):
        found = _INSTRUCTION.match(line)
        if found:
            return int(found[1])
    return None


def _source(before: Sequence[str]) -> tuple[str, int] | None:
    """The source line that the kernel quoted last."""
    for line in reversed(before):
        found = _SOURCE.match(line)
        if found and int(found[2]):
            return found[1], int(found[2])
    return None


def _report(lines: Sequence[str]) -> dict[str, str]:
    """The parts of a structured report (kernel 7.3 and later)."""
    parts = {"title": lines[0].removeprefix(_REPORT).strip()}
    current = ""
    for line in lines[1:]:
        name, colon, rest = line.partition(":")
        if colon and name.strip() in _REPORT_PARTS:
            current = name.strip()
            parts[current] = rest.strip()
        elif current and line.strip():
            parts[current] = f"{parts[current]} {line.strip()}".strip()
    return parts


def tail(log: str, count: int = 20) -> str:
    """The last lines of a log that say something."""
    lines = [line for line in log.replace("\0", "").splitlines() if line.strip()]
    return "\n".join(lines[-count:])
