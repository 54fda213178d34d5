"""A keeper behind a socket, in the process of the test."""

import asyncio
import time
from pathlib import Path

from blrcs.cache.keeper import KeeperConnection
from blrcs.cache.kept import KeptCache
from tests.unit.cache.kept_at_hand import Clock, Shared


class Keeper:
    """Keeps a cache at a path, until it is ended."""

    def __init__(
        self, path: Path, server: asyncio.AbstractServer, store: KeptCache, shared: Shared
    ) -> None:
        self.path = path
        self.store = store
        self.shared = shared
        self._server = server
        self.connections: list[KeeperConnection] = []

    @classmethod
    async def start(
        cls,
        path: Path,
        shared: Shared,
        *,
        clock: Clock = time.time_ns,
        monotonic: Clock = time.monotonic_ns,
    ) -> "Keeper":
        store = KeptCache(
            shared.settings,
            stamps=shared.stamps,
            hits=shared.hits,
            clock=clock,
            monotonic=monotonic,
        )
        await asyncio.to_thread(path.unlink, missing_ok=True)
        connections: list[KeeperConnection] = []

        def connected() -> KeeperConnection:
            connections.append(KeeperConnection(store))
            return connections[-1]

        server = await asyncio.get_running_loop().create_unix_server(connected, str(path))
        keeper = cls(path, server, store, shared)
        keeper.connections = connections
        return keeper

    def end(self) -> None:
        self._server.close()
        for connection in self.connections:
            connection._transport.abort()
