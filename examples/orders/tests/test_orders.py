"""The service behind its real policies, without a network."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from orders.service import register
from orders.v1 import orders_pb2, orders_pb2_grpc

from blrcs.testing import Host

TEA = orders_pb2.OrderLine(product_id="tea", quantity=2)
CREATE = {"orders.create": "orders"}
ALL = {f"orders.{verb}": "orders" for verb in ("create", "get", "ship")}


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    async with Host(register) as host:
        yield host


def stub(host: Host, *arguments: Any) -> orders_pb2_grpc.OrderServiceStub:
    return orders_pb2_grpc.OrderServiceStub(host.channel(*arguments))


def new_order(*lines: orders_pb2.OrderLine, **fields: Any) -> orders_pb2.CreateOrderRequest:
    return orders_pb2.CreateOrderRequest(order=orders_pb2.Order(lines=lines, **fields))


async def refusal(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code()


async def test_an_order_is_placed_for_its_caller(host: Host) -> None:
    order = await stub(host, "users/alice", CREATE).CreateOrder(new_order(TEA))
    assert (order.customer, order.state) == ("users/alice", orders_pb2.ORDER_STATE_PLACED)


async def test_without_a_token_nothing_is_placed(host: Host) -> None:
    assert await refusal(stub(host).CreateOrder(new_order(TEA))) is grpc.StatusCode.UNAUTHENTICATED


async def test_an_order_without_lines_is_invalid(host: Host) -> None:
    call = stub(host, "users/alice", CREATE).CreateOrder(new_order())
    assert await refusal(call) is grpc.StatusCode.INVALID_ARGUMENT


async def test_an_unknown_product_is_not_found(host: Host) -> None:
    line = orders_pb2.OrderLine(product_id="gold", quantity=1)
    call = stub(host, "users/alice", CREATE).CreateOrder(new_order(line))
    assert await refusal(call) is grpc.StatusCode.NOT_FOUND


async def test_a_caller_sees_only_the_orders_it_may(host: Host) -> None:
    admin = stub(host, "users/admin", ALL)
    first = await admin.CreateOrder(new_order(TEA))
    second = await admin.CreateOrder(new_order(TEA))
    bob = stub(host, "users/bob", {"orders.get": f"orders/{first.order_id}"})
    assert await bob.GetOrder(orders_pb2.GetOrderRequest(order_id=first.order_id)) == first
    hidden = bob.GetOrder(orders_pb2.GetOrderRequest(order_id=second.order_id))
    assert await refusal(hidden) is grpc.StatusCode.PERMISSION_DENIED


async def test_the_same_idempotency_key_places_one_order(host: Host) -> None:
    alice = stub(host, "users/alice", CREATE)
    key = (("idempotency-key", "k1"),)
    first = await alice.CreateOrder(new_order(TEA), metadata=key)
    assert await alice.CreateOrder(new_order(TEA), metadata=key) == first
    assert (await alice.CreateOrder(new_order(TEA))).order_id != first.order_id


async def test_more_than_twenty_at_once_are_limited(host: Host) -> None:
    alice = stub(host, "users/alice", CREATE)
    calls = (alice.CreateOrder(new_order(TEA)) for _ in range(30))
    results = await asyncio.gather(*calls, return_exceptions=True)
    refused = [result for result in results if isinstance(result, grpc.aio.AioRpcError)]
    assert 0 < len(refused) <= 10
    assert {error.code() for error in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}


async def test_anyone_may_see_the_products(host: Host) -> None:
    reply = await stub(host).ListProducts(orders_pb2.ListProductsRequest())
    assert [product.product_id for product in reply.products] == ["tea", "cup"]


async def test_a_watcher_sees_the_order_shipped(host: Host) -> None:
    admin = stub(host, "users/admin", ALL)
    order = await admin.CreateOrder(new_order(TEA))
    states = []
    async for seen in admin.WatchOrder(orders_pb2.WatchOrderRequest(order_id=order.order_id)):
        states.append(seen.state)
        if seen.state == orders_pb2.ORDER_STATE_PLACED:
            await admin.ShipOrder(orders_pb2.ShipOrderRequest(order_id=order.order_id))
    assert states == [orders_pb2.ORDER_STATE_PLACED, orders_pb2.ORDER_STATE_SHIPPED]


async def test_an_order_is_shipped_once(host: Host) -> None:
    admin = stub(host, "users/admin", ALL)
    request = orders_pb2.ShipOrderRequest(
        order_id=(await admin.CreateOrder(new_order(TEA))).order_id
    )
    await admin.ShipOrder(request)
    assert await refusal(admin.ShipOrder(request)) is grpc.StatusCode.FAILED_PRECONDITION


async def test_lines_can_be_uploaded(host: Host) -> None:
    async def lines() -> AsyncIterator[orders_pb2.OrderLine]:
        for quantity in (1, 2, 3):
            yield orders_pb2.OrderLine(product_id="cup", quantity=quantity)

    order = await stub(host, "users/alice", CREATE).UploadLines(lines())
    assert [line.quantity for line in order.lines] == [1, 2, 3]


async def test_one_invalid_line_refuses_the_upload(host: Host) -> None:
    async def lines() -> AsyncIterator[orders_pb2.OrderLine]:
        yield TEA
        yield orders_pb2.OrderLine(product_id="cup", quantity=0)

    call = stub(host, "users/alice", CREATE).UploadLines(lines())
    assert await refusal(call) is grpc.StatusCode.INVALID_ARGUMENT
