"""A MariaDB of the tests' own: on a free port, in a temporary folder, gone when they end."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

USER = "blrcs"
PASSWORD = "cörrect: horse/@'"
ENCODED_PASSWORD = "c%C3%B6rrect%3A%20horse%2F%40%27"
DATABASE = "test_db"
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
QUICK = {
    "debug-no-sync": "ON",
    "innodb-flush-method": "nosync",
    "innodb-log-file-size": "4M",
    "innodb-undo-tablespaces": "0",
}
"""Settings for tests that lose no data but what they throw away: nothing waits for the disk."""

_READY = "ready for connections"


class MariadbServer:
    """A server that can be stopped, started again and paused.

    Attributes:
        directory: Its folder; the socket is there too.
        port: Where it listens, on the loopback.
        log: The lines that it has written.
    """

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        self.directory = directory
        self.port = _free_port()
        self.log: list[str] = []
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
        self._process: subprocess.Popen[str] | None = None

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
            ["mariadb-install-db", *self._options(), *options], check=True, capture_output=True
        )
        prepare = self.directory / "prepare.sql"
        quoted = PASSWORD.replace("'", "''")
        prepare.write_text(
            f"CREATE DATABASE IF NOT EXISTS {DATABASE};\n"
            f"CREATE USER IF NOT EXISTS {USER}@'%' IDENTIFIED BY '{quoted}';\n"
            f"GRANT ALL ON {DATABASE}.* TO {USER}@'%';\n"
        )
        self._settings["init-file"] = str(prepare)

    def start(self) -> None:
        """Returns when it takes connections."""
        self._process = process = subprocess.Popen(
            # Ends with the tests, however these end.
            ["setpriv", "--pdeathsig=KILL", _server(), *self._options()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        ready = threading.Event()
        threading.Thread(target=self._read_log, args=(process, ready), daemon=True).start()
        if not ready.wait(START_TIMEOUT_S) or process.poll() is not None:
            raise RuntimeError("MariaDB does not start:\n" + "".join(self.log))

    def create_database(self, name: str) -> None:
        """Makes a database without tables, for the user."""
        grant = f"CREATE DATABASE {name}; GRANT ALL ON {name}.* TO {USER}@'%'"
        command = ["mariadb", "--no-defaults", f"--socket={self.socket}", "--user=root"]
        subprocess.run([*command, f"--execute={grant}"], check=True, capture_output=True)

    def stop(self) -> None:
        """Ends it and all its connections."""
        if self._process is None:
            return
        self.resume()
        self._process.terminate()
        self._process.wait(STOP_TIMEOUT_S)
        self._process = None

    def restart(self) -> None:
        """Ends all connections, and takes new ones when it returns."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Has it answer nobody, while connections stay as they are."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Has it go on."""
        self._signal(signal.SIGCONT)

    def _options(self) -> list[str]:
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        # It refuses to run as root where nobody says so.
        as_root = ["--user=root"] if os.getuid() == 0 else []
        return ["--no-defaults", *settings, *as_root]

    def _read_log(self, process: "subprocess.Popen[str]", ready: threading.Event) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                self.log.append(line)
                if _READY in line:
                    ready.set()
        ready.set()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


@contextmanager
def mariadb(settings: Mapping[str, str] = QUICK) -> Iterator[MariadbServer]:
    """A server with settings of its command line, running."""
    # In the system's folder: a socket's path has at most 107 octets.
    directory = Path(tempfile.mkdtemp(prefix="mariadb-"))
    server = MariadbServer(directory, settings)
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
