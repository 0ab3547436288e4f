"""Files of pybpfc's own: where its cache is, and writing files whole or not at all."""

from __future__ import annotations

import os
import stat


def cache_enabled() -> bool:
    """Whether anything is to be kept: `PYBPFC_CACHE=0` says no."""
    return os.environ.get("PYBPFC_CACHE", "1") != "0"


def cache_directory() -> str:
    """Where what can be made again is kept: `$XDG_CACHE_HOME/pybpfc`."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(root, "pybpfc")


def write_atomically(path: str, data: bytes) -> None:
    """Write a file whole or not at all; what is no regular file, such as a pipe or /dev/null, is written into.

    An existing file keeps its mode, and a symbolic link stays: the file that it leads to is written. An OSError names
    `path`.
    """
    try:
        _write(path, data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None


def _write(path: str, data: bytes) -> None:
    mode = _mode(path)
    if mode is not None and not stat.S_ISREG(mode):
        with open(path, "wb", buffering=0) as file:
            file.write(data)
        return
    import tempfile

    target = os.path.realpath(path) if path else path
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target) or ".", prefix=".pybpfc-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask if mode is None else stat.S_IMODE(mode))
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _mode(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None
