import asyncio
import itertools
import logging
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
import uvloop
from prometheus_client import CollectorRegistry
from prometheus_client import parser as text_parser
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from blrcs.monitoring.exposition import SLICE_SAMPLES, render
from blrcs.monitoring.metrics_server import MAX_CONNECTIONS, MAX_HEAD_BYTES, MetricsServer
from blrcs.monitoring.native_collector import NativeCollector
from blrcs_native.monitoring.call_metrics import CallMetrics
from blrcs_native.monitoring.metrics import Counter, MetricsBlock
from tests.unit.monitoring.samples import Samples, openmetrics_samples, openmetrics_text, samples_of

GET = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
SENT_BYTES = 20_000_000  # more than the buffers of a loopback connection hold
OPENMETRICS = b"Accept: application/openmetrics-text; version=1.0.0\r\n"


class Answer:
    """An HTTP answer taken apart."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        first, *fields = head.decode().split("\r\n")
        self.status = int(first.removeprefix("HTTP/1.1 ").split()[0])
        self.fields = dict(field.split(": ", 1) for field in fields)

    @property
    def samples(self) -> Samples:
        text = self.body.decode()
        return samples_of(text_parser.text_string_to_metric_families(text))


async def exchange(port: int, request: bytes) -> Answer:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    raw = await reader.read()
    writer.close()
    await writer.wait_closed()
    return Answer(raw)


async def connected(server: MetricsServer) -> None:
    while not server._connections:  # noqa: ASYNC110  # a connection is no event to the server
        await asyncio.sleep(0)


@pytest.fixture
def block() -> MetricsBlock:
    return MetricsBlock(20_000)


async def started(server: MetricsServer, port: int = 0) -> int:
    """Starts it on the loopback, and gives its port."""
    listening = socket.create_server(("127.0.0.1", port))
    chosen: int = listening.getsockname()[1]
    try:
        await server.start([listening])
    except BaseException:
        listening.close()
        raise
    return chosen


@pytest.fixture
def registry(block: MetricsBlock) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(NativeCollector(block))
    return registry


@pytest.fixture
async def port(registry: CollectorRegistry) -> AsyncIterator[int]:
    server = MetricsServer(registry)
    yield await started(server)
    await server.close()


class TestServer:
    async def test_get_shows_what_the_cells_hold_now(self, block: MetricsBlock, port: int) -> None:
        cell = Counter(block, "a_total", "").labels()
        for value in (1, 2):
            cell.inc()
            answer = await exchange(port, GET)
            assert answer.status == 200
            assert answer.samples == {("a_total", frozenset()): value}
            assert answer.fields["Content-Type"].startswith("text/plain; version=0.0.4")
            assert answer.fields["Content-Length"] == str(len(answer.body))
            assert answer.fields["Connection"] == "close"

    async def test_openmetrics_is_spoken_to_those_who_accept_it(
        self, block: MetricsBlock, port: int
    ) -> None:
        Counter(block, "a_total", "").labels().inc(3)
        answer = await exchange(port, GET.replace(b"\r\n\r\n", b"\r\n" + OPENMETRICS + b"\r\n"))
        assert answer.fields["Content-Type"].startswith("application/openmetrics-text")
        assert answer.body.endswith(b"# EOF\n")
        assert answer.body.count(b"# EOF") == 1
        assert openmetrics_samples(answer.body) == {("a_total", frozenset()): 3}

    async def test_a_large_family_is_whole_in_both_formats(
        self, block: MetricsBlock, registry: CollectorRegistry, port: int
    ) -> None:
        calls = CallMetrics(block, max_methods=SLICE_SAMPLES)
        for n in range(SLICE_SAMPLES):
            calls.method("s", f"m{n}", "unary").handled(n % 17, n * 10**6)
        plain = await exchange(port, GET)
        assert plain.body == generate_latest(registry)
        om = await exchange(port, GET.replace(b"\r\n\r\n", b"\r\n" + OPENMETRICS + b"\r\n"))
        assert om.body == openmetrics_text(registry)
        assert plain.body.count(b"# TYPE grpc_server_handled_total counter\n") == 1

    async def test_the_loop_runs_on_while_a_large_family_is_rendered(
        self, block: MetricsBlock, registry: CollectorRegistry
    ) -> None:
        family = Counter(block, "a_total", "", ("x",), 10 * SLICE_SAMPLES)
        for n in range(10 * SLICE_SAMPLES):
            family.labels(str(n))
        rendering = asyncio.ensure_future(render(registry, generate_latest))
        turns = itertools.count()
        while not rendering.done():
            next(turns)
            await asyncio.sleep(0)
        assert next(turns) >= 10
        assert await rendering == generate_latest(registry)

    async def test_head_answers_as_get_without_the_body(
        self, block: MetricsBlock, port: int
    ) -> None:
        Counter(block, "a_total", "")
        get, head = await exchange(port, GET), await exchange(port, GET.replace(b"GET", b"HEAD"))
        assert head.body == b""
        assert (head.status, head.fields) == (get.status, get.fields)

    async def test_a_query_is_ignored(self, block: MetricsBlock, port: int) -> None:
        answer = await exchange(port, GET.replace(b"/metrics", b"/metrics?name[]=x"))
        assert answer.status == 200

    async def test_http_1_0_needs_no_host(self, port: int) -> None:
        assert (await exchange(port, b"GET /metrics HTTP/1.0\r\n\r\n")).status == 200

    @pytest.mark.parametrize("target", [b"/", b"/metrics/", b"/Metrics", b"//metrics", b"*"])
    async def test_other_targets_are_not_found(self, port: int, target: bytes) -> None:
        answer = await exchange(port, GET.replace(b"/metrics", target))
        assert (answer.status, answer.body) == (404, b"")

    @pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE"])
    async def test_other_methods_are_not_allowed(self, port: int, method: bytes) -> None:
        answer = await exchange(port, GET.replace(b"GET", method))
        assert (answer.status, answer.fields["Allow"]) == (405, "GET, HEAD")

    @pytest.mark.parametrize(
        "request_head",
        [
            b"GET /metrics HTTP/1.1\r\n\r\n",
            b"GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            b"GET /metrics HTTP/2.0\r\nHost: a\r\n\r\n",
            b"get /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET  /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /metrics\r\nHost: a\r\n\r\n",
            b"GET /metrics HTTP/1.1 \r\nHost: a\r\n\r\n",
            b"\r\nGET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /metrics HTTP/1.1\nHost: a\r\n\r\n",
            b"GET /metrics HTTP/1.1\r\nHost : a\r\n\r\n",
            b"GET /metrics HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
            b"GET /metrics HTTP/1.1\r\nHost: a\r\nnot a field\r\n\r\n",
            b"GET /metrics HTTP/1.1\r\nHost: \xff\r\n\r\n",
            b"GET /metr\x00ics HTTP/1.1\r\nHost: a\r\n\r\n",
            b"\x16\x03\x01\x02\x00\r\n\r\n",
        ],
    )
    async def test_what_is_no_strict_http_is_a_bad_request(
        self, port: int, request_head: bytes
    ) -> None:
        assert (await exchange(port, request_head)).status == 400

    @pytest.mark.parametrize("smuggled", [b"\n", b"\r", b"\x00", b"\x7f", b"\xe9"])
    async def test_no_control_character_gets_from_accept_into_the_answer(
        self, port: int, smuggled: bytes
    ) -> None:
        accept = (
            b"Accept: application/openmetrics-text; version=1.0.0" + smuggled + b"Set-Cookie: x"
        )
        answer = await exchange(port, GET.replace(b"\r\n\r\n", b"\r\n" + accept + b"\r\n\r\n"))
        assert answer.status == 400
        assert "Set-Cookie" not in answer.fields

    @pytest.mark.parametrize("version", [b"x", b"1.x", b"9" * 5000, b"-1", b""])
    async def test_a_strange_version_in_accept_is_answered_all_the_same(
        self, port: int, version: bytes
    ) -> None:
        accept = b"Accept: application/openmetrics-text; version=" + version
        answer = await exchange(port, GET.replace(b"\r\n\r\n", b"\r\n" + accept + b"\r\n\r\n"))
        assert answer.status == 200

    async def test_too_large_a_head_is_refused_while_the_peer_still_sends(self, port: int) -> None:
        padding = b"X: " + b"y" * SENT_BYTES
        answer = await exchange(port, GET.replace(b"\r\n\r\n", b"\r\n" + padding))
        assert answer.status == 431

    async def test_a_head_just_within_the_bound_is_answered(self, port: int) -> None:
        line, end = GET.removesuffix(b"\r\n"), b"\r\n\r\n"
        fits = (line + b"X: ").ljust(MAX_HEAD_BYTES, b"y")
        assert (await exchange(port, fits + end)).status == 200
        assert (await exchange(port, fits + b"y" + end)).status == 431

    async def test_a_request_body_does_not_cost_the_answer(self, port: int) -> None:
        length = f"\r\nContent-Length: {SENT_BYTES}\r\n\r\n".encode()
        request = GET.replace(b"\r\n\r\n", length) + b"z" * SENT_BYTES
        assert (await exchange(port, request)).status == 200

    async def test_a_peer_done_with_sending_still_gets_an_answer_that_the_kernel_cannot_hold(
        self, block: MetricsBlock, registry: CollectorRegistry
    ) -> None:
        Counter(block, "a_total", "h" * 50_000)
        server = MetricsServer(registry)
        port = await started(server)
        server._servers[0].sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        with socket.socket() as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.connect(("127.0.0.1", port))
            peer.sendall(GET)
            peer.shutdown(socket.SHUT_WR)
            await connected(server)
            for _ in range(100):  # time to come to the end, would it not wait for the peer
                await asyncio.sleep(0)
            peer.setblocking(False)
            loop = asyncio.get_running_loop()
            raw = b""
            while piece := await loop.sock_recv(peer, 65_536):
                raw += piece
        answer = Answer(raw)
        assert len(answer.body) == int(answer.fields["Content-Length"]) > 50_000
        await server.close()

    async def test_a_peer_that_says_nothing_is_timed_out(self, registry: CollectorRegistry) -> None:
        server = MetricsServer(registry, timeout_s=0.01)
        port = await started(server)
        assert (await exchange(port, b"GET /metr")).status == 408
        await server.close()

    async def test_a_peer_that_takes_nothing_is_dropped(
        self, block: MetricsBlock, registry: CollectorRegistry
    ) -> None:
        family = Counter(block, "a_total", "h" * SENT_BYTES)
        server = MetricsServer(registry, timeout_s=0.05)
        port = await started(server)
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(GET)
            await connected(server)
            await asyncio.wait(set(server._connections))
        assert not server._connections
        await server.close()
        assert family.rows() == [((), 0)]

    async def test_a_half_request_and_a_close_leave_nothing_behind(
        self, registry: CollectorRegistry
    ) -> None:
        server = MetricsServer(registry)
        port = await started(server)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /")
        await connected(server)
        writer.close()
        await asyncio.wait(set(server._connections))
        assert not server._connections
        await server.close()

    async def test_connections_beyond_the_bound_are_dropped(self, port: int) -> None:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_CONNECTIONS)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            dropped = await reader.read() == b""
        except ConnectionResetError:
            dropped = True
        assert dropped
        for _, other in [*idle, (reader, writer)]:
            other.close()

    async def test_a_collector_that_fails_is_an_error_without_its_text(
        self, registry: CollectorRegistry, port: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Broken(Collector):
            broken = False

            def collect(self) -> Iterator[Metric]:
                if self.broken:
                    raise OSError("secret")
                return iter(())

        collector = Broken()
        registry.register(collector)
        collector.broken = True
        with caplog.at_level(logging.ERROR):
            answer = await exchange(port, GET)
        assert (answer.status, answer.body) == (500, b"")
        assert "metrics could not be rendered" in caplog.text
        collector.broken = False
        assert (await exchange(port, GET)).status == 200

    async def test_families_with_creation_times_are_not_cut(
        self, registry: CollectorRegistry, port: int
    ) -> None:
        family = CounterMetricFamily("born_total", "", labels=["x"])
        for n in range(SLICE_SAMPLES):
            family.add_metric([str(n)], n, created=1.0)

        class Other(Collector):
            def collect(self) -> Iterator[Metric]:
                yield family

        registry.register(Other())
        assert (await exchange(port, GET)).body == generate_latest(registry)


class TestLifecycle:
    async def test_starting_twice_is_an_error(self, registry: CollectorRegistry) -> None:
        server = MetricsServer(registry)
        await started(server)
        with pytest.raises(RuntimeError, match="started already"):
            await started(server)
        await server.close()

    async def test_close_frees_the_port_drops_connections_and_may_come_again(
        self, registry: CollectorRegistry
    ) -> None:
        server = MetricsServer(registry)
        port = await started(server)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await connected(server)
        await server.close()
        assert await reader.read() == b""
        writer.close()
        await server.close()
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", port)
        assert await started(server, port) == port
        await server.close()

    def test_it_runs_on_uvloop(self, block: MetricsBlock, registry: CollectorRegistry) -> None:
        Counter(block, "a_total", "h" * 1_000_000).labels().inc()

        async def run() -> None:
            server = MetricsServer(registry)
            port = await started(server)
            answer = await exchange(port, GET)
            assert answer.samples == {("a_total", frozenset()): 1}
            assert (await exchange(port, GET.replace(b"GET", b"POST"))).status == 405
            await server.close()

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run())
