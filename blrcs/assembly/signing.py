"""Puts the signing keys together with what goes by them."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from pathlib import Path

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.second_factors import SecretSealer
from blrcs.assembly.foundation import Foundation
from blrcs.assembly.housekeeping import Housekeeping, Work
from blrcs.config.auth import Auth
from blrcs.database.repositories.revocation import RevocationRepository
from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.revocation import Revocation
from blrcs.security.key_directory import KeyDirectory
from blrcs.security.key_file import KeyFileError
from blrcs.security.key_follower import KeyFollower
from blrcs.security.key_ring import KeyRing
from blrcs.security.shared_keys import IN_DATABASE, SharedKeys
from blrcs.security.token_revoker import VerifierRevoker
from blrcs_native.tokens.verifier import TokenVerifier

FOREVER_NS = 2**63 - 1
SETTLE_PERIOD_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """The keys, and what changes them while the server runs."""

    ring: KeyRing
    directory: KeyDirectory
    follower: KeyFollower
    clock: Clock
    settings: Auth = field(repr=False)

    def keep_house(self, house: Housekeeping, *, leads: Work) -> None:
        """Begins what is done beside all calls."""
        house.run(self.follower.run())
        house.repeat(SETTLE_PERIOD_S, self.follower.settle)
        if self.settings.key_rotation_interval is not None:
            house.repeat(SETTLE_PERIOD_S, leads)

    async def rotate_if_due(self) -> None:
        """Publishes another key in time to take over when the present one has signed enough."""
        interval = self.settings.key_rotation_interval
        now_ns = self.clock()
        prepublish_ns = self.settings.key_prepublish.ns
        if interval is None or self.ring.next_rotation_ns(interval.ns) - prepublish_ns > now_ns:
            return
        # Another machine, or a person, may be quicker.
        with contextlib.suppress(FailedPreconditionError):
            await asyncio.to_thread(
                self.directory.rotate, now_ns, sign_time_ns=now_ns + prepublish_ns
            )
        self.follower.look()


def key_ring(data_directory: Path, settings: Auth, clock: Clock) -> tuple[KeyRing, KeyDirectory]:
    """The keys as they lie in a data directory; the first one is made where there is none.

    Raises:
        KeyFileError: A file cannot be used.
    """
    directory = KeyDirectory(data_directory, overlap_ns=settings.longest_token_ns)
    return KeyRing(directory, clock=clock), directory


async def share_keys(
    base: Foundation, settings: Auth, sealer: SecretSealer, *, first: bool
) -> SharedKeys | None:
    """What gives the directory the keys of other machines; None where it is to have its own.

    The first process of a server does so before anybody signs.

    Raises:
        KeyFileError: A file cannot be used, or the keys in the database cannot be opened.
    """
    if settings.keys == "directory":
        return None
    directory = KeyDirectory(base.data_directory, overlap_ns=settings.longest_token_ns)
    shared = SharedKeys(directory, base.database, sealer, base.clock)
    if first:
        try:
            await shared.settle()
        except FailedPreconditionError as error:
            raise KeyFileError(IN_DATABASE, error.message) from error
    return shared


def assemble_signing(
    ring: KeyRing,
    directory: KeyDirectory,
    settings: Auth,
    verifier: TokenVerifier,
    revocations: RevocationRepository,
    revoker: VerifierRevoker,
    clock: Clock,
) -> Signing:
    """Has the verifier go by the keys."""

    async def revoke(kid: str) -> bool:
        revocation = key_revocation(settings, kid, clock())
        # First what takes no time: whoever finds it stored may rely on it.
        revoker.revoke(revocation)
        return await revocations.add_once(revocation)

    follower = KeyFollower(ring, verifier, directory=directory.path, revoke=revoke)
    return Signing(
        ring=ring, directory=directory, follower=follower, clock=clock, settings=settings
    )


def key_revocation(settings: Auth, kid: str, now_ns: int) -> Revocation:
    """That nothing is accepted any more that a key has signed."""
    return Revocation(
        kind="key",
        issuer=settings.issuer,
        name=kid,
        time_ns=now_ns,
        expire_time_ns=FOREVER_NS,
    )
