"""What a handler gives in the place of bytes: nothing is empty, anything else its own failure."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from grpc.aio import AioRpcError

from blrcs.transport.registration import Registrar
from blrcs.transport.router import Router
from blrcs_native.calls.call import Call
from blrcs_native.calls.pipeline import Pipeline
from tests.conformance.transport.calls import collect
from tests.conformance.transport.channels import TRANSPORTS, open_channel

SERVICE = "replies.Replies"


class Observer:
    """Notes how calls end, and what their handlers fail by."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.failures: list[type] = []

    def on_end(self, call: Call) -> None:
        self.codes.append(call.status_code)

    def on_failure(self, call: Call, error: BaseException) -> None:
        del call
        self.failures.append(type(error))


def router(
    observer: Observer, reply: Any, serializer: Callable[[Any], Any] | None = None
) -> Router:
    async def one(request: bytes, call: Call) -> Any:
        del request, call
        return reply

    async def many(request: bytes, call: Call) -> AsyncIterator[Any]:
        del request, call
        yield reply

    registrar = Registrar()
    registrar.add_registered_method_handlers(
        SERVICE,
        {
            "one": grpc.unary_unary_rpc_method_handler(one, None, serializer),
            "many": grpc.unary_stream_rpc_method_handler(many, None, serializer),
        },
    )
    return Router(
        {
            each.name: Pipeline(each.method(), each.handler(), observers=[observer])
            for each in registrar
        }
    )


async def replies(channel: Any, name: str) -> list[bytes]:
    path = f"/{SERVICE}/{name}"
    if name == "one":
        return [await channel.unary_unary(path)(b"")]
    received: list[bytes] = []
    await collect(channel.unary_stream(path)(b""), received)
    return received


@pytest.mark.parametrize("name", ["one", "many"])
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_nothing_is_an_empty_message(transport: str, name: str) -> None:
    if (transport, name) == ("in_process", "many"):
        return  # what is given comes out there
    async with open_channel(transport, router(Observer(), None)) as channel:
        assert await replies(channel, name) == [b""]


@pytest.mark.parametrize("name", ["one", "many"])
@pytest.mark.parametrize(
    ("reply", "serializer"),
    [("text", None), (bytearray(b"a"), None), (7, None), (b"a", lambda _: None), (b"a", bytearray)],
)
async def test_what_is_no_bytes_is_told_as_the_handlers_failure(
    name: str, reply: Any, serializer: Callable[[Any], Any] | None
) -> None:
    observer = Observer()
    async with open_channel("native", router(observer, reply, serializer)) as channel:
        with pytest.raises(AioRpcError) as caught:
            await replies(channel, name)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert (observer.codes, observer.failures) == ([13], [TypeError])
