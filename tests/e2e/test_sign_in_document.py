"""The commands of docs/sign-in.md, typed as its reader would."""

import re
from pathlib import Path

from tests.e2e.documents import blocks, make_checkout, script, shell
from tests.e2e.server import Server

DOCUMENT = "docs/sign-in.md"
README = "README.md"
FIRST_STEPS = slice(1, 4)
"""The README's blocks up to the sign-in with a password of one's own."""


def test_a_second_factor_from_enrolment_to_its_end(tmp_path: Path, server: Server) -> None:
    make_checkout(tmp_path)
    road = [text for name, text in blocks(README) if name == "road"]
    first_steps = "".join(road[FIRST_STEPS])
    assert "ChangePassword" in first_steps
    output = shell(
        first_steps + script(DOCUMENT, "sign-in") + 'echo "signed in: $TOKEN"\n',
        cwd=tmp_path,
        stdin=f"{server.password}\n",
        environ={"ADDRESS": server.address},
    )
    codes = re.findall(r'"([a-z2-7]{6}(?:-[a-z2-7]{6}){3})"', output)
    assert len(set(codes)) == 10
    assert '"recoveryCodesLeft": 10' in output
    assert re.search(r"signed in: ey\S+$", output)


def test_every_command_is_tested() -> None:
    assert [text for name, text in blocks(DOCUMENT) if not name] == []
