"""Wrong input, output that cannot be written, interruptions: one clear message, exit status 1, nothing left behind."""

from __future__ import annotations

import json
import os
import pty
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pybpfc.cli import main
from pybpfc.compiler import compile_source, import_file
from pybpfc.files import write_atomically

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
OPENSNOOP = EXAMPLES / "opensnoop.py"
ELF = compile_source(import_file(str(OPENSNOOP))).elf
NOBODY = 65534
COMMANDS = ("compile", "check", "run", "inspect")

WRONG_XDP = "import pybpfc as bpf\n\n\n@bpf.xdp\ndef p(ctx: bpf.XdpContext) -> int:\n    return nothing\n"
"""E0212 at 6:12."""


def pybpfc(*words: str, before: tuple[str, ...] = (), **settings: Any) -> subprocess.CompletedProcess[str]:
    """The command, as the script that installers make starts it, with the checkout's package."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings.pop("env", {})}
    program = "import sys; sys.path.remove(''); from pybpfc.cli import main; main()"
    command = [*before, sys.executable, "-c", program, *words]
    settings.setdefault("stdout", subprocess.PIPE)
    settings.setdefault("stderr", subprocess.PIPE)
    return subprocess.run(command, text=True, check=False, timeout=60, env=environment, **settings)


Here = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """The command in this process: a tenth of the time."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["pybpfc", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return subprocess.CompletedProcess(words, ended.value.code, *capsys.readouterr())

    return run


def lines(done: subprocess.CompletedProcess[str], *words: str, status: int = 1) -> list[str]:
    """The lines of an error that has these words in it."""
    assert done.returncode == status, done
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    found = done.stderr.splitlines()
    assert found, done
    return found


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a program and its object."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(OPENSNOOP, tmp_path / "good.py")
    (tmp_path / "good.o").write_bytes(ELF)
    return tmp_path


# ---- what is read ----


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["missing.py", "missing.o", "folder", "good.py/x", ""])
def test_what_is_not_there(work: Path, command: str, name: str, here: Here) -> None:
    (work / "folder").mkdir()
    assert len(lines(here(command, name), "pybpfc: ", name)) == 1


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "content", [b"", b"\x01\x02" * 999, b"\x7fELF", bytes(range(256))], ids=["empty", "1", "2", "3"]
)
def test_objects_that_are_none(work: Path, command: str, content: bytes, here: Here) -> None:
    (work / "x.o").write_bytes(content)
    assert len(lines(here(command, "x.o"), "x.o")) == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_devices(command: str, here: Here) -> None:
    assert len(lines(here(command, "/dev/null"), "/dev/null")) == 1


