"""What tests of services need: a host without a network, and suites that ports have to pass.

    async with Host(register) as host:
        stub = OrderServiceStub(host.channel("users/alice", {"orders.get": "orders/7"}))
        order = await stub.GetOrder(GetOrderRequest(order_id="7"))

A service that takes resources is given some, and starts and ends with the host:

    async with (
        temporary_resources(migrations={"inventory": "inventory.migrations"}) as resources,
        Host(register, resources) as host,
    ):
        ...

``blrcs.testing.database`` has the suite for an adapter of a database.
"""

from blrcs.testing.host import Host
from blrcs.testing.resources import temporary_resources

__all__ = ["Host", "temporary_resources"]
