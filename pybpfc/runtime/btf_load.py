"""An object's types, made fit for the running kernel and loaded into it.

Types are handed over as they are. Only when the kernel refuses them is it asked, kind by kind, what it knows; what it
doesn't is replaced by something of the same size that it does, so that all type ids stay valid.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Callable, Collection, Iterator, Mapping

from pybpfc.diagnostics.errors import LoadError
from pybpfc.formats.btf import Btf
from pybpfc.formats.errors import BadBtf
from pybpfc.records import frozen
from pybpfc.runtime.attributes import BtfLoad
from pybpfc.runtime.permissions import exhausted
from pybpfc.runtime.syscall import Command, Fd, address, bpf, buffer_of

INT, PTR, STRUCT, UNION, ENUM, TYPEDEF, CONST = 1, 2, 4, 5, 6, 8, 10
FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64 = 12, 13, 14, 15, 16, 17, 18, 19

_HEADER = struct.Struct("=HBBIIIII")
_HEAD = struct.Struct("=III")
_FIXED = {INT: 4, 3: 12, VAR: 4, DECL_TAG: 4}
_EACH = {STRUCT: 12, UNION: 12, ENUM: 8, FUNC_PROTO: 8, DATASEC: 12, ENUM64: 12}

KSYMS = ".ksyms"
_LOG_SIZE = 1 << 20
_ALLOCATED, _EXTERN = 1, 2  # linkage of variables


@frozen
class Record:
    """One type's place in the image: its id, where it begins, its kind, member count and flag."""

    id: int
    at: int
    kind: int
    vlen: int
    flag: bool


