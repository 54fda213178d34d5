"""A world's record service behind its direct handlers, over the native transport."""

from contextlib import asynccontextmanager

from blrcs.assembly.direct import direct_records
from tests.conformance.transport.channels import open_channel


@asynccontextmanager
async def direct_channel(world, records):
    """A channel; ``records`` are the world's, or what stands in their place for direct handlers."""
    async with open_channel("native", world.router(direct=direct_records(records))) as channel:
        yield channel


def bearer(world, principal):
    """Metadata of a principal's call."""
    return (("authorization", f"Bearer {world.host._token(principal)}"),)
