"""Probes: what this kernel can, by trying; types made fit for older kernels load."""

from __future__ import annotations

import pytest
from kernel_support import from_c, getppid, no_leak

from pybpfc.abi.helpers import HELPERS
from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.abi.program_types import PROGRAM_TYPES, SECTIONS
from pybpfc.abi.versions import KernelVersion, running
from pybpfc.formats.btf import Btf
from pybpfc.formats.object_reader import parse_object
from pybpfc.runtime import btf_load, features, load_object
from pybpfc.runtime.btf_load import image_of, load_btf

NOT_EVERYWHERE = {"BPF_PROG_TYPE_LIRC_MODE2", "BPF_PROG_TYPE_EXT", "BPF_PROG_TYPE_LSM", "BPF_PROG_TYPE_NETFILTER"}
"""Program types that a kernel's configuration or lockdown may take away."""


@pytest.mark.parametrize("name", PROGRAM_TYPES)
def test_program_types(name: str) -> None:
    with no_leak():
        answer = features.have_program_type.__wrapped__(name)
    if running() < answer.since:
        assert not answer
    elif name not in NOT_EVERYWHERE:
        assert answer


@pytest.mark.parametrize("name", MAP_TYPES)
def test_map_types(name: str) -> None:
    with no_leak():
        answer = features.have_map_type.__wrapped__(name)
    assert bool(answer) == (running() >= answer.since)


def test_sections() -> None:
    for section in SECTIONS:
        # what older kernels refuse at load; those of probes they refuse at the attachment only
        if running() < section.since and section.attach == "netfilter":
            assert not features.have_section(section.pattern)
    assert features.have_section("xdp")
    assert features.have_section("tracepoint")


def test_helpers() -> None:
    assert features.have_helper("BPF_PROG_TYPE_XDP", "bpf_xdp_adjust_head")
    assert features.have_helper("BPF_PROG_TYPE_TRACEPOINT", "bpf_get_current_comm")
    assert not features.have_helper("BPF_PROG_TYPE_XDP", "bpf_skb_load_bytes")
    assert not features.have_helper("BPF_PROG_TYPE_SOCKET_FILTER", "bpf_redirect_map")


def test_helpers_agree_with_the_table() -> None:
    """For the kernel that the table was made from; a subset for older ones."""
    if running() != KernelVersion(6, 18):
        pytest.skip("the table is that of kernel 6.18")
    elsewhere = ("spin", "timer")  # what the verifier refuses later than by the helper's number
    locked = ("bpf_probe_write_user", "bpf_override_return")  # what lockdown takes away
    known = [h for h in HELPERS.values() if h.name not in locked and not any(word in h.name for word in elsewhere)]
    for name in PROGRAM_TYPES:
        if features.have_program_type(name):
            everywhere = [h for h in known if name not in h.attach_types]
            wrong = [h.name for h in everywhere if bool(features.have_helper(name, h.name)) != (name in h.available)]
            assert not wrong, name


def test_permission_is_no_obstacle_here() -> None:
    assert features.refusal() is None


# -------------------------------------------------------------------------------- older kernels

SOURCE = """
enum big { SMALL = 1, LARGE = 0x100000000ULL };
enum signed_one { MINUS = -1 };
struct tagged { int x __attribute__((btf_decl_tag("here"))); int __attribute__((btf_type_tag("user"))) *p; };
__u64 count;
const volatile __u32 only = 0;
enum big how = LARGE;
struct tagged t;
enum signed_one s;
__attribute__((noinline)) int global_one(__u32 x) { return x + only; }
SEC("tracepoint/syscalls/sys_enter_getppid") int prog(void *ctx)
{
    count += global_one(1);
    t.x++;
    s = MINUS;
    return 0;
}
"""


@pytest.mark.parametrize("lacking", [*features._BTF_TRIALS, "all"])
def test_types_without_what_an_older_kernel_lacks(lacking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The types are still accepted, by a kernel that knows them all: nothing broken is put in their place."""
    spec = parse_object(from_c(SOURCE))
    assert spec.btf is not None
    image = image_of(spec.btf)
    image.place_sections({m.section: m.value_size for m in spec.maps.values() if m.is_data}, {})
    removed = image.sanitise(lambda name: lacking not in (name, "all"))
    left = BtfKinds(image.encode())
    if lacking == "all":
        assert not left.kinds & {"FUNC", "FUNC_PROTO", "VAR", "DATASEC", "DECL_TAG", "TYPE_TAG", "ENUM64"}
        assert set(removed) >= {"func", "datasec", "decl_tag", "type_tag", "enum64", "enum_signed"}
    with no_leak():
        load_btf(image).close()


class BtfKinds:
    def __init__(self, data: bytes) -> None:
        self.kinds = {found.kind for found in Btf(data).types()}


@pytest.mark.parametrize("lacking", [("func_global", "decl_tag", "type_tag", "enum64"), ("func", "datasec")])
def test_programs_load_with_replaced_types(lacking: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = btf_load._load, []

    def refuse_first(data: bytes) -> object:
        calls.append(data)
        if len(calls) == 1:
            raise OSError(22, "as an older kernel would")
        return real(data)

    monkeypatch.setattr(btf_load, "_load", refuse_first)
    monkeypatch.setattr(features, "btf_feature", lambda name: name not in lacking)
    with no_leak(), load_object(from_c(SOURCE), consts={"only": 2}) as obj:
        getppid(4)
        assert obj.globals.count >= 12
        assert (obj.prog.info.btf_id > 0) == ("func" not in lacking)
    assert len(calls) == 2
