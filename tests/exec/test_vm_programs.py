"""Programs in C, compiled for every ISA level, in the machine and in the kernel: the same input, the same everything."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator

import pytest
from oracle import both, from_c

LEVELS = ["v1", "v2", "v3", "v4"]


@pytest.fixture(autouse=True)
def _one_cpu() -> Iterator[None]:
    """Per-CPU maps: all runs on one CPU, so that each sees what the one before stored."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


# ------------------------------------------------------------------------------------ maps

RECORD = struct.Struct("<BBBBiQ")
"""Operation, key, flags, unused; result; value."""

OPERATIONS = """
struct record { u8 op, key, flags, pad; s32 result; u64 value; };
#define RECORDS 64
#define EACH(...) \\
  SEC("xdp") int ops(struct xdp_md *ctx) { \\
    struct record *r = (void *)(u64)ctx->data; \\
    if ((void *)(r + RECORDS) > (void *)(u64)ctx->data_end) return 1; \\
    for (int i = 0; i < RECORDS; i++, r++) { __VA_ARGS__ } \\
    return 2; }
#define KEYED(KEY, SETUP) EACH( \\
    KEY key; SETUP; u64 value = r->value; \\
    if (r->op == 0) { u64 *p = bpf_map_lookup_elem(&m, &key); r->result = p ? 1 : 0; r->value = p ? *p : 0; } \\
    else if (r->op == 1) r->result = bpf_map_update_elem(&m, &key, &value, r->flags); \\
    else if (r->op == 2) r->result = bpf_map_delete_elem(&m, &key); \\
    else { u64 *p = bpf_map_lookup_elem(&m, &key); if (p) *p += value; r->result = 7; })
#define QUEUED EACH( \\
    u64 value = r->value; \\
    if (r->op == 0) { r->result = bpf_map_peek_elem(&m, &value); r->value = value; } \\
    else if (r->op == 1) r->result = bpf_map_push_elem(&m, &value, r->flags); \\
    else { r->result = bpf_map_pop_elem(&m, &value); r->value = value; })
"""


def map_of(kind: int, entries: int, flags: int = 0, key: str = "u32") -> str:
    keyed = f"__type(key, {key});" if key else ""
    text = (
        f"__uint(type, {kind}); {keyed} __type(value, u64); __uint(max_entries, {entries}); __uint(map_flags, {flags});"
    )
    return OPERATIONS + f'struct {{ {text} }} m SEC(".maps");\n'


MAPS = {
    "hash": map_of(1, 5) + "KEYED(u32, key = r->key)",
    "hash_not_preallocated": map_of(1, 5, 1) + "KEYED(u32, key = r->key)",
    "array": map_of(2, 5) + "KEYED(u32, key = r->key)",
    "percpu_hash": map_of(5, 5) + "KEYED(u32, key = r->key)",
    "percpu_array": map_of(6, 5) + "KEYED(u32, key = r->key)",
    "lru_hash_with_room": map_of(9, 64) + "KEYED(u32, key = r->key)",
    "lpm": "struct prefix { u32 length; u8 data[4]; };\n"
    + map_of(11, 5, 1, "struct prefix")
    + "KEYED(struct prefix, (key.length = r->key & 63, key.data[0] = 10, key.data[1] = r->key >> 6,"
    " key.data[2] = key.data[3] = 0))",
    "queue": map_of(22, 5, 0, "") + "QUEUED",
    "stack": map_of(23, 5, 0, "") + "QUEUED",
}


def operations(rng: random.Random, keys: int) -> bytes:
    """Random operations on few keys, with all flags and some that don't exist."""
    out = b""
    for _ in range(64):
        op = rng.choice((0, 1, 1, 1, 2, 3))
        flags = rng.choice((0, 0, 0, 1, 2, 2, 3, 4, 5, 8))
        out += RECORD.pack(op, rng.randrange(keys), flags, 0, 0, rng.getrandbits(64))
    return out


@pytest.mark.parametrize("level", ["v1", "v3"])
@pytest.mark.parametrize("name", MAPS)
def test_map_operations(name: str, level: str) -> None:
    rng = random.Random(name)
    keys = 256 if name == "lpm" else 8
    with both(from_c(MAPS[name], level)) as machines:
        for _ in range(12):
            assert machines.run("ops", operations(rng, keys)).retval == 2
            machines.same_maps()


