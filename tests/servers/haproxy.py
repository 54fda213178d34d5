"""HAProxy in front of a server, as its own process."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.process import ServerProcess, ends_with_tests

CONFIGURATION = """
global
    maxconn 64
defaults
    mode {mode}
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen grpc
    bind 127.0.0.1:{port} {proto}
    {options}
    server one 127.0.0.1:{target} {proto} {server}
"""


class Haproxy(ServerProcess):
    """Passes calls on to a port of the loopback.

    Args:
        target: The port.
        forwarded: Calls are passed on one by one, with ``x-forwarded-for``; else bytes are.
        server: More options of the way to the server, such as ``send-proxy-v2``.
    """

    def __init__(self, directory: Path, target: int, *, forwarded: bool, server: str = "") -> None:
        super().__init__(directory, "Loading success")
        (directory / "haproxy.cfg").write_text(
            CONFIGURATION.format(
                mode="http" if forwarded else "tcp",
                port=self.port,
                proto="proto h2" if forwarded else "",
                options="option forwardfor" if forwarded else "",
                target=target,
                server=server,
            )
        )

    def _command(self) -> list[str]:
        return [*ends_with_tests(), "/usr/sbin/haproxy", "-W", "-db", "-f", "haproxy.cfg"]


@contextmanager
def haproxy(target: int, *, forwarded: bool, server: str = "") -> Iterator[Haproxy]:
    """One that runs."""
    with tempfile.TemporaryDirectory() as directory:
        process = Haproxy(Path(directory), target, forwarded=forwarded, server=server)
        process.start()
        try:
            yield process
        finally:
            process.kill()
