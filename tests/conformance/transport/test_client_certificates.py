"""Who a client with a certificate is, on both servers; grpcio is the oracle."""

import datetime as dt
import ipaddress
import json
from typing import Any

import grpc
import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from grpc.aio import AioRpcError

from blrcs.transport.router import Router
from blrcs.transport.tls import ssl_server_credentials
from blrcs_native.calls.call import Call
from blrcs_native.calls.method import Method
from blrcs_native.calls.pipeline import Pipeline
from tests.certificates import key_and_certificate
from tests.conformance.transport.channels import SERVERS

WHO = "/test.Identity/Who"
NAMES = {
    "none": [],
    "dns": [x509.DNSName("client.example"), x509.DNSName("other.example")],
    "uri": [x509.UniformResourceIdentifier("https://client.example/x")],
    "spiffe": [x509.UniformResourceIdentifier("spiffe://example/client")],
    "email": [x509.RFC822Name("client@example.com")],
    "address": [x509.IPAddress(ipaddress.ip_address("10.1.2.3"))],
    "several": [
        x509.DNSName("client.example"),
        x509.UniformResourceIdentifier("spiffe://example/client"),
        x509.IPAddress(ipaddress.ip_address("10.1.2.3")),
    ],
}


def client_certificate(names: list[Any]) -> tuple[bytes, bytes]:
    """A client's own certificate, which is its authority too, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem, builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


async def who(_: bytes, call: Call) -> bytes:
    context = call.auth_context()
    return json.dumps(
        {
            "context": {key: [value.decode() for value in context[key]] for key in sorted(context)},
            "key": str(call.peer_identity_key() or ""),
            "identities": [value.decode() for value in call.peer_identities() or ()],
        }
    ).encode()


async def answer(server_name: str, authority: bytes, client: Any) -> Any:
    method = Method(WHO, client_streaming=False, server_streaming=False, parse=None, serialize=None)
    server = SERVERS[server_name](Router({WHO: Pipeline(method, who)}))
    key, certificate = key_and_certificate()
    port = server.add_secure_port(
        "127.0.0.1:0",
        ssl_server_credentials(
            [(key, certificate)], root_certificates=authority, require_client_auth=True
        ),
    )
    await server.start()
    try:
        credentials = grpc.ssl_channel_credentials(certificate, *(client or ()))
        async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
            return json.loads(await channel.unary_unary(WHO)(b"", timeout=10))
    finally:
        await server.stop(0)


@pytest.mark.parametrize("names", NAMES)
async def test_a_client_is_who_its_certificate_says(names: str) -> None:
    client = client_certificate(NAMES[names])
    native = await answer("native", client[1], client)
    assert native == await answer("grpcio", client[1], client)
    assert native["identities"]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("with_another", [False, True])
async def test_a_client_without_a_certificate_that_is_signed_is_refused(
    server: str, with_another: bool
) -> None:
    _, authority = client_certificate([])
    client = client_certificate([]) if with_another else None
    with pytest.raises(AioRpcError) as caught:
        await answer(server, authority, client)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
