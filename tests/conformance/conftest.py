"""Fixtures for suites that run over every implementation of one thing."""

from collections.abc import AsyncIterator

import pytest

from blrcs.transport.registration import Registrar
from blrcs.transport.router import Router
from blrcs_native.calls.pipeline import Pipeline
from tests.conformance.transport.channels import TRANSPORTS, open_channel
from tests.conformance.transport.context_service import Context
from tests.conformance.transport.echo import echo_pipelines


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """The transport under test."""
    return str(request.param)


@pytest.fixture
def context() -> Context:
    """The servicer of the context service."""
    return Context()


@pytest.fixture
async def channel(transport: str, context: Context) -> AsyncIterator[object]:
    """A channel to the echo and the context service over each transport."""
    registrar = Registrar()
    context.register(registrar)
    router = Router(
        echo_pipelines()
        | {each.name: Pipeline(each.method(), each.handler()) for each in registrar}
    )
    async with open_channel(transport, router) as opened:
        yield opened
