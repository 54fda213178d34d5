"""The clients of examples/clients, made and run by the commands of docs/clients.md."""

import json
import re
from pathlib import Path

import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from tests.e2e.conftest import Start
from tests.e2e.documents import make_checkout, script, shell
from tests.e2e.server import ROOT, Server

DOCUMENT = "docs/clients.md"
OUTPUT = """signed in: users/admin
changed the password
created roles/reader-RUN
refused: ALREADY_EXISTS RESOURCE_EXISTS: roles/reader-RUN already exists
created users/alice-RUN
documents.read on documents/7: allowed
documents.delete on documents/7: denied
consumed, remaining: 2
consumed, remaining: 1
consumed, remaining: 0
used up, retry after WAIT s
refused: RESOURCE_EXHAUSTED RATE_LIMITED: too many requests for this address, retry after WAIT s
got: world
watched: CACHE_EVENT_TYPE_SET hello
refused: FAILED_PRECONDITION CACHE_VERSION_MISMATCH: the entry has another version, or is gone
"""
STRUCT = """
import { contract } from './contract.js';
import { fromStruct, toStruct } from './struct.js';
const { Struct } = contract.google.protobuf;
const octets = Struct.serialize(toStruct(JSON.parse(process.env.DATA)));
const read = fromStruct(Struct.deserialize(Buffer.from(process.env.OCTETS, 'hex')));
console.log(`then\\n${octets.toString('hex')}\\n${JSON.stringify(read)}`);
"""
DATA = {
    "": "",
    "text": "Bonn",
    "zero": 0,
    "half": 0.5,
    "yes": True,
    "no": False,
    "nothing": None,
    "list": ["a", 1, None, [], {}, False],
    "deep": {"a": {"b": []}},
    "empty": {},
}
WRONG_PASSWORD = "UNAUTHENTICATED CREDENTIALS_INVALID: the user id or the password is wrong\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    make_checkout(tmp_path)
    return tmp_path


@pytest.mark.parametrize("language", ["python", "node", "go"])
def test_a_client_walks_the_road_and_says_in_one_line_what_fails(
    checkout: Path, server: Server, language: str
) -> None:
    commands = script(DOCUMENT, "settings", language)
    program = commands.splitlines()[-1]
    output = shell(
        f"{commands}\necho then\nPASSWORD=wrong {program} 2>&1 || echo exit $?",
        cwd=checkout,
        stdin=f"{server.password}\n",
        environ={"ADDRESS": server.address},
    )
    walked, failed = output[output.index("signed in") :].split("then\n")
    assert redact(walked) == OUTPUT
    assert failed == f"{WRONG_PASSWORD}exit 1\n"


@pytest.mark.parametrize("data", [DATA, {}])
def test_node_reads_and_writes_what_a_record_holds(checkout: Path, data: dict[str, object]) -> None:
    *made, _ = script(DOCUMENT, "node").splitlines()
    octets = json_format.ParseDict(data, Struct()).SerializeToString()
    output = shell(
        "\n".join([*made, 'node --input-type=module -e "$STRUCT"']),
        cwd=checkout,
        environ={"STRUCT": STRUCT, "DATA": json.dumps(data), "OCTETS": octets.hex()},
    )
    written, read = output[output.index("then\n") :].splitlines()[1:]
    assert json_format.MessageToDict(Struct.FromString(bytes.fromhex(written))) == data
    assert json.loads(read) == data


def redact(output: str) -> str:
    """Puts words in the places of what differs from run to run."""
    consume_s, method_s = map(float, re.findall(r"retry after ([\d.]+) s", output))
    assert 0 < consume_s <= 20
    assert 0 < method_s <= 1
    return re.sub(r"-[0-9a-f]{8}\b", "-RUN", re.sub(r"after [\d.]+ s", "after WAIT s", output))


def test_without_reflection_a_descriptor_set_does(checkout: Path, start: Start) -> None:
    server = start("--environment", "production")
    commands = script(DOCUMENT, "reflection")
    environ = {"ADDRESS": server.address}
    assert '"Ed25519"' in shell(commands, cwd=checkout, environ=environ)
    with pytest.raises(AssertionError, match="failed to find service"):
        shell(commands.replace("--schema blrcs.binpb", ""), cwd=checkout, environ=environ)


@pytest.mark.parametrize("folder", ["examples/clients/node", "tests/interop/clients/node"])
def test_the_lock_file_names_no_registry(folder: str) -> None:
    lock = (ROOT / folder / "package-lock.json").read_text()
    assert '"integrity"' in lock
    assert '"resolved"' not in lock
