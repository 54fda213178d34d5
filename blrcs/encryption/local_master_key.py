"""Master keys of 32 bytes that are in the server's memory: from a file, or from the environment."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from blrcs.domain.errors import FailedPreconditionError
from blrcs.encryption.data_key import KEY_BYTES, DataKey, Random
from blrcs.encryption.master_key import MasterKeyError, MissingMasterKeyError
from blrcs.security.key_file import KeyFileError, create_key_file, read_key_file


class LocalMasterKey:
    """Implements MasterKey but for where the key comes from. It is read once."""

    def __init__(self) -> None:
        self._key: DataKey | None = None

    @property
    def description(self) -> str:
        """See the port."""
        raise NotImplementedError

    def read(self) -> bytes:
        """The key in hexadecimal digits; MasterKeyError where there is none."""
        raise NotImplementedError

    async def prepare(self) -> None:
        """See the port."""

    async def id(self) -> str:
        """See the port: the first bytes of a hash of it."""
        return self._opened().id.hex()

    async def wrap(self, place: bytes, key: bytes) -> bytes:
        """See the port."""
        return self._opened().seal(place, key)

    async def unwrap(self, place: bytes, wrapped: bytes) -> bytes:
        """See the port. Data keys of earlier versions are unwrapped as well."""
        try:
            return self._opened().open(place, wrapped, old_place=place)
        except FailedPreconditionError as error:
            raise MasterKeyError(f"{self.description}: {error.message}") from None

    async def close(self) -> None:
        """See the port."""
        self._key = None

    def _opened(self) -> DataKey:
        if self._key is None:
            try:
                key = bytes.fromhex(self.read().decode("ascii"))
            except ValueError:
                key = b""
            if len(key) != KEY_BYTES:
                raise MasterKeyError(
                    f"{self.description}: is not {KEY_BYTES} bytes in hexadecimal digits"
                )
            self._key = DataKey(key)
        return self._key


class FileMasterKey(LocalMasterKey):
    """In a file of the server's own, which makes it when the first key has to be wrapped."""

    def __init__(self, path: Path, random: Random = secrets.token_bytes) -> None:
        super().__init__()
        self._path = path
        self._random = random

    @property
    def description(self) -> str:
        """See the port."""
        return str(self._path)

    async def prepare(self) -> None:
        """See the port."""
        if not self._path.exists():
            try:
                create_key_file(self._path, self._random(KEY_BYTES).hex().encode() + b"\n")
            except KeyFileError as error:
                raise MasterKeyError(str(error)) from error

    def read(self) -> bytes:
        """See LocalMasterKey."""
        if not self._path.exists():
            raise MissingMasterKeyError(
                f"{self._path}: is missing, and the database has fields that are encrypted with it"
            )
        try:
            return read_key_file(self._path)
        except KeyFileError as error:
            raise MasterKeyError(str(error)) from error


class EnvironmentMasterKey(LocalMasterKey):
    """In a variable, or in the file that the variable of the same name with ``_FILE`` names.

    Args:
        name: Of the variable.
        environment: The variables.
    """

    def __init__(self, name: str, environment: Mapping[str, str] = os.environ) -> None:
        super().__init__()
        self._name = name
        self._environment = environment

    @property
    def description(self) -> str:
        """See the port."""
        return f"the variable {self._name}"

    def read(self) -> bytes:
        """See LocalMasterKey."""
        value = self._environment.get(self._name)
        file = self._environment.get(f"{self._name}_FILE")
        if value is not None and file is not None:
            raise MasterKeyError(f"{self.description}: is set, and so is {self._name}_FILE")
        if file is not None:
            try:
                return read_key_file(Path(file))
            except KeyFileError as error:
                raise MasterKeyError(str(error)) from error
        if value is None:
            raise MasterKeyError(f"{self.description}: is not set")
        return value.strip().encode()
