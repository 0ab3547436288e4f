"""The kernel's printf for programs: `bpf_trace_printk`, `bpf_trace_vprintk`, `bpf_snprintf`, `bpf_seq_printf`."""

from __future__ import annotations

import errno
import ipaddress
import re
from typing import TYPE_CHECKING

from pybpfc.vm.helpers.base import address, helper, number, read, read_or_null, write
from pybpfc.vm.values import MASK64, Pointer, Value

if TYPE_CHECKING:
    from pybpfc.vm.execution import Execution

_SPECIFIER = re.compile(
    rb"%(?:(?P<percent>%)|(?P<flags>[0+\- ]*)(?P<width>\d*)"
    rb"(?P<kind>(?:s|p[ku]s|p)(?![0-9A-Za-z])|p(?:[iI][46]|[xKBsS])"
    rb"|(?P<length>l{0,2})(?P<letter>[diuxX])|c))"
)
_NO_SIGN = str.maketrans("", "", "+ ")
_HEXADECIMAL = b"0123456789abcdefABCDEF"
_WIDTHS = {b"": 32, b"l": 64, b"ll": 64}
_MAX_STRING = 512


def format_message(vm: Execution, pattern: bytes, arguments: list[Value], *, direct: bool = False) -> bytes | int:
    """The formatted text, or a negative errno for a format that the kernel refuses.

    `direct`: arguments come from registers, so those not used may hold anything.
    """
    end = pattern.find(b"\0")
    if end < 0:
        return -errno.EINVAL
    pattern = pattern[:end]
    out, at, used = b"", 0, 0
    for found in _SPECIFIER.finditer(pattern):
        plain = pattern[at : found.start()]
        if b"%" in plain or not _printable(plain):
            return -errno.EINVAL
        out, at = out + plain, found.end()
        if found["percent"]:
            out += b"%"
            continue
        if used >= len(arguments):
            return -errno.EINVAL
        out += _convert(vm, found, arguments[used])
        used += 1
    rest = pattern[at:]
    if b"%" in rest or not _printable(rest):
        return -errno.EINVAL
    if used < len(arguments) and not direct:
        return -errno.EINVAL
    return out + rest


def _printable(part: bytes) -> bool:
    """The kernel takes printable ASCII and white space only."""
    return all(32 <= byte < 127 or 9 <= byte <= 13 for byte in part)


def _convert(vm: Execution, found: re.Match[bytes], value: Value) -> bytes:
    """One value by its specifier."""
    kind, flags = found["kind"], found["flags"].decode()
    width = int(found["width"] or 0)
    if kind in (b"s", b"pks", b"pus"):
        return _pad(_string(vm, value), flags, width)
    if kind == b"c":
        return _pad(bytes([number(value) & 0xFF]), flags, width)
    if kind.startswith(b"p"):
        return _pad(_pointer(vm, kind, value), flags, width)
    bits = _WIDTHS[found["length"]]
    raw = (address(value) if isinstance(value, Pointer) else number(value)) & ((1 << bits) - 1)
    letter = found["letter"].decode()
    if letter in "uxX":
        flags = flags.translate(_NO_SIGN)
    if letter in "di" and raw >> (bits - 1):
        raw -= 1 << bits
    shown = f"%{flags}{width or ''}{'d' if letter in 'diu' else letter}" % raw
    return shown.encode()


def _pad(raw: bytes, flags: str, width: int) -> bytes:
    return raw.ljust(width) if "-" in flags else raw.rjust(width)


def _string(vm: Execution, value: Value) -> bytes:
    if isinstance(value, Pointer):
        raw = vm.read_string(value, _MAX_STRING)
    else:
        raw = vm.memory.read_string(number(value), _MAX_STRING)
    return (raw or b"").partition(b"\0")[0]


def _pointer(vm: Execution, kind: bytes, value: Value) -> bytes:
    if kind in (b"pi4", b"pi6", b"pI4", b"pI6"):
        size = 4 if kind.endswith(b"4") else 16
        raw = read(value, size) if isinstance(value, Pointer) else vm.memory.probe(number(value), size)
        shown = ipaddress.ip_address(raw).exploded
        if kind == b"pi4":
            shown = ".".join(f"{byte:03}" for byte in raw)
        return (raw.hex() if kind == b"pi6" else shown).encode()
    return f"{address(value) & MASK64:016x}".encode()


