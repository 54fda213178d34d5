"""The commands of docs/records.md, typed as its reader would."""

import re
from pathlib import Path

from tests.e2e.documents import blocks, make_checkout, script, shell
from tests.e2e.server import Server

DOCUMENT = "docs/records.md"
README = "README.md"
FIRST_STEPS = slice(1, 4)
"""The README's blocks up to the sign-in with a password of one's own."""


def test_a_first_collection(tmp_path: Path, server: Server) -> None:
    make_checkout(tmp_path)
    road = [text for name, text in blocks(README) if name == "road"]
    first_steps = "".join(road[FIRST_STEPS])
    assert "ChangePassword" in first_steps
    # Whoever comes from there has a collection already.
    (kept,) = [text for text in road if "CreateCollection" in text]
    output = shell(
        first_steps + kept + script(DOCUMENT, "records"),
        cwd=tmp_path,
        stdin=f"{server.password}\n",
        environ={"ADDRESS": server.address},
    )
    name = '"name": "tenants/acme/collections/invoices/records/7"'
    assert len(re.findall(name, output)) == 3
    listed = output[output.rindex('"records"') :]
    assert '"city": "Essen"' in listed
    assert '"iban": "DE02"' in listed
    assert (tmp_path / "invoices.csv").read_text() == "id,total,city\n7,12.5,Essen\n"
    assert output.endswith("0 records written, 1 skipped, 0 lines rejected.\n")


def test_every_command_is_tested() -> None:
    assert [text for name, text in blocks(DOCUMENT) if not name] == []
