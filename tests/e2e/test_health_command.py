"""``blrcs health`` judges the server that runs, not the configuration where it is asked."""

from pathlib import Path

import pytest

from tests.e2e.conftest import Start
from tests.e2e.server import blrcs


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_is_healthy_whatever_has_become_of_its_configuration(
    start: Start, tmp_path: Path, workers: str
) -> None:
    # Its port is free at random, as no configuration has it.
    server = start("--workers", workers, "--data", "elsewhere")
    told = tmp_path / "elsewhere/address"
    assert server.address == told.read_text().strip()
    asked = ("health", "--data", "elsewhere")
    assert blrcs(*asked, cwd=tmp_path).stdout == "SERVING\n"
    (tmp_path / "blrcs.toml").write_text("[server]\nport = 'none'\n")
    refused = blrcs(*asked, cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (0, "SERVING\n")
    assert "the configuration does not load" in refused.stderr
    by_variable = {"BLRCS_DATA_DIRECTORY": "elsewhere"}
    assert blrcs("health", cwd=tmp_path, environ=by_variable).stdout == "SERVING\n"
    assert server.stop() == 0
    assert not told.exists()
    assert blrcs(*asked, cwd=tmp_path).returncode == 1
