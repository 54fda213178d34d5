"""What compose.yaml describes, without containers: its commands, its settings, real servers."""

import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from blrcs.v1 import (
    cache_pb2,
    cache_pb2_grpc,
    record_pb2,
    record_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)
from tests.e2e.conftest import Start
from tests.e2e.documents import shell
from tests.e2e.server import ROOT, Server
from tests.e2e.workers import PASSWORD, bearer, sign_in, until
from tests.servers.postgresql import PostgresqlServer, postgresql
from tests.servers.redis import RedisServer, redis

SECRETS = "/run/secrets/"
DATA = "/var/lib/blrcs/"
OF_THE_MACHINE = ("sudo chown ", "docker compose ")
"""Commands that take an owner and a program which the tests' machine need not have."""


def deployment() -> tuple[str, str]:
    """The comment at its head, and what our own services have in common."""
    head, _, rest = (ROOT / "compose.yaml").read_text().partition("\nx-blrcs:")
    return head, rest.partition("\nservices:\n")[0]


def commands() -> str:
    """Those of its head."""
    head, _ = deployment()
    lines = re.findall(r"^#   (.+)$", head, re.MULTILINE)
    told = "\n".join(lines).replace("\\\n", " ").splitlines()
    assert [any(line.startswith(each) for line in told) for each in OF_THE_MACHINE] == [True, True]
    return "\n".join(line for line in told if not line.startswith(OF_THE_MACHINE))


def settings(folder: Path) -> dict[str, str]:
    """The variables of each server: the image's, and the deployment's."""
    _, common = deployment()
    image = re.findall(
        r"(BLRCS_\w+)=([^\s\\]+)", (ROOT / "Dockerfile").read_text().split("\nENV ")[-1]
    )
    own = re.findall(r"^    (BLRCS_\w+): (.+)$", common, re.MULTILINE)
    found = {name: value.strip("'") for name, value in [*image, *own]}
    assert found.pop("BLRCS_DATA_DIRECTORY") + "/" == DATA
    return {name: value.replace(SECRETS, f"{folder / 'secrets'}/") for name, value in found.items()}


@pytest.fixture
def database() -> Iterator[PostgresqlServer]:
    with postgresql() as server:
        yield server


@pytest.fixture
def shared() -> Iterator[RedisServer]:
    with redis() as server:
        yield server


def prepare(folder: Path, database: PostgresqlServer, shared: RedisServer) -> None:
    """Does what its head says, and has the names that containers have lead to our servers."""
    shell(commands(), cwd=folder)
    secrets = folder / "secrets"
    password = (secrets / "postgresql-password").read_text().strip()
    shell(
        f'psql "$URL" --command="ALTER ROLE blrcs PASSWORD \'{password}\'"'
        ' --command="CREATE DATABASE blrcs"',
        cwd=folder,
        environ={"URL": database.url()},
    )
    for name, before, after in (
        ("database-url", "@postgresql/", f"@127.0.0.1:{database.port}/"),
        ("redis-url", "redis://redis:6379/0\n", shared.url()),
    ):
        text = (secrets / name).read_text()
        assert before in text
        (secrets / name).write_text(text.replace(before, after))


def started(start: Start, folder: Path, number: int) -> Server:
    """One of the servers, with its volume, and the files that are mounted into it."""
    volume = folder / f"blrcs-{number}"
    volume.mkdir(mode=0o700)
    mounted = re.findall(
        rf"- \./secrets/(\w[\w.]*):{DATA}(\S+):ro", (ROOT / "compose.yaml").read_text()
    )
    assert len(mounted) == 4
    for source, target in set(mounted):
        (volume / target).write_bytes((folder / "secrets" / source).read_bytes())
        (volume / target).chmod(0o400)
    return start("--data", volume, **settings(folder))


def test_two_servers_are_one(
    start: Start, tmp_path: Path, database: PostgresqlServer, shared: RedisServer
) -> None:
    prepare(tmp_path, database, shared)
    # Both at once: one of them migrates, and makes the administrator.
    servers = [started(start, tmp_path, number) for number in (1, 2)]
    addresses = [each.address.replace("0.0.0.0", "127.0.0.1") for each in servers]
    until(lambda: any("one-time password" in each.stdout for each in servers))
    (first,) = [each.password for each in servers if "one-time password" in each.stdout]
    with grpc.insecure_channel(addresses[0]) as here, grpc.insecure_channel(addresses[1]) as there:
        user_pb2_grpc.UserServiceStub(here).ChangePassword(
            user_pb2.ChangePasswordRequest(
                name="users/admin", old_password=first, new_password=PASSWORD
            ),
            metadata=bearer(sign_in(there, "admin", first)),
        )
        metadata = bearer(sign_in(here, "admin"))
        records = [record_pb2_grpc.RecordServiceStub(each) for each in (here, there)]
        records[0].CreateCollection(
            record_pb2.CreateCollectionRequest(
                parent="tenants/acme",
                collection_id="people",
                collection={"encrypted_fields": ["email"]},
            ),
            metadata=metadata,
        )
        written = records[0].CreateRecord(
            record_pb2.CreateRecordRequest(
                parent="tenants/acme/collections/people",
                record_id="bob",
                record={"data": {"email": "bob@example.com"}},
            ),
            metadata=metadata,
        )
        get = record_pb2.GetRecordRequest(name=written.name)
        assert records[1].GetRecord(get, metadata=metadata) == written
        caches = [cache_pb2_grpc.CacheServiceStub(each) for each in (here, there)]
        entry = cache_pb2.SetRequest(namespace="n", key="k", value=b"1")
        caches[0].Set(entry, metadata=metadata)
        found = caches[1].Get(cache_pb2.GetRequest(namespace="n", key="k"), metadata=metadata)
        assert found.entry.value == b"1"
    for each in servers:
        assert each.stop() == 0
    for path in (tmp_path / "secrets").iterdir():
        assert path.stat().st_mode & 0o077 == 0
