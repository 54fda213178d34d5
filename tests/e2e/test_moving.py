"""The road of docs/data.md from a SQLite file to PostgreSQL and Redis, as it stands there."""

import os
import re
from pathlib import Path

import grpc

from blrcs.config.option import FILE_SUFFIX, all_options
from blrcs.v1 import record_pb2, record_pb2_grpc, user_pb2, user_pb2_grpc
from tests.e2e.conftest import Start
from tests.e2e.documents import make_checkout, script, shell
from tests.e2e.server import ROOT
from tests.e2e.workers import FIRST_PASSWORD, PASSWORD, bearer, choose_password, sign_in
from tests.servers.postgresql import PASSWORD as DATABASE_PASSWORD
from tests.servers.postgresql import USER as DATABASE_USER
from tests.servers.postgresql import PostgresqlServer, postgresql
from tests.servers.redis import RedisServer

PARENT = "tenants/acme/collections/people"
OWNER_PASSWORD = "o@n/e:r%41#?"
DOCUMENT = "docs/data.md"
SUPERUSER = "postgres"
RENAME = f"""
psql "$URL" --command="CREATE ROLE {SUPERUSER} SUPERUSER LOGIN PASSWORD '{DATABASE_PASSWORD}'"
psql "$RENAMED" --command="ALTER ROLE {DATABASE_USER} RENAME TO first"
"""


def url_of(database: PostgresqlServer) -> str:
    return database.url(user=SUPERUSER)


def test_users_and_records_move_along(
    start: Start, tmp_path: Path, redis_server: RedisServer
) -> None:
    server = start(BLRCS_AUTH__INITIAL_ADMIN_PASSWORD=FIRST_PASSWORD)
    with grpc.insecure_channel(server.address) as channel:
        choose_password(channel, "admin")
        metadata = bearer(sign_in(channel, "admin"))
        user_pb2_grpc.UserServiceStub(channel).CreateUser(
            user_pb2.CreateUserRequest(user_id="bob", user={}, password=FIRST_PASSWORD),
            metadata=metadata,
        )
        records = record_pb2_grpc.RecordServiceStub(channel)
        records.CreateCollection(
            record_pb2.CreateCollectionRequest(
                parent="tenants/acme",
                collection_id="people",
                collection={"encrypted_fields": ["email"]},
            ),
            metadata=metadata,
        )
        written = records.CreateRecord(
            record_pb2.CreateRecordRequest(
                parent=PARENT, record_id="bob", record={"data": {"email": "bob@example.com"}}
            ),
            metadata=metadata,
        )
    assert server.stop() == 0

    make_checkout(tmp_path)
    with postgresql() as database:
        # The one who made it has the name that the commands give to the owner.
        shell(RENAME, cwd=tmp_path, environ={"URL": database.url(), "RENAMED": url_of(database)})
        shell(
            script(DOCUMENT, "moving"),
            cwd=tmp_path,
            stdin=f"{OWNER_PASSWORD}\n{OWNER_PASSWORD}\n",
            environ={
                "PATH": os.pathsep.join([str(tmp_path / ".venv/bin"), os.environ["PATH"]]),
                "PGHOST": "127.0.0.1",
                "PGPORT": str(database.port),
                "PGUSER": SUPERUSER,
                "PGPASSWORD": DATABASE_PASSWORD,
                "PASSWORD": OWNER_PASSWORD,
                "REDIS": redis_server.url().removeprefix("redis://"),
            },
        )
        moved = start(
            BLRCS_DATABASE__URL_FILE="database-url",
            BLRCS_REDIS__URL_FILE="redis-url",
            BLRCS_CACHE__BACKEND="redis",
            BLRCS_LIMITS__BACKEND="redis",
        )
        with grpc.insecure_channel(moved.address) as channel:
            metadata = bearer(sign_in(channel, "admin", PASSWORD))
            users = user_pb2_grpc.UserServiceStub(channel)
            assert users.GetUser(user_pb2.GetUserRequest(name="users/bob"), metadata=metadata)
            found = record_pb2_grpc.RecordServiceStub(channel).GetRecord(
                record_pb2.GetRecordRequest(name=written.name), metadata=metadata
            )
        assert found == written
        assert moved.stop() == 0
    assert (tmp_path / "database-url").stat().st_mode & 0o077 == 0


def test_the_deployment_sets_options_that_there_are() -> None:
    known = {option.variable for option in all_options().values()}
    named = set(re.findall(r"BLRCS_[A-Z_]+(?=:)", (ROOT / "compose.yaml").read_text()))
    assert named
    assert {name.removesuffix(FILE_SUFFIX) for name in named} <= known
