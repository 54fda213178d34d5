"""Signing keys of machines that share a database, changed on one where no server runs."""

import json
from pathlib import Path

import jwt

from tests.e2e.conftest import Start
from tests.e2e.machines import channels_of, start_two
from tests.e2e.server import blrcs
from tests.e2e.test_shared_redis import until
from tests.e2e.test_workers_proofs import OK, use
from tests.e2e.workers import FIRST_PASSWORD, administrator, bearer, sign_in
from tests.servers.postgresql import PostgresqlServer


def test_a_key_that_is_retired_where_no_server_runs_signs_nowhere(
    start: Start, tmp_path: Path, postgresql_server: PostgresqlServer
) -> None:
    postgresql_server.create_database("shared_keys")
    environ = {
        "BLRCS_AUTH__KEYS": "database",
        "BLRCS_DATABASE__URL": postgresql_server.url("shared_keys"),
    }
    servers = start_two(
        start,
        tmp_path,
        shared="encryption_key",
        BLRCS_AUTH__INITIAL_ADMIN_PASSWORD=FIRST_PASSWORD,
        BLRCS_AUTH__PASSWORD__HASH_TIME="0s",
        BLRCS_POLICIES=json.dumps({"/blrcs.v1.AuthService/*": {"limits": []}}),
        **environ,
    )
    with channels_of(servers) as channels:
        administrator(channels)
        old = sign_in(channels[1], "admin")
        kid = jwt.get_unverified_header(old)["kid"]
        assert use(channels[1], bearer(old)) is OK
        assert servers[0].stop() == 0

        command = ("keys", "retire", "--force", "--data", tmp_path / "first", "--", kid)
        retired = blrcs(*command, cwd=tmp_path, environ=environ)
        assert retired.returncode == 0, retired.stderr

        def signs_by_another() -> bool:
            token = sign_in(channels[1], "admin")
            return bool(jwt.get_unverified_header(token)["kid"] != kid)

        until(signs_by_another)
        assert use(channels[1], bearer(old)) is not OK
        assert use(channels[1], bearer(sign_in(channels[1], "admin"))) is OK
