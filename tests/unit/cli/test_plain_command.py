"""Arguments that are read without typer's judges are read as with them."""

import functools
import subprocess
import sys

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.core import TyperCommand
from typer.testing import CliRunner

from blrcs.cli.plain_command import PlainCommand
from blrcs.cli.records_export import export
from blrcs.cli.records_import import import_

FLAGS = ["--quiet", "--tls", "--plaintext", "--documents", "--resume", "--infer", "--safe-csv"]
VALUES = ["--server", "--token-file", "--ca", "--rejects", "--types", "--filter", "--fields"]
WORDS = ["a", "-", "", "x=y", "--", "-q", "--help", "--nope", "7", "٣", "-3", "csv", "jsonl", "xml"]
NUMBERS = ["--batch-size", "--in-flight", "--max-rejects"]
CHOICES = ["--on-conflict", "--format"]
TOKENS = [
    *(FLAGS + VALUES + WORDS + NUMBERS + CHOICES),
    *(f"{name}={value}" for name in NUMBERS for value in ("0", "1", "1000", "1001", "+5", "5.0")),
    *(f"{name}={value}" for name in CHOICES for value in ("skip", "csv", "CSV", "")),
    *(f"{name}=a b" for name in VALUES),
]


def read(kind, command, arguments):
    """What the command is called with, or what is said against it."""
    app = typer.Typer(add_completion=False)
    called = {}

    @functools.wraps(command)
    def captured(**given_):
        called.update(given_)

    app.command(cls=kind)(captured)
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output, {name: (type(v), v) for name, v in called.items()}


@given(
    st.sampled_from([import_, export]),
    st.lists(st.sampled_from(TOKENS), max_size=5),
    st.booleans(),
)
def test_arguments_are_read_as_typer_reads_them(command, arguments, is_whole):
    if is_whole:
        arguments = ["tenants/a", "file", *arguments]
    assert read(PlainCommand, command, arguments) == read(TyperCommand, command, arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ["a", "b"],
        ["a", "-", "--types", "x=number", "--types=y=bool", "--quiet"],
        ["--batch-size", "7", "a", "--on-conflict=skip", "b", "--rejects", "r", "--server=h:1"],
    ],
)
def test_usual_arguments_are_not_left_to_typer(arguments, monkeypatch):
    expected = read(TyperCommand, import_, arguments)
    monkeypatch.setattr("typer.core._TyperParameter.get_runtime_param", None)
    assert read(PlainCommand, import_, arguments) == expected
    assert expected[0] == 0
    assert read(TyperCommand, import_, arguments)[0] == 1


def test_a_short_import_loads_little(tmp_path):
    program = (
        "import sys\n"
        "from blrcs.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n"
        "    print(end.code, [m for m in sys.modules if m.split('.')[0] in {'pydantic', 'rich'}])"
    )
    arguments = ["records", "import", "tenants/a/collections/b", str(tmp_path / "none"), "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, check=True, timeout=60
    )
    assert b"No such file" in done.stderr
    assert done.stdout.splitlines()[-1] == b"1 []"
