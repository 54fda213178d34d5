from pathlib import Path

import pytest
import typer

from blrcs.cli.health import own_address
from blrcs.cli.served_address import told


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({}, "127.0.0.1:50051"),
        ({"PORT": "50077"}, "127.0.0.1:50077"),
        ({"HOST": "0.0.0.0", "PORT": "50077"}, "127.0.0.1:50077"),
        ({"HOST": "::"}, "[::1]:50051"),
        ({"HOST": "10.0.0.7"}, "10.0.0.7:50051"),
        ({"UDS": "/run/blrcs.sock"}, "unix:/run/blrcs.sock"),
    ],
)
def test_a_server_is_asked_where_its_configuration_has_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str], address: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(f"BLRCS_SERVER__{name}", value)
    assert own_address() == address


def test_a_server_is_asked_where_it_says_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BLRCS_SERVER__PORT", "50077")
    (tmp_path / "data").mkdir()
    with told(Path("data"), ["0.0.0.0:50078 (plain text)"]):
        assert own_address() == "127.0.0.1:50078"
        assert (tmp_path / "data/address").stat().st_mode & 0o777 == 0o600
    assert own_address() == own_address(tmp_path / "data") == "127.0.0.1:50077"
    assert list((tmp_path / "data").iterdir()) == []


def test_the_configuration_says_nothing_of_another_data_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(typer.Exit) as ended:
        own_address(Path("other"))
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == (
        "blrcs: other: no server says there where it serves; if one runs, give its address\n"
    )


@pytest.mark.parametrize(
    ("addresses", "nearest"),
    [
        (["[::]:50051 (TLS)"], "[::1]:50051"),
        (["localhost:1 (plain text)"], "localhost:1"),
        (["0.0.0.0:1 (TLS)", "unix:/run/a (b).sock (TLS)"], "unix:/run/a (b).sock"),
    ],
)
def test_what_a_server_says_is_how_its_own_machine_reaches_it(
    tmp_path: Path, addresses: list[str], nearest: str
) -> None:
    with told(tmp_path, addresses):
        assert own_address(tmp_path) == nearest


def test_where_a_server_cannot_say_where_it_serves_it_does_all_the_same(tmp_path: Path) -> None:
    with told(tmp_path / "none", ["127.0.0.1:1 (TLS)"]):
        pass


@pytest.mark.parametrize("contents", [b"", b"\n", b"\xff"])
def test_what_says_nothing_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, contents: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/address").write_bytes(contents)
    assert own_address(tmp_path / "data") == "127.0.0.1:50051"


def test_a_configuration_that_is_wrong_is_told_and_says_nothing_of_the_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BLRCS_SERVER__PORT", "none")
    assert own_address() == "127.0.0.1:50051"
    said = capsys.readouterr().err
    assert "server.port" in said
    assert "the configuration does not load" in said
    monkeypatch.setenv("BLRCS_DATA_DIRECTORY", str(tmp_path))
    with told(tmp_path, ["127.0.0.1:50078 (plain text)"]):
        assert own_address() == "127.0.0.1:50078"
