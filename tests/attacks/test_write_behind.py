"""A server is killed while it acknowledges writes that it has not carried out."""

import threading
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest

from tests.attacks.behind import REGISTER, effects, put, write_behind
from tests.e2e.server import Server
from tests.e2e.workers import OPTIONS, until
from tests.transports import TRANSPORTS

WRITERS = 4
ACKNOWLEDGED = 60


class Writer(threading.Thread):
    """Writes keys of its own until the server is gone."""

    def __init__(self, address: str, number: int) -> None:
        super().__init__()
        self._address = address
        self._number = number
        self.acknowledged: list[str] = []
        self.sent = ""

    def run(self) -> None:
        with grpc.insecure_channel(self._address, OPTIONS) as channel:
            while True:
                self.sent = f"{self._number}-{len(self.acknowledged)}"
                try:
                    put(channel, self.sent)
                except grpc.RpcError:
                    return
                self.acknowledged.append(self.sent)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_was_acknowledged_is_carried_out_once_though_the_server_is_killed(
    tmp_path: Path, transport: str
) -> None:
    write_behind(tmp_path)
    held = tmp_path / "held"
    held.touch()
    with ExitStack() as stack:

        def start() -> Server:
            environ = {"BLRCS_SERVER__TRANSPORT": transport}
            server = Server(tmp_path, ("--service", REGISTER), environ)
            stack.callback(server.kill)
            return server

        server = start()
        writers = [Writer(server.address, number) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        until(lambda: sum(len(each.acknowledged) for each in writers) >= ACKNOWLEDGED)
        server.kill()
        for writer in writers:
            writer.join()
        held.unlink()
        with grpc.insecure_channel(start().address) as channel:
            found = effects(channel)
    assert len(found) == len(set(found))
    acknowledged = {key for each in writers for key in each.acknowledged}
    assert acknowledged <= set(found) <= acknowledged | {each.sent for each in writers}
    for writer in writers:
        own = [key for key in found if key in writer.acknowledged]
        assert own == writer.acknowledged
