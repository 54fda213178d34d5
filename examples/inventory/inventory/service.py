"""The handlers of InventoryService.

Who may call, how often, and what is valid was decided before a handler runs.
"""

from typing import Any

from google.protobuf import empty_pb2

from blrcs.resources import ServerResources
from blrcs_native.calls.call import Call
from blrcs_native.monitoring.metrics import Counter
from inventory.sightings import Sightings
from inventory.stock import Stock
from inventory.v1 import inventory_pb2, inventory_pb2_grpc

PAGE = 50
FORGET_PERIOD_S = 3600.0


class InventoryService(inventory_pb2_grpc.InventoryServiceServicer):
    """Keeps what is in stock in the server's database."""

    def __init__(self, resources: ServerResources) -> None:
        self._resources = resources
        self._stock = Stock(resources.database, resources.cache, resources.strategy_metrics)
        self._taken = Counter(
            resources.metrics, "inventory_taken_units_total", "Units taken out of stock."
        ).labels()
        self._sightings: Sightings

    async def start(self) -> None:
        """Opens the log of sightings, and sees to it that all is closed."""
        resources = self._resources
        resources.on_stop(self._stock.close)
        self._sightings = await Sightings.open(
            resources.database,
            resources.cache,
            resources.own_directory("inventory-sightings"),
            resources.clock,
            resources.strategy_metrics,
        )
        resources.on_stop(self._sightings.close)
        resources.repeat(FORGET_PERIOD_S, self._sightings.forget_old, leader_only=True)

    async def PutItem(
        self, request: inventory_pb2.PutItemRequest, call: Call
    ) -> inventory_pb2.Item:
        return await self._stock.put(request.item)

    async def GetItem(
        self, request: inventory_pb2.GetItemRequest, call: Call
    ) -> inventory_pb2.Item:
        item = await self._stock.get(request.sku)
        item.shelf = await self._sightings.shelf_of(request.sku)
        return item

    async def ListItems(
        self, request: inventory_pb2.ListItemsRequest, call: Call
    ) -> inventory_pb2.ListItemsResponse:
        tokens, size = self._resources.page_tokens, request.page_size or PAGE
        after = tokens.redeem("inventory.items", request.page_token)
        items = await self._stock.list_after(after, size + 1)
        listed = inventory_pb2.ListItemsResponse(items=items[:size])
        if len(items) > size:
            listed.next_page_token = tokens.issue("inventory.items", items[size - 1].sku)
        return listed

    async def TakeItem(
        self, request: inventory_pb2.TakeItemRequest, call: Call
    ) -> inventory_pb2.Item:
        item = await self._stock.take(request.sku, request.units)
        self._taken.inc(request.units)
        return item

    async def ReportSighting(
        self, request: inventory_pb2.ReportSightingRequest, call: Call
    ) -> empty_pb2.Empty:
        await self._sightings.report(request.sku, request.shelf)
        return empty_pb2.Empty()


def register(server: Any, resources: ServerResources) -> None:
    """For ``blrcs serve --service inventory.service:register``."""
    service = InventoryService(resources)
    resources.on_start(service.start)
    inventory_pb2_grpc.add_InventoryServiceServicer_to_server(service, server)
