"""A MariaDB of the tests' own: on a free port, in a temporary folder, gone when they end."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tests.servers.process import COMMAND_TIMEOUT_S, ServerProcess, ends_with_tests

USER = "blrcs"
PASSWORD = "cörrect: horse/@'"
ENCODED_PASSWORD = "c%C3%B6rrect%3A%20horse%2F%40%27"
DATABASE = "test_db"
QUICK = {
    "debug-no-sync": "ON",
    "innodb-flush-method": "nosync",
    "innodb-log-file-size": "4M",
    "innodb-undo-tablespaces": "0",
}
"""Settings for tests that lose no data but what they throw away: nothing waits for the disk."""

PRIMARY = {**QUICK, "log-bin": "binlog", "server-id": "1"}
"""Settings of one that has replicas."""
REPLICA = {**QUICK, "server-id": "2", "read-only": "ON"}


class MariadbServer(ServerProcess):
    """A server that can be stopped, started again and paused. Its socket is in its folder."""

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        super().__init__(directory, "ready for connections")
        self._settings = {
            "datadir": str(directory / "data"),
            "socket": str(self.socket),
            "pid-file": str(directory / "pid"),
            "bind-address": "127.0.0.1",
            "port": str(self.port),
            "innodb-buffer-pool-size": "32M",
            "skip-name-resolve": "ON",
            "max-connections": "60",
            **settings,
        }

    @property
    def socket(self) -> Path:
        """Its Unix socket."""
        return self.directory / "socket"

    def url(self, query: str = "", *, database: str = DATABASE) -> str:
        """For clients, with the password."""
        place = f"{USER}:{ENCODED_PASSWORD}@127.0.0.1:{self.port}"
        return f"mysql://{place}/{database}{query}"

    def initialize(self) -> None:
        """Makes its files, a user and a database."""
        options = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(
            ["mariadb-install-db", *self._options(), *options],
            check=True,
            capture_output=True,
            timeout=COMMAND_TIMEOUT_S,
        )
        prepare = self.directory / "prepare.sql"
        quoted = PASSWORD.replace("'", "''")
        prepare.write_text(
            f"CREATE DATABASE IF NOT EXISTS {DATABASE};\n"
            f"CREATE USER IF NOT EXISTS {USER}@'%' IDENTIFIED BY '{quoted}';\n"
            f"GRANT ALL ON {DATABASE}.* TO {USER}@'%';\n"
            f"GRANT REPLICATION SLAVE ON *.* TO {USER}@'%';\n"
        )
        self._settings["init-file"] = str(prepare)

    def _command(self) -> list[str]:
        return [*ends_with_tests(), _server(), *self._options()]

    def run(self, commands: str) -> None:
        """Runs commands as its administrator."""
        subprocess.run(
            ["mariadb", "--no-defaults", "--user=root", f"--socket={self.socket}"],
            input=commands,
            check=True,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
        )

    def create_database(self, name: str) -> None:
        """Makes a database without tables, for the user, as PostgresqlServer does."""
        self.run(f"CREATE OR REPLACE DATABASE {name}; GRANT ALL ON {name}.* TO {USER}@'%'")

    def _options(self) -> list[str]:
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        # It refuses to run as root where nobody says so.
        as_root = ["--user=root"] if os.getuid() == 0 else []
        return ["--no-defaults", *settings, *as_root]


Server = TypeVar("Server", bound=MariadbServer)


class MariadbReplica(MariadbServer):
    """A replica, whose applying of what its primary writes can be held."""

    def follow(self, primary: MariadbServer) -> None:
        """Replicates all that a primary has ever written."""
        quoted = PASSWORD.replace("'", "''")
        self.run(
            f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={primary.port},"
            f" MASTER_USER='{USER}', MASTER_PASSWORD='{quoted}', MASTER_USE_GTID=slave_pos,"
            " MASTER_CONNECT_RETRY=1; START SLAVE"
        )

    def hold(self) -> None:
        """Has it apply nothing more; returns when it has stopped."""
        self.run("STOP SLAVE SQL_THREAD")

    def go_on(self) -> None:
        """Has it apply what it has missed."""
        self.run("START SLAVE SQL_THREAD")

    def cut_off(self) -> None:
        """Has it fetch nothing more: it has applied all that it knows of."""
        self.run("STOP SLAVE IO_THREAD")

    def reconnect(self) -> None:
        """Has it fetch what it has missed."""
        self.run("START SLAVE IO_THREAD")


@contextmanager
def mariadb_replica(primary: MariadbServer) -> Iterator[MariadbReplica]:
    """A replica of a server with the settings of ``PRIMARY``, running."""
    with _running(lambda directory: MariadbReplica(directory, REPLICA)) as replica:
        replica.follow(primary)
        yield replica


@contextmanager
def mariadb(settings: Mapping[str, str] = QUICK) -> Iterator[MariadbServer]:
    """A server with settings of its command line, running."""
    with _running(lambda directory: MariadbServer(directory, settings)) as server:
        yield server


@contextmanager
def _running(make: Callable[[Path], Server]) -> Iterator[Server]:
    # In the system's folder: a socket's path has at most 107 octets.
    directory = Path(tempfile.mkdtemp(prefix="mariadb-"))
    server = make(directory)
    try:
        server.initialize()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory)


def _server() -> str:
    """Debian keeps it out of the path of those who are not root."""
    return shutil.which("mariadbd") or "/usr/sbin/mariadbd"