def test_objects_cut_off(work: Path, here: Here) -> None:
    for part in range(20):
        (work / "cut.o").write_bytes(ELF[: len(ELF) * part // 20])
        for command in ("run", "inspect"):
            assert len(lines(here(command, "cut.o"), "cut.o is no usable BPF object")) == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_files_that_may_not_be_read(work: Path, command: str) -> None:
    name = "secret.o" if command == "inspect" else "secret.py"
    (work / name).write_bytes(ELF if command == "inspect" else OPENSNOOP.read_bytes())
    (work / name).chmod(0)
    assert lines(pybpfc(command, name, before=bound_by_modes())) == [f"pybpfc: {name}: Permission denied"]


def bound_by_modes() -> tuple[str, ...]:
    """What runs a command as one whom the modes of files bind, which root is not."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv (util-linux) is not installed, and root may do everything")
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


@pytest.mark.parametrize("command", ["compile", "check", "run"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ("E0442", "no BPF program")),
        (b"import pybpfc\nx = 1\n", ("E0442", "x.py:1:1")),
        (b"def f(:\n", ("E0104", "x.py:1:7")),
        (b"def f():\nx = 1\n", ("E0104", "x.py:2:1")),
        (bytes(range(256)), ("E0104", "x.py:1:1")),
        (b"x = 1\0\n", ("E0104", "x.py:1:1")),
        (b"x = '\xff'\n", ("E0104", "x.py:1")),
        (b"# coding: nope\n", ("E0104", "nope")),
        (b"import nothing_such\n", ("E0105", "nothing_such", "x.py:1:1")),
        (b"\n\ndef f(): f()\nf()\n", ("E0105", "RecursionError", "x.py:3:10")),
        (b"\nimport sys; sys.exit(3)\n", ("E0105", "x.py:2:13", "__main__")),
        (b"raise SystemExit('enough')\n", ("E0105", "enough")),
        (b"class E(Exception):\n    def __str__(self): 1 / 0\nraise E\n", ("E0105", "x.py:3:1")),
        (b"import pybpfc as bpf\nm = bpf.RingBuf[bpf.u32](size=1)\n", ("E0105", "x.py:2:5")),
    ],
)
def test_sources_that_are_none(work: Path, command: str, content: bytes, words: tuple[str, ...], here: Here) -> None:
    (work / "x.py").write_bytes(content)
    lines(here(command, "x.py"), *words)
    assert not (work / "x.o").exists()


def test_a_mistake_in_a_file_that_is_imported_is_shown_there(work: Path) -> None:
    (work / "x.py").write_text("import other_file\n")
    (work / "other_file.py").write_text("\nprint 1\n")
    lines(pybpfc("check", "x.py"), "E0104", "other_file.py:2:1")


def test_check_goes_on_after_a_file_that_is_none(work: Path) -> None:
    (work / "a.py").write_text("def f(:\n")
    (work / "b.py").write_text(WRONG_XDP)
    lines(pybpfc("check", "a.py", "missing.py", "good.py", "b.py"), "a.py:1:7", "missing.py", "b.py:6:12")
    done = pybpfc("check", "--format", "json", "a.py", "missing.py", "b.py")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(entry["code"], entry["line"]) for entry in found] == [("E0104", 1), ("E0212", 6)]
    lines(done, "missing.py")


def test_files_are_named_from_where_the_user_stands(work: Path) -> None:
    (work / "sub").mkdir()
    (work / "other").mkdir()
    (work / "sub" / "b.py").write_text(WRONG_XDP)
    for command in ("check", "compile", "run"):
        assert " --> sub/b.py:6:12" in pybpfc(command, "sub/b.py").stderr
        elsewhere = pybpfc(command, str(work / "sub" / "b.py"), cwd=work / "other")
        assert f" --> {work}/sub/b.py:6:12" in elsewhere.stderr


@pytest.mark.parametrize("name", ["socket.py", "click.py", "pybpfc.py", "my-tool.v2.py", "2.py", "naïve.py"])
def test_names_of_files_do_not_matter(work: Path, name: str) -> None:
    """Not even those of modules that Python and pybpfc need themselves."""
    (work / "sub").mkdir()
    shutil.copy(EXAMPLES / "xdp_count.py", work / "sub" / name)
    done = pybpfc("compile", f"sub/{name}", "-o", "x.o")
    assert (done.returncode, done.stderr) == (0, "")
    if os.geteuid() == 0:
        lines(pybpfc("run", f"sub/{name}", "-i", "nosuch0"), "count")


def test_names_that_are_no_text(work: Path) -> None:
    name = os.fsdecode(b"b\xff.py")
    shutil.copy(OPENSNOOP, name)
    assert pybpfc("compile", name).returncode == 0
    assert Path(os.fsdecode(b"b\xff.o")).read_bytes()[:4] == b"\x7fELF"
    Path(name).write_text(WRONG_XDP)
    lines(pybpfc("check", name), "E0212")
    assert json.loads(pybpfc("check", name, "--format", "json").stdout)["code"] == "E0212"
    assert "b%FF.py" in pybpfc("check", name, "--format", "sarif").stdout


def test_terminals_that_know_ascii_only(work: Path) -> None:
    Path("good.py").write_text(OPENSNOOP.read_text().replace("return 0\n", "return 0  # grüße\n"))
    assert pybpfc("compile", "good.py").returncode == 0
    assert "gr\\xfc\\xdfe" in pybpfc("inspect", "good.o", env={"PYTHONIOENCODING": "ascii"}).stdout


# ---- usage ----


@pytest.mark.parametrize("command", [*COMMANDS, "explain"])
def test_wrong_usage(command: str, here: Here) -> None:
    for words in ([], ["--nonsense", "x.py"], ["x.py", "--nonsense=3"]):
        lines(here(command, *words), "Usage: pybpfc", status=2)


@pytest.mark.parametrize(
    "words",
    [
        ("compile", "good.py", "--cpu", "v9"),
        ("compile", "good.py", "--emit", "nonsense"),
        ("compile", "good.py", "--kernel", "new"),
        ("check", "good.py", "--kernel", ""),
        ("check", "good.py", "--format", "xml"),
        ("run", "good.py", "--duration", "soon"),
        ("run", "good.py", "--duration", "-1"),
        ("run", "good.py", "--set", "only_pid"),
        ("run", "good.py", "--set", "=1"),
        ("compile", "good.py", "second.py"),
        ("nonsense",),
    ],
    ids=" ".join,
)
def test_wrong_values_of_options(work: Path, words: tuple[str, ...], here: Here) -> None:
    lines(here(*words), "Usage: pybpfc", "Error: ", status=2)


def test_codes_that_are_none(here: Here) -> None:
    for code in ("E9999", "", "../E0301", "nonsense"):
        assert len(lines(here("explain", code), f"`{code}`")) == 1


# ---- what is written ----


@pytest.mark.parametrize("name", ["missing/x.o", "folder", "good.py/x.o", "", "/proc/x.o", "x" * 300])
def test_outputs_that_cannot_be_made(work: Path, name: str, here: Here) -> None:
    (work / "folder").mkdir()
    before = sorted(work.rglob("*"))
    assert len(lines(here("compile", "good.py", "-o", name), name or "''")) == 1
    assert sorted(work.rglob("*")) == before


def test_folders_that_may_not_be_written(work: Path) -> None:
    (work / "good.o").unlink()
    work.chmod(0o555)
    done = pybpfc("compile", "good.py", before=bound_by_modes())
    work.chmod(0o755)
    assert lines(done) == ["pybpfc: good.o: Permission denied"]
    assert not (work / "good.o").exists()


def test_a_disk_that_is_full_leaves_the_old_object(work: Path) -> None:
    (work / "x.o").write_bytes(b"old")
    before = sorted(os.listdir(work))
    done = pybpfc(
        *("compile", "good.py", "-o", "x.o"),
        env={"PYBPFC_CACHE": "0"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )
    assert lines(done) == ["pybpfc: x.o: File too large"]
    assert (work / "x.o").read_bytes() == b"old"
    assert sorted(os.listdir(work)) == before


def test_what_is_no_regular_file_is_written_into(tmp_path: Path) -> None:
    """As root, a file put in the place of /dev/null would be there for good."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(str(pipe), b"data")
    assert os.read(reader, 10) == b"data"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]
    ours, theirs = pty.openpty()
    write_atomically(os.ttyname(theirs), b"data")
    assert os.read(ours, 10) == b"data"
    os.close(theirs)
    os.close(ours)


def test_links_stay_and_modes_too(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    target, link = tmp_path / "sub" / "x.o", tmp_path / "link.o"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to("sub/x.o")
    write_atomically(str(link), b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    with pytest.raises(OSError, match="missing") as caught:
        write_atomically(str(tmp_path / "missing" / "x.o"), b"")
    assert caught.value.filename == str(tmp_path / "missing" / "x.o")


def test_standard_output(work: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pybpfc", "compile", "good.py", "-o", "-"],
        capture_output=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout[:4] == b"\x7fELF"


OUTPUTS = [
    ("inspect", "good.o"),
    ("explain", "E0301"),
    ("compile", "good.py", "--emit", "llvm"),
    ("compile", "good.py", "-o", "-"),
    ("check", "wrong.py", "--format", "json"),
    ("--version",),
]


@pytest.mark.parametrize("words", OUTPUTS, ids=" ".join)
def test_readers_that_go_away(work: Path, words: tuple[str, ...]) -> None:
    """As `| head -1` does; there is nobody to tell."""
    (work / "wrong.py").write_text(WRONG_XDP)
    read, write = os.pipe()
    os.close(read)
    done = pybpfc(*words, stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("words", OUTPUTS, ids=" ".join)
def test_outputs_that_are_closed_or_full(work: Path, words: tuple[str, ...]) -> None:
    (work / "wrong.py").write_text(WRONG_XDP)
    assert len(lines(pybpfc(*words, stdout=None, preexec_fn=lambda: os.close(1)), "Bad file descriptor")) == 1
    with open("/dev/full", "w") as full:
        assert len(lines(pybpfc(*words, stdout=full), "No space left on device")) == 1


def test_closed_streams_are_not_taken_for_files(work: Path) -> None:
    """The numbers of closed streams go to the next files opened, among them the compiler's own pipes."""

    def close_all() -> None:
        for number in (0, 1, 2):
            os.close(number)

    done = pybpfc(
        "compile", "good.py", "-o", "x.o", stdout=None, stderr=None, preexec_fn=close_all, env={"PYBPFC_CACHE": "0"}
    )
    assert done.returncode == 0
    assert (work / "x.o").read_bytes() == compile_source(import_file(str(work / "good.py")), use_cache=False).elf
    (work / "wrong.py").write_text(WRONG_XDP)
    assert pybpfc("check", "wrong.py", stdout=None, stderr=None, preexec_fn=close_all).returncode == 1


# ---- interruptions ----


@pytest.mark.parametrize("words", [("compile", "slow.py"), ("check", "slow.py"), ("run", "slow.py")], ids=" ".join)
def test_interrupting_a_command(work: Path, words: tuple[str, ...]) -> None:
    """Ctrl-C reaches the compiler and the process of its code generator alike."""
    (work / "slow.py").write_text("import time\nprint('ready', flush=True)\ntime.sleep(60)\n")
    before = sorted(os.listdir(work))
    program = "from pybpfc.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert (process.returncode, told.strip()) == (130, "pybpfc: interrupted")
    assert sorted(os.listdir(work)) == before


def test_interrupting_the_code_generator_leaves_no_object(work: Path) -> None:
    """At whatever moment: the object is whole, or not there."""
    for delay in range(6):
        (work / "good.o").unlink(missing_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-c", "from pybpfc.cli import main; main()", "compile", "good.py"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYBPFC_CACHE": "0"},
        )
        time.sleep(0.15 + delay * 0.06)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=30)
        assert "Traceback" not in told
        assert not (work / "good.o").exists() or (work / "good.o").read_bytes() == object_of(work)
        assert not [name for name in os.listdir(work) if name.startswith(".pybpfc")]


def object_of(work: Path) -> bytes:
    return compile_source(import_file(str(work / "good.py")), use_cache=False).elf


def test_an_interrupt_in_a_callback_is_not_lost() -> None:
    source = """
import time, weakref
import pybpfc.cli
class Object: pass
def interrupted(_): raise KeyboardInterrupt
held = Object()
reference = weakref.ref(held, interrupted)
try:
    del held
    time.sleep(10)
except KeyboardInterrupt:
    print("came again")
"""
    command = [sys.executable, "-c", source]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    assert (done.stdout, done.stderr) == ("came again\n", "")