RINGBUF = (
    OPERATIONS
    + """
struct { __uint(type, 27); __uint(max_entries, 4096); } m SEC(".maps");
EACH(
    if (r->op == 0) { u64 *p = bpf_ringbuf_reserve(&m, 24, r->flags); r->result = p != 0;
        if (p) { p[0] = r->value; p[1] = 1; p[2] = i; if (r->key & 1) bpf_ringbuf_submit(p, 0); else bpf_ringbuf_discard(p, 0); } }
    else if (r->op == 1) { char data[100] = {1, 2, 3}; r->result = bpf_ringbuf_output(&m, data, (r->key & 63) + 1, r->flags); }
    else r->value = bpf_ringbuf_query(&m, r->key & 7);)
"""
)


def test_ring_buffer() -> None:
    rng = random.Random(5)
    with both(from_c(RINGBUF)) as machines:
        theirs, mine = machines.loaded.maps["m"], machines.machine.maps["m"]
        for round_number in range(12):
            machines.run("ops", operations(rng, 256))
            if round_number % 3 == 2:
                assert mine.consume() == theirs.consume()


# -------------------------------------------------------------------------- calls and loops

CALLS = """
struct { __uint(type, 1); __type(key, u32); __type(value, u64); __uint(max_entries, 32); } m SEC(".maps");
u64 total, calls; u32 table[64]; const volatile u32 factor = 3;
static NOINLINE u64 mix(u64 a, u64 b, u32 c) { a ^= b * 0x9E3779B97F4A7C15ull; a = (a << 13) | (a >> 51); return a + c; }
static NOINLINE int fib(int n) { int a = 0, b = 1; for (int i = 0; i < (n & 31); i++) { int t = a + b; a = b; b = t; } return a; }
struct loop { u64 sum; u32 limit; };
static int each(u32 index, struct loop *l) { l->sum = mix(l->sum, index, factor); calls++; return index >= l->limit; }
static int visit(void *map, u32 *key, u64 *value, struct loop *l) { l->sum += *key + *value; *value += 1; return 0; }
SEC("xdp") int calls_and_loops(struct xdp_md *ctx) {
  u8 *data = (void *)(u64)ctx->data;
  if (data + 32 > (u8 *)(u64)ctx->data_end) return 1;
  struct loop l = { .sum = data[0], .limit = data[1] };
  long ran = bpf_loop(100, each, &l, 0);
  u64 hash = 0;
  for (int i = 0; i < 32; i++) {
    hash = mix(hash, data[i], i);
    table[data[i] & 63] += i * (s8)data[i];
    switch (data[i] & 15) { case 0: hash += 1; break; case 3: hash ^= 77; break; case 5: hash -= fib(data[i]); break;
      case 9: hash = (s64)hash >> 3; break; case 11: hash = -hash; break; default: hash *= 3; }
  }
  u32 key = data[2] & 31;
  bpf_map_update_elem(&m, &key, &hash, 0);
  long visited = bpf_for_each_map_elem(&m, visit, &l, 0);
  total += l.sum + visited + ran;
  __builtin_memcpy(data, &hash, 8); __builtin_memcpy(data + 8, &l.sum, 8); __builtin_memcpy(data + 16, &total, 8);
  return hash & 0xffff;
}
"""


@pytest.mark.parametrize("level", LEVELS)
def test_calls_loops_and_globals(level: str) -> None:
    rng = random.Random(1)
    with both(from_c(CALLS, level)) as machines:
        for _ in range(40):
            machines.run("calls_and_loops", rng.randbytes(64))
        contents = machines.same_maps()
        assert len(contents["m"]) > 8
        assert machines.machine.globals.total == machines.loaded.globals.total != 0


