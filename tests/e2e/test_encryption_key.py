"""A server whose master key is missing, or another one, does not start."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from blrcs.config.variable_names import PIN_VARIABLE
from blrcs.database.kind import open_database
from blrcs.encryption.data_keys import DataKeys
from blrcs.encryption.key_store import KeyStore
from blrcs.encryption.local_master_key import FileMasterKey
from blrcs.encryption.master_key import MasterKeys
from blrcs.encryption.sealer import Sealer
from tests.e2e.conftest import Start
from tests.e2e.server import blrcs, leave_data
from tests.servers.softhsm import PIN, softhsm


@pytest.fixture
async def folder(tmp_path: Path, data: Path) -> Path:
    """Of a server that has encrypted something."""
    async with open_database(f"sqlite:///{data}/blrcs.db", migrate=False) as (database, _):
        masters = MasterKeys(FileMasterKey(data / "encryption_key"))
        keys = DataKeys(KeyStore(database), masters, lambda: 1)
        await Sealer(keys, "tests").seal(["a"], b"value")
    return tmp_path


def content_of(folder: Path) -> list[str]:
    """All that is stored."""
    with closing(sqlite3.connect(folder / "data" / "blrcs.db")) as database:
        return list(database.iterdump())


async def test_one_line_says_why_and_nothing_is_touched(folder: Path, start: Start) -> None:
    path = folder / "data" / "encryption_key"
    key = path.read_text()
    before = content_of(folder)
    said = {
        None: "is missing, and the database has fields that are encrypted with it",
        "5a" * 32: "is not the key that fields in the database are encrypted with",
        "nonsense": "is not 32 bytes in hexadecimal digits",
    }
    for content, problem in said.items():
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content)
            path.chmod(0o600)
        done = blrcs("serve", "--port", "0", cwd=folder)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == f"blrcs: data/encryption_key: {problem}"
        assert "Traceback" not in done.stderr
        assert content_of(folder) == before
    path.write_text(key)
    assert start().address


@pytest.mark.parametrize("altered", ["", "[]", "{}", '{"id": 7, "wrapped": "5a"}', "nonsense"])
async def test_what_the_key_is_known_by_can_be_nothing_else(folder: Path, altered: str) -> None:
    with closing(sqlite3.connect(folder / "data" / "blrcs.db")) as database, database:
        database.execute(
            "UPDATE settings SET value = ? WHERE key = 'encryption_check'", (altered.encode(),)
        )
    before = content_of(folder)
    done = blrcs("serve", "--port", "0", cwd=folder)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("blrcs: ")
    assert "Traceback" not in done.stderr
    assert content_of(folder) == before


KEYS_OF_SERVER = "tenant = '' AND purpose"
EDITS = {
    "a bit of the server's key": f"SET wrapped = flipped(wrapped) WHERE {KEYS_OF_SERVER} = 1",
    "the server's key to nothing": f"SET wrapped = x'' WHERE {KEYS_OF_SERVER} = 1",
    "what the server's key is for": f"SET purpose = 9 WHERE {KEYS_OF_SERVER} = 1",
    "who wraps it": f"SET wrapped_by = 'ff00' WHERE {KEYS_OF_SERVER} = 1",
    "a bit of what seals": f"SET wrapped = flipped(wrapped) WHERE {KEYS_OF_SERVER} = 2",
}


KEYS_IN_DATABASE = {"BLRCS_AUTH__KEYS": "database"}


@pytest.fixture(scope="module")
def data_with_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a server whose database has its signing keys, to be copied."""
    return leave_data(tmp_path_factory.mktemp("keys"), **KEYS_IN_DATABASE)


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_with_signing_keys_that_cannot_be_opened_it_does_not_start(
    tmp_path: Path, data_with_keys: Path, edit: str
) -> None:
    shutil.copytree(data_with_keys, tmp_path / "data")
    with closing(sqlite3.connect(tmp_path / "data" / "blrcs.db")) as database, database:
        database.create_function("flipped", 1, lambda value: value[:-1] + bytes([value[-1] ^ 1]))
        assert database.execute(f"UPDATE data_keys {edit}").rowcount
    before = content_of(tmp_path)
    done = blrcs("serve", "--port", "0", cwd=tmp_path, environ=KEYS_IN_DATABASE)
    assert done.returncode == 1, done.stdout
    assert done.stderr.splitlines()[-1].startswith("blrcs: "), done.stderr
    assert "Traceback" not in done.stderr
    assert content_of(tmp_path) == before


def test_a_master_key_may_be_in_a_token(tmp_path: Path, start: Start) -> None:
    (tmp_path / "token").mkdir()
    with softhsm(tmp_path / "token", "one") as token:
        environ = {
            **token.environment,
            PIN_VARIABLE: PIN,
            "BLRCS_ENCRYPTION__MASTER_KEY": f"pkcs11:{token.key('one')}",
            "BLRCS_AUTH__KEYS": "database",
        }
        server = start(**environ)
        assert server.address
        assert server.stop() == 0
        assert not (tmp_path / "data" / "encryption_key").exists()
        status = blrcs("encryption", "status", cwd=tmp_path, environ=environ)
        assert "pkcs11:blrcs:one:00" in status.stdout, status.stderr
        for pin, problem in (("", "BLRCS_PKCS11_PIN is not set"), ("4321", "PinIncorrect")):
            done = blrcs(
                "serve", "--port", "0", cwd=tmp_path, environ=environ | {PIN_VARIABLE: pin}
            )
            assert done.returncode == 1
            assert done.stderr.endswith(f"{problem}\n")
        assert start(**environ).address


@pytest.mark.parametrize(
    ("place", "content", "problem"),
    [
        ("env:NOWHERE", None, "the variable NOWHERE: is not set"),
        ("env:SHORT", None, "the variable SHORT: is not 32 bytes in hexadecimal digits"),
        ("file:key", "nonsense", "data/key: is not 32 bytes in hexadecimal digits"),
        (
            "pkcs11:token=x;object=y;module=/nowhere.so",
            None,
            "/nowhere.so: cannot open shared object file: No such file or directory",
        ),
        ("pkcs11:token=x;object=y;module=z;pin-value=4321", None, "and no other part"),
    ],
)
def test_a_key_that_nothing_is_encrypted_with_yet_is_fit_too(
    tmp_path: Path, place: str, content: str | None, problem: str
) -> None:
    environ = {"BLRCS_ENCRYPTION__MASTER_KEY": place, "SHORT": "5a5a", PIN_VARIABLE: PIN}
    path = tmp_path / "data" / "key"
    path.parent.mkdir(mode=0o700)
    if content is not None:
        path.touch(0o600)
        path.write_text(content)
    for command in (("doctor",), ("serve", "--port", "0")):
        done = blrcs(*command, cwd=tmp_path, environ=environ)
        told = done.stdout.splitlines() if command == ("doctor",) else done.stderr.splitlines()[-1:]
        assert done.returncode == 1
        assert any(line.endswith(problem) for line in told), done
        assert "Traceback" not in done.stderr
        assert "4321" not in done.stdout + done.stderr
    assert not {each.name for each in path.parent.iterdir()} & {"encryption_key", "signing_key.pem"}
