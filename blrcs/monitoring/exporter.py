"""Shows native metrics to Prometheus: a collector for prometheus-client, and its HTTP endpoint.

The endpoint is a small HTTP/1.1 responder on the running event loop rather than prometheus-client's
WSGI server in threads: that one reads without a time limit, takes connections without a bound, and
its rendering contends with the loop for the GIL. Here a scrape is rendered in slices with the loop
let go between them, so that it delays no call by more than a slice.
"""

import asyncio
import copy
import logging
import math
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from blrcs_native.metrics import AnyFamily, Counter, Gauge

MAX_HEAD_BYTES = 8192
MAX_CONNECTIONS = 16
SLICE_SAMPLES = 128

_REQUEST_LINE = re.compile(r"([A-Z]+) ([!-~]+) HTTP/1\.([01])")
# Only printable ASCII: the media type of the answer repeats parts of what Accept says.
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~]*)")
_OPENMETRICS_END = b"# EOF\n"
# Samples that the text format moves behind all others, so that their family is not to be cut.
_MOVED = ("_created", "_gsum", "_gcount")

_log = logging.getLogger(__name__)


class NativeCollector(Collector):
    """Collects native families.

    ``families`` is iterated anew at each scrape: a MetricsBlock, or any collection of families.
    Adds ``blrcs_metrics_label_overflow_total``, the look-ups that a family sent to its cell
    labelled ``other`` because it has as many label sets as it may have.
    """

    def __init__(self, families: Iterable[AnyFamily]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """One metric for each family, with a sample for each cell in use."""
        overflow = CounterMetricFamily(
            "blrcs_metrics_label_overflow_total",
            "Label sets refused a cell of their own.",
            labels=["metric"],
        )
        for family in self._families:
            yield to_metric(family, family.rows())
            if family.label_names:
                overflow.add_metric([family.name], family.overflow_count)
        yield overflow


def to_metric(family: AnyFamily, rows: Iterable[tuple[Any, ...]]) -> Metric:
    """The family with rows as its own ``rows`` gives them."""
    name, text, labels = family.name, family.help_text, family.label_names
    if isinstance(family, Counter):
        counter = CounterMetricFamily(name, text, labels=labels)
        for values, count in rows:
            counter.add_metric(values, count)
        return counter
    if isinstance(family, Gauge):
        gauge = GaugeMetricFamily(name, text, labels=labels)
        for values, value in rows:
            gauge.add_metric(values, value)
        return gauge
    histogram = HistogramMetricFamily(name, text, labels=labels)
    bounds = [
        floatToGoString(bound)  # type: ignore[no-untyped-call]
        for bound in (*family.bounds, math.inf)
    ]
    for values, counts, total in rows:
        histogram.add_metric(values, list(zip(bounds, accumulate(counts), strict=True)), total)
    return histogram


def new_registry(families: Iterable[AnyFamily]) -> CollectorRegistry:
    """A registry of its own with the native families and those of process, platform and GC.

    Raises DuplicateTimeseries if a native family has a name of theirs.
    """
    registry = CollectorRegistry(auto_describe=True)
    registry.register(NativeCollector(families))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class MetricsServer:
    """Serves a registry at ``/metrics`` as Prometheus text or OpenMetrics, as Accept asks.

    HTTP/1.0 and 1.1, GET and HEAD, one request to a connection; a body is never looked at. At most
    MAX_CONNECTIONS at a time, MAX_HEAD_BYTES of request line and headers, and ``timeout_s`` each
    for the request to arrive and for the answer to be taken. Belongs to one event loop.
    """

    def __init__(self, registry: CollectorRegistry, *, timeout_s: float = 5.0) -> None:
        self._registry = registry
        self._timeout_s = timeout_s
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listens and returns the port, a free one if 0 was asked for.

        Raises OSError if the address cannot be had, RuntimeError if it listens already.
        """
        self._refuse_a_second_start()
        self._server = await asyncio.start_server(self._accept, host, port, limit=MAX_HEAD_BYTES)
        address: tuple[str, int] = self._server.sockets[0].getsockname()
        return address[1]

    async def start_on(self, listening: socket.socket) -> None:
        """Accepts from a socket that listens already, other processes beside it.

        Raises RuntimeError if it listens already.
        """
        self._refuse_a_second_start()
        listening.setblocking(False)  # noqa: FBT003 - the name says it
        self._server = await asyncio.start_server(
            self._accept, sock=listening, limit=MAX_HEAD_BYTES
        )

    def _refuse_a_second_start(self) -> None:
        if self._server is not None:
            raise RuntimeError("the metrics server has been started already")

    async def close(self) -> None:
        """Stops listening and drops open connections. May be called more than once."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def drop(connection: asyncio.Task[None]) -> None:
            self._connections.discard(connection)
            writer.transport.abort()

        if self._server is None or len(self._connections) >= MAX_CONNECTIONS:
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
        encode, content_type = _choose_encoder(request.accept)
        try:
            body = await _render(self._registry, encode)
        except Exception:  # noqa: BLE001  # any collector may fail; the scraper gets an answer
            _log.exception("metrics could not be rendered")
            return _response(HTTPStatus.INTERNAL_SERVER_ERROR)
        if content_type.startswith("application/openmetrics-text"):
            body += _OPENMETRICS_END
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


def _choose_encoder(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    try:
        return choose_encoder(accept)
    except TypeError:  # from comparing a version that is not made of numbers
        return choose_encoder("")


class _One(Collector):
    """A single metric, for an encoder, which takes collectors."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterator[Metric]:
        yield self._metric


async def _render(registry: CollectorRegistry, encode: Callable[[Collector], bytes]) -> bytes:
    """The exposition without OpenMetrics' end, letting the loop go after each slice."""
    parts = []
    for metric in registry.collect():
        for index, piece in enumerate(_slices(metric)):
            lines = encode(_One(piece)).removesuffix(_OPENMETRICS_END)
            while index and lines.startswith(b"# "):
                lines = lines.partition(b"\n")[2]
            parts.append(lines)
            await asyncio.sleep(0)
    return b"".join(parts)


def _slices(metric: Metric) -> Iterator[Metric]:
    samples = metric.samples
    if any(sample.name.endswith(_MOVED) for sample in samples):
        yield metric
        return
    for start in range(0, max(len(samples), 1), SLICE_SAMPLES):
        piece = copy.copy(metric)
        piece.samples = samples[start : start + SLICE_SAMPLES]
        yield piece
