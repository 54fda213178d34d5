"""``blrcs health`` judges the server that runs, not the configuration where it is asked."""

from pathlib import Path

import pytest

from tests.authority import Authority, spiffe
from tests.certificates import make_certificate
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
    assert blrcs(*asked, "", cwd=tmp_path).stdout == "SERVING\n"
    (tmp_path / "blrcs.toml").write_text("[server]\nport = 'none'\n")
    refused = blrcs(*asked, cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (0, "SERVING\n")
    assert "the configuration does not load" in refused.stderr
    by_variable = {"BLRCS_DATA_DIRECTORY": "elsewhere"}
    assert blrcs("health", cwd=tmp_path, environ=by_variable).stdout == "SERVING\n"
    assert server.stop() == 0
    assert not told.exists()
    assert blrcs(*asked, cwd=tmp_path).returncode == 1


def test_a_server_that_asks_for_certificates_is_asked_with_one(
    start: Start, tmp_path: Path
) -> None:
    own, authority = make_certificate(tmp_path), Authority()
    issued = authority.issue(spiffe("spiffe://example.org/probe"))
    files = {"server.key": own.key, "clients.pem": authority.pem}
    files |= {"probe.key": issued.key, "probe.pem": issued.chain}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    server = start(
        BLRCS_SERVER__UDS=str(tmp_path / "socket"),
        BLRCS_SERVER__TLS__CERT_FILE=str(own.path),
        BLRCS_SERVER__TLS__KEY_FILE="server.key",
        BLRCS_SERVER__TLS__CLIENT_CA_FILE="clients.pem",
        BLRCS_SERVER__TLS__REQUIRE_CLIENT_CERTIFICATE="true",
    )
    trusting = ("--ca", str(own.path))
    proving = (*trusting, "--cert", "probe.pem", "--key", "probe.key")
    for address in ((), (f"unix:{tmp_path}/socket",), (server.address,)):
        assert blrcs("health", *address, *proving, cwd=tmp_path).stdout == "SERVING\n"
        assert blrcs("health", *address, *trusting, cwd=tmp_path).returncode == 1
    misnamed = blrcs("health", *proving, "--server-name", "elsewhere.test", cwd=tmp_path)
    assert misnamed.returncode == 1
    assert blrcs("health", *trusting, "--cert", "probe.pem", cwd=tmp_path).returncode == 2
    missing = blrcs("health", "--ca", "none.pem", cwd=tmp_path)
    assert missing.stderr == "blrcs: none.pem: No such file or directory\n"
    name = "tenants/acme/collections/orders"
    exporting = ("records", "export", name, "--server", server.address)
    nowhere = blrcs("records", "export", name, "--server", "", cwd=tmp_path)
    assert (nowhere.returncode, "--server is empty" in nowhere.stderr) == (2, True)
    refused = blrcs(*exporting, *proving, cwd=tmp_path, environ={"BLRCS_TOKEN": "x"})
    assert "the server does not take the token" in refused.stderr
