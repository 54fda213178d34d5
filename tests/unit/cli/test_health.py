from pathlib import Path

import pytest
import typer

from blrcs.cli.health import configured_address


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
    assert configured_address() == address


def test_a_configuration_that_is_wrong_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BLRCS_SERVER__PORT", "none")
    with pytest.raises(typer.Exit):
        configured_address()
    assert "server.port" in capsys.readouterr().err
