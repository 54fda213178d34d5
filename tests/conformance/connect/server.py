"""The server under test of connectrpc's conformance runner.

    python -m tests.conformance.connect.server DESCRIPTOR_SET TRANSPORT

It reads a ServerCompatRequest from the standard input, listens as that demands, writes a
ServerCompatResponse, and serves until it gets a SIGTERM.
"""

import asyncio
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc

import blrcs.aio
from blrcs.domain.policy import PUBLIC
from tests.conformance.connect.contract import SERVICE, load, read, write
from tests.conformance.connect.service import ConformanceService

HOST = "127.0.0.1"


def listen(server: Any, request: Any) -> int:
    """Listens in plain text, with TLS, or with TLS and client certificates."""
    if not request.use_tls:
        return int(server.add_insecure_port(f"{HOST}:0"))
    credentials = blrcs.aio.ssl_server_credentials(
        [(request.server_creds.key, request.server_creds.cert)],
        root_certificates=request.client_tls_cert or None,
        require_client_auth=bool(request.client_tls_cert),
    )
    return int(server.add_secure_port(f"{HOST}:0", credentials))


async def serve(contract: SimpleNamespace, transport: str) -> None:
    """Serves one ServerCompatRequest."""
    request = contract.ServerCompatRequest()
    read(sys.stdin.buffer, request)
    limit = request.message_receive_limit
    server = blrcs.aio.server(
        transport=transport,
        options=[("grpc.max_receive_message_length", limit)] if limit else [],
        # grpc core compresses even for the clients in this suite that accept no compression.
        compression=None if transport == "grpcio" else grpc.Compression.Gzip,
        policies={f"/{SERVICE}/*": PUBLIC},
    )
    server.add_registered_method_handlers(SERVICE, ConformanceService(contract).handlers())
    port = listen(server, request)
    await server.start()
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    pem_cert = request.server_creds.cert if request.use_tls else b""
    write(
        sys.stdout.buffer,
        contract.ServerCompatResponse(host=HOST, port=port, pem_cert=pem_cert),
    )
    await stopping.wait()
    await server.stop(0)


if __name__ == "__main__":
    asyncio.run(serve(load(Path(sys.argv[1])), sys.argv[2]))
