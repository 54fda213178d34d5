"""What it costs to ask where a call comes from, and whose its certificate is."""

from typing import Any

import pytest

from blrcs.config.mtls import Mtls
from blrcs.config.network import Network
from blrcs.domain.policy import Addresses, MethodPolicy
from blrcs.interceptors.network import current_network, network_guards
from blrcs.security.certificate_names import CertificateNames
from blrcs.transport.in_process import InProcessStream
from blrcs_native.calls.call import Call
from blrcs_native.calls.method import Method
from blrcs_native.guards.certificate import CertificatePrincipals
from tests.authority import Authority, spiffe

METHOD = Method(
    "/a.B/C", client_streaming=False, server_streaming=False, parse=None, serialize=None
)
STREAM = InProcessStream(None)
MANY = tuple(f"10.{high}.{low}.0/24" for high in range(8) for low in range(0, 256, 2))
LISTS = Network(allow=("10.0.0.0/8", "192.168.0.0/16"), deny=MANY)
METADATA = (("user-agent", "x"), ("x-forwarded-for", "10.1.1.1, 10.1.1.3"))


@pytest.mark.parametrize(
    ("network", "own"),
    [
        (Network(), None),
        (LISTS, None),
        (LISTS, Addresses(allow=("10.1.0.0/16",))),
        (LISTS.model_copy(update={"trusted_proxies": ("192.168.0.1",)}), None),
    ],
    ids=["nothing", "lists", "lists of both", "behind a proxy"],
)
def test_a_call_is_asked_where_it_comes_from(
    benchmark: Any, network: Network, own: Addresses | None
) -> None:
    policy = MethodPolicy("public", addresses=own)
    (guard,) = network_guards(METHOD, policy, current_network(network))
    peer = "192.168.0.1" if network.trusted_proxies else "10.1.1.3"

    def ask() -> object:
        return guard.check(Call(METHOD, STREAM, METADATA, peer))

    assert benchmark(ask) is None


def test_a_certificate_says_who_calls(benchmark: Any) -> None:
    pem = Authority().issue(spiffe("spiffe://example.org/ns/a")).chain
    settings = Mtls(mode="fallback", trust_domains=("example.org",))

    class Shown(InProcessStream):
        def auth_context(self) -> dict[str, Any]:
            return {"x509_pem_cert": [pem]}

    principals = CertificatePrincipals(CertificateNames(settings).read, lambda: 0)
    call = Call(METHOD, Shown(None), METADATA, "10.1.1.3")
    principal = benchmark(principals.principal, call)
    assert principal.name == "workloads/example.org/ns/a"
