"""Ring and perf buffers: every event once, in order, right, however it is waited for."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from kernel_support import from_c, getppid, no_leak

from pybpfc.lang.codec import CodecError
from pybpfc.runtime import LoadedObject, load_object

# `emit` writes as many events as its context says, numbered on; some are discarded, some longer, some shorter.
SOURCE = """
struct event { __u64 n; __u32 cpu; __s32 negative; char name[12]; };
struct args { __u64 count, discard_every, long_every, short_at; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, SIZE);
         __type(value, struct event); } events SEC(".maps");
__u64 next, lost;

static long one(__u32 i, struct args *a)
{
    if (a->long_every && next % a->long_every == 0) {
        struct { struct event e; char more[40]; } *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
        if (!e) { lost++; return 0; }
        e->e.n = next++; e->e.cpu = 1; e->e.negative = -7; __builtin_memcpy(e->e.name, "longer", 7);
        bpf_ringbuf_submit(e, 0);
        return 0;
    }
    struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
    if (!e) { lost++; return 0; }
    e->n = next; e->cpu = 3; e->negative = -5; __builtin_memcpy(e->name, "event", 6);
    if (a->discard_every && next++ % a->discard_every == 0) { bpf_ringbuf_discard(e, 0); return 0; }
    if (!a->discard_every) next++;
    bpf_ringbuf_submit(e, 0);
    return 0;
}

SEC("syscall") int emit(struct args *a)
{
    if (a->short_at) { __u32 x = 1; bpf_ringbuf_output(&events, &x, sizeof(x), 0); return 0; }
    struct args copy = *a;
    bpf_loop(copy.count, one, &copy, 0);
    return 0;
}

SEC("tracepoint/syscalls/sys_enter_getppid") int on_getppid(void *ctx)
{
    struct args a = {};
    one(0, &a);
    return 0;
}
"""


def load(size: int = 1 << 16, attach: bool = False) -> LoadedObject:
    return load_object(from_c(SOURCE, f"-DSIZE={size}"), attach=attach)


def emit(obj: LoadedObject, count: int, *, discard: int = 0, long: int = 0, short: int = 0) -> None:
    import struct

    obj.emit.test_run(ctx=struct.pack("QQQQ", count, discard, long, short))


def numbers(events: list[Any]) -> list[int]:
    return [event.n for event in events]


def test_events_have_their_fields() -> None:
    with no_leak(), load() as obj:
        emit(obj, 3)
        events = obj.events.consume()
        assert [(e.n, e.cpu, e.negative, e.name) for e in events] == [(n, 3, -5, "event") for n in range(3)]
        assert obj.events.consume() == []


def test_every_event_once_over_many_rounds_of_the_buffer() -> None:
    with load(1 << 14) as obj:
        got: list[int] = []
        for burst in (1, 7, 300, 2, 100, 340, 5) * 20:
            emit(obj, burst)
            got += numbers(obj.events.consume())
        assert obj.globals.lost == 0
        assert got == list(range(obj.globals.next))


def test_discarded_and_longer_events_among_the_others() -> None:
    with load() as obj:
        emit(obj, 500, discard=3)
        assert numbers(obj.events.consume()) == [n for n in range(500) if n % 3]
        emit(obj, 300, long=4)
        events = obj.events.consume()
        assert numbers(events) == list(range(500, 800))
        assert {e.name for e in events if e.n % 4 == 0} == {"longer"}


def test_a_shorter_event_is_an_error_and_only_that() -> None:
    with load() as obj:
        emit(obj, 5)
        emit(obj, 1, short=1)
        emit(obj, 5)
        assert len(obj.events.consume()) == 5
        with pytest.raises(CodecError, match="there is one of 4"):
            obj.events.consume()
        assert numbers(obj.events.consume()) == [5, 6, 7, 8, 9]


def test_a_full_buffer_loses_the_newest() -> None:
    with load(1 << 12) as obj:
        emit(obj, 1000)
        got = numbers(obj.events.consume())
        assert got == list(range(len(got)))
        assert len(got) + obj.globals.lost == 1000


def test_poll_waits_and_times_out() -> None:
    with load(attach=True) as obj:
        start = time.monotonic()
        assert obj.events.poll(0.05) == []
        assert 0.04 < time.monotonic() - start < 2
        threading.Timer(0.05, getppid).start()
        assert len(obj.events.poll(5)) >= 1


def test_fileno_tells_of_events() -> None:
    with load() as obj:
        assert select.select([obj.events], [], [], 0)[0] == []
        emit(obj, 1)
        assert select.select([obj.events], [], [], 5)[0] == [obj.events]
        obj.events.consume()
        assert select.select([obj.events], [], [], 0)[0] == []


def test_a_loop_takes_all_and_ends_when_the_object_is_closed() -> None:
    obj = load()
    got: list[int] = []

    def read() -> None:
        got.extend(event.n for event in obj.events)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(50):
        emit(obj, 100)
        time.sleep(0.001)
    deadline = time.monotonic() + 10
    while len(got) < obj.globals.next and time.monotonic() < deadline:
        time.sleep(0.01)
    total = obj.globals.next
    obj.close()
    reader.join(5)
    assert not reader.is_alive()
    assert got == list(range(total))


def test_breaking_out_of_a_loop_keeps_what_was_not_taken() -> None:
    with load() as obj:
        emit(obj, 10)
        taken = []
        for event in obj.events:
            taken.append(event.n)
            if len(taken) == 3:
                break
        assert taken == [0, 1, 2]
        assert numbers(obj.events.consume()) == [3, 4, 5, 6, 7, 8, 9]


def test_asyncio() -> None:
    with load() as obj:

        async def collect() -> list[int]:
            got: list[int] = []
            async for event in obj.events:
                got.append(event.n)
                if len(got) == 250:
                    break
            return got

        async def produce() -> None:
            for _ in range(25):
                emit(obj, 10)
                await asyncio.sleep(0.001)

        async def both() -> list[int]:
            got, _ = await asyncio.wait_for(asyncio.gather(collect(), produce()), 20)
            return got

        assert asyncio.run(both()) == list(range(250))


CTRL_C = """
import sys
from pybpfc.runtime import load_object
seen = 0
with load_object({path!r}) as obj:
    print("ready", flush=True)
    for event in obj.events:
        seen += 1
