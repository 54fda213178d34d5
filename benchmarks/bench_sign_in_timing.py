"""Whether the time of a refused proof tells what was wrong with it: passwords, codes and passkeys.

Attempts of each kind are made one after another in an order that is drawn anew for each round, over
a real database and a real hash. Beside the medians, what counts is how often an attempt of one kind
takes longer than one of another (the probability of superiority, Mann and Whitney's U divided by
the number of pairs): half of all times where nobody could tell them apart.
"""

import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness import Claim, Report, Timing, main

sys.path.append(str(Path(__file__).parents[1]))  # for an authenticator in software

from blrcs.application.auth.prove_passkey import ProvePasskey
from blrcs.application.auth.prove_password import ProvePassword
from blrcs.application.auth.prove_second_factor import ProveSecondFactor, totp_context
from blrcs.database.repositories.access import SqlAccessRepository
from blrcs.database.repositories.revocation import RevocationRepository
from blrcs.database.repositories.second_factor import SqlSecondFactorRepository
from blrcs.database.repositories.session import SqlSessionRepository
from blrcs.database.repositories.user import SqlUserRepository
from blrcs.database.sqlite.adapter import SqliteAdapter
from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.domain.errors import UnauthenticatedError
from blrcs.domain.second_factor import Challenge, FactorProof, Passkey, TotpSecret
from blrcs.domain.user import User
from blrcs.encryption.data_keys import DataKeys
from blrcs.encryption.key_store import KeyStore
from blrcs.encryption.local_master_key import FileMasterKey
from blrcs.encryption.master_key import MasterKeys
from blrcs.encryption.sealer import Sealer
from blrcs.encryption.stored_key import CREDENTIALS
from blrcs.security.access_store import AccessStore
from blrcs.security.failure_counts import LimiterFailureCounts
from blrcs.security.passkeys import WebAuthnCeremonies
from blrcs.security.password_hasher import Argon2PasswordHasher
from blrcs.security.secret_generator import RandomSecretGenerator
from blrcs.security.sign_in_throttle import CountingSignInThrottle
from blrcs.security.token_revoker import VerifierRevoker
from blrcs.security.totp import STEP_NS, Rfc6238Codes
from blrcs_native.limits.limiter import Limiter
from blrcs_native.tokens.revocations import Revocations
from tests.authenticator import ORIGIN, RP_ID, Authenticator
from tests.unit.application.second_factor_fakes import code_at

ATTEMPTS_PER_ROUND = 20
USERS = 1000
OWNERS = 50
"""Of second factors."""
SIGN_COUNT = 5
"""Of passkeys; who forges says that there were more."""
FORGED = "passkey with another's signature"
UNKNOWN = "unknown passkey"
OF_ANOTHER = ", another challenge"
WITHOUT = "code of a user without an authenticator"
PASSWORD = "correct horse battery staple"
ADDRESS = "192.0.2.1"
NOW_NS = 1_700_000_000 * 1_000_000_000
Attempt = Callable[[int], Awaitable[object]]
"""Makes one, of the user with a number."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Kinds of refusals that are to take as long as the ``first``."""

    first: str
    kinds: Mapping[str, Attempt]
    users: int
    medians: tuple[float, float] = (0.9, 1.1)
    told: frozenset[str] = frozenset()
    """Kinds that whoever makes them is told apart by other means, so that they have no bound."""


def user(name: str, password_hash: str = "", *, disabled: bool = False) -> User:
    return User(
        id=name,
        password_hash=password_hash,
        password_time_ns=NOW_NS,
        password_change_required=False,
        disabled=disabled,
        create_time_ns=NOW_NS,
        update_time_ns=NOW_NS,
    )


def throttle() -> CountingSignInThrottle:
    """One that lets everything pass."""
    return CountingSignInThrottle(
        LimiterFailureCounts(Limiter(1 << 16)),
        account_failures=1 << 20,
        address_failures=1 << 20,
    )


