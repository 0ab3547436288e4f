"""Packets: what `data` to `data_end` holds, the metadata in front, and the room that helpers can grow into.

The program sees the packet as one region, metadata first. Whatever changes its length makes a new region; pointers
into the old one are dead, as the verifier has it.
"""

from __future__ import annotations

import errno

from pybpfc.lang.types import Space
from pybpfc.vm.regions import Region
from pybpfc.vm.values import PacketEnd, Pointer

HEADROOM = 256
TAILROOM = 320
FRAME = 4096
ETHERNET = 14
_FRAME_HEADER = 40
_MAX_META = 252


class Packet:
    """A packet under way. `start`, `meta` and `end` are positions in a frame with room on both sides."""

    def __init__(
        self, data: bytes, *, headroom: int = HEADROOM, writable: bool = True, label: str = "the packet"
    ) -> None:
        self.label = label
        self.writable = writable
        tailroom = max(0, FRAME - headroom - TAILROOM - len(data))
        self._frame = bytearray(headroom) + data + bytes(tailroom)
        self.meta = self.start = headroom
        self.end = headroom + len(data)
        self.region = self._view()

    def _view(self) -> Region:
        return Region(self.label, self._frame[self.meta : self.end], Space.PACKET, writable=self.writable)

    def _sync(self) -> None:
        """Take over what the program wrote."""
        self._frame[self.meta : self.end] = self.region.data

    def renew(self, helper: str, *, start: int = 0, end: int = 0, meta: int = 0) -> None:
        """Move the packet's borders by these distances and make a new region."""
        self._sync()
        old = self.region
        self.start, self.end, self.meta = self.start + start, self.end + end, self.meta + meta
        self.region = self._view()
        old.kill(f"`{helper}` has changed the packet since: take `ctx.data` and `ctx.data_end` again")

    # ------------------------------------------------------------------------- pointers

    @property
    def data(self) -> Pointer:
        """`ctx.data`."""
        return Pointer(self.region, self.start - self.meta)

    @property
    def data_end(self) -> PacketEnd:
        """`ctx.data_end`."""
        return PacketEnd(self.region, self.end - self.meta)

    @property
    def data_meta(self) -> Pointer:
        """`ctx.data_meta`."""
        return Pointer(self.region, 0)

    # ------------------------------------------------------------------------- contents

    def __len__(self) -> int:
        return self.end - self.start

    @property
    def contents(self) -> bytes:
        """The packet without its metadata."""
        return bytes(self.region.data[self.start - self.meta :])

    def read(self, offset: int, size: int) -> bytes | None:
        """Bytes at an offset, or None outside."""
        if offset < 0 or offset + size > len(self):
            return None
        at = self.start - self.meta + offset
        return bytes(self.region.data[at : at + size])

    def write(self, offset: int, data: bytes) -> bool:
        """Change bytes at an offset; False outside."""
        if offset < 0 or offset + len(data) > len(self):
            return False
        at = self.start - self.meta + offset
        self.region.data[at : at + len(data)] = data
        return True

    # ------------------------------------------------------------------------------ XDP

    def adjust_head(self, delta: int) -> int:
        """`bpf_xdp_adjust_head`."""
        meta_size = self.start - self.meta
        start = self.start + delta
        if start < _FRAME_HEADER + meta_size or start > self.end - ETHERNET:
            return -errno.EINVAL
        self._sync()
        kept = bytes(self._frame[self.meta : self.start])
        self._frame[start - meta_size : start] = kept
        old = self.region
        self.start, self.meta = start, start - meta_size
        self.region = self._view()
        old.kill("`bpf_xdp_adjust_head` has changed the packet since: take `ctx.data` and `ctx.data_end` again")
        return 0

    def adjust_tail(self, delta: int) -> int:
        """`bpf_xdp_adjust_tail`; what is added is zero."""
        end = self.end + delta
        if end > len(self._frame) or end < self.start + ETHERNET:
            return -errno.EINVAL
        old_end = self.end
        self.renew("bpf_xdp_adjust_tail", end=delta)
        if delta > 0:
            at = old_end - self.meta
            self.region.data[at:] = bytes(delta)
        return 0

    def adjust_meta(self, delta: int) -> int:
        """`bpf_xdp_adjust_meta`."""
        meta = self.meta + delta
        if meta < _FRAME_HEADER or meta > self.start:
            return -errno.EINVAL
        size = self.start - meta
        if size % 4 or size > _MAX_META:
            return -errno.EACCES
        self.renew("bpf_xdp_adjust_meta", meta=delta)
        return 0

    # ------------------------------------------------------------------------------ skb

    def resize(self, helper: str, size: int) -> int:
        """Cut or lengthen at the end; what is added is zero."""
        delta = size - len(self)
        missing = self.end + delta - len(self._frame)
        if missing > 0:
            self._frame += bytes(missing)
        old_end = self.end
        self.renew(helper, end=delta)
        if delta > 0:
            self.region.data[old_end - self.meta :] = bytes(delta)
        return 0

    def grow_head(self, helper: str, size: int) -> int:
        """Put zeros in front."""
        return self.insert(helper, 0, size)

    def insert(self, helper: str, offset: int, size: int, contents: bytes | None = None) -> int:
        """Open a gap at an offset."""
        data = self.contents
        self._replace(helper, data[:offset] + (contents if contents is not None else bytes(size)) + data[offset:])
        return 0

    def remove(self, helper: str, offset: int, size: int) -> int:
        """Close a gap at an offset."""
        data = self.contents
        if offset + size > len(data):
            return -errno.EINVAL
        self._replace(helper, data[:offset] + data[offset + size :])
        return 0

    def touched(self, helper: str) -> None:
        """The helper may have moved the packet: pointers into it are dead, its contents stay."""
        self.renew(helper)

    def _replace(self, helper: str, data: bytes) -> None:
        old = self.region
        meta = bytes(old.data[: self.start - self.meta])
        self._frame[self.meta :] = meta + data + bytes(max(0, FRAME - TAILROOM - self.start - len(data)))
        self.end = self.start + len(data)
        self.region = self._view()
        old.kill(f"`{helper}` has changed the packet since: take `ctx.data` and `ctx.data_end` again")
