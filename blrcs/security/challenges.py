"""Challenges that their receivers carry, sealed."""

import base64
import binascii
import json
from dataclasses import asdict

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.second_factors import SecretSealer
from blrcs.domain.errors import FailedPreconditionError, UnauthenticatedError
from blrcs.domain.second_factor import Challenge

BINARY = ("id", "secret")


class SealedChallenges:
    """Implements the Challenges port. Nothing is stored for a challenge before it is used up."""

    def __init__(self, sealer: SecretSealer, clock: Clock) -> None:
        self._sealer = sealer
        self._clock = clock

    async def issue(self, challenge: Challenge) -> str:
        """See the port."""
        members = asdict(challenge)
        for name in BINARY:
            members[name] = members[name].hex()
        sealed = await self._sealer.seal((challenge.purpose,), json.dumps(members).encode())
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    async def open(self, text: str, *, purpose: str) -> Challenge:
        """See the port."""
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            members = json.loads(await self._sealer.open((purpose,), sealed))
        except (FailedPreconditionError, binascii.Error, ValueError):
            raise self._refusal from None
        for name in BINARY:
            members[name] = bytes.fromhex(members[name])
        challenge = Challenge(**members)
        if self._clock() >= challenge.expire_time_ns:
            raise self._refusal
        return challenge

    @property
    def _refusal(self) -> UnauthenticatedError:
        return UnauthenticatedError(
            "CHALLENGE_INVALID", "the challenge is not valid, or valid no more: begin again"
        )