class House:
    """A database, and what the proofs of its users are verified by."""

    def __init__(
        self, database: SqliteAdapter, hasher: Argon2PasswordHasher, directory: Path
    ) -> None:
        revocations = RevocationRepository(
            database,
            database.reader,
            revoker=VerifierRevoker(Revocations(clock=time.time_ns), issuer="bench"),
            clock=time.time_ns,
            token_ttl_ns=1,
        )
        access = AccessStore(SqlAccessRepository(database, database.reader), clock=time.time_ns)
        self.users = SqlUserRepository(database, revocations, access)
        self.hasher = hasher
        self.secrets = RandomSecretGenerator()
        self.codes = Rfc6238Codes(issuer="bench")
        masters = MasterKeys(FileMasterKey(directory / "encryption_key"))
        keys = DataKeys(KeyStore(database), masters, time.time_ns)
        self.sealer = Sealer(keys, CREDENTIALS)
        self.ceremonies = WebAuthnCeremonies(rp_id=RP_ID, rp_name="bench", origins=[ORIGIN])
        self.second_factors = SqlSecondFactorRepository(database, revocations)
        self.prove_password = ProvePassword(
            users=self.users,
            sessions=SqlSessionRepository(database, revocations),
            hasher=hasher,
            throttle=throttle(),
            clock=lambda: NOW_NS,
        )
        self.prove_second_factor = ProveSecondFactor(
            second_factors=self.second_factors,
            codes=self.codes,
            sealer=self.sealer,
            secrets=self.secrets,
            throttle=throttle(),
            clock=lambda: NOW_NS,
        )
        self.prove_passkey = ProvePasskey(
            second_factors=self.second_factors, ceremonies=self.ceremonies, clock=lambda: NOW_NS
        )

    async def passwords(self) -> Comparison:
        password_hash = await self.hasher.hash(PASSWORD)
        for number in range(USERS):
            for name in ("user", "disabled"):
                added = user(f"{name}-{number}", password_hash, disabled=name == "disabled")
                await self.users.add(added)

        def attempt(name: str, password: str) -> Attempt:
            return lambda number: self.prove_password(f"{name}-{number}", password, address=ADDRESS)

        kinds = {
            "unknown user": attempt("nobody", "wrong"),
            "wrong password": attempt("user", "wrong"),
            "disabled user, right password": attempt("disabled", PASSWORD),
        }
        return Comparison("wrong password", kinds, USERS, (0.95, 1.05))

    async def second_factor(self) -> tuple[Comparison, Comparison]:
        """Of authenticators, and of recovery codes."""
        totp, recovery = [], []
        for number in range(OWNERS):
            await self.users.add(user(f"bare-{number}"))
            await self.users.add(user(f"owner-{number}"))
            secret, code = self.codes.new_secret(), self.secrets.recovery_code()
            stored = TotpSecret(
                user_id=f"owner-{number}",
                sealed=await self.sealer.seal(totp_context(f"owner-{number}"), secret),
                last_step=NOW_NS // STEP_NS + 1,
                create_time_ns=NOW_NS,
            )
            left = [self.secrets.recovery_code() for _ in range(9)]
            hashes = [self.secrets.recovery_hash(each) for each in (code, *left)]
            await self.second_factors.enrol_totp(
                stored, recovery_hashes=hashes, challenge=self.challenge()
            )
            used = FactorProof(recovery_code=code)
            await self.prove_second_factor(f"owner-{number}", used, address=ADDRESS)
            totp.append(FactorProof(totp_code=code_at(secret, NOW_NS)))
            recovery.append(used)
        wrong = FactorProof(totp_code="000000")
        unknown = FactorProof(recovery_code=self.secrets.recovery_code())

        def attempt(name: str, proof: Callable[[int], FactorProof]) -> Attempt:
            return lambda number: self.prove_second_factor(
                f"{name}-{number}", proof(number), address=ADDRESS, challenge=self.challenge()
            )

        codes = {
            "wrong code": attempt("owner", lambda _: wrong),
            "code that was used": attempt("owner", totp.__getitem__),
            WITHOUT: attempt("bare", lambda _: wrong),
        }
        recovery_codes = {
            "unknown recovery code": attempt("owner", lambda _: unknown),
            "recovery code that was used": attempt("owner", recovery.__getitem__),
            "recovery code of a user without any": attempt("bare", lambda _: unknown),
        }
        return (
            # The challenge names the factors that its user has.
            Comparison("wrong code", codes, OWNERS, told=frozenset({WITHOUT})),
            Comparison("unknown recovery code", recovery_codes, OWNERS),
        )

    async def passkeys(self) -> tuple[Comparison, Comparison]:
        """Of what is refused for its signature, and of what is before."""
        challenge = self.challenge()
        options = self.ceremonies.request_options(challenge.id)
        other = self.ceremonies.request_options(self.challenge().id)
        answers: dict[str, list[str]] = {}
        early: dict[str, list[str]] = {}

        def add(kind: str, authenticator: Authenticator) -> None:
            answers.setdefault(kind, []).append(authenticator.get(options))
            if kind == UNKNOWN or kind.startswith(FORGED):
                name = kind.replace(FORGED, "passkey") + OF_ANOTHER
                early.setdefault(name, []).append(authenticator.get(other))

        for number in range(OWNERS):
            forger, stranger = Authenticator(), Authenticator()
            for algorithm in ("ES256", "EdDSA", "RS256"):
                owner = Authenticator(algorithm)
                await self.register(owner, f"owner-{number}", algorithm)
                forger.credential_id, forger.handle = owner.credential_id, owner.handle
                forger.count = SIGN_COUNT
                add(FORGED if algorithm == "ES256" else f"{FORGED}, {algorithm}", forger)
            stranger.handle = owner.handle
            stranger.count = SIGN_COUNT
            add(UNKNOWN, stranger)
            forger.handle = stranger.credential_id
            add("passkey with another's handle", forger)
            forger.count, forger.handle = 0, owner.handle
            add("passkey with an older count", forger)

        def attempt(responses: list[str]) -> Attempt:
            return lambda number: self.prove_passkey(responses[number], challenge)

        def compared(first: str, kinds: Mapping[str, list[str]]) -> Comparison:
            attempts = {kind: attempt(responses) for kind, responses in kinds.items()}
            return Comparison(first, attempts, OWNERS)

        return compared(FORGED, answers), compared(f"passkey{OF_ANOTHER}", early)

    async def register(self, owner: Authenticator, user_id: str, passkey_id: str) -> None:
        """Has a user have a passkey that was used before."""
        asked = self.ceremonies.creation_options(user_id, bytes(32), excluded=[])
        made = self.ceremonies.new_credential(owner.create(asked), bytes(32))
        assert made is not None
        passkey = Passkey(
            id=passkey_id,
            user_id=user_id,
            credential_id=made.credential_id,
            public_key=made.public_key,
            sign_count=SIGN_COUNT,
            create_time_ns=NOW_NS,
        )
        assert await self.second_factors.add_passkey(
            passkey, recovery_hashes=[], challenge=self.challenge()
        )

    def challenge(self) -> Challenge:
        return Challenge(purpose="", id=self.secrets.challenge_id(), expire_time_ns=NOW_NS)


