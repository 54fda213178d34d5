"""Second factors, as use cases see them."""

from collections.abc import Sequence
from typing import Protocol

from blrcs.domain.second_factor import Challenge, SecondFactors, TotpSecret


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
        """Notes that the code of a time step was used; false for one that was, or an older one."""
        ...

    async def use_recovery_code(
        self, user_id: str, code_hash: bytes, challenge: Challenge | None
    ) -> bool:
        """Uses a code up; false where there is none."""
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


class Challenges(Protocol):
    """Challenges as text that nobody else can make, read or change."""

    async def issue(self, challenge: Challenge) -> str:
        """The text."""
        ...

    async def open(self, text: str, *, purpose: str) -> Challenge:
        """What was issued; UnauthenticatedError for another purpose, or once it has expired."""
        ...


class SecretSealer(Protocol):
    """Encrypts secrets for the database, each for one place.

    Methods raise FailedPreconditionError where the server's key is missing or another one.
    """

    async def seal(self, value: bytes, place: str) -> bytes:
        """The value, encrypted and bound to a place."""
        ...

    async def open(self, sealed: bytes, place: str) -> bytes:
        """The value; FailedPreconditionError where it was altered, or sealed for another place."""
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