ARITHMETIC = """
SEC("xdp") int compute(struct xdp_md *ctx) {
  struct { u64 a, b; s64 c, d; u32 e, f; s32 g, h; u16 i; s16 j; u8 k; s8 l; u64 out[8]; } *p = (void *)(u64)ctx->data;
  if ((void *)(p + 1) > (void *)(u64)ctx->data_end) return 1;
  u64 x = p->a / (p->b | 1) + p->a % (p->b | 3);
  x += (u64)(p->c >> (p->e & 63)) ^ (p->a << (p->f & 63)) ^ (p->b >> (p->e & 31));
  p->out[0] = x;
  p->out[1] = (u64)((s32)p->g >> (p->f & 31)) + (u32)(p->e << (p->f & 31)) + p->e / (p->f | 1) + p->e % (p->f | 1);
  p->out[2] = (s64)p->j * p->l + (s64)(s8)p->a + (s64)(s16)p->b + (s64)(s32)p->e;
  p->out[3] = (p->c < p->d) + 2 * (p->a < p->b) + 4 * (p->g < p->h) + 8 * (p->e < p->f) + 16 * (p->c == -1) + 32 * (p->g <= -5);
  p->out[4] = __builtin_bswap64(p->a) + __builtin_bswap32(p->e) + __builtin_bswap16(p->i);
  p->out[5] = __sync_fetch_and_add(&p->out[6], 0) ? 1 : 0;
  return (u32)x;
}
"""


@pytest.mark.parametrize("level", LEVELS)
def test_compiled_arithmetic(level: str) -> None:
    rng = random.Random(2)
    source = ARITHMETIC.replace("p->out[5] = __sync_fetch_and_add(&p->out[6], 0) ? 1 : 0;", "")
    with both(from_c(source, level)) as machines:
        for _ in range(150):
            words = [
                rng.choice((rng.getrandbits(64), rng.getrandbits(8), (1 << 64) - rng.getrandbits(8) - 1))
                for _ in range(6)
            ]
            machines.run("compute", struct.pack("<6Q", *words).ljust(136, b"\0"))


ATOMICS = """
u64 wide; u32 narrow; u64 seen;
SEC("xdp") int atomics(struct xdp_md *ctx) {
  u64 *p = (void *)(u64)ctx->data;
  if ((void *)(p + 4) > (void *)(u64)ctx->data_end) return 1;
  seen += __sync_fetch_and_add(&wide, p[0]);
  seen ^= __sync_fetch_and_or(&narrow, (u32)p[1]);
  seen += __sync_fetch_and_and(&wide, p[2] | 0xff);
  seen ^= __sync_fetch_and_xor(&narrow, (u32)p[3]);
  seen += __sync_val_compare_and_swap(&wide, wide, p[1]);
  seen += __sync_val_compare_and_swap(&narrow, 1, (u32)p[2]);
  seen += __sync_lock_test_and_set(&narrow, (u32)p[0]);
  return seen;
}
"""


def test_compiled_atomics() -> None:
    rng = random.Random(3)
    with both(from_c(ATOMICS, "v3")) as machines:
        for _ in range(60):
            machines.run("atomics", rng.randbytes(64))
            machines.same_maps()


TAIL_CALLS = """
u32 depth;
int again(struct xdp_md *); int last(struct xdp_md *);
struct { __uint(type, 3); __uint(key_size, 4); __uint(max_entries, 4); __array(values, int(struct xdp_md *)); } jumps
  SEC(".maps") = { .values = { [1] = &again, [2] = &last } };
SEC("xdp") int again(struct xdp_md *ctx) { depth++; bpf_tail_call(ctx, &jumps, 1); return depth; }
SEC("xdp") int last(struct xdp_md *ctx) { return 1000 + depth; }
static NOINLINE int inner(struct xdp_md *ctx, int n) { depth += n; bpf_tail_call(ctx, &jumps, 2); return depth; }
SEC("xdp") int start(struct xdp_md *ctx) {
  u8 *p = (void *)(u64)ctx->data;
  if (p + 1 > (u8 *)(u64)ctx->data_end) return 1;
  if (*p == 9) return 5 + inner(ctx, 3);
  bpf_tail_call(ctx, &jumps, *p);
  return 7;
}
"""


def test_tail_calls() -> None:
    with both(from_c(TAIL_CALLS)) as machines:
        for first in (0, 1, 2, 3, 4, 200, 9):
            machines.run("start", bytes([first]) * 64)
            assert machines.machine.globals.depth == machines.loaded.globals.depth