print("left after", seen, flush=True)
"""


def test_ctrl_c_leaves_the_loop_cleanly(tmp_path: Path) -> None:
    path = tmp_path / "x.o"
    path.write_bytes(from_c(SOURCE, "-DSIZE=65536"))
    child = subprocess.Popen(
        [sys.executable, "-c", CTRL_C.format(path=str(path))], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    getppid(5)
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    output, errors = child.communicate(timeout=20)
    assert child.returncode == 0, errors
    assert output.startswith("left after")
    assert int(output.split()[-1]) >= 5


def test_one_hundred_thousand_live_events_with_none_lost() -> None:
    with load(1 << 22, attach=True) as obj:  # room for all: a busy machine may not run the reader for long
        got: list[Any] = []

        def read() -> None:
            for event in obj.events:
                got.append(event)
                if len(got) == 100_000:
                    return

        reader = threading.Thread(target=read)
        reader.start()
        pid = os.fork()
        if pid == 0:
            getppid(100_000)
            os._exit(0)
        os.waitpid(pid, 0)
        reader.join(60)
        assert obj.globals.lost == 0
        assert numbers(got) == list(range(100_000))


def test_batches_are_memory_of_many_events() -> None:
    with no_leak(), load() as obj:
        emit(obj, 100)
        emit(obj, 50, discard=5)
        got: list[int] = []
        sizes: list[int] = []
        codec = obj.events._codecs()[1]
        for memory, count, stride in obj.events.reader.batches(0):
            sizes.append(count)
            got += [codec.decode(memory, i * stride).n for i in range(count)]
        assert got == [*range(100), *(n for n in range(100, 150) if n % 5)]
        assert sizes[0] >= 100
        assert obj.events.consume() == []
        del memory  # what is held of a batch keeps the buffer's memory


def test_numpy_batches() -> None:
    numpy = pytest.importorskip("numpy")
    with load() as obj:
        emit(obj, 1000)
        total = sum(int(batch["n"].sum()) for batch in obj.events.batches(0))
        assert total == sum(range(1000))
        emit(obj, 10)
        batch = next(iter(obj.events.batches(0)))
        assert isinstance(batch, numpy.ndarray)
    assert len(batch) == 10  # closing the object under a batch in use is no error


def test_two_readers_in_two_threads_share_the_events() -> None:
    with load() as obj:
        got: list[int] = []

        def read() -> None:
            while len(got) < 20_000:
                got.extend(numbers(obj.events.consume()))

        threads = [threading.Thread(target=read) for _ in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(100):
            emit(obj, 200)
            while obj.events.reader.backlog > 30_000:
                time.sleep(0.001)
        for thread in threads:
            thread.join(20)
        assert sorted(got) == list(range(20_000))


def test_events_without_a_type_are_bytes() -> None:
    source = SOURCE.replace("__type(value, struct event);", "")
    with load_object(from_c(source, "-DSIZE=65536")) as obj:
        emit(obj, 2)
        emit(obj, 1, short=1)
        assert [len(event) for event in obj.events.consume()] == [32, 32, 4]


# -------------------------------------------------------------------------------- perf buffers

PERF = """
struct event { __u64 n; __u32 x; };
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } events SEC(".maps");
__u64 next;
SEC("tracepoint/syscalls/sys_enter_getppid") int on(void *ctx)
{
    struct event e = { __sync_fetch_and_add(&next, 1), 9 };
    bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e));
    return 0;
}
"""


def perf_object() -> LoadedObject:
    from pybpfc.lang.btf_types import class_of
    from pybpfc.lang.types import U32, U64, Struct, natural_layout

    layout = Struct("event")
    layout.set_layout(*natural_layout([("n", U64), ("x", U32)]))
    class_of(layout)
    return load_object(from_c(PERF), types={"events": (None, layout)})


def test_perf_buffers() -> None:
    with no_leak(), perf_object() as obj:
        assert obj.events.consume() == []
        first = obj.globals.next
        getppid(1000)
        got: list[Any] = []
        while len(got) < 1000 and (events := obj.events.poll(2)):
            got += events
        assert sorted(numbers(got)) == list(range(first, first + len(got)))
        assert {e.x for e in got} == {9}
        assert obj.events.lost == 0


def test_perf_buffers_count_what_they_lose() -> None:
    with perf_object() as obj:
        obj.events.consume()
        first = obj.globals.next
        getppid(40_000)
        total = obj.globals.next - first
        got = obj.events.consume()
        getppid()  # the kernel tells of losses with the next event that fits
        got += obj.events.consume()
        assert obj.events.lost > 0
        assert len(got) + obj.events.lost >= total


def test_perf_batches() -> None:
    with perf_object() as obj:
        obj.events.consume()
        getppid(100)
        counts = [count for _, count, _ in obj.events.reader.batches(0)]
        assert sum(counts) >= 100


# --------------------------------------------------------------------------- user ring buffers

USER = """
struct { __uint(type, BPF_MAP_TYPE_USER_RINGBUF); __uint(max_entries, 4096); } messages SEC(".maps");
__u64 sum, count;
static long one(struct bpf_dynptr *message, void *ctx)
{
    __u64 value;
    if (bpf_dynptr_read(&value, sizeof(value), message, 0, 0)) return 1;
    sum += value;
    count++;
    return 0;
}
SEC("syscall") int drain(void *ctx) { return bpf_user_ringbuf_drain(&messages, one, 0, 0); }
"""


def test_messages_to_programs() -> None:
    from pybpfc.runtime import features

    if not features.have_map_type("BPF_MAP_TYPE_USER_RINGBUF"):
        pytest.skip("this kernel has no user ring buffers")
    with no_leak(), load_object(from_c(USER)) as obj:
        handle = obj.handles["messages"]
        sent = 0
        for _ in range(20):
            while handle.send(sent.to_bytes(8, "little")):
                sent += 1
            assert obj.drain.test_run(ctx=bytes(8)).retval > 0
        assert obj.globals.count == sent > 4000
        assert obj.globals.sum == sum(range(sent))
        with pytest.raises(ValueError, match="does not fit"):
            handle.send(bytes(5000))
