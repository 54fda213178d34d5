"""A server behind Envoy: what its clients see of restarts, rolling ones and others."""

import json
import re
import signal
import urllib.error
import urllib.request
from pathlib import Path

import grpc
import pytest

from tests.e2e.conftest import Start
from tests.e2e.gate import REGISTER, write_gate
from tests.e2e.server import ROOT, Server, blrcs
from tests.e2e.workers import OPTIONS, ping, pinged, until
from tests.servers.envoy import envoy

OK, UNAVAILABLE = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE


def port_of(server: Server) -> int:
    return int(server.address.rpartition(":")[2])


def test_a_rolling_restart_is_not_seen(start: Start, tmp_path: Path) -> None:
    write_gate(tmp_path)
    gate = start("--service", REGISTER, "--workers", "2")
    with envoy(port_of(gate), checked=True) as proxy:
        address = f"127.0.0.1:{proxy.port}"
        with grpc.insecure_channel(address, OPTIONS) as channel:
            until(lambda: ping(channel)[0] is OK)
        with pinged(address) as codes:
            gate.signal(signal.SIGUSR2)
            gate.wait_for("workers replaced", source="stderr")
        assert set(codes) == {OK}


def test_nothing_is_passed_on_to_a_server_that_is_not_there(start: Start, tmp_path: Path) -> None:
    write_gate(tmp_path)
    gate = start("--service", REGISTER)
    port = port_of(gate)
    with (
        envoy(port, checked=True) as proxy,
        grpc.insecure_channel(f"127.0.0.1:{proxy.port}", OPTIONS) as channel,
    ):
        until(lambda: ping(channel)[0] is OK)
        assert gate.stop() == 0
        until(lambda: ping(channel)[0] is UNAVAILABLE)
        start("--service", REGISTER, "--port", str(port)).address  # noqa: B018 - waits for it
        until(lambda: ping(channel)[0] is OK)


def test_rest_is_translated_as_the_documentation_says(start: Start, tmp_path: Path) -> None:
    assert blrcs("new", "shop", "--directory", ".", cwd=tmp_path).returncode == 0
    (tmp_path / "proto/errors.proto").write_text(
        'syntax = "proto3";\nimport public "google/rpc/error_details.proto";\n'
    )
    made = blrcs("generate", "--descriptor-set", "shop.binpb", cwd=tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    text = (ROOT / "docs/services.md").read_text()
    stated = re.search(r"^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert stated
    filters = json.loads(stated[1].replace("shop.binpb", str(tmp_path / "shop.binpb")))
    shop = start("--service", "shop.service:register")
    with envoy(port_of(shop), filters=filters) as proxy:
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"http://127.0.0.1:{proxy.port}/v1/shop/7")
        said = json.loads(caught.value.read())
    assert (caught.value.code, said["code"]) == (401, 16)
    assert said["details"][0]["reason"] == "TOKEN_MISSING"
