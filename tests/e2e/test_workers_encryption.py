"""Keys that are rotated and destroyed while two workers serve."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest

from tests.e2e.server import Server, blrcs, environment
from tests.e2e.test_workers_records import Client
from tests.e2e.workers import Metadata, until

RECORDS = 450
TENANT = "tenants/acme"


@pytest.fixture
def clients(channels: list[grpc.Channel], admin: Metadata) -> list[Client]:
    """One for each worker."""
    return [Client(channel, admin) for channel in channels]


def encryption(folder: Path, *arguments: str) -> str:
    done = blrcs("encryption", *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_keys_rotate_under_load_and_a_kill_in_between_loses_nothing(
    clients: list[Client], tmp_path: Path
) -> None:
    one, other = clients
    one.collection(encrypted_fields=["iban"])
    for number in range(RECORDS):
        clients[number % 2].create(f"r{number:03}", iban=f"iban {number}")
    over = threading.Event()
    written: dict[str, str] = {}

    def write(client: Client, name: str) -> None:
        number = 0
        while not over.is_set():
            client.create(f"{name}{number}", iban=f"{name} {number}")
            written[f"{name}{number}"] = f"{name} {number}"
            assert dict(client.get(f"{name}{number}").data) == {"iban": f"{name} {number}"}
            number += 1

    writers = [
        threading.Thread(target=write, args=(client, name))
        for client, name in zip(clients, "vw", strict=True)
    ]
    for writer in writers:
        writer.start()
    assert "Rotated" in encryption(tmp_path, "rotate-data", TENANT)
    # It rests for so long after the first batch that it is killed there.
    command = [sys.executable, "-m", "blrcs", "encryption", "reencrypt", "--pause-ms", "60000"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stderr is not None
        assert "200 of" in killed.stderr.readline()
        killed.send_signal(signal.SIGKILL)
    assert json.loads(encryption(tmp_path, "status", "--json"))["reencryption"]["kept"] == "records"
    encryption(tmp_path, "reencrypt", "--pause-ms", "0")
    over.set()
    for writer in writers:
        writer.join()
    assert encryption(tmp_path, "destroy-old") == "Destroyed 2 keys.\n"
    states = [
        key["state"]
        for key in json.loads(encryption(tmp_path, "status", "--json"))["keys"]
        if key["purpose"] == "seal"
    ]
    assert states == ["destroyed", "active"]
    assert written
    for number in range(0, RECORDS, 7):
        assert dict(other.get(f"r{number:03}").data) == {"iban": f"iban {number}"}
    for name, value in list(written.items())[::10]:
        assert dict(one.get(name).data) == {"iban": value}


def test_all_workers_forget_the_keys_of_a_tenant_that_is_shredded(
    clients: list[Client], tmp_path: Path, workers: Server
) -> None:
    clients[0].collection(encrypted_fields=["iban"])
    clients[0].create("a", iban="DE00")
    for client in clients:
        assert dict(client.get("a").data) == {"iban": "DE00"}
    assert "Destroyed 2 keys" in encryption(tmp_path, "shred-tenant", TENANT, "--yes")

    def refuses(client: Client) -> bool:
        try:
            client.get("a")
        except grpc.RpcError as error:
            return error.code() is grpc.StatusCode.FAILED_PRECONDITION
        return False

    for client in clients:
        with pytest.raises(grpc.RpcError) as caught:
            client.create("b", iban="DE11")
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        until(lambda client=client: refuses(client))
    os.kill(workers.process_id, signal.SIGTERM)
    assert workers.wait() == 0
