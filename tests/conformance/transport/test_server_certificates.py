"""Which of its certificates a server shows, on both servers; grpcio is the oracle."""

import asyncio
import socket
import ssl
from collections.abc import Iterable, Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from blrcs.transport.router import Router
from blrcs.transport.tls import ssl_server_credentials
from tests.certificates import new_key_and_chain
from tests.conformance.transport.channels import SERVERS

HOSTS = ("a.example", "b.example", "*.c.example")
ASKED = {
    "a.example": "a.example",
    "b.example": "b.example",
    "B.Example": "b.example",
    "x.c.example": "*.c.example",
    "x.y.c.example": "a.example",
    "c.example": "a.example",
    "d.example": "a.example",
    None: "a.example",
}


def shown(port: int, name: str | None) -> str:
    """The common name of what a client that asks for a name is shown."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", port)) as connection,
        context.wrap_socket(connection, server_hostname=name) as secured,
    ):
        assert secured.selected_alpn_protocol() == "h2"
        certificate = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
    (attribute,) = certificate.subject
    return str(attribute.value)


async def all_shown(
    server_name: str, pairs: Sequence[tuple[bytes, bytes]], names: Iterable[str | None]
) -> dict[str | None, str]:
    """What clients are shown by a server that has those certificates, by the names they ask for."""
    server = SERVERS[server_name](Router({}))
    port = server.add_secure_port("127.0.0.1:0", ssl_server_credentials(pairs))
    await server.start()
    try:
        return {name: await asyncio.to_thread(shown, port, name) for name in names}
    finally:
        await server.stop(0)


@pytest.mark.parametrize("server_name", SERVERS)
async def test_a_client_is_shown_the_certificate_of_the_name_that_it_asks_for(
    server_name: str,
) -> None:
    pairs = [new_key_and_chain(host) for host in HOSTS]
    assert await all_shown(server_name, pairs, ASKED) == ASKED


@pytest.mark.parametrize("server_name", SERVERS)
async def test_who_asks_for_another_name_is_shown_the_first_whatever_its_kind_of_key(
    server_name: str,
) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pairs = [new_key_and_chain("a.example", key), new_key_and_chain("b.example")]
    asked = {"b.example": "b.example", "d.example": "a.example", None: "a.example"}
    assert await all_shown(server_name, pairs, asked) == asked
