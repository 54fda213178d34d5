"""The handlers of OrderService.

Who may call, how often, and what is valid was decided before a handler runs.
"""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

from blrcs.domain.errors import FailedPreconditionError, NotFoundError
from blrcs_native.calls.call import Call
from orders.v1 import orders_pb2, orders_pb2_grpc

PRODUCTS = {"tea": "Tea, 100 g", "cup": "A cup"}


class OrderService(orders_pb2_grpc.OrderServiceServicer):
    """Keeps orders in memory."""

    def __init__(self) -> None:
        self._orders: dict[str, orders_pb2.Order] = {}
        self._numbers = itertools.count(1)
        self._changed: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def CreateOrder(
        self, request: orders_pb2.CreateOrderRequest, call: Call
    ) -> orders_pb2.Order:
        return self._place(request.order, call)

    async def GetOrder(self, request: orders_pb2.GetOrderRequest, call: Call) -> orders_pb2.Order:
        return self._find(request.order_id)

    async def ListProducts(
        self, request: orders_pb2.ListProductsRequest, call: Call
    ) -> orders_pb2.ListProductsResponse:
        return orders_pb2.ListProductsResponse(
            products=[
                orders_pb2.Product(product_id=product_id, title=title)
                for product_id, title in PRODUCTS.items()
            ]
        )

    async def WatchOrder(
        self, request: orders_pb2.WatchOrderRequest, call: Call
    ) -> AsyncIterator[orders_pb2.Order]:
        while True:
            changed = self._changed[request.order_id]
            order = self._find(request.order_id)
            yield order
            if order.state == orders_pb2.ORDER_STATE_SHIPPED:
                return
            await changed.wait()

    async def UploadLines(
        self, requests: AsyncIterator[orders_pb2.OrderLine], call: Call
    ) -> orders_pb2.Order:
        return self._place(orders_pb2.Order(lines=[line async for line in requests]), call)

    async def ShipOrder(self, request: orders_pb2.ShipOrderRequest, call: Call) -> orders_pb2.Order:
        order = self._find(request.order_id)
        if order.state == orders_pb2.ORDER_STATE_SHIPPED:
            raise FailedPreconditionError("ORDER_SHIPPED", "the order has been shipped already")
        order.state = orders_pb2.ORDER_STATE_SHIPPED
        self._changed.pop(order.order_id, asyncio.Event()).set()
        return order

    def _place(self, order: orders_pb2.Order, call: Call) -> orders_pb2.Order:
        unknown = sorted({line.product_id for line in order.lines} - PRODUCTS.keys())
        if unknown:
            raise NotFoundError(f"product {unknown[0]}")
        placed = orders_pb2.Order(
            order_id=str(next(self._numbers)),
            customer=call.principal.name,
            lines=order.lines,
            state=orders_pb2.ORDER_STATE_PLACED,
        )
        placed.create_time.GetCurrentTime()
        self._orders[placed.order_id] = placed
        return placed

    def _find(self, order_id: str) -> orders_pb2.Order:
        order = self._orders.get(order_id)
        if order is None:
            raise NotFoundError(f"orders/{order_id}")
        return order


def register(server: Any) -> None:
    """For ``blrcs serve --service orders.service:register``."""
    orders_pb2_grpc.add_OrderServiceServicer_to_server(OrderService(), server)
