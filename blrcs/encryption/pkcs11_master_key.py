"""A master key that never leaves a token, such as a hardware security module (PKCS #11 v2.40).

It needs the package ``python-pkcs11`` (``pip install blrcs[pkcs11]``), and an AES key of 256 bits
that may encrypt and decrypt, and by the token's own rules may not be taken out of it.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from blrcs.config.variable_names import PIN_VARIABLE
from blrcs.encryption.data_key import KEY_BYTES, NONCE_BYTES
from blrcs.encryption.master_key import MasterKeyError
from blrcs.security.key_file import KeyFileError, read_key_file

Result = TypeVar("Result")

TAG_BITS = 128
NAMES = frozenset({"token", "object", "module", "pin-env", "pin-file"})
MODULE_VARIABLE = "PKCS11_MODULE"


class Pkcs11MasterKey:
    """Implements MasterKey. A session is opened when it is first needed, and again after errors.

    Args:
        token: The token's label.
        label: The key's.
        module: The file of the token's library.
        pin: Gives the PIN; MasterKeyError where there is none.
    """

    def __init__(self, *, token: str, label: str, module: str, pin: Callable[[], str]) -> None:
        self._token = token
        self._label = label
        self._module = module
        self._pin = pin
        # A session is for one thread at a time.
        self._lock = threading.Lock()
        self._session: Any = None
        self._key: Any = None

    @property
    def description(self) -> str:
        """See the port."""
        return f"pkcs11 token {self._token!r}, object {self._label!r}"

    async def prepare(self) -> None:
        """See the port. Keys are made by the token's own tools."""

    async def id(self) -> str:
        """See the port: the names of the token and the key, and the key's id there."""
        from pkcs11 import Attribute  # noqa: PLC0415 - optional

        found = await self._run(lambda key: bytes(key[Attribute.ID] or b""))
        return f"pkcs11:{self._token}:{self._label}:{found.hex()}"[:128]

    async def wrap(self, place: bytes, key: bytes) -> bytes:
        """See the port."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + await self._run(lambda it: bytes(it.encrypt(key, **_gcm(nonce, place))))

    async def unwrap(self, place: bytes, wrapped: bytes) -> bytes:
        """See the port."""
        nonce, encrypted = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        if len(encrypted) != KEY_BYTES + TAG_BITS // 8:
            raise MasterKeyError(f"{self.description}: what is wrapped was altered")
        return await self._run(lambda it: bytes(it.decrypt(encrypted, **_gcm(nonce, place))))

    async def close(self) -> None:
        """See the port."""
        await asyncio.to_thread(self._close)

    async def _run(self, work: Callable[[Any], Result]) -> Result:
        return await asyncio.to_thread(self._work, work)

    def _work(self, work: Callable[[Any], Result]) -> Result:
        from pkcs11.exceptions import PKCS11Error  # noqa: PLC0415 - optional

        with self._lock:
            try:
                if self._key is None:
                    self._open()
                return work(self._key)
            except (PKCS11Error, RuntimeError) as error:
                self._forget()
                said = " ".join(f"{type(error).__name__} {error}".split())
                raise MasterKeyError(f"{self.description}: cannot be used: {said}") from error

    def _open(self) -> None:
        import pkcs11  # noqa: PLC0415 - optional

        pin = self._pin()
        token = pkcs11.lib(self._module).get_token(token_label=self._token)
        try:
            self._session = token.open(user_pin=pin)
        except pkcs11.exceptions.UserAlreadyLoggedIn:
            # A process logs in once for all its sessions.
            self._session = token.open()
        self._key = self._session.get_key(
            object_class=pkcs11.ObjectClass.SECRET_KEY, label=self._label
        )

    def _close(self) -> None:
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        session, self._session, self._key = self._session, None, None
        if session is not None:
            session.close()


def open_pkcs11(text: str, environment: Mapping[str, str]) -> Pkcs11MasterKey:
    """The key that ``token=…;object=…`` names; ``module`` and ``pin-file`` may follow.

    Raises:
        MasterKeyError: The text is none of these, or the package is not installed.
    """
    try:
        import pkcs11  # noqa: F401, PLC0415 - optional
    except ImportError:
        raise MasterKeyError(
            "encryption: pkcs11 needs a package: pip install 'blrcs[pkcs11]'"
        ) from None
    parts = dict(part.partition("=")[::2] for part in text.split(";"))
    module = parts.get("module") or environment.get(MODULE_VARIABLE, "")
    if not parts.keys() <= NAMES or not parts.get("token") or not parts.get("object"):
        # Nothing of the text: whoever knows RFC 7512 may have put the PIN there.
        raise MasterKeyError(
            "encryption: pkcs11 is not of the form token=…;object=…;module=…, with pin-env=… or"
            " pin-file=… and no other part"
        )
    if not module:
        raise MasterKeyError(f"encryption: pkcs11 has no module, and {MODULE_VARIABLE} is not set")
    return Pkcs11MasterKey(
        token=parts["token"],
        label=parts["object"],
        module=module,
        pin=lambda: _pin(parts, environment),
    )


def _pin(parts: Mapping[str, str], environment: Mapping[str, str]) -> str:
    if "pin-file" in parts:
        try:
            return read_key_file(Path(parts["pin-file"])).decode().strip()
        except (KeyFileError, UnicodeDecodeError) as error:
            raise MasterKeyError(str(error)) from error
    name = parts.get("pin-env", PIN_VARIABLE)
    if not environment.get(name):
        raise MasterKeyError(f"encryption: the PIN is missing: {name} is not set")
    return environment[name]


def _gcm(nonce: bytes, place: bytes) -> dict[str, Any]:
    from pkcs11 import GCMParams, Mechanism  # noqa: PLC0415 - optional

    return {"mechanism": Mechanism.AES_GCM, "mechanism_param": GCMParams(nonce, place, TAG_BITS)}
