"""A relay between clients and a server that sees which messages cross it compressed.

Neither grpcio nor most client libraries tell an application whether a message came compressed. The
first byte of each message does, and the length of the frames around it; the relay reads no more.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

PREFACE_BYTES = 24
FRAME_HEADER_BYTES = 9
MESSAGE_PREFIX_BYTES = 5
DATA = 0
PADDED = 0x8
CHUNK_BYTES = 1 << 18


@dataclass
class Exchange:
    """One call: for each message whether it was compressed, in the order of the wire."""

    requests: list[bool] = field(default_factory=list)
    replies: list[bool] = field(default_factory=list)


class Connection:
    """What one connection carried."""

    def __init__(self, all_exchanges: list[Exchange]) -> None:
        self._all_exchanges = all_exchanges
        self._exchanges: dict[int, Exchange] = {}
        self.from_client = Direction(self, "requests", skip_bytes=PREFACE_BYTES)
        self.from_server = Direction(self, "replies")

    @property
    def newest(self) -> Exchange:
        """The last call that was begun."""
        return self._exchanges[max(self._exchanges)]

    def exchange(self, stream_id: int) -> Exchange:
        """The call on a stream."""
        if stream_id not in self._exchanges:
            self._exchanges[stream_id] = Exchange()
            self._all_exchanges.append(self._exchanges[stream_id])
        return self._exchanges[stream_id]


class Direction:
    """The frames of one direction, in chunks as they come."""

    def __init__(self, connection: Connection, name: str, skip_bytes: int = 0) -> None:
        self._connection = connection
        self._name = name
        self._skip_bytes = skip_bytes
        self._frames = bytearray()
        self._bodies: dict[int, bytearray] = {}

    def feed(self, chunk: bytes) -> None:
        """Notes the messages that begin in frames which end in this chunk."""
        self._frames += chunk
        frames = self._frames
        begin = self._skip_bytes
        while len(frames) >= begin + FRAME_HEADER_BYTES:
            end = begin + FRAME_HEADER_BYTES + int.from_bytes(frames[begin : begin + 3], "big")
            if len(frames) < end:
                break
            if frames[begin + 3] == DATA:
                stream_id = int.from_bytes(frames[begin + 5 : begin + 9], "big")
                body = bytes(frames[begin + FRAME_HEADER_BYTES : end])
                if frames[begin + 4] & PADDED:
                    body = body[1 : len(body) - body[0]]
                self._note(stream_id, body)
            begin = end
        self._skip_bytes = max(begin - len(frames), 0)
        del frames[:begin]

    def _note(self, stream_id: int, body: bytes) -> None:
        messages = self._bodies.setdefault(stream_id, bytearray())
        messages += body
        exchange = self._connection.exchange(stream_id)
        while len(messages) >= MESSAGE_PREFIX_BYTES:
            end = MESSAGE_PREFIX_BYTES + int.from_bytes(messages[1:MESSAGE_PREFIX_BYTES], "big")
            if len(messages) < end:
                break
            getattr(exchange, self._name).append(bool(messages[0]))
            del messages[:end]


class Witness:
    """The relay; its connections are known by the port from which they reach the server.

    ``exchanges`` are all calls in which a message crossed, in the order of their first ones.
    """

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self._connections: dict[int, Connection] = {}

    def requests(self, peer: str) -> list[bool]:
        """Which messages a client's newest call sent compressed; ``peer`` is grpc's name of it."""
        return self._connections[int(peer.rpartition(":")[2])].newest.requests

    @asynccontextmanager
    async def relay(self, port: int) -> AsyncIterator[int]:
        """Relays to a port of the loopback interface as long as the block runs; yields its own."""

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
            own_port = to_writer.get_extra_info("sockname")[1]
            connection = self._connections[own_port] = Connection(self.exchanges)
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(pump(reader, to_writer, connection.from_client))
                pumps.create_task(pump(to_reader, writer, connection.from_server))

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]


async def pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
) -> None:
    """Carries one direction of a connection until either end closes it."""
    try:
        while chunk := await reader.read(CHUNK_BYTES):
            direction.feed(chunk)
            writer.write(chunk)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
