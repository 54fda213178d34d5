"""Second factors, as use cases see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from blrcs.domain.second_factor import Challenge, Passkey, SecondFactors, TotpSecret


class SecondFactorRepository(Protocol):
    """What users have beside their passwords.

    Every method is one atomic step, and durable when it returns. Of two calls at once that would
    use the same code, or the same challenge, one succeeds. A challenge that is given is used up
    with what is done, and nothing is done where it was used up before.
    """

    async def of_user(self, user_id: str) -> SecondFactors:
        """All that a user has; nothing for one who does not exist."""
        ...

    async def enrol_totp(
        self, secret: TotpSecret, *, recovery_hashes: Sequence[bytes], challenge: Challenge
    ) -> bool:
        """Takes the place of what was there, recovery codes too; false where it cannot be done."""
        ...

    async def use_totp(self, secret: TotpSecret, step: int, challenge: Challenge | None) -> bool:
        """Notes that the code of a time step was used; false for one that was, or an older one.

        False too for a secret that nobody has.
        """
        ...

    async def use_recovery_code(
        self, user_id: str, code_hash: bytes, challenge: Challenge | None
    ) -> bool:
        """Uses a code up; false where there is none."""
        ...

    async def add_passkey(
        self, passkey: Passkey, *, recovery_hashes: Sequence[bytes], challenge: Challenge
    ) -> bool:
        """Adds one, and recovery codes where there are any; false where it cannot be done.

        Nor is it done where the user has as many as one may have.
        """
        ...

    async def find_passkey(self, credential_id: bytes) -> Passkey | None:
        """The passkey of this credential, whosever it is; None takes the same work."""
        ...

    async def use_passkey(self, passkey: Passkey, challenge: Challenge) -> bool:
        """Notes a use, with the sign count and the time that ``passkey`` has now.

        False where the count, unless it is always 0, is no higher than the one stored: there may be
        a copy of the authenticator.
        """
        ...

    async def remove_passkey(self, user_id: str, passkey_id: str) -> bool:
        """Removes one, and recovery codes with the last factor; false if there is no such one."""
        ...

    async def replace_recovery_codes(self, user_id: str, hashes: Sequence[bytes]) -> None:
        """Takes the place of all that were there."""
        ...

    async def remove_totp(self, user_id: str) -> bool:
        """Removes an authenticator, and recovery codes with the last factor; false without one."""
        ...

    async def reset(self, user_id: str) -> None:
        """Removes all that a user has and ends its sessions, as SessionRepository.end does."""
        ...

    async def purge(self, now_ns: int) -> None:
        """Drops what is kept of challenges that have expired."""
        ...


@dataclass(frozen=True, slots=True)
class NewCredential:
    """What an authenticator has made; see Passkey."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    backed_up: bool


@dataclass(frozen=True, slots=True)
class Assertion:
    """What an authenticator says with a signature: how often it has made one; see Passkey."""

    sign_count: int
    backed_up: bool


class PasskeyCeremonies(Protocol):
    """Registration and use of passkeys (WebAuthn Level 3, sections 7.1 and 7.2).

    Options and responses are JSON, as the browser's ``PublicKeyCredential`` reads and writes it.
    Methods that make options raise FailedPreconditionError where there are to be no passkeys.
    """

    def creation_options(self, user_id: str, challenge: bytes, *, excluded: Sequence[bytes]) -> str:
        """What to make a passkey by; authenticators with an excluded credential make none."""
        ...

    def new_credential(self, response: str, challenge: bytes) -> NewCredential | None:
        """What was made; None unless the response answers the challenge beyond doubt."""
        ...

    def request_options(self, challenge: bytes, *, allowed: Sequence[bytes] = ()) -> str:
        """What to use a passkey by: one of those allowed, or any that is for this server."""
        ...

    def credential_id_in(self, response: str) -> bytes | None:
        """Which credential a response claims to be of; None where it is malformed."""
        ...

    def assertion(
        self, response: str, challenge: bytes, passkey: Passkey | None
    ) -> Assertion | None:
        """What was signed; None unless it is this passkey's answer, and its user was verified.

        Without a passkey always None, for the same work: how long it takes does not tell whether
        there is one, nor whose it is, nor the algorithm of its key or its sign count.
        """
        ...

    @property
    def are_on(self) -> bool:
        """There are to be passkeys."""
        ...


class Challenges(Protocol):
    """Challenges as text that nobody else can make, read or change."""

    async def issue(self, challenge: Challenge) -> str:
        """The text."""
        ...

    async def open(self, text: str, *, purpose: str) -> Challenge:
        """What was issued; UnauthenticatedError for another purpose, or once it has expired."""
        ...


class SecretSealer(Protocol):
    """Encrypts secrets for the database, each for one context: names that say what, and whose.

    Methods raise FailedPreconditionError where the server's key is missing or another one.
    """

    async def seal(self, context: Sequence[str], value: bytes) -> bytes:
        """The value, encrypted and bound to a context."""
        ...

    async def open(self, context: Sequence[str], sealed: bytes) -> bytes:
        """The value; FailedPreconditionError where it was altered, or sealed in another context."""
        ...


class TimeCodes(Protocol):
    """Codes that authenticators give by the time (RFC 6238)."""

    def new_secret(self) -> bytes:
        """A secret to share."""
        ...

    def text(self, secret: bytes) -> str:
        """The secret in base32, as a person types it."""
        ...

    def uri(self, secret: bytes, user_id: str) -> str:
        """The secret as ``otpauth://``, as authenticators read it from a QR code."""
        ...

    def step_of(self, secret: bytes, code: str, now_ns: int) -> int | None:
        """The time step that the code is for: the present one or one beside it; else None."""
        ...
