"""A world's record service behind its direct handlers, over the native transport."""

from contextlib import asynccontextmanager

from blrcs.api.record_requests import add_record_service
from blrcs.assembly.direct import direct_records
from blrcs.interceptors.binding import bind_all
from blrcs.interceptors.effective_policy import effective_policy
from blrcs.interceptors.factory import PipelineFactory
from blrcs.testing.host import NAME
from blrcs.transport.registration import Registrar
from blrcs.transport.router import Router
from blrcs_native.limits.limiter import Limiter
from blrcs_native.tokens.keys import Keyset, VerificationKey
from blrcs_native.tokens.verifier import TokenVerifier
from tests.conformance.transport.channels import open_channel


@asynccontextmanager
async def direct_channel(world, records):
    """A channel; ``records`` are the world's, or what stands in their place for direct handlers."""
    registrar = Registrar()
    add_record_service(world.records.service, registrar)
    host = world.host
    factory = PipelineFactory(
        limiter=Limiter(4096),
        verifier=TokenVerifier(
            Keyset([VerificationKey.from_secret(NAME, "HS256", host._secret)]),
            issuers=[NAME],
            audiences=[NAME],
        ),
        access=host._access,
        direct=direct_records(records),
    )
    router = Router(
        bind_all(registrar, factory, lambda each: effective_policy(each.name, each.descriptor))
    )
    async with open_channel("native", router) as channel:
        yield channel


def bearer(world, principal):
    """Metadata of a principal's call."""
    return (("authorization", f"Bearer {world.host._token(principal)}"),)