MAP_IN_MAP = """
struct inner { __uint(type, 2); __type(key, u32); __type(value, u64); __uint(max_entries, 4); };
struct inner first SEC(".maps"), second SEC(".maps");
struct { __uint(type, 12); __type(key, u32); __type(value, u32); __uint(max_entries, 4); __array(values, struct inner); } outer
  SEC(".maps") = { .values = { [0] = &first, [2] = &second } };
SEC("xdp") int nested(struct xdp_md *ctx) {
  u8 *p = (void *)(u64)ctx->data;
  if (p + 2 > (u8 *)(u64)ctx->data_end) return 100;
  u32 key = p[0];
  void *map = bpf_map_lookup_elem(&outer, &key);
  if (!map) return 101;
  key = p[1];
  u64 *value = bpf_map_lookup_elem(map, &key);
  if (!value) return 102;
  return ++*value;
}
"""


def test_maps_in_maps() -> None:
    with both(from_c(MAP_IN_MAP)) as machines:
        for outer in range(5):
            for inner in (0, 3, 3, 4):
                machines.run("nested", bytes([outer, inner]).ljust(32, b"\0"))
        machines.same_maps()


# ---------------------------------------------------------------------------------- helpers

CHECKSUMS = """
SEC("tc") int sums(struct __sk_buff *ctx) {
  u8 *p = (void *)(u64)ctx->data;
  if (p + 128 > (u8 *)(u64)ctx->data_end) return 1;
  u32 a[8], b[8]; __builtin_memcpy(a, p, 32); __builtin_memcpy(b, p + 32, 32);
  u64 out[4];
  out[0] = bpf_csum_diff(a, 32, b, 32, a[0]);
  out[1] = bpf_csum_diff(0, 0, b, 16, 0);
  out[2] = bpf_csum_diff(a, 8, 0, 0, b[1]);
  out[3] = bpf_csum_diff(a, 4, b, 8, 0xffffffff);
  int where = 64 + (a[0] & 14), size = (b[0] & 3) * 2;
  u64 flags = size | (a[1] & 0xF0);
  long r1 = bpf_l3_csum_replace(ctx, where, a[2] & (size == 2 ? 0xffff : -1), b[2] & (size == 2 ? 0xffff : -1), size);
  long r2 = bpf_l4_csum_replace(ctx, where + 16, size ? a[3] : 0, b[3], flags);
  bpf_skb_store_bytes(ctx, 96, out, 32, 0);
  return r1 * 1000 + r2;
}
"""


def test_checksums() -> None:
    rng = random.Random(4)
    with both(from_c(CHECKSUMS)) as machines:
        for _ in range(100):
            machines.run("sums", rng.randbytes(200))
        machines.run("sums", bytes(200))


STRINGS = """
char text[32]; s64 number; u64 unsigned_number; long results[4]; u32 flags, size;
SEC("xdp") int parse(struct xdp_md *ctx) {
  char copy[32]; __builtin_memcpy(copy, text, 32);
  u32 n = size & 31;
  if (n == 0) n = 1;
  number = unsigned_number = 0;
  results[0] = bpf_strtol(copy, n, flags, &number);
  results[1] = bpf_strtoul(copy, n, flags, &unsigned_number);
  results[2] = bpf_strncmp(copy, n, "12345x");
  results[3] = bpf_probe_read_kernel_str(copy, n, text + 2);
  return copy[0] == text[2];
}
"""
TEXTS = (
    "0", "12345", "12345xyz", "-12", "+5", "  42 ", "0x1F", "0X1f", "0777", "08", "0x", "-0x10", "", "abc", "x",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "\t7",
    "18446744073709551615", "18446744073709551616", "99999999999999999999999", "- 5", "--5", "1_000", "ffffffff", "0xg",
)  # fmt: skip


def test_string_helpers() -> None:
    with both(from_c(STRINGS)) as machines:
        for text in TEXTS:
            for flags in (0, 8, 10, 16, 2, 32, 10 | 64):
                for size in (31, 3):
                    for side in (machines.loaded.globals, machines.machine.globals):
                        side.text, side.flags, side.size = text, flags, size
                    machines.run("parse", bytes(64))
                    here, there = machines.machine.globals, machines.loaded.globals
                    found = [here.results[:3], here.number, here.unsigned_number]
                    assert found == [there.results[:3], there.number, there.unsigned_number], (text, flags, size)
                    assert here.results == there.results, (text, size)


