"""The process in which LLVM runs, seen from outside: started, asked once, and ended.

LLVM's BPF backend ends its process when it cannot select an instruction, so it never runs in the user's. The worker is
started before the frontend is even imported, and loads LLVM while the program is being checked.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import tempfile
import time
from typing import IO, TYPE_CHECKING

from pybpfc.backend.codegen_worker import HEADER
from pybpfc.backend.errors import BackendError

if TYPE_CHECKING:
    import subprocess

TIMEOUT = 120.0
"""Seconds after which a worker is taken for stuck."""


class CodegenWorker:
    """A worker process, started early so that it loads LLVM while the program is still being checked.

    It compiles one module. A context manager: leaving it ends the worker.
    """

    def __init__(self) -> None:
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        requests_read, self._requests = os.pipe()
        self._answers, answers_write = os.pipe()
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0
        try:
            if _single_threaded():
                self._pid = self._fork(requests_read, answers_write)
            else:
                self._process = self._spawn(requests_read, answers_write)
        finally:
            os.close(requests_read)
            os.close(answers_write)

    def _fork(self, requests: int, answers: int) -> int:
        """A copy of this process: a few milliseconds, but only safe without other threads."""
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            os.close(self._requests)
            os.close(self._answers)
            os.dup2(self._stderr.fileno(), 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            from pybpfc.backend.codegen_worker import serve

            serve(requests, answers)
            status = 0
        except BaseException as error:  # nothing of the parent may run in its copy
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(status)

    def _spawn(self, requests: int, answers: int) -> subprocess.Popen[bytes]:
        import subprocess

        command = [sys.executable, "-m", "pybpfc.backend.codegen_worker", str(answers)]
        return subprocess.Popen(
            command, stdin=requests, stdout=subprocess.DEVNULL, stderr=self._stderr, pass_fds=(answers,)
        )

    def __enter__(self) -> CodegenWorker:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker."""
        for fd in (self._requests, self._answers):
            if fd >= 0:
                os.close(fd)
        self._requests = self._answers = -1
        self._reap(kill=True)
        self._stderr.close()

    def _reap(self, *, kill: bool) -> int:
        """Wait for the worker and give its status."""
        if self._process is not None:
            if kill and self._process.poll() is None:
                self._process.kill()
            status = self._process.wait()
            self._process = None
            return status
        if self._pid:
            if kill:
                try:
                    os.kill(self._pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            _, raw = os.waitpid(self._pid, 0)
            self._pid = 0
            return os.waitstatus_to_exitcode(raw)
        return 0

    def exchange(self, *parts: bytes) -> dict[str, bytes]:
        """Send a request and wait for the answer, by the names of its parts; raises `BackendError`."""
        try:
            with os.fdopen(self._requests, "wb") as sink:
                self._requests = -1
                for part in parts:
                    sink.write(HEADER.pack(len(part)))
                    sink.write(part)
        except BrokenPipeError:
            raise self._died() from None
        data = self._read_all()
        try:
            return _unpack(data)
        except (ValueError, IndexError):
            raise self._died() from None

    def _read_all(self) -> bytes:
        """The worker's answer up to its end; raises `BackendError` when it takes too long."""
        chunks: list[bytes] = []
        deadline = time.monotonic() + TIMEOUT
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            while True:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise BackendError(f"LLVM did not finish within {TIMEOUT:.0f} seconds")
                chunk = os.read(self._answers, 1 << 16)
                if not chunk:
                    return b"".join(chunks)
                chunks.append(chunk)

    def _died(self) -> BackendError:
        """The worker's last words as an error."""
        status = self._reap(kill=False)
        self._stderr.seek(0)
        words = self._stderr.read().decode("utf-8", "replace").strip()
        detail = next((line for line in words.splitlines() if "error" in line.lower()), words[-500:])
        return BackendError(f"the code generator ended (status {status}): {detail or 'it gave no reason'}")


def _unpack(data: bytes) -> dict[str, bytes]:
    if len(data) < HEADER.size:
        raise ValueError("no answer")
    (count,) = HEADER.unpack_from(data)
    at, parts = HEADER.size, []
    for _ in range(2 * count):
        if at + HEADER.size > len(data):
            raise ValueError("answer cut off")
        (size,) = HEADER.unpack_from(data, at)
        at += HEADER.size
        parts.append(data[at : at + size])
        if len(parts[-1]) != size:
            raise ValueError("answer cut off")
        at += size
    return {name.decode(): content for name, content in zip(parts[::2], parts[1::2], strict=True)}


def _single_threaded() -> bool:
    """Whether this process may be forked: another thread could hold a lock that its copy would wait for."""
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False
