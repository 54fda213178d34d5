"""Messages beyond `grpc.max_send_message_length`: what is noted is what the client is told."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc.aio import AioRpcError

from blrcs.transport.registration import Registrar
from blrcs.transport.router import Router
from blrcs_native.calls.call import Call
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.calls.rejection import Rejection
from blrcs_native.direct.health import DirectHealthCheck
from blrcs_native.monitoring.call_metrics import CallMetrics
from blrcs_native.monitoring.metrics import MetricsBlock
from tests.conformance.transport.calls import collect
from tests.conformance.transport.channels import TRANSPORTS, open_channel

SERVICE = "sizes.Sizes"
KINDS = {
    "one": "unary_unary",
    "many": "unary_stream",
    "writing": "unary_stream",
    "last": "stream_unary",
    "both": "stream_stream",
}
LIMIT = 100
LIMITED = [("grpc.max_send_message_length", LIMIT)]
NETWORKED = [transport for transport in TRANSPORTS if transport != "in_process"]
TOO_LARGE = "Sent message larger than max (101 vs. 100)"


class Observer:
    """Notes how calls end, and which handlers fail."""

    def __init__(self) -> None:
        self.ends: list[tuple[int, str]] = []
        self.failures: list[BaseException] = []

    def on_end(self, call: Call) -> None:
        reason = "" if call.rejection is None else call.rejection.reason
        self.ends.append((call.status_code, reason))

    def on_failure(self, call: Call, error: BaseException) -> None:
        del call
        self.failures.append(error)


async def one(request: bytes, call: Call) -> bytes:
    del call
    return bytes(int(request))


async def many(request: bytes, call: Call) -> AsyncIterator[bytes]:
    del call
    yield b"first"
    yield bytes(int(request))


async def writing(request: bytes, call: Call) -> None:
    await call.write(b"first")
    await call.write(bytes(int(request)))


async def last(requests: AsyncIterator[bytes], call: Call) -> bytes:
    del call
    return bytes([int(request) async for request in requests][-1])


async def both(requests: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
    del call
    yield b"first"
    async for request in requests:
        yield bytes(int(request))


def router(observer: Observer, metrics: CallMetrics) -> Router:
    registrar = Registrar()
    handlers = {"one": one, "many": many, "writing": writing, "last": last, "both": both}
    registrar.add_registered_method_handlers(
        SERVICE,
        {
            name: getattr(grpc, f"{KINDS[name]}_rpc_method_handler")(handler)
            for name, handler in handlers.items()
        },
    )
    return Router(
        {
            each.name: Pipeline(each.method(metrics=metrics), each.handler(), observers=[observer])
            for each in registrar
        }
    )


async def ask(channel: Any, name: str, size: int, received: list[bytes]) -> None:
    kind = KINDS[name]
    body = str(size).encode()
    call = getattr(channel, kind)(f"/{SERVICE}/{name}")(
        iter([body]) if kind.startswith("stream") else body
    )
    if kind.endswith("stream"):
        await collect(call, received)
    else:
        received.append(await call)


class Noted:
    """What is noted of the calls of a router with the service."""

    def __init__(self) -> None:
        self.observer = Observer()
        self.metrics = CallMetrics(MetricsBlock(4096), max_methods=8)
        self.router = router(self.observer, self.metrics)

    def handled(self) -> list[str]:
        """The names of the codes that the metrics have."""
        return [row[-1] for row, count in self.metrics.handled.rows() if count]

    def sent(self) -> int:
        return sum(count for _, count in self.metrics.sent.rows())


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("transport", NETWORKED)
async def test_one_that_is_too_large_is_told_to_everybody(transport: str, name: str) -> None:
    noted = Noted()
    received: list[bytes] = []
    async with open_channel(transport, noted.router, (), LIMITED) as channel:
        with pytest.raises(AioRpcError) as caught:
            await ask(channel, name, LIMIT + 1, received)
    first = [b"first"] if KINDS[name].endswith("stream") else []
    assert (caught.value.code(), caught.value.details()) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        TOO_LARGE,
    )
    assert received == first
    assert noted.observer.ends == [(8, "REPLY_TOO_LARGE")]
    assert noted.observer.failures == []
    assert (noted.handled(), noted.sent()) == (["ResourceExhausted"], len(first))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_one_that_is_just_as_large_is_sent(transport: str, name: str) -> None:
    noted = Noted()
    received: list[bytes] = []
    async with open_channel(transport, noted.router, (), LIMITED) as channel:
        await ask(channel, name, LIMIT, received)
    assert received[-1] == bytes(LIMIT)
    assert noted.observer.ends == [(0, "")]
    assert (noted.handled(), noted.sent()) == (["OK"], len(received))


@pytest.mark.parametrize(("limit", "code", "sent"), [(1, 8, 0), (2, 0, 1)])
async def test_answers_without_a_handler_have_the_same_limit(
    limit: int, code: int, sent: int
) -> None:
    noted = Noted()
    method = noted.router.pipelines[f"/{SERVICE}/one"].method
    direct = DirectHealthCheck({"": 1}, Rejection(5, "handler", "UNKNOWN", "no such service"))
    answering = Pipeline(method, one, observers=[noted.observer], direct=direct)
    options = [("grpc.max_send_message_length", limit)]
    channel: Any
    async with open_channel("native", Router({method.name: answering}), (), options) as channel:
        ended = await channel.unary_unary(method.name)(b"").code()
    assert ended.value[0] == code
    assert [each for each, _ in noted.observer.ends] == [code]
    assert (len(noted.handled()), noted.sent()) == (1, sent)