FORMATS = (
    "plain", "%d %i", "%u", "%x %X", "%lx %llx", "%ld", "%lld", "%lu", "%llu", "%5d|", "%-5d|", "%05d", "%+d", "% d",
    "%c", "%10c|", "%%", "100%%", "%", "%q", "%#x", "%s", "%10s|", "%-10s|", "%.3s", "%hd", "%hhu", "%pI4 %pI6", "%pi4 %pi6",
    "%d", "%d %d %d", "%ls", "%08llx", "%*d", "%lc", "%z", "tab\\t", "\\n", "\\x01", "%px", "%lli", "%+5d", "%- 5d", "%0-5d",
    "%5", "%l", "%p4", "%pI", "%zu", "%n",
    "%sx", "%s1", "%s.", "%10sx", "%s%d", "%+x", "% u", "%+08x|", "%-05d|", "%-+5d|", "%05c|", "%-5c|", "%05s|", "%-05x|", "%02s",
)  # fmt: skip

FORMATTED = """
char out[64]; long result; u64 values[4]; char name[8] = "name"; u8 address[16] = {1, 2, 3, 4, 0xff}; u32 count;
SEC("xdp") int format(struct xdp_md *ctx) {
  static const char pattern[] = "FORMAT";
  u64 arguments[4] = {values[0], values[1], values[2], values[3]};
  if (KIND == 1) arguments[0] = (u64)name;
  if (KIND == 2) { arguments[0] = (u64)address; arguments[1] = (u64)address; }
  result = bpf_snprintf(out, sizeof(out), pattern, arguments, COUNT * 8);
  return 0;
}
"""


def format_program(pattern: str) -> str:
    plain = pattern.replace("%%", "")
    kind = 1 if "s" in plain and "%" in plain else 2 if "%p" in plain and "x" not in plain else 0
    source = FORMATTED.replace("FORMAT", pattern).replace("KIND", str(kind))
    return source.replace("COUNT", str(plain.count("%")))


@pytest.mark.parametrize("pattern", FORMATS)
def test_formats(pattern: str) -> None:
    from pybpfc.diagnostics.errors import LoadError
    from pybpfc.vm import Machine

    spec = from_c(format_program(pattern))
    values = [[0, 0, 0, 0], [5, 77, 1 << 63, 9], [(1 << 64) - 1, (1 << 32) - 5, 65, 3], [65, 1 << 40, 0x80000000, 2]]
    try:
        context = both(spec)
        with context as machines:
            for row in values:
                for side in (machines.loaded.globals, machines.machine.globals):
                    side.values = row
                machines.run("format", bytes(64))
                here, there = machines.machine.globals, machines.loaded.globals
                assert (here.result, here.out) == (there.result, there.out)
    except LoadError as error:
        assert "fmt" in str(error) or "format" in str(error), error  # the verifier checks formats itself
        machine = Machine(spec)
        machine.run("format", bytes(64))
        assert machine.globals.result == -22


# ---------------------------------------------------------------------------------- packets

ADJUST = """
long results[16];
SEC("xdp") int adjust(struct xdp_md *ctx) {
  struct { u8 what; s8 delta; } steps[16];
  u8 *p = (void *)(u64)ctx->data;
  if (p + 32 > (u8 *)(u64)ctx->data_end) return 1;
  __builtin_memcpy(steps, p, 32);
  for (int i = 0; i < 16; i++) {
    int delta = steps[i].delta * 4 + (steps[i].what >> 6);
    long r;
    switch (steps[i].what & 3) {
      case 0: r = bpf_xdp_adjust_head(ctx, delta); break;
      case 1: r = bpf_xdp_adjust_tail(ctx, delta * 3); break;
      case 2: r = bpf_xdp_adjust_meta(ctx, delta); break;
      default: r = (u8 *)(u64)ctx->data_end - (u8 *)(u64)ctx->data;
    }
    results[i] = r;
    p = (void *)(u64)ctx->data;
    if (p + 4 <= (u8 *)(u64)ctx->data_end) { p[0] = i; p[3] ^= 0x55; }
    u8 *meta = (void *)(u64)ctx->data_meta;
    if (meta + 4 <= (u8 *)(u64)ctx->data) meta[1] = i;
  }
  p = (void *)(u64)ctx->data_meta;
  if (p + 2 > (u8 *)(u64)ctx->data) return 3;
  return 100 + p[1];
}
"""


