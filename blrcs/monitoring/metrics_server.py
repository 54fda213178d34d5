"""The HTTP endpoint that Prometheus scrapes.

A small HTTP/1.1 responder on the running event loop rather than prometheus-client's WSGI server in
threads: that one reads without a time limit, takes connections without a bound, and its rendering
contends with the loop for the GIL.
"""

import asyncio
import logging
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from prometheus_client import CollectorRegistry

from blrcs.monitoring.exposition import OPENMETRICS_END, choose_encoder_for, render

MAX_HEAD_BYTES = 8192
MAX_CONNECTIONS = 16

_REQUEST_LINE = re.compile(r"([A-Z]+) ([!-~]+) HTTP/1\.([01])")
# Only printable ASCII: the media type of the answer repeats parts of what Accept says.
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~]*)")

_log = logging.getLogger(__name__)


class MetricsServer:
    """Serves a registry at ``/metrics`` as Prometheus text or OpenMetrics, as Accept asks.

    HTTP/1.0 and 1.1, GET and HEAD, one request to a connection; a body is never looked at. At most
    MAX_CONNECTIONS at a time, MAX_HEAD_BYTES of request line and headers, and ``timeout_s`` each
    for the request to arrive and for the answer to be taken. Belongs to one event loop.
    """

    def __init__(self, registry: CollectorRegistry, *, timeout_s: float = 5.0) -> None:
        self._registry = registry
        self._timeout_s = timeout_s
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, listening: Sequence[socket.socket]) -> None:
        """Accepts from sockets that listen already, maybe other processes beside it.

        They are closed with it. Raises RuntimeError if it was started already.
        """
        if self._servers:
            raise RuntimeError("the metrics server has been started already")
        for each in listening:
            each.setblocking(False)  # noqa: FBT003 - the name says it
            self._servers.append(
                await asyncio.start_server(self._accept, sock=each, limit=MAX_HEAD_BYTES)
            )

    async def close(self) -> None:
        """Stops listening and drops open connections. May be called more than once."""
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        for server in servers:
            await server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def drop(connection: asyncio.Task[None]) -> None:
            self._connections.discard(connection)
            writer.transport.abort()

        if not self._servers or len(self._connections) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        connection = asyncio.ensure_future(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(drop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(0)  # so that drain() means: all is sent
        answer = await self._answer(reader)
        try:
            async with asyncio.timeout(self._timeout_s):
                writer.write(answer)
                await writer.drain()
                writer.write_eof()
                # Closing over unread input would reset the connection and lose the answer.
                while await reader.read(MAX_HEAD_BYTES):
                    pass
        except OSError:  # which TimeoutError is: the peer has gone or does not read
            return

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            async with asyncio.timeout(self._timeout_s):
                head = await reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            return _response(HTTPStatus.REQUEST_TIMEOUT)
        except asyncio.LimitOverrunError:
            return _response(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        except (asyncio.IncompleteReadError, OSError):
            return _response(HTTPStatus.BAD_REQUEST)
        request = _parse(head)
        if isinstance(request, HTTPStatus):
            return _response(request)
        encode, content_type = choose_encoder_for(request.accept)
        try:
            body = await render(self._registry, encode)
        except Exception:  # noqa: BLE001  # any collector may fail; the scraper gets an answer
            _log.exception("metrics could not be rendered")
            return _response(HTTPStatus.INTERNAL_SERVER_ERROR)
        if content_type.startswith("application/openmetrics-text"):
            body += OPENMETRICS_END
        answer = _response(HTTPStatus.OK, content_type, len(body))
        return answer if request.method == "HEAD" else answer + body


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    accept: str


def _parse(head: bytes) -> _Request | HTTPStatus:
    """The request, or the status that refuses it (RFC 9112, sections 3 and 5)."""
    first, *rest = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    fields = [match.groups() for match in map(_HEADER.fullmatch, rest) if match]
    if line is None or len(fields) < len(rest):
        return HTTPStatus.BAD_REQUEST
    method, target, minor = line.groups()
    hosts = sum(name.lower() == "host" for name, _ in fields)
    if hosts > 1 or (minor == "1" and hosts == 0):
        return HTTPStatus.BAD_REQUEST
    if target.partition("?")[0] != "/metrics":
        return HTTPStatus.NOT_FOUND
    if method not in {"GET", "HEAD"}:
        return HTTPStatus.METHOD_NOT_ALLOWED
    return _Request(method, ",".join(value for name, value in fields if name.lower() == "accept"))


def _response(status: HTTPStatus, content_type: str = "text/plain", size_bytes: int = 0) -> bytes:
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {content_type}",
        f"Content-Length: {size_bytes}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        lines.append("Allow: GET, HEAD")
    return "\r\n".join([*lines, "", ""]).encode("ascii")