async def measured(comparison: Comparison, rounds: int) -> dict[str, list[float]]:
    """Nanoseconds of each attempt, by kind."""
    found: dict[str, list[float]] = {kind: [] for kind in comparison.kinds}
    order = [kind for kind in comparison.kinds for _ in range(ATTEMPTS_PER_ROUND)]
    chosen = random.Random(1)  # the order is to be fair, not secret
    for _ in range(rounds):
        chosen.shuffle(order)
        for kind in order:
            number = chosen.randrange(comparison.users)
            begun_ns = time.perf_counter_ns()
            with contextlib.suppress(UnauthenticatedError):
                assert await comparison.kinds[kind](number) is None
            found[kind].append(time.perf_counter_ns() - begun_ns)
    return found


def superiority(one: list[float], other: list[float]) -> float:
    """How often one of the first takes longer than one of the second."""
    longer = sum((a > b) + (a == b) / 2 for a in one for b in other)
    return longer / (len(one) * len(other))


async def refusals(rounds: int) -> list[tuple[Comparison, dict[str, list[float]]]]:
    async with contextlib.AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        path = directory / "blrcs.db"
        database = await stack.enter_async_context(SqliteAdapter(SqliteDatabase.open(path), path))
        hasher = stack.enter_context(contextlib.closing(Argon2PasswordHasher()))
        house = House(database, hasher, directory)
        comparisons = [
            await house.passwords(),
            *(await house.second_factor()),
            *(await house.passkeys()),
        ]
        return [(each, await measured(each, rounds)) for each in comparisons]


def run(rounds: int) -> Report:
    report = Report("Refused sign-ins: what their time tells")
    for comparison, found in asyncio.run(refusals(rounds)):
        first = comparison.first
        timings = {kind: Timing(tuple(values)) for kind, values in found.items()}
        report.timings |= timings
        for kind in comparison.kinds:
            if kind != first:
                ratio = timings[kind].median_ns / timings[first].median_ns
                share = superiority(found[kind], found[first])
                medians: tuple[float | None, ...] = (None, None)
                shares = medians
                if kind not in comparison.told:
                    medians, shares = comparison.medians, (0.4, 0.6)
                report.claims += [
                    Claim(f"{kind} / {first}, medians", ratio, *medians),
                    Claim(f"{kind} takes longer than {first}, share of pairs", share, *shares),
                ]
    return report


if __name__ == "__main__":
    main(run)