def test_xdp_adjusting() -> None:
    rng = random.Random(6)
    with both(from_c(ADJUST)) as machines:
        for _ in range(200):
            machines.run("adjust", rng.randbytes(rng.choice((32, 64, 100, 1000))), room=4096)
            assert machines.machine.globals.results == machines.loaded.globals.results


SKB = """
long results[8]; u32 fields[16];
SEC("SECTION") int skb(struct __sk_buff *ctx) {
  u8 raw[32] = {};
  results[0] = bpf_skb_load_bytes(ctx, 0, raw, 32);
  u32 at = raw[0] * 2, size = raw[1] & 31;
  asm volatile("" : "+r"(size));
  if (size < 1 || size > 31) return 1;
  results[1] = bpf_skb_load_bytes(ctx, at, raw, size);
  fields[0] = ctx->len; fields[1] = ctx->protocol; fields[2] = ctx->pkt_type; fields[3] = ctx->mark; fields[4] = ctx->priority;
  fields[5] = ctx->ifindex; fields[6] = ctx->ingress_ifindex; fields[7] = ctx->cb[0] + ctx->cb[4]; fields[8] = ctx->vlan_present;
  fields[9] = ctx->hash; fields[10] = ctx->queue_mapping;
  MORE
  return raw[3] & 3;
}
"""
MORE_TC = """
  results[2] = bpf_skb_store_bytes(ctx, at / 2, raw, 8, 0);
  results[3] = bpf_skb_change_tail(ctx, 14 + raw[2] * 2, 0);
  results[4] = bpf_skb_pull_data(ctx, raw[4] * 2);
  ctx->mark = raw[5] * 3; ctx->priority = raw[6]; ctx->cb[1] = raw[7]; ctx->cb[2] = ctx->len;
  u8 *p = (void *)(u64)ctx->data;
  if (p + 20 <= (u8 *)(u64)ctx->data_end) p[19] = 0xAA;
  fields[11] = ctx->len; fields[12] = (u8 *)(u64)ctx->data_end - (u8 *)(u64)ctx->data;
"""


@pytest.mark.parametrize("section", ["tc", "socket", "cgroup_skb/egress"])
def test_skb(section: str) -> None:
    rng = random.Random(section)
    source = SKB.replace("SECTION", section).replace("MORE", MORE_TC if section == "tc" else "")
    with both(from_c(source)) as machines:
        for index in range(80):
            packet = bytearray(rng.randbytes(rng.choice((54, 60, 120, 700))))
            packet[:6] = rng.choice((bytes(6), b"\xff" * 6, b"\x01\0\0\0\0\1", b"\x02\0\0\0\0\1"))
            packet[12:14] = rng.choice((b"\x08\0", b"\x86\xdd", b"\x08\x06"))
            machines.run("skb", bytes(packet), ctx={"mark": index, "priority": 7}, room=4096)
            here, there = machines.machine.globals, machines.loaded.globals
            assert (here.results, here.fields) == (there.results, there.fields)


REDIRECT = """
struct { __uint(type, 16); __type(key, u32); __type(value, u32); __uint(max_entries, 2); } targets SEC(".maps");
SEC("xdp") int redirect(struct xdp_md *ctx) {
  u8 *p = (void *)(u64)ctx->data;
  if (p + 2 > (u8 *)(u64)ctx->data_end) return 99;
  return bpf_redirect_map(&targets, p[0], p[1]);
}
"""


def test_redirect_to_empty_maps() -> None:
    with both(from_c(REDIRECT)) as machines:
        for index in (0, 1, 2, 200):
            for flags in (0, 1, 2, 3, 4, 32):
                machines.run("redirect", bytes([index, flags]).ljust(64, b"\0"))
