"""What tests of services need: a host without a network, and suites that ports have to pass.

    async with Host(register) as host:
        stub = OrderServiceStub(host.channel("users/alice", {"orders.get": "orders/7"}))
        order = await stub.GetOrder(GetOrderRequest(order_id="7"))

``blrcs.testing.database`` has the suite for an adapter of a database.
"""

from blrcs.testing.host import Host

__all__ = ["Host"]
