"""The cache of a server of several processes, which one of them keeps."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any, cast

from blrcs.cache.frames import Frames, frame
from blrcs.cache.watchers import Watcher, draining
from blrcs.domain.cache_entry import (
    CacheEntry,
    CacheEvent,
    CacheEventKind,
    CacheFigures,
    SetCondition,
)
from blrcs.domain.errors import (
    DomainError,
    FailedPreconditionError,
    ResourceExhaustedError,
    UnavailableError,
)
from blrcs_native.cache.near import NearCopies
from blrcs_native.cache.space import StoredEntry


class RemoteCache:
    """Implements the CacheStore port by asking the process that keeps the cache.

    Connects when it is first asked, and anew after the connection was lost. Belongs to the event
    loop. All methods raise UnavailableError where the keeper ends before it has answered: whether a
    write was carried out is then unknown, and its value gone with the keeper.

    Args:
        path: The keeper's socket.
        near: Copies of what it answered, which answer as long as they are good.
    """

    def __init__(self, path: Path, near: NearCopies[CacheEntry]) -> None:
        self._path = path
        self.near = near
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()
        self._watching: set[Watcher] = set()
        self._finished = False

    async def get(self, namespace: str, key: str) -> CacheEntry | None:
        """See the port."""
        entry = self.near.get(namespace, key)
        return await self._find(namespace, key) if entry is None else entry

    async def get_many(self, namespace: str, keys: Sequence[str]) -> Sequence[CacheEntry]:
        """See the port."""
        found = await self._ask("get_many", namespace, list(keys))
        return [CacheEntry(*each) for each in found]

    async def set(
        self,
        namespace: str,
        key: str,
        value: bytes,
        content_type: str,
        ttl_ns: int | None,
        condition: SetCondition,
    ) -> int | None:
        """See the port."""
        wanted = (condition.presence.value, condition.version)
        version: int | None = await self._ask(
            "set", namespace, key, value, content_type, ttl_ns, *wanted
        )
        return version

    async def delete(self, namespace: str, key: str) -> bool:
        """See the port."""
        return bool(await self._ask("delete", namespace, key))

    async def increment(
        self, namespace: str, key: str, delta: int, ttl_ns: int | None
    ) -> tuple[int, int]:
        """See the port."""
        number, version = await self._ask("increment", namespace, key, delta, ttl_ns)
        return number, version

    async def touch(self, namespace: str, key: str, ttl_ns: int | None) -> CacheEntry | None:
        """See the port."""
        found = await self._ask("touch", namespace, key, ttl_ns)
        return None if found is None else CacheEntry(*found)

    async def figures(self, namespace: str) -> CacheFigures:
        """See the port."""
        return CacheFigures(*await self._ask("figures", namespace))

    async def flush(self, namespace: str) -> int:
        """See the port."""
        return int(await self._ask("flush", namespace))

    async def watch(self, namespace: str, key_prefix: str) -> AsyncGenerator[CacheEvent, None]:
        """See the port."""
        if self._finished:
            raise draining()
        connection = await self._connected()
        watcher = Watcher()
        number = connection.watch(watcher, namespace, key_prefix)
        self._watching.add(watcher)
        try:
            while True:
                yield await watcher.next()
        finally:
            self._watching.discard(watcher)
            connection.cancel(number)

    def finish_watching(self) -> None:
        """Ends the watches of this process, so that they do not keep it from ending."""
        self._finished = True
        for watcher in self._watching:
            watcher.end(draining())

    def reclaim(self) -> int:
        """Tells the keeper what copies have answered, so that it evicts none of it as unused.

        To be called regularly. Nothing is here to be freed: the keeper sees to it.
        """
        used, connection = self.near.take_used(), self._connection
        if connection is not None and connection.is_open:
            for namespace, keys in used.items():
                connection.tell("use", namespace, keys)
        return 0

    def close(self) -> None:
        """Drops the connection."""
        if self._connection is not None:
            self._connection.close()

    async def _find(self, namespace: str, key: str) -> CacheEntry | None:
        """The entry as the keeper has it, of which a copy is made."""
        # First: what changes from here on is not in the copy.
        stamp = self.near.stamp(namespace, key)
        found = await self._ask("find", namespace, key)
        if found is None:
            return None
        value, content_type, version, deadline_ns, column = found
        entry = StoredEntry(key, value, content_type, deadline_ns)
        entry.version = version
        self.near.keep(namespace, key, stamp, entry, column)
        return self.near.show(key, entry)

    async def _ask(self, method: str, *arguments: object) -> Any:
        return await (await self._connected()).ask(method, *arguments)

    async def _connected(self) -> "_Connection":
        connection = self._connection
        if connection is not None and connection.is_open:
            return connection
        async with self._connecting:
            if self._connection is None or not self._connection.is_open:
                try:
                    self._connection = await self._connect()
                except OSError as error:
                    raise _gone() from error
            return self._connection

    async def _connect(self) -> "_Connection":
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connecting.setblocking(False)  # noqa: FBT003 - the name says it
        try:
            # By the directory's descriptor, since the kernel takes no long names.
            directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                connecting.connect(f"/proc/self/fd/{directory}/{self._path.name}")
            finally:
                os.close(directory)
            _, connection = await asyncio.get_running_loop().create_unix_connection(
                _Connection, sock=connecting
            )
        except BaseException:
            connecting.close()
            raise
        return connection


class _Connection(asyncio.Protocol):
    """One connection to the keeper. What is asked in one turn of the loop leaves together."""

    def __init__(self) -> None:
        self._frames = Frames()
        self._last_number = 0
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._watching: dict[int, Watcher] = {}
        self._leaving: list[bytes] = []
        self._transport: asyncio.Transport
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport of a stream is one by its methods alone.
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.is_open = False
        for future in self._asked.values():
            if not future.done():
                future.set_exception(_gone())
        for watcher in self._watching.values():
            watcher.end(_gone())

    def data_received(self, data: bytes) -> None:
        for number, (succeeded, result) in self._frames.feed(data):
            if number in self._watching:
                self._tell(self._watching[number], succeeded=succeeded, result=result)
                continue
            future = self._asked.pop(number, None)
            if future is None or future.done():
                continue  # who asked has gone
            if succeeded:
                future.set_result(result)
            else:
                future.set_exception(error_from_wire(*result))

    async def ask(self, method: str, *arguments: object) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        number = self._send(method, *arguments)
        self._asked[number] = future
        return await future

    def tell(self, method: str, *arguments: object) -> None:
        """What is not answered."""
        self._send(method, *arguments)

    def watch(self, watcher: Watcher, namespace: str, key_prefix: str) -> int:
        number = self._send("watch", namespace, key_prefix)
        self._watching[number] = watcher
        return number

    def cancel(self, number: int) -> None:
        del self._watching[number]
        if self.is_open:
            self._write(frame(number, ("cancel",)))

    def close(self) -> None:
        self._transport.close()

    def _tell(self, watcher: Watcher, *, succeeded: bool, result: Any) -> None:
        if succeeded:
            kind, key, version = result
            watcher.offer(CacheEvent(CacheEventKind(kind), key, version))
        else:
            watcher.end(error_from_wire(*result))

    def _send(self, *message: object) -> int:
        self._last_number += 1
        self._write(frame(self._last_number, message))
        return self._last_number

    def _write(self, data: bytes) -> None:
        if not self._leaving:
            asyncio.get_running_loop().call_soon(self._flush)
        self._leaving.append(data)

    def _flush(self) -> None:
        leaving, self._leaving = self._leaving, []
        if self.is_open:
            self._transport.write(b"".join(leaving))


def error_from_wire(
    code: str, reason: str, message: str, retry_after_ns: int | None
) -> DomainError | RuntimeError:
    """The error that the keeper told of."""
    if code == ResourceExhaustedError.code:
        return ResourceExhaustedError(reason, message, retry_after_ns=retry_after_ns)
    for known in (FailedPreconditionError, UnavailableError):
        if code == known.code:
            return known(reason, message)
    return RuntimeError("the cache failed")


def _gone() -> UnavailableError:
    return UnavailableError("CACHE_RESTARTING", "the cache is starting anew: try again")
