"""Connections that can fail, for a pool."""

import asyncio

from blrcs.database.pool import Pool, PoolLimits
from blrcs.domain.errors import UnavailableError


class Connection:
    """What a pool holds."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_open = True

    def __repr__(self) -> str:
        return f"<{self.number}>"


class Server:
    """Opens connections, at once or when it is told to."""

    def __init__(self) -> None:
        self.opened: list[Connection] = []
        self.closed: list[Connection] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.refuses = False

    async def connect(self) -> Connection:
        await self.answers.wait()
        if self.refuses:
            raise UnavailableError("DATABASE_UNAVAILABLE", "refused")
        connection = Connection(len(self.opened))
        self.opened.append(connection)
        return connection

    def disconnect(self, connection: Connection) -> None:
        assert connection.is_open, "closed twice"
        connection.is_open = False
        self.closed.append(connection)


class Observer:
    def __init__(self) -> None:
        self.lent = 0
        self.most = 0
        self.opens: list[bool] = []
        self.waits: list[int] = []
        self.waiters = 0
        self.closes: list[bool] = []
        self.refused = 0

    def in_use(self, change: int) -> None:
        self.lent += change
        self.most = max(self.most, self.lent)

    def opened(self, *, overflow: bool) -> None:
        self.opens.append(overflow)

    def closed(self, *, broken: bool) -> None:
        self.closes.append(broken)

    def waiting(self, change: int) -> None:
        self.waiters += change

    def waited(self, duration_ns: int) -> None:
        self.waits.append(duration_ns)

    def exhausted(self) -> None:
        self.refused += 1


def make(
    server: Server,
    observer: Observer,
    *,
    size: int = 1,
    overflow: int = 0,
    linger_s: float = 0,
    timeout_s: float = 30,
) -> Pool[Connection]:
    return Pool(
        server.connect,
        server.disconnect,
        is_usable=lambda connection: connection.is_open,
        limits=PoolLimits(size=size, overflow=overflow, linger_s=linger_s, timeout_s=timeout_s),
        observer=observer,
    )


async def start(pool: Pool[Connection]) -> asyncio.Task[Connection]:
    """A caller that takes a connection, as far as it gets at once."""
    task = asyncio.create_task(pool.take())
    await turn()
    return task


async def turn() -> None:
    """All that is ready to run does."""
    for _ in range(5):
        await asyncio.sleep(0)
