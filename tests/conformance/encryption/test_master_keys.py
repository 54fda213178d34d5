"""Each adapter of a master key passes the suite."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from blrcs.config.variable_names import PIN_VARIABLE
from blrcs.encryption import opening
from blrcs.encryption.local_master_key import EnvironmentMasterKey, FileMasterKey
from blrcs.encryption.master_key import MasterKey, MasterKeyError
from blrcs.encryption.opening import open_master_key
from blrcs.encryption.pkcs11_master_key import open_pkcs11
from blrcs.testing.master_key import MasterKeyConformance, OpenKey
from tests.servers.softhsm import PIN, Token, softhsm

ONE, OTHER = "5a" * 32, "5b" * 32
WITH_PIN = {PIN_VARIABLE: PIN}


class TestFile(MasterKeyConformance):
    @pytest.fixture
    def open_key(self, tmp_path: Path) -> OpenKey:
        return lambda: FileMasterKey(tmp_path / "key")

    @pytest.fixture
    def open_other(self, tmp_path: Path) -> OpenKey:
        return lambda: FileMasterKey(tmp_path / "other")


class TestEnvironment(MasterKeyConformance):
    @pytest.fixture
    def open_key(self) -> OpenKey:
        return lambda: EnvironmentMasterKey("KEY", {"KEY": ONE})

    @pytest.fixture
    def open_other(self, tmp_path: Path) -> OpenKey:
        path = tmp_path / "other"
        path.write_text(OTHER + "\n")
        path.chmod(0o600)
        return lambda: EnvironmentMasterKey("KEY", {"KEY_FILE": str(path)})


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    """Two keys in a SoftHSM of the tests' own."""
    with softhsm(tmp_path_factory.mktemp("softhsm"), "one", "other") as made:
        yield made


class TestPkcs11(MasterKeyConformance):
    @pytest.fixture
    def open_key(self, token: Token) -> OpenKey:
        return lambda: open_pkcs11(token.key("one"), WITH_PIN)

    @pytest.fixture
    def open_other(self, token: Token) -> OpenKey:
        return lambda: open_pkcs11(token.key("other"), WITH_PIN)

    @pytest.mark.parametrize(
        ("text", "environment", "said"),
        [
            ("token=blrcs;object=none;module={module}", {"BLRCS_PKCS11_PIN": PIN}, "NoSuchKey"),
            ("token=none;object=one;module={module}", {"BLRCS_PKCS11_PIN": PIN}, "NoSuchToken"),
            ("token=blrcs;object=one;module={module}", {"BLRCS_PKCS11_PIN": "9999"}, "Pin"),
            ("token=blrcs;object=one;module={module}", {}, "BLRCS_PKCS11_PIN is not set"),
            ("token=blrcs;object=one;module=/none.so", {"BLRCS_PKCS11_PIN": PIN}, "none.so"),
        ],
    )
    async def test_what_is_wrong_is_said_in_one_line(
        self, token: Token, text: str, environment: dict[str, str], said: str
    ) -> None:
        key = open_pkcs11(text.format(module=token.module), environment)
        with pytest.raises(MasterKeyError, match=said) as caught:
            await key.wrap(b"", bytes(32))
        assert "\n" not in str(caught.value)
        assert PIN not in str(caught.value)

    @pytest.mark.parametrize("text", ["token=a", "object=a", "token=a;object=b;pin=1", "x"])
    def test_other_texts_are_refused(self, text: str) -> None:
        with pytest.raises(MasterKeyError):
            open_pkcs11(text, {"PKCS11_MODULE": "m"})


class FakeKms(EnvironmentMasterKey):
    """Stands for a key management service that somebody has an adapter of."""

    def __init__(self, text: str) -> None:
        super().__init__("KEY", {"KEY": ONE if text == "one" else OTHER})


class Declared(list[SimpleNamespace]):
    """Entry points by name, each of which loads what is given."""

    def __init__(self, found: Mapping[str, object]) -> None:
        super().__init__(
            SimpleNamespace(name=name, load=lambda what=what: what) for name, what in found.items()
        )

    def select(self, *, name: str) -> list[SimpleNamespace]:
        return [each for each in self if each.name == name]


class TestInstalledAdapter(MasterKeyConformance):
    @pytest.fixture(autouse=True)
    def installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As its distribution's metadata would have it."""

        def declared(group: str) -> Declared:
            assert group == "blrcs.master_keys"
            return Declared({"kms": FakeKms, "broken": lambda _: 1 / 0})

        monkeypatch.setattr(opening, "declared", declared)

    @pytest.fixture
    def open_key(self, tmp_path: Path) -> OpenKey:
        return lambda: self._opened("kms:one", tmp_path)

    @pytest.fixture
    def open_other(self, tmp_path: Path) -> OpenKey:
        return lambda: self._opened("kms:other", tmp_path)

    def test_one_that_fails_or_is_not_there_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(MasterKeyError, match="'broken' cannot be used: ZeroDivisionError"):
            self._opened("broken:x", tmp_path)
        with pytest.raises(MasterKeyError, match="there are: broken, env, file, kms, pkcs11"):
            self._opened("none:x", tmp_path)

    @staticmethod
    def _opened(text: str, folder: Path) -> MasterKey:
        return open_master_key(text, folder, {})