@helper("bpf_snprintf")
def snprintf(vm: Execution, out: Value, size: Value, pattern: Value, data: Value, length: Value) -> int:
    """Format into a buffer; gives the length the whole text has, with its NUL."""
    from pybpfc.vm.helpers.events import words

    values = words(vm, data, number(length))
    if values is None or not isinstance(pattern, Pointer):
        return -errno.EINVAL
    line = format_message(vm, vm.read_string(pattern, 1 << 16) or b"", values)
    if isinstance(line, int):
        return line
    room = number(size)
    if room:
        write(out, line[: room - 1] + b"\0")
    return len(line) + 1


@helper("bpf_seq_printf")
def seq_printf(vm: Execution, file: Value, pattern: Value, size: Value, data: Value, length: Value) -> int:
    """Write formatted text to the iterator's file, which the result keeps."""
    from pybpfc.vm.helpers.events import words

    values = words(vm, data, number(length))
    if values is None:
        return -errno.EINVAL
    line = format_message(vm, read_or_null(pattern, number(size)), values)
    if isinstance(line, int):
        return line
    vm.sequence += line
    return 0


@helper("bpf_seq_write")
def seq_write(vm: Execution, file: Value, data: Value, size: Value) -> int:
    """Write bytes to the iterator's file."""
    vm.sequence += read_or_null(data, number(size))
    return 0


@helper("bpf_strncmp")
def strncmp(vm: Execution, first: Value, size: Value, second: Value) -> int:
    """Compare at most `size` bytes, as C does."""
    count = number(size)
    a = read(first, count)
    b = (vm.read_string(second, count) if isinstance(second, Pointer) else None) or b""
    for x, y in zip(a, b.ljust(count, b"\0"), strict=False):
        if x != y:
            return 1 if x > y else -1
        if not x:
            break
    return 0


def _parse(raw: bytes, flags: int) -> tuple[int, int, bool] | int:
    """Value, characters used and sign of a number's text; or a negative errno."""
    base = flags & 0x1F
    if base not in (0, 8, 10, 16) or flags & ~0x1F or not raw:
        return -errno.EINVAL
    at = len(raw) - len(raw.lstrip(b" \t\n\v\f\r"))
    negative = raw[at : at + 1] == b"-"
    at += negative
    digits = raw[at:]
    prefix = digits[:2].lower() == b"0x"
    if base == 0:
        hexadecimal = prefix and digits[2:3] in _HEXADECIMAL and len(digits) > 2
        base = 16 if hexadecimal else 8 if digits[:1] == b"0" else 10
    if base == 16 and prefix:
        at += 2
    count = 0
    value = 0
    for byte in raw[at:]:
        digit = int(chr(byte), 16) if byte in _HEXADECIMAL else 99
        if digit >= base:
            break
        value, count = value * base + digit, count + 1
    if not count:
        return -errno.EINVAL
    return value, at + count, negative


@helper("bpf_strtol")
def strtol(vm: Execution, buffer: Value, size: Value, flags: Value, result: Value) -> int:
    """Parse a signed number; gives how many characters it took."""
    parsed = _parse(read_or_null(buffer, number(size)), number(flags))
    if isinstance(parsed, int):
        return parsed
    value, used, negative = parsed
    value = -value if negative else value
    if not -(1 << 63) <= value < 1 << 63:
        return -errno.ERANGE
    write(result, (value & MASK64).to_bytes(8, vm.order))
    return used


@helper("bpf_strtoul")
def strtoul(vm: Execution, buffer: Value, size: Value, flags: Value, result: Value) -> int:
    """Parse an unsigned number; gives how many characters it took."""
    parsed = _parse(read_or_null(buffer, number(size)), number(flags))
    if isinstance(parsed, int):
        return parsed
    value, used, negative = parsed
    if value > MASK64:
        return -errno.ERANGE
    if negative:
        return -errno.EINVAL
    write(result, value.to_bytes(8, vm.order))
    return used
