"""Requests to the kernel's routing tables and traffic control (rtnetlink), for hooks that have no BPF links."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable

NETLINK_ROUTE = 0
SOL_NETLINK, NETLINK_CAP_ACK, NETLINK_EXT_ACK = 270, 10, 11

NLM_F_REQUEST, NLM_F_ACK, NLM_F_ECHO = 0x1, 0x4, 0x8
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x100, 0x200, 0x400
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLA_F_NESTED = 1 << 15
_CAPPED, _HAS_TEXT, _TEXT = 0x100, 0x200, 1

RTM_NEWLINK, RTM_NEWROUTE, RTM_DELROUTE = 16, 24, 25
RTM_NEWQDISC, RTM_DELQDISC, RTM_NEWTFILTER, RTM_DELTFILTER = 36, 37, 44, 45

_HEADER = struct.Struct("=IHHII")
_ROOM = 1 << 16


class NetlinkError(OSError):
    """A refusal; the kernel's own words, where it has some, are the text."""


def attribute(kind: int, value: bytes | int | str | Iterable[bytes]) -> bytes:
    """One attribute: bytes, a number of 32 bits, text with a NUL, or attributes nested in it."""
    match value:
        case bytes():
            body = value
        case int():
            body = struct.pack("=I", value)
        case str():
            body = value.encode() + b"\0"
        case _:
            body, kind = b"".join(value), kind | NLA_F_NESTED
    return struct.pack("=HH", 4 + len(body), kind) + body + bytes(-len(body) % 4)


class Netlink:
    """A connection to the kernel, for the network namespace in which it was made."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_ROUTE)
        for option in (NETLINK_CAP_ACK, NETLINK_EXT_ACK):
            self.socket.setsockopt(SOL_NETLINK, option, 1)
        self._sequence = 0

    def __enter__(self) -> Netlink:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def request(self, kind: int, flags: int, body: bytes) -> bytes:
        """Send one request and wait for the answer; what NLM_F_ECHO tells, if asked. Raises NetlinkError."""
        self._sequence += 1
        flags |= NLM_F_REQUEST | NLM_F_ACK
        header = _HEADER.pack(_HEADER.size + len(body), kind, flags, self._sequence, 0)
        self.socket.send(header + body)
        told = b""
        while True:
            for kind, answer_flags, sequence, payload in _messages(self.socket.recv(_ROOM)):
                if sequence != self._sequence:
                    continue  # what a request that was given up has left
                if kind not in (NLMSG_ERROR, NLMSG_DONE):
                    told = payload
                    continue
                (number,) = struct.unpack_from("=i", payload)
                if number:
                    raise NetlinkError(-number, _text(payload, answer_flags) or os.strerror(-number))
                return told


def _messages(data: bytes) -> Iterable[tuple[int, int, int, bytes]]:
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            raise NetlinkError(errno.EPROTO, "the kernel's answer does not parse")
        yield kind, flags, sequence, data[at + _HEADER.size : at + length]
        at += -(-length // 4) * 4


def _text(payload: bytes, flags: int) -> str:
    """What the kernel says of an error (kernel 4.12)."""
    if not flags & _HAS_TEXT:
        return ""
    at = 4 + _HEADER.size
    if not flags & _CAPPED:
        at += struct.unpack_from("=I", payload, 4)[0] - _HEADER.size
    while at + 4 <= len(payload):
        length, kind = struct.unpack_from("=HH", payload, at)
        if length < 4:
            break
        if kind == _TEXT:
            return payload[at + 4 : at + length].rstrip(b"\0").decode(errors="replace")
        at += -(-length // 4) * 4
    return ""
