"""What a hosted service may use of the server that hosts it.

    def register(server, resources: ServerResources) -> None:
        service = InventoryService(resources.database)
        resources.on_start(service.start)
        resources.on_stop(service.stop)
        add_InventoryServiceServicer_to_server(service, server)

A function for ``blrcs serve --service`` that takes a second parameter is given them; one that takes
a server alone is not. ``blrcs.testing.temporary_resources`` makes some for a test.
"""

from blrcs.resources.server_resources import ServerResources

__all__ = ["ServerResources"]
