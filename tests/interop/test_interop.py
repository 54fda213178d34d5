"""Clients of four stacks in gRPC's own interoperability cases."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import pytest

from tests.certificates import make_certificate
from tests.interop.cases import CANNOT, CASES, COMPRESSION_CASES, STACKS, TLS_CASES
from tests.interop.serving import Outcome, run_client
from tests.servers.envoy import envoy
from tests.transports import TRANSPORTS

Run = Callable[[str, str], Outcome]

every_stack = pytest.mark.parametrize("stack", STACKS)
every_transport = pytest.mark.parametrize("transport", TRANSPORTS)


@pytest.fixture(scope="module")
def run() -> Run:
    """Has a client do all cases, once for all tests about them."""
    return cache(lambda stack, transport: run_client(stack, transport, CASES))


@pytest.fixture(scope="module")
def run_tls(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Likewise over TLS."""
    certificate = make_certificate(tmp_path_factory.mktemp("tls"))
    return cache(
        lambda stack, transport: run_client(stack, transport, TLS_CASES, certificate=certificate)
    )


@pytest.mark.parametrize("case", CASES)
@every_stack
@every_transport
def test_a_client_gets_what_it_asks_for(run: Run, transport: str, stack: str, case: str) -> None:
    assert run(stack, transport).of(case) == "ok"


@contextmanager
def behind_envoy(port: int) -> Iterator[int]:
    with envoy(port) as proxy:
        yield proxy.port


@pytest.fixture(scope="module")
def run_behind_envoy() -> Run:
    """Likewise with a proxy in between that takes every call apart and makes another of it."""
    return cache(lambda stack, transport: run_client(stack, transport, CASES, behind=behind_envoy))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("stack", ["python", "go"])
def test_a_proxy_changes_nothing(run_behind_envoy: Run, stack: str, case: str) -> None:
    assert run_behind_envoy(stack, "native").of(case) == "ok"


@pytest.mark.parametrize("case", TLS_CASES)
@every_stack
@every_transport
def test_tls_changes_nothing(run_tls: Run, transport: str, stack: str, case: str) -> None:
    assert run_tls(stack, transport).of(case) == "ok"


@pytest.mark.parametrize(
    ("stack", "case"),
    [
        (stack, case)
        for stack in STACKS
        for case in COMPRESSION_CASES
        if (stack, case) not in CANNOT
    ],
)
@every_transport
def test_what_is_to_be_compressed_is_and_nothing_else(
    transport: str, stack: str, case: str
) -> None:
    outcome = run_client(stack, transport, [case], relayed=True)
    assert outcome.of(case) == "ok"
    seen = [(exchange.requests, exchange.replies) for exchange in outcome.exchanges]
    assert seen == COMPRESSION_CASES[case]
