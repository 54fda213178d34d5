"""A Redis of the tests' own: alone, watched by Sentinels, or a Cluster; gone when they end."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

from tests.servers.process import COMMAND_TIMEOUT_S, ServerProcess, ends_with_tests, free_port

PASSWORD = "correct: horse/@"
SERVICE = "mymaster"
NODE_TIMEOUT_MS = 1000
NODES = 3
LOOK_EVERY_S = 0.02
MAX_LOOKS = 1500

_READY = "Ready to accept connections"


class RedisServer(ServerProcess):
    """A server that can be stopped, started again and paused.

    It keeps nothing on disk: what it holds is gone when it ends.
    """

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        super().__init__(directory, _READY)
        self._settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "unixsocket": str(self.socket),
            "dir": str(directory),
            "save": "",
            "appendonly": "no",
            "requirepass": PASSWORD,
            "masterauth": PASSWORD,
            "repl-diskless-sync-delay": "0",
            "maxclients": "200",
            **settings,
        }

    @property
    def socket(self) -> Path:
        """Its Unix socket."""
        return self.directory / "socket"

    @property
    def place(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def url(self, query: str = "", *, database: int = 0) -> str:
        """For clients, with the password."""
        return f"redis://:{quote(PASSWORD, safe='')}@{self.place}/{database}{query}"

    def run(self, *command: str) -> str:
        """What it says to a command, as redis-cli shows it."""
        return redis_cli("-p", str(self.port), *command)

    def flush(self) -> None:
        """Throws away all that it holds, scripts too."""
        self.run("FLUSHALL")
        self.run("SCRIPT", "FLUSH")

    def _command(self) -> list[str]:
        options = [part for name, value in self._settings.items() for part in (f"--{name}", value)]
        return [*ends_with_tests(), "redis-server", *options]


class SentinelServer(ServerProcess):
    """A Sentinel that watches one master."""

    def __init__(self, directory: Path, master: RedisServer, quorum: int) -> None:
        super().__init__(directory, "+monitor")
        self._file = directory / "sentinel.conf"
        self._file.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {directory}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {master.port} {quorum}\n"
            f'sentinel auth-pass {SERVICE} "{PASSWORD}"\n'
            f"sentinel down-after-milliseconds {SERVICE} 500\n"
            f"sentinel failover-timeout {SERVICE} 2000\n"
        )

    def run(self, *command: str) -> str:
        """What it says to a command, as redis-cli shows it."""
        return redis_cli("-p", str(self.port), *command, password=None)

    def _command(self) -> list[str]:
        return [*ends_with_tests(), "redis-server", str(self._file), "--sentinel"]


class SentinelGroup:
    """A master, its replica, and the Sentinels that put the one in the other's place.

    Attributes:
        servers: The two, of whom the first is the master at the beginning.
        sentinels: Those who watch them.
    """

    def __init__(self, servers: Sequence[RedisServer], sentinels: Sequence[SentinelServer]) -> None:
        self.servers = servers
        self.sentinels = sentinels

    def url(self, query: str = "") -> str:
        """For clients, with the password."""
        places = ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://:{quote(PASSWORD, safe='')}@{places}/{SERVICE}{query}"

    def master(self) -> RedisServer:
        """Which of the two the Sentinels take for the master."""
        said = self.sentinels[0].run("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        port = int(said.split()[1])
        (found,) = [each for each in self.servers if each.port == port]
        return found


class RedisCluster:
    """Nodes that share the slots.

    Attributes:
        nodes: All of them; the first three are masters at the beginning, others their replicas.
    """

    def __init__(self, nodes: Sequence[RedisServer]) -> None:
        self.nodes = nodes

    def url(self, query: str = "") -> str:
        """For clients, with the password."""
        places = ",".join(node.place for node in self.nodes)
        return f"redis+cluster://:{quote(PASSWORD, safe='')}@{places}{query}"

    def flush(self) -> None:
        """Throws away all that the masters hold."""
        for node in self.masters():
            node.flush()

    def masters(self) -> list[RedisServer]:
        """Those that have slots."""
        running = [node for node in self.nodes if node.is_running]
        return [node for node in running if "role:master" in node.run("INFO", "replication")]

    def master_of(self, key: str) -> RedisServer:
        """Which has the slot of a key."""
        running = next(node for node in self.nodes if node.is_running)
        slot = int(running.run("CLUSTER", "KEYSLOT", key))
        (found,) = [node for node in self.masters() if _has_slot(node, slot)]
        return found

    @contextmanager
    def moving(self, slot: int) -> Iterator[Callable[[str], None]]:
        """A slot is under way to another master, where it has come in the end.

        Given is what carries one key over.
        """
        masters = self.masters()
        (source,) = [node for node in masters if _has_slot(node, slot)]
        target = next(node for node in masters if node is not source)
        target.run("CLUSTER", "SETSLOT", str(slot), "IMPORTING", _name(source))
        source.run("CLUSTER", "SETSLOT", str(slot), "MIGRATING", _name(target))

        def carry(key: str) -> None:
            there = ("127.0.0.1", str(target.port), key, "0", "5000", "AUTH", PASSWORD)
            assert source.run("MIGRATE", *there).strip() == "OK"

        yield carry
        for key in source.run("CLUSTER", "GETKEYSINSLOT", str(slot), "1000").split():
            carry(key)
        for node in (target, source, *masters):
            node.run("CLUSTER", "SETSLOT", str(slot), "NODE", _name(target))


@contextmanager
def redis(settings: Mapping[str, str] | None = None) -> Iterator[RedisServer]:
    """A server with settings of ``redis.conf``, running."""
    # In the system's folder: a socket's path has at most 107 octets.
    with _folder() as directory:
        server = RedisServer(directory, settings or {})
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def sentinel_group(sentinels: int = 3) -> Iterator[SentinelGroup]:
    """A master and a replica in step with it, watched; running."""
    with ExitStack() as stack:
        master = stack.enter_context(redis())
        replica = stack.enter_context(redis({"replicaof": f"127.0.0.1 {master.port}"}))
        _wait(replica, "master_link_status:up", "INFO", "replication")
        watching = []
        for _ in range(sentinels):
            directory = stack.enter_context(_folder())
            sentinel = SentinelServer(directory, master, sentinels // 2 + 1)
            stack.callback(sentinel.stop)
            sentinel.start()
            watching.append(sentinel)
        for sentinel in watching:
            asked = ("SENTINEL", "MASTER", SERVICE)
            _wait(sentinel, "num-slaves\n1\n", *asked)
            _wait(sentinel, f"num-other-sentinels\n{sentinels - 1}\n", *asked)
        yield SentinelGroup((master, replica), watching)


@contextmanager
def redis_cluster(*, replicas: int = 0) -> Iterator[RedisCluster]:
    """A Cluster of three masters, each with so many replicas; running, and of one mind."""
    with ExitStack() as stack:
        settings = {
            "cluster-enabled": "yes",
            "cluster-node-timeout": str(NODE_TIMEOUT_MS),
            "cluster-replica-validity-factor": "0",
        }
        nodes = []
        for _ in range(NODES * (1 + replicas)):
            bus = {"cluster-port": str(free_port())}
            nodes.append(stack.enter_context(redis(settings | bus)))
        places = [node.place for node in nodes]
        redis_cli(
            "--cluster", "create", *places, "--cluster-replicas", str(replicas), "--cluster-yes"
        )
        for node in nodes:
            _wait(node, "cluster_state:ok", "CLUSTER", "INFO")
        yield RedisCluster(nodes)


def redis_cli(*arguments: str, password: str | None = PASSWORD) -> str:
    """What redis-cli prints."""
    login = [] if password is None else ["-a", password, "--no-auth-warning"]
    run = subprocess.run(
        ["redis-cli", *login, *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
    )
    return run.stdout


def _name(node: RedisServer) -> str:
    return node.run("CLUSTER", "MYID").strip()


def _has_slot(node: RedisServer, slot: int) -> bool:
    (line,) = [line for line in node.run("CLUSTER", "NODES").splitlines() if "myself" in line]
    for part in line.split()[8:]:
        first, _, last = part.partition("-")
        if first.isdigit() and int(first) <= slot <= int(last or first):
            return True
    return False


def _wait(server: RedisServer | SentinelServer, wanted: str, *command: str) -> None:
    """Returns when a server's answer has the text; nothing else tells."""
    asked = 0
    while wanted not in server.run(*command):
        asked += 1
        if asked > MAX_LOOKS:
            raise RuntimeError(f"port {server.port} never said {wanted}")
        time.sleep(LOOK_EVERY_S)


@contextmanager
def _folder() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="redis-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)
