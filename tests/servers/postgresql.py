"""A PostgreSQL of the tests' own: on a free port, in a temporary folder, gone when they end."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from tests.servers.process import COMMAND_TIMEOUT_S, STOP_TIMEOUT_S, ServerProcess, ends_with_tests

USER = "blrcs"
PASSWORD = "correct horse"
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Settings for tests that lose no data but what they throw away."""
STREAMING = {**QUICK, "synchronous_commit": "on"}
"""With replicas: what is only flushed now and then is only sent now and then."""


class PostgresqlServer(ServerProcess):
    """A server that can be stopped, started again and paused. Its socket is in its folder."""

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        super().__init__(directory, "ready to accept", stop_by=signal.SIGINT)
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(directory),
            "max_connections": "60",
            **settings,
        }

    def url(
        self,
        database: str = "postgres",
        *,
        user: str = USER,
        password: str = PASSWORD,
        query: str = "",
    ) -> str:
        """For clients."""
        place = f"{user}:{quote(password)}@127.0.0.1:{self.port}"
        return f"postgresql://{place}/{database}{query}"

    def initialize(self) -> None:
        """Makes its files."""
        password = self.directory / "password"
        password.write_text(PASSWORD)
        _give_to_server(password)
        command = ["initdb", "-D", self._data, "-U", USER, f"--pwfile={password}", "--no-sync"]
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
        subprocess.run(
            [*_as_server(), _program(command[0]), *command[1:], *options],
            check=True,
            capture_output=True,
            timeout=COMMAND_TIMEOUT_S,
            cwd=self.directory,
        )

    def _command(self) -> list[str]:
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        return [*_as_server(), _program("postgres"), "-D", self._data, *settings]

    def run(self, commands: str, *, database: str) -> None:
        """Runs commands in a database as its owner, up to the first that fails."""
        self._psql("--quiet", "--set=ON_ERROR_STOP=1", database=database, typed=commands)

    def terminate(self, backend: int) -> None:
        """Ends a connection; returns when it has ended."""
        self._run(f"SELECT pg_terminate_backend({backend}, {STOP_TIMEOUT_S * 1000})")

    @contextmanager
    def locked(self, database: str, table: str) -> Iterator[None]:
        """Has all who touch a table wait for the end of the block."""
        options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
        command = [_program("psql"), *options, self.url(database)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as session:
            assert session.stdin is not None
            assert session.stdout is not None
            session.stdin.write(
                f"BEGIN; SET LOCAL lock_timeout = '{STOP_TIMEOUT_S}s'; LOCK TABLE {table};\n"
                "\\echo locked\n"
            )
            session.stdin.flush()
            assert session.stdout.readline() == "locked\n"
            try:
                yield
            finally:
                session.stdin.close()

    def reading(self, database: str, table: str) -> int:
        """How many connections run a statement that reads a table, or wait for it."""
        return self._running(database, f"FROM {table}")

    def writing(self, database: str, table: str) -> int:
        """How many run one that adds to it, or wait for it."""
        return self._running(database, f"INTO {table} ")

    def _running(self, database: str, text: str) -> int:
        asked = f"datname = '{database}' AND state = 'active' AND query LIKE '%{text}%'"
        return int(
            self._run(
                f"SELECT count(*) FROM pg_stat_activity WHERE {asked} AND pid <> pg_backend_pid()"
            )
        )

    def checkpoint(self) -> None:
        """What is written by now is kept by replicas that are told to."""
        self._run("CHECKPOINT")

    def create_database(self, name: str, *, locale: str | None = None) -> None:
        """Makes a database without tables, in the place of one that an earlier fixture has left.

        Where processes share the tests out, a module's may come to one of them in two parts.
        Its text is in the order of octets, or in that of a locale of ICU.
        """
        options = ""
        if locale is not None:
            options = f"TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE '{locale}'"
        self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._run(f"CREATE DATABASE {name} {options}")

    def set_read_only(self, database: str, *, read_only: bool) -> None:
        """Has a database take no writes, or take them again; its connections end."""
        self._run(f"ALTER DATABASE {database} SET default_transaction_read_only = {read_only}")
        self._run(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            f" WHERE datname = '{database}'"
        )

    def create_user(self, name: str, password: str) -> None:
        """Makes somebody who may connect, and has no right to anything; as create_database does."""
        self._run(f"DROP ROLE IF EXISTS {name}")
        self._run(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")

    def _run(self, command: str) -> str:
        return self._psql("--no-align", "--tuples-only", "--command", command)

    def _psql(self, *options: str, database: str = "postgres", typed: str | None = None) -> str:
        run = subprocess.run(
            [_program("psql"), "--no-psqlrc", *options, self.url(database)],
            input=typed,
            check=True,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
        )
        return run.stdout

    @property
    def _data(self) -> str:
        return str(self.directory / "data")


Server = TypeVar("Server", bound=PostgresqlServer)


class PostgresqlReplica(PostgresqlServer):
    """A streaming replica, whose replay of what its primary writes can be held.

    Args:
        primary: Whose replica it is; running when ``initialize`` is called.
    """

    def __init__(
        self, directory: Path, settings: Mapping[str, str], primary: PostgresqlServer
    ) -> None:
        super().__init__(directory, settings)
        self._primary = primary

    def initialize(self) -> None:
        """Copies the primary's files."""
        options = ["--checkpoint=fast", "--no-sync", "--write-recovery-conf", "-D", self._data]
        subprocess.run(
            [*_as_server(), _program("pg_basebackup"), *options, "-d", self._primary.url()],
            check=True,
            capture_output=True,
            timeout=COMMAND_TIMEOUT_S,
            cwd=self.directory,
        )

    def hold(self) -> None:
        """Has it apply nothing more; returns when it has stopped."""
        self._run("SELECT pg_wal_replay_pause()")
        self._run(
            "DO $$ BEGIN WHILE pg_get_wal_replay_pause_state() <> 'paused'"
            " LOOP PERFORM pg_sleep(0.01); END LOOP; END $$"
        )

    def go_on(self) -> None:
        """Has it apply what it has missed."""
        self._run("SELECT pg_wal_replay_resume()")

    def keep(self) -> None:
        """Has what it has applied so far outlive its crash."""
        self._run("CHECKPOINT")

    def crash_and_fall_behind(self) -> None:
        """Ends it on the spot; what it has not kept it does not apply again when it is back."""
        self.kill_all()
        self._settings["recovery_min_apply_delay"] = "1d"
        self.start()

    def catch_up(self) -> None:
        """Has it follow as before."""
        del self._settings["recovery_min_apply_delay"]
        self.restart()


@contextmanager
def postgresql(settings: Mapping[str, str] = QUICK) -> Iterator[PostgresqlServer]:
    """A server with settings of ``postgresql.conf``, running."""
    with _running(lambda directory: PostgresqlServer(directory, settings)) as server:
        yield server


@contextmanager
def postgresql_replica(
    primary: PostgresqlServer, settings: Mapping[str, str] = QUICK
) -> Iterator[PostgresqlReplica]:
    """A replica of a server that runs, running."""
    with _running(lambda directory: PostgresqlReplica(directory, settings, primary)) as server:
        yield server


@contextmanager
def _running(make: Callable[[Path], Server]) -> Iterator[Server]:
    # In the system's folder: a socket's path has at most 107 octets.
    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    server = make(directory)
    try:
        _give_to_server(directory)
        server.initialize()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory)


def _program(name: str) -> str:
    """Debian keeps those of the server out of the path."""
    found = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda each: int(each.parts[-3])
    )
    return str(found[-1]) if found else name


def _as_server() -> list[str]:
    """Ends with the thread that starts it, and is never root, which the server refuses."""
    prefix = ends_with_tests(signal.SIGINT)
    user = _server_user()
    if user is not None:
        prefix += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return prefix


def _give_to_server(path: Path) -> None:
    user = _server_user()
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)


def _server_user() -> pwd.struct_passwd | None:
    """Who the server runs as, where that is not who runs the tests."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None
