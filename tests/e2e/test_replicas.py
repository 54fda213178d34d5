"""The program with a replica of its database."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from blrcs.domain.consistency import TOKEN_KEY
from blrcs.v1 import user_pb2, user_pb2_grpc
from tests.e2e.conftest import Start
from tests.e2e.server import Server, blrcs
from tests.e2e.workers import (
    FIRST_PASSWORD,
    administrator,
    channels_to_all,
    start_two_workers,
    until,
)
from tests.servers.postgresql import PostgresqlReplica, PostgresqlServer, postgresql_replica

DATABASE = "with_replica"


@pytest.fixture(scope="module")
def replica(postgresql_server: PostgresqlServer) -> Iterator[PostgresqlReplica]:
    postgresql_server.create_database(DATABASE)
    with postgresql_replica(postgresql_server) as replica:
        yield replica


@pytest.fixture
def server(
    start: Start, tmp_path: Path, postgresql_server: PostgresqlServer, replica: PostgresqlReplica
) -> Server:
    urls = tmp_path / "replicas"
    urls.write_text(f"{replica.url(DATABASE)}\n")
    return start_two_workers(
        start,
        tmp_path,
        BLRCS_DATABASE__URL=postgresql_server.url(DATABASE),
        BLRCS_DATABASE__REPLICAS_FILE=str(urls),
    )


def figure(server: Server, name: str) -> float:
    (value,) = re.findall(rf"^{name} (\S+)$", server.metrics(), re.MULTILINE)
    return float(value)


def test_writes_give_tokens_and_workers_look_after_the_replica(server: Server) -> None:
    with channels_to_all(server, 2) as channels:
        admin = administrator(list(channels.values()))
        for number, channel in enumerate(channels.values()):
            users = user_pb2_grpc.UserServiceStub(channel)
            create = user_pb2.CreateUserRequest(
                user_id=f"u{number}", user={}, password=FIRST_PASSWORD
            )
            _, call = users.CreateUser.with_call(create, metadata=admin)
            token = dict(call.trailing_metadata())[TOKEN_KEY]
            get = user_pb2.GetUserRequest(name=f"users/u{number}")
            _, call = users.GetUser.with_call(get, metadata=[*admin, (TOKEN_KEY, token)])
            assert TOKEN_KEY not in dict(call.trailing_metadata())
    assert figure(server, r'blrcs_database_pool_opened_total\{place="size",pool="replica1"\}') >= 2
    until(lambda: figure(server, r'blrcs_database_replica_readers\{replica="replica1"\}') == 2)
    assert figure(server, r'blrcs_database_replica_lag_seconds\{replica="replica1"\}') < 3600
    assert server.stop() == 0
    assert "Traceback" not in server.stderr


def test_their_urls_are_not_shown(replica: PostgresqlReplica, tmp_path: Path) -> None:
    shown = blrcs(
        "config",
        "show",
        cwd=tmp_path,
        environ={"BLRCS_DATABASE__REPLICAS": f'["{replica.url()}"]'},
    )
    assert shown.returncode == 0, shown.stderr
    assert "database.replicas" in shown.stdout
    assert "********" in shown.stdout
    assert str(replica.port) not in shown.stdout


def test_what_has_no_replicas_is_told_in_one_line(tmp_path: Path) -> None:
    said = blrcs(
        "serve",
        "--port",
        "0",
        "--workers",
        "1",
        cwd=tmp_path,
        environ={"BLRCS_DATABASE__REPLICAS": '["sqlite:///other.db"]'},
    )
    assert (said.returncode, said.stderr.count("\n")) == (1, 1)
    assert "only PostgreSQL and MariaDB" in said.stderr
