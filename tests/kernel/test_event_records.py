"""Records of buffers: their types stand in the object, so that whoever has nothing else can decode them."""

from __future__ import annotations

import enum
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest

import pybpfc as bpf
from pybpfc import be32, i32, u16, u64
from pybpfc.formats.object_reader import parse_object
from pybpfc.vm.simulate import simulate_spec


class Kind(enum.IntEnum):
    OPEN = 1
    CLOSE = 2


@bpf.struct
class Peer:
    address: be32
    port: u16


@bpf.struct
class Event:
    n: u64
    kind: Kind
    name: Annotated[str, 12]
    peer: Peer


events = bpf.RingBuf[Event](size=4096)
numbers = bpf.RingBuf[i32](size=4096)
samples = bpf.PerfEventArray[Peer]()


@bpf.socket_filter
def emit(skb: bpf.SkBuff) -> int:
    event = events.reserve()
    if event is None:
        return 1
    event.n = 1 << 40
    event.kind = Kind.CLOSE
    event.name = "abc"
    event.peer.address = 0x0A000001
    event.peer.port = 80
    events.submit(event)
    numbers.output(-3)
    peer = Peer(port=443)
    samples.output(skb, peer)
    return 0


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = str(tmp_path_factory.mktemp("records") / "records.o")
    bpf.compile(sys.modules[__name__]).write(made)
    return made


def shown(events: Any) -> list[str]:
    return [repr(event) for event in events]


EVENT = "Event(n=1099511627776, kind=<Kind.CLOSE: 2>, name='abc', peer=Peer(address=167772161, port=80))"


def test_an_object_alone_gives_typed_events(path: str) -> None:
    with bpf.load(path, attach=False) as obj:
        assert obj.samples.consume() == []
        obj.emit.test_run(data=bytes(64))
        assert shown(obj.events.consume()) == [EVENT]
        assert obj.numbers.consume() == [-3]
        assert shown(obj.samples.consume()) == ["Peer(address=0, port=443)"]


def test_the_machine_too(path: str) -> None:
    result = simulate_spec(parse_object(Path(path).read_bytes()), "emit", data=bytes(64))
    assert shown(result.events) == [EVENT, "-3", "Peer(address=0, port=443)"]


@pytest.mark.skipif(shutil.which("bpftool") is None, reason="bpftool is not installed")
def test_bpftool_loads_and_links_the_object_and_knows_the_records(path: str, tmp_path: Path) -> None:
    pinned = f"/sys/fs/bpf/pybpfc-test-{os.getpid()}-records"
    linked = str(tmp_path / "linked.o")
    for command in (
        ["prog", "load", path, pinned],
        ["gen", "object", linked, path],
        ["prog", "load", linked, f"{pinned}-linked"],
    ):
        done = subprocess.run(["bpftool", *command], capture_output=True, text=True, check=False)
        for made in (pinned, f"{pinned}-linked"):
            Path(made).unlink(missing_ok=True)
        assert done.returncode == 0, (command, done.stderr)
    dump = ["bpftool", "btf", "dump", "file", path, "format", "c"]
    text = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
    for line in ("struct Event {", "typedef struct Event events_record;", "typedef int numbers_record;"):
        assert line in text
