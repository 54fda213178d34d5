import json

import pytest
from typer.testing import CliRunner

from blrcs.cli.config import app


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments, **environ):
    return CliRunner().invoke(app, arguments, env=environ)


def test_a_valid_configuration_is_one_line(directory):
    (directory / "blrcs.toml").write_text("server.port = 1")
    result = run("check", "--environment", "production")
    assert (result.exit_code, result.stdout) == (0, "OK: production, from blrcs.toml\n")


def test_no_file_at_all_is_valid():
    assert run("check").stdout == "OK: development, from no file\n"


def test_problems_are_printed_line_by_line_and_the_exit_code_is_1(directory):
    (directory / "blrcs.toml").write_text("[server]\nport = 'x'\n\nprot = 1")
    result = run("check", BLRCS_NONSENSE="1")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert [line.split(": ")[:2] for line in result.stderr.splitlines()] == [
        ["BLRCS_NONSENSE", "is unknown"],
        ["blrcs.toml:2", "server.port"],
        ["blrcs.toml:4", "server.prot"],
    ]


def test_a_problem_cannot_reach_the_terminal(directory):
    (directory / "blrcs.\x1b[2J.toml").touch()
    assert "blrcs.\\x1b[2J.toml: belongs to no environment" in run("check").stderr


@pytest.mark.parametrize("command", ["check", "show"])
def test_directory_and_file_exclude_each_other(command):
    result = run(command, "--config-dir", ".", "--config", "x.toml")
    assert result.exit_code == 2
    assert "exclude each other" in result.stderr


def test_the_directory_and_the_file_can_be_named(directory):
    inner = directory / "inner"
    inner.mkdir()
    (inner / "blrcs.toml").write_text("server.port = 1")
    assert "from inner/blrcs.toml" in run("check", "--config-dir", "inner").stdout
    assert "from inner/blrcs.toml" in run("check", "--config", "inner/blrcs.toml").stdout
    assert run("show", "--config", "absent.toml").exit_code == 1


def test_every_value_is_shown_with_its_origin(directory):
    (directory / "blrcs.toml").write_text('[server]\nport = 1\n[policies."/a.B/C"]\naudit = "call"')
    password = {"BLRCS_AUTH__INITIAL_ADMIN_PASSWORD": "correct horse"}
    result = run("show", "--environment", "test", **password)
    lines = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines()}
    assert lines["option"] == ["value", "origin"]
    assert lines["environment"] == ["test", "flag"]
    assert lines["server.port"] == ["1", "blrcs.toml:2"]
    assert lines["server.host"] == ["127.0.0.1", "default"]
    assert lines['policies."/a.B/C".audit'] == ["call", "blrcs.toml:4"]
    assert lines["auth.initial_admin_password"] == [
        "********",
        "BLRCS_AUTH__INITIAL_ADMIN_PASSWORD",
    ]


def test_the_values_are_shown_as_json():
    result = run("show", "--json", BLRCS_SERVICES__EXTRA='["a:b"]')
    shown = json.loads(result.stdout)
    assert shown["services.extra"] == {"value": ["a:b"], "origin": "BLRCS_SERVICES__EXTRA"}
    assert shown["server.uds"] == {"value": None, "origin": "default"}
