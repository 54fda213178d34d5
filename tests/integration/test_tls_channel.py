"""Clients of the command line, and whom they believe by TLS."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from blrcs.cli.tls_channel import TlsFiles
from tests.certificates import make_certificate


@pytest.mark.parametrize("scheme", ["unix", "unix-abstract"])
def test_a_unix_socket_counts_as_localhost(tmp_path: Path, scheme: str) -> None:
    own = make_certificate(tmp_path)
    address = f"{scheme}:{tmp_path}/socket"
    server = grpc.server(ThreadPoolExecutor(1))
    credentials = grpc.ssl_server_credentials([(own.key, own.path.read_bytes())])
    server.add_secure_port(address, credentials)
    server.start()
    try:
        with TlsFiles(own.path, None, None, None).channel(address) as channel:
            grpc.channel_ready_future(channel).result(timeout=30)
    finally:
        server.stop(None).wait()
