"""Fixtures for suites that run over every implementation of one thing."""

import datetime as dt
import ipaddress
from collections.abc import AsyncIterator
from functools import cache

import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from blrcs.transport.grpcio import GrpcioServer
from blrcs.transport.in_process import InProcessChannel
from blrcs.transport.native import NativeServer
from blrcs.transport.registration import Registrar
from blrcs.transport.router import Router
from blrcs.transport.tls import ssl_server_credentials
from blrcs_native.pipeline import Pipeline
from tests.conformance.transport.context_service import Context
from tests.conformance.transport.echo import echo_pipelines

SERVERS = {"native": NativeServer, "grpcio": GrpcioServer}
TRANSPORTS = ("native", "native_tls", "grpcio", "grpcio_tls", "in_process")


@cache
def key_and_certificate() -> tuple[bytes, bytes]:
    """A key and its own certificate for 127.0.0.1, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    return (
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        certificate.public_bytes(serialization.Encoding.PEM),
    )


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
    if transport == "in_process":
        yield InProcessChannel(router)
        return
    name, _, tls = transport.partition("_")
    server = SERVERS[name](router)
    if tls:
        key, certificate = key_and_certificate()
        port = server.add_secure_port("127.0.0.1:0", ssl_server_credentials([(key, certificate)]))
        await server.start()
        opened = grpc.aio.secure_channel(
            f"127.0.0.1:{port}", grpc.ssl_channel_credentials(certificate)
        )
    else:
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        opened = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    async with opened as channel:
        yield channel
    await server.stop(0)
