"""What programs attached by requests to the network stack share: classifiers of traffic control, routes."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator

from pybpfc.runtime.links.base import Attachment, attach_error
from pybpfc.runtime.netlink import Netlink
from pybpfc.runtime.programs import Program
from pybpfc.runtime.syscall import Fd

Causes = dict[int, tuple[str, str]]


class NetlinkAttachment(Attachment):
    """A program in the network namespace of a connection; a request of kind `remove` for `named` takes it off."""

    gone = (errno.ENOENT, errno.ENODEV, errno.EINVAL, errno.ESRCH)
    """The filter, its discipline, the interface or the route is gone already."""

    def __init__(self, program: Program, connection: Netlink, target: str, remove: int, named: bytes) -> None:
        fd = Fd(os.dup(connection.socket.fileno()))
        super().__init__(program, fd, target, lambda _: connection.request(remove, 0, named))
        self._connection = connection

    def close(self) -> None:
        """Take the program off."""
        try:
            super().close()
        finally:
            self._connection.socket.close()


@contextlib.contextmanager
def requests(program: Program, target: str, causes: Callable[[OSError], Causes]) -> Iterator[Netlink]:
    """A connection for what attaches a program; closed after an error, which is explained."""
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(Netlink())
        try:
            yield connection
        except OSError as error:
            raise attach_error(program, error, target, causes(error), ("CAP_NET_ADMIN",)) from None
        stack.pop_all()
