"""What long work shows on a terminal."""

from pathlib import Path

import grpc

from blrcs.v1 import record_pb2, record_pb2_grpc
from tests.e2e.conftest import Start
from tests.e2e.server import on_terminal
from tests.e2e.workers import FIRST_PASSWORD, administrator

COLLECTION = "tenants/acme/collections/orders"
BAR = "\N{BOX DRAWINGS HEAVY HORIZONTAL}"
LINES = 3000


def test_bars_show_how_far_it_has_come(start: Start, tmp_path: Path) -> None:
    server = start(BLRCS_AUTH__INITIAL_ADMIN_PASSWORD=FIRST_PASSWORD)
    with grpc.insecure_channel(server.address) as channel:
        metadata = administrator([channel, channel])
        request = record_pb2.CreateCollectionRequest(
            parent="tenants/acme", collection_id="orders", collection={}
        )
        record_pb2_grpc.RecordServiceStub(channel).CreateCollection(request, metadata=metadata)
    token = {"BLRCS_TOKEN": metadata[0][1].removeprefix("Bearer ")}
    lines = (f'{{"id": "r{number}", "data": {{}}}}\n' for number in range(LINES))
    (tmp_path / "in.jsonl").write_text("{\n" + "".join(lines))

    def transfer(what: str, file: str) -> tuple[int, str]:
        arguments = ("records", what, COLLECTION, file, "--server", server.address)
        return on_terminal(*arguments, cwd=tmp_path, environ=token)

    code, shown = transfer("import", "in.jsonl")
    assert code == 1
    assert "in.jsonl:1: is not JSON in UTF-8" in shown
    assert BAR in shown
    assert f"{LINES + 1:,} records" in shown
    code, shown = transfer("export", "out.jsonl")
    assert code == 0
    assert BAR in shown
    assert f"{LINES:,} records" in shown
    code, shown = on_terminal("db", "backup", "file", cwd=tmp_path)
    assert code == 0
    assert BAR in shown
    assert "verifying refresh_tokens" in shown
    assert server.stop() == 0
    code, shown = on_terminal("db", "restore", "file", "--force", cwd=tmp_path)
    assert code == 0
    assert BAR in shown
    assert "reading back refresh_tokens" in shown
