import pytest

from pybpfc.abi.tracepoints import TracepointField
from pybpfc.formats.errors import FormatError
from pybpfc.formats.tracepoint_format import parse

HEAD = """\
name: sys_enter_openat
ID: 782
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

"""


def test_system_call() -> None:
    text = HEAD + (
        "\tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;\n"
        "\tfield:const char * filename;\toffset:24;\tsize:8;\tsigned:0;\n"
        '\nprint fmt: "filename: 0x%08lx", ((unsigned long)(REC->filename))\n'
    )
    assert parse(text, syscall=True) == (
        TracepointField("__syscall_nr", "int", 8, 4, True),
        TracepointField("filename", "const char *", 24, 8, False, from_user=True),
    )
    assert not parse(text)[1].from_user


def test_arrays_and_strings() -> None:
    text = HEAD + (
        "\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;\n"
        "\tfield:__data_loc char[] filename;\toffset:24;\tsize:4;\tsigned:0;\n"
        "\tfield:unsigned long args[6];\toffset:32;\tsize:48;\tsigned:0;\n"
    )
    assert [(field.name, field.ctype) for field in parse(text)] == [
        ("prev_comm", "char[16]"),
        ("filename", "__data_loc char[]"),
        ("args", "unsigned long[6]"),
    ]


def test_an_event_without_fields_of_its_own() -> None:
    assert parse(HEAD) == ()


def test_older_kernels_do_not_say_whether_a_field_is_signed() -> None:
    assert parse(HEAD + "\tfield:int x;\toffset:8;\tsize:4;\n") == (TracepointField("x", "int", 8, 4, False),)


@pytest.mark.parametrize(
    "text",
    ["", "garbage", "\0\0\0", "field:;\toffset:0;\tsize:1;\tsigned:0;", "field:int x;\toffset:99999999;\tsize:4;"],
)
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        parse(text)
