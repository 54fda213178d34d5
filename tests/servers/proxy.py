"""Between a client and a server: holds back what the server says, without anybody noticing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

READ_BYTES = 65536


class Passage:
    """One connection through the proxy."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self.client = client
        self.asked = b""
        self.held_bytes = 0
        self.is_open = asyncio.Event()
        self.is_open.set()


class Proxy:
    """Passes connections on to a port of the loopback.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._passages: set[Passage] = set()
        self._hold_at: bytes | None = None

    @property
    def held_bytes(self) -> int:
        """How much is held back now."""
        return sum(passage.held_bytes for passage in self._passages)

    def hold(self, which: Callable[[bytes], bool] = lambda _: True) -> None:
        """Holds back all answers on the connections that are there.

        ``which`` says of one by what was asked on it whether it is meant.
        """
        for passage in self._passages:
            if which(passage.asked):
                passage.is_open.clear()

    def hold_at(self, words: bytes) -> None:
        """Holds back what is answered to the first who asks this, and all that comes after it."""
        self._hold_at = words

    def cut(self) -> None:
        """Resets the connections of those whose answers are held back."""
        for passage in [each for each in self._passages if not each.is_open.is_set()]:
            self._passages.discard(passage)
            passage.client.transport.abort()

    def release(self) -> None:
        """Passes on what was held back."""
        for passage in self._passages:
            passage.is_open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Passes one connection on."""
        passage = Passage(writer)
        self._passages.add(passage)
        there, back = await asyncio.open_connection("127.0.0.1", self._target)

        async def ask() -> None:
            while data := await reader.read(READ_BYTES):
                passage.asked += data
                if self._hold_at is not None and self._hold_at in data:
                    self._hold_at = None
                    passage.is_open.clear()
                back.write(data)
            back.close()

        async def answer() -> None:
            while data := await there.read(READ_BYTES):
                passage.held_bytes = len(data)
                await passage.is_open.wait()
                passage.held_bytes = 0
                writer.write(data)
            writer.close()

        try:
            await asyncio.gather(ask(), answer())
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._passages.discard(passage)
            for each in (writer, back):
                each.close()


@asynccontextmanager
async def proxy(target: int) -> AsyncIterator[Proxy]:
    """A proxy that passes on to a port, running."""
    passing = Proxy(target)
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(passing.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    passing.port = server.sockets[0].getsockname()[1]
    try:
        yield passing
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
