"""Hooks of control groups, each by a program in Python that sees or changes what processes of a cgroup of ours do."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hook_proofs import program, proves
from kernel_support import cgroup, no_leak, require, run_in_cgroup

from pybpfc.runtime import load_object

UDP = "import socket\ns = socket.socket(socket.{0}, socket.SOCK_DGRAM)\n"
UNIX = """
import os, socket, tempfile
os.chdir(tempfile.mkdtemp())
other, s = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
other.bind("there")
s.bind("here")
"""
CLEAN = "\nos.unlink('here'); os.unlink('there'); os.rmdir(os.getcwd())\n"


@dataclass(frozen=True)
class Case:
    """What the program does besides counting, what processes do, what they print then, and the value of `seen`."""

    context: str
    body: tuple[str, ...]
    act: str
    expected: str
    seen: int | None = None


def address(*body: str) -> tuple[str, tuple[str, ...]]:
    return "ctx: bpf.SockAddrContext", (*body, "return 1")


def ip(family: str, host: str, act: str) -> str:
    return UDP.format(family) + act.format(host=host)


def for_ip(name: str, change: str, act: str, expected: str, seen: int | None = None) -> dict[str, Case]:
    """The same for both families."""
    return {
        f"cgroup/{name}{version}": Case(*address("seen = ctx.user_port", change), ip(family, host, act), expected, seen)
        for version, family, host in (("4", "AF_INET", "127.0.0.9"), ("6", "AF_INET6", "::1"))
    }


RECEIVER = "r = socket.socket(s.family, s.type); r.bind(('{host}', 0)); r.settimeout(5)\n"
DENIED = "\ntry: {0}\nexcept PermissionError: print('denied')\nelse: print('done')\n"
SOCK = "ctx: bpf.SockContext"

CASES: dict[str, Case] = {
    **for_ip(
        "bind",
        "if seen == 40001:\n        ctx.user_port = 40002",
        "s.bind(('{host}', 40001)); print(s.getsockname()[1])",
        "40002",
        40001,
    ),
    **for_ip("connect", "ctx.user_port = 7002", "s.connect(('{host}', 7001)); print(s.getpeername()[1])", "7002", 7001),
    **for_ip(
        "sendmsg",
        "ctx.user_port = 40003",
        "s.bind(('{host}', 40003)); s.settimeout(5); s.sendto(b'x', ('{host}', 9)); print(s.recv(9))",
        "b'x'",
        9,
    ),
    **for_ip(
        "recvmsg",
        "ctx.user_port = 4242",
        RECEIVER + "s.sendto(b'x', r.getsockname()); print(r.recvfrom(9)[1][1])",
        "4242",
    ),
    **for_ip("getpeername", "ctx.user_port = 4242", "s.connect(('{host}', 7)); print(s.getpeername()[1])", "4242", 7),
    **for_ip("getsockname", "ctx.user_port = 4242", "s.bind(('{host}', 0)); print(s.getsockname()[1])", "4242"),
    "cgroup/connect_unix": Case(
        "ctx: bpf.SockAddrContext",
        ("seen = ctx.family", "return 0"),
        UNIX + DENIED.format("s.connect('there')") + CLEAN,
        "denied",
        1,
    ),
    "cgroup/sendmsg_unix": Case(
        "ctx: bpf.SockAddrContext",
        ("seen = ctx.family", "return 0"),
        UNIX + DENIED.format("s.sendto(b'x', 'there')") + CLEAN,
        "denied",
        1,
    ),
    "cgroup/recvmsg_unix": Case(
        *address("seen = ctx.family"),
        UNIX + "s.sendto(b'x', 'there'); print(other.recvfrom(9))" + CLEAN,
        "(b'x', 'here')",
        1,
    ),
    "cgroup/getpeername_unix": Case(
        *address("seen = ctx.family"), UNIX + "s.connect('there'); print(s.getpeername())" + CLEAN, "there", 1
    ),
    "cgroup/getsockname_unix": Case(*address("seen = ctx.family"), UNIX + "print(s.getsockname())" + CLEAN, "here", 1),
    "cgroup/sock_create": Case(
        SOCK,
        ("seen = ctx.family", "return 0 if ctx.type == 2 else 1"),
        "import socket\nsocket.socket()" + DENIED.format("socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"),
        "denied",
        2,
    ),
    "cgroup/sock_release": Case(SOCK, ("seen = ctx.type", "return 1"), UDP.format("AF_INET") + "s.close()", "", 2),
    "cgroup/post_bind4": Case(
        SOCK,
        ("seen = ctx.src_port", "return 0 if seen == 40004 else 1"),
        UDP.format("AF_INET") + DENIED.format("s.bind(('127.0.0.9', 40004))"),
        "denied",
        40004,
    ),
    "cgroup/post_bind6": Case(
        SOCK,
        ("seen = ctx.src_port", "return 0 if seen == 40004 else 1"),
        UDP.format("AF_INET6") + DENIED.format("s.bind(('::1', 40004))"),
        "denied",
        40004,
    ),
    "cgroup_skb/ingress": Case(
        "ctx: bpf.SkBuff",
        ("seen = ctx.len", "return 0"),
        ip("AF_INET", "127.0.0.9", "s.settimeout(.2); s.bind(('{host}', 0)); s.sendto(b'12345', s.getsockname())\n")
        + "try: s.recv(9)\nexcept TimeoutError: print('lost')",
        "lost",
        20 + 8 + 5,
    ),
    "cgroup_skb/egress": Case(
        "ctx: bpf.SkBuff",
        ("seen = ctx.len", "return 0"),
        UDP.format("AF_INET") + DENIED.format("s.sendto(b'12345', ('127.0.0.9', 9))"),
        "denied",
        20 + 8 + 5,
    ),
    "cgroup/sysctl": Case(
        "ctx: bpf.SysctlContext",
        (
            "name: Annotated[str, 32]",
            "bpf_sysctl_get_name(ctx, name, flags=0)",
            "if name != 'kernel/ostype':",
            "    return 1",
            "seen = 100 + ctx.write",
            "return 0",
        ),
        "print(open('/proc/sys/kernel/osrelease').read() != '')"
        + DENIED.format("open('/proc/sys/kernel/ostype').read()"),
        "True\ndenied",
        100,
    ),
    "cgroup/getsockopt": Case(
        "ctx: bpf.SockoptContext",
        (
            "value = ctx.packet(u32)",
            "if value is None or ctx.level != 0 or ctx.optname != 1:",
            "    return 1",
            "seen = value.value",
            "value.value = 77",
            "return 1",
        ),
        UDP.format("AF_INET") + "s.setsockopt(0, 1, 8); print(s.getsockopt(0, 1))",
        "77",
        8,
    ),
    "cgroup/setsockopt": Case(
        "ctx: bpf.SockoptContext",
        (
            "value = ctx.packet(u32)",
            "if value is None or ctx.level != 0 or ctx.optname != 1:",
            "    return 1",
            "seen = value.value",
            "value.value = 16",
            "return 1",
        ),
        UDP.format("AF_INET") + "s.setsockopt(0, 1, 8); print(s.getsockopt(0, 1))",
        "16",
        8,
    ),
    "cgroup/dev": Case(
        "ctx: bpf.CgroupDeviceContext",
        ("if ctx.major != 1 or ctx.minor != 5:", "    return 1", "seen = ctx.access_type >> 16", "return 0"),
        "open('/dev/null').close()" + DENIED.format("open('/dev/zero')"),
        "denied",
        2,
    ),
    "sockops": Case(
        "ctx: bpf.SockOpsContext",
        ("seen |= u64(1) << ctx.op", "return 1"),
        "import socket\nl = socket.create_server(('127.0.0.9', 0))\nc = socket.create_connection(l.getsockname())\n"
        "s, _ = l.accept(); c.send(b'x'); print(s.recv(9))",
        "b'x'",
    ),
}
HOOKS = {
    "cgroup/dev": "cgroup_device",
    "cgroup_skb/ingress": "cgroup_skb_ingress",
    "cgroup_skb/egress": "cgroup_skb_egress",
}


@proves(*CASES)
@pytest.mark.parametrize("section", CASES)
def test_cgroup_hook(section: str) -> None:
    case = CASES[section]
    elf = program(
        HOOKS.get(section, section.replace("/", "_")), case.context, *case.body, head="from typing import Annotated"
    )
    require(section)
    with no_leak(), cgroup() as path, load_object(elf) as obj:
        assert obj.links == []
        with obj.prog.attach(cgroup=path) as link:
            done = run_in_cgroup(path, case.act)
            assert (done.stdout.strip(), done.stderr) == (case.expected, "")
            assert link.info.program_id == obj.prog.info.id
        count = obj.globals.count
        assert count > 0
        if case.seen is not None:
            assert obj.globals.seen == case.seen
        elif section == "sockops":
            assert obj.globals.seen >> 4 & 3 == 3, "established, on either side"
        run_in_cgroup(path, case.act)
        assert obj.globals.count == count


@proves("lsm_cgroup/socket_bind")
def test_lsm_cgroup() -> None:
    elf = program('lsm_cgroup("socket_bind")', "sock, address, length: i32", "seen = u64(length)", "return 0")
    require("lsm_cgroup")
    act = UDP.format("AF_INET") + DENIED.format("s.bind(('127.0.0.9', 0))")
    with no_leak(), cgroup() as path, load_object(elf) as obj:
        with obj.prog.attach(cgroup=path):
            assert run_in_cgroup(path, act).stdout == "denied\n"
        assert (obj.globals.count, obj.globals.seen) == (1, 16)
        assert run_in_cgroup(path, act).stdout == "done\n"