class BtfImage:
    """A BTF blob that can be changed in place and given more strings."""

    def __init__(self, data: bytes) -> None:
        _, _, _, length, types_at, types_size, strings_at, strings_size = _HEADER.unpack_from(data)
        self.types = bytearray(data[length + types_at : length + types_at + types_size])
        self.strings = bytearray(data[length + strings_at : length + strings_at + strings_size])
        self._known: dict[bytes, int] | None = None
        self.has_functions = True

    def records(self) -> Iterator[Record]:
        """All types, in order."""
        at, number = 0, 1
        while at < len(self.types):
            _, info, _ = _HEAD.unpack_from(self.types, at)
            kind, vlen = info >> 24 & 0x1F, info & 0xFFFF
            yield Record(number, at, kind, vlen, bool(info >> 31))
            at += 12 + _FIXED.get(kind, 0) + _EACH.get(kind, 0) * vlen
            number += 1

    def string(self, text: str) -> int:
        """The offset of a string, which is added if it isn't there."""
        if self._known is None:
            self._known, at = {}, 0
            for piece in bytes(self.strings).split(b"\0")[:-1]:
                self._known.setdefault(piece, at)
                at += len(piece) + 1
        raw = text.encode("utf-8", "surrogateescape")
        if raw not in self._known:
            self._known[raw] = len(self.strings)
            self.strings += raw + b"\0"
        return self._known[raw]

    def name(self, record: Record) -> str:
        """A type's name."""
        start = _HEAD.unpack_from(self.types, record.at)[0]
        return bytes(self.strings[start : self.strings.index(b"\0", start)]).decode("utf-8", "replace")

    def encode(self) -> bytes:
        """The blob."""
        header = _HEADER.pack(0xEB9F, 1, 0, _HEADER.size, 0, len(self.types), len(self.types), len(self.strings))
        return header + bytes(self.types) + bytes(self.strings)

    def head(self, at: int, name: int, kind: int, vlen: int, size: int, flag: bool = False) -> None:
        """Overwrite the head of the type at `at`."""
        _HEAD.pack_into(self.types, at, name, kind << 24 | vlen | (1 << 31 if flag else 0), size)

    # ------------------------------------------------------------------------- completing

    def place_sections(self, sizes: Mapping[str, int], offsets: Mapping[tuple[str, str], int]) -> None:
        """Give sections the sizes and variables the offsets that clang leaves to the loader.

        `sizes` by section, `offsets` by section and variable; the others follow one another.
        """
        names = {record.id: self.name(record) for record in self.records() if record.kind == VAR}
        self._settle_externs()
        for record in list(self.records()):
            if record.kind != DATASEC:
                continue
            section = self.name(record)
            name, _, size = _HEAD.unpack_from(self.types, record.at)
            entries, end = [], 0
            for index in range(record.vlen):
                type, offset, length = struct.unpack_from("=III", self.types, record.at + 12 + 12 * index)
                if size == 0:
                    offset = offsets.get((section, names.get(type, "")), -(-end // 8) * 8)
                entries.append((offset, type, length))
                end = max(end, offset + length)
            for index, (offset, type, length) in enumerate(sorted(entries)):
                struct.pack_into("=III", self.types, record.at + 12 + 12 * index, type, offset, length)
            if size == 0:
                self.head(record.at, name, DATASEC, record.vlen, max(end, sizes.get(section, 0)), record.flag)

    def _settle_externs(self) -> None:
        """Turn what is the kernel's into what the kernel takes: it knows nothing `extern`."""
        symbols: set[int] = set()
        for record in self.records():
            if record.kind == DATASEC and self.name(record) == KSYMS:
                self.head(record.at, self.string("ksyms"), ENUM64, record.vlen, 8)
                for at in range(record.at + 12, record.at + 12 + 12 * record.vlen, 12):
                    (symbol,) = struct.unpack_from("=I", self.types, at)
                    symbols.add(symbol)
                    struct.pack_into("=III", self.types, at, self.string(f"ksym_{symbol}"), symbol, 0)
        for record in self.records():
            name, _, type = _HEAD.unpack_from(self.types, record.at)
            if record.kind == VAR and record.id in symbols:
                _to_int(self, record, 0)
            elif record.kind == VAR and struct.unpack_from("=I", self.types, record.at + 12)[0] == _EXTERN:
                struct.pack_into("=I", self.types, record.at + 12, _ALLOCATED)  # the loader made a place for it
            elif record.kind == FUNC and record.vlen == _EXTERN:
                self.head(record.at, name, TYPEDEF, 0, type)

    def make_static(self, functions: Collection[int]) -> None:
        """Make functions ones that the verifier follows from their callers, instead of checking each by itself."""
        for record in self.records():
            if record.kind == FUNC and record.id in functions:
                name, _, type = _HEAD.unpack_from(self.types, record.at)
                self.head(record.at, name, FUNC, 0, type)

    def drop_functions(self) -> None:
        """Turn functions into what kernels before 5.0 know; programs then load without function and line records."""
        self.has_functions = False

    # ------------------------------------------------------------------------- sanitising

    def sanitise(self, supported: Callable[[str], bool]) -> list[str]:
        """Replace what the kernel does not know; returns the features that it lacks."""
        lacking = [name for name in self.features() if not supported(name)]
        placeholder = self._placeholder(lacking)
        for record in list(self.records()):
            for name in _FEATURES_OF.get(record.kind, ()):
                if name in lacking:
                    _REPLACEMENTS[name](self, record, placeholder)
        if "func" in lacking:
            self.has_functions = False
        return lacking

    def features(self) -> list[str]:
        """The features beyond those of the first kernels with BTF that the types use."""
        found: dict[str, None] = {}
        for record in self.records():
            for name in _FEATURES_OF.get(record.kind, ()):
                if _USES.get(name, _always)(record):
                    found[name] = None
        return list(found)

    def _placeholder(self, lacking: list[str]) -> int:
        """An integer type for the members of what were 64-bit enums."""
        if "enum64" not in lacking:
            return 0
        number = sum(1 for _ in self.records()) + 1
        self.types += _HEAD.pack(self.string("enum64_placeholder"), INT << 24, 1) + struct.pack("=I", 8)
        return number


def _always(record: Record) -> bool:
    return True


_FEATURES_OF = {
    FUNC: ("func", "func_global"),
    FUNC_PROTO: ("func",),
    VAR: ("datasec",),
    DATASEC: ("datasec",),
    FLOAT: ("float",),
    DECL_TAG: ("decl_tag",),
    TYPE_TAG: ("type_tag",),
    ENUM: ("enum_signed",),
    ENUM64: ("enum64",),
}

_USES: dict[str, Callable[[Record], bool]] = {
    "func_global": lambda record: record.vlen != 0,
    "enum_signed": lambda record: record.flag,
}


def _to_int(image: BtfImage, record: Record, _: int) -> None:
    """VAR and DECL_TAG have one word behind their head, as INT has."""
    name = _HEAD.unpack_from(image.types, record.at)[0] if record.kind == VAR else 0
    image.head(record.at, name or image.string("removed"), INT, 0, 1)
    struct.pack_into("=I", image.types, record.at + 12, 8)


def _no_datasec(image: BtfImage, record: Record, placeholder: int) -> None:
    if record.kind == VAR:
        _to_int(image, record, placeholder)
        return
    _, _, size = _HEAD.unpack_from(image.types, record.at)
    image.head(record.at, image.string(image.name(record).strip(".").replace(".", "_")), STRUCT, record.vlen, size)
    for index in range(record.vlen):
        at = record.at + 12 + 12 * index
        type, offset, _length = struct.unpack_from("=III", image.types, at)
        struct.pack_into("=III", image.types, at, image.string(f"v{index}"), type, offset * 8)


def _no_func(image: BtfImage, record: Record, _: int) -> None:
    name, _, size = _HEAD.unpack_from(image.types, record.at)
    if record.kind == FUNC:
        image.head(record.at, name, TYPEDEF, 0, size)
        return
    image.head(record.at, 0, ENUM, record.vlen, 4)
    for index in range(record.vlen):
        at = record.at + 12 + 8 * index
        (parameter,) = struct.unpack_from("=I", image.types, at)
        struct.pack_into("=II", image.types, at, parameter or image.string(f"p{record.id}_{index}"), index)


def _static_func(image: BtfImage, record: Record, _: int) -> None:
    name, info, size = _HEAD.unpack_from(image.types, record.at)
    if info >> 24 & 0x1F == FUNC:
        image.head(record.at, name, FUNC, 0, size)


def _no_float(image: BtfImage, record: Record, _: int) -> None:
    name, _, size = _HEAD.unpack_from(image.types, record.at)
    image.head(record.at, image.string(image.name(record).replace(" ", "_")) if name else 0, STRUCT, 0, size)


def _no_type_tag(image: BtfImage, record: Record, _: int) -> None:
    image.head(record.at, 0, CONST, 0, _HEAD.unpack_from(image.types, record.at)[2])


def _no_signed(image: BtfImage, record: Record, _: int) -> None:
    name, _, size = _HEAD.unpack_from(image.types, record.at)
    image.head(record.at, name, ENUM, record.vlen, size)


def _no_enum64(image: BtfImage, record: Record, placeholder: int) -> None:
    name, _, size = _HEAD.unpack_from(image.types, record.at)
    image.head(record.at, name, UNION, record.vlen, size)
    for index in range(record.vlen):
        struct.pack_into("=II", image.types, record.at + 12 + 12 * index + 4, placeholder, 0)


_REPLACEMENTS: dict[str, Callable[[BtfImage, Record, int], None]] = {
    "func": _no_func,
    "func_global": _static_func,
    "datasec": _no_datasec,
    "float": _no_float,
    "decl_tag": _to_int,
    "type_tag": _no_type_tag,
    "enum_signed": _no_signed,
    "enum64": _no_enum64,
}


def load_btf(image: BtfImage) -> Fd:
    """Load the types, replaced where the kernel demands it; raises LoadError, or OSError for want of permission."""
    try:
        return _load(image.encode())
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES):
            raise
        if lacking := exhausted(error.errno or 0):
            raise LoadError(
                f"the object's types can't be loaded: {lacking[0]}", errno=error.errno or 0, remedy=lacking[1]
            ) from None
    from pybpfc.runtime.features import btf_feature

    image.sanitise(btf_feature)
    data = image.encode()
    try:
        return _load(data)
    except OSError as error:
        log = _log_of(data)
        lines = [line for line in log.splitlines() if line.strip()]
        reason = f": {lines[-1].strip()}" if lines else ""
        raise LoadError(
            f"the kernel refuses the object's types (BTF){reason}",
            errno=error.errno or errno.EINVAL,
            remedy="the compiler that wrote the object is at fault; `bpftool btf dump file` shows its types",
        ) from None


def _load(data: bytes) -> Fd:
    buffer = buffer_of(data)
    return Fd(bpf(Command.BTF_LOAD, BtfLoad(btf=address(buffer), btf_size=len(data))))


def _log_of(data: bytes) -> str:
    """What the kernel says about types that it refuses."""
    buffer, log = buffer_of(data), ctypes.create_string_buffer(_LOG_SIZE)
    request = BtfLoad(
        btf=address(buffer), btf_size=len(data), btf_log_buf=address(log), btf_log_size=_LOG_SIZE, btf_log_level=1
    )
    try:
        Fd(bpf(Command.BTF_LOAD, request)).close()
    except OSError:
        pass  # refused again, as expected: the log is what is wanted
    return log.value.decode(errors="replace")


def image_of(btf: Btf) -> BtfImage:
    """The object's types, ready to be changed; raises LoadError when they are of another machine."""
    if btf.base is not None:
        raise LoadError("the object's types depend on another file's (split BTF), which no program's do")
    try:
        if btf.data[:2] != struct.pack("=H", 0xEB9F):
            raise LoadError("the object was made for machines of the other byte order")
        return BtfImage(btf.data)
    except (BadBtf, struct.error) as error:
        raise LoadError(f"the object's types do not parse: {error}") from None
