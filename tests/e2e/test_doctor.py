"""What is unsafe, found by the command, and what a server in production does about it."""

import json
import re

import grpc
import pytest

from blrcs.v1 import access_pb2, access_pb2_grpc
from tests.e2e.conftest import Start
from tests.e2e.server import blrcs
from tests.e2e.workers import FIRST_PASSWORD, administrator

PRODUCTION = {"BLRCS_ENVIRONMENT": "production"}
OPEN = {**PRODUCTION, "BLRCS_SERVER__HOST": "0.0.0.0", "BLRCS_SERVER__PORT": "0"}


def checks(tmp_path, **environ):
    result = blrcs("doctor", "--json", cwd=tmp_path, environ=environ)
    findings = json.loads(result.stdout)
    return result.returncode, [each["check"] for each in findings if each["check"] != "root"]


def test_a_safe_configuration_is_safe(tmp_path):
    assert checks(tmp_path, **PRODUCTION) == (0, [])


def test_plain_text_beyond_the_loopback_is_told(tmp_path):
    assert checks(tmp_path, **OPEN) == (1, ["plaintext"])
    told = blrcs("doctor", cwd=tmp_path, environ=OPEN)
    assert "critical plaintext: server.host: serves plain text on 0.0.0.0" in told.stdout
    assert "What is stored was not looked at" in told.stdout
    assert re.search(r"^1 critical, (0 warnings|1 warning)\.$", told.stdout, re.MULTILINE)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_in_production_does_not_start_with_what_is_critical(tmp_path, workers):
    environ = {**OPEN, "BLRCS_SERVER__WORKERS": workers}
    result = blrcs("serve", cwd=tmp_path, environ=environ)
    assert result.returncode == 1
    assert result.stderr.startswith("BLRCS_SERVER__HOST: server.host: serves plain text")
    assert 'doctor.accept = ["plaintext"]' in result.stderr
    assert not (tmp_path / "data").exists()


def test_what_is_accepted_starts(tmp_path, start: Start):
    accepted = {"BLRCS_DOCTOR__ACCEPT": '["plaintext"]'}
    assert checks(tmp_path, **OPEN, **accepted) == (0, ["plaintext"])
    assert start(**OPEN, **accepted).address


def test_a_reload_does_not_bring_in_what_a_start_would_refuse(tmp_path, start: Start):
    toml = tmp_path / "blrcs.toml"
    toml.touch()
    server = start(**PRODUCTION)
    assert server.address
    toml.write_text('[guards]\nshadow = ["authorization"]\n')
    server.wait_for("lets every call pass.*configuration refused", source="stderr")


def test_a_role_that_everybody_holds_is_found_where_it_is_stored(tmp_path, start: Start):
    environ = {**PRODUCTION, "BLRCS_AUTH__INITIAL_ADMIN_PASSWORD": FIRST_PASSWORD}
    server = start(**environ)
    with grpc.insecure_channel(server.address) as channel:
        access_pb2_grpc.AccessServiceStub(channel).CreateBinding(
            access_pb2.CreateBindingRequest(
                binding={"role": "roles/administrator", "members": ["allAuthenticated"]}
            ),
            metadata=administrator([channel, channel]),
        )
    assert checks(tmp_path, **environ) == (1, ["everyone"])
    assert server.stop() == 0
    result = blrcs("serve", cwd=tmp_path, environ=environ)
    assert result.returncode == 1
    assert "gives roles/administrator on everything to allAuthenticated" in result.stderr
