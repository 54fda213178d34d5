"""Second factors in the database."""

from collections.abc import Sequence

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter, Isolation, Operation, Transaction
from blrcs.database.errors import IntegrityViolationError
from blrcs.database.repositories.key_use import holding
from blrcs.database.repositories.passkey_row import (
    credential_digest,
    passkey_from_row,
    passkey_to_row,
)
from blrcs.database.repositories.revocation import RevocationRepository, Revoke
from blrcs.database.repositories.session import end_sessions
from blrcs.database.statement import Row, Statement
from blrcs.database.tables import passkeys, recovery_codes, spent_challenges, totp_secrets
from blrcs.domain.second_factor import (
    MAX_PASSKEYS,
    Challenge,
    Passkey,
    SecondFactors,
    TotpSecret,
)

_TOTP_OF_USER = totp_secrets.c.user_id == sa.bindparam("of_user")
_CODES_OF_USER = recovery_codes.c.user_id == sa.bindparam("of_user")

_TOTP = Statement(sa.select(totp_secrets).where(_TOTP_OF_USER))
_ADD_TOTP = Statement(sa.insert(totp_secrets))
_DROP_TOTP = Statement(sa.delete(totp_secrets).where(_TOTP_OF_USER))
_USE_STEP = Statement(
    sa.update(totp_secrets)
    .where(
        _TOTP_OF_USER,
        totp_secrets.c.created_at_ns == sa.bindparam("of_time_ns"),
        totp_secrets.c.last_step < sa.bindparam("before_step"),
    )
    .values(last_step=sa.bindparam("step"))
)
_COUNT_CODES = Statement(
    sa.select(sa.func.count().label("count")).select_from(recovery_codes).where(_CODES_OF_USER)
)
_ADD_CODE = Statement(sa.insert(recovery_codes))
_USE_CODE = Statement(
    sa.delete(recovery_codes).where(
        _CODES_OF_USER, recovery_codes.c.hash == sa.bindparam("code_hash")
    )
)
_DROP_CODES = Statement(sa.delete(recovery_codes).where(_CODES_OF_USER))
_PASSKEYS = Statement(
    sa.select(passkeys)
    .where(passkeys.c.user_id == sa.bindparam("of_user"))
    .order_by(passkeys.c.created_at_ns, passkeys.c.id)
)
_SOUGHT = passkeys.alias("sought")
_FIRST = (
    sa.select(passkeys.c.credential_hash.label("hash"))
    .order_by(passkeys.c.credential_hash)
    .limit(1)
    .subquery("first_one")
)
_PASSKEY_OR_FIRST = Statement(
    sa.select(passkeys).join_from(
        _FIRST,
        passkeys,
        passkeys.c.credential_hash
        == sa.func.coalesce(
            sa.select(_SOUGHT.c.credential_hash)
            .where(_SOUGHT.c.credential_hash == sa.bindparam("of_hash"))
            .scalar_subquery(),
            _FIRST.c.hash,
        ),
    )
)
"""The passkey of a credential; where there is none the first one, for the same work."""
_ADD_PASSKEY = Statement(sa.insert(passkeys))
_USE_PASSKEY = Statement(
    sa.update(passkeys)
    .where(
        passkeys.c.credential_hash == sa.bindparam("of_hash"),
        passkeys.c.sign_count < sa.bindparam("before_count"),
    )
    .values(
        sign_count=sa.bindparam("new_count"),
        backed_up=sa.bindparam("is_backed_up"),
        used_at_ns=sa.bindparam("at_ns"),
    )
)
_DROP_PASSKEY = Statement(
    sa.delete(passkeys).where(
        passkeys.c.user_id == sa.bindparam("of_user"), passkeys.c.id == sa.bindparam("of_id")
    )
)
_DROP_PASSKEYS = Statement(sa.delete(passkeys).where(passkeys.c.user_id == sa.bindparam("of_user")))
_SPEND = Statement(sa.insert(spent_challenges))
_PURGE = Statement(
    sa.delete(spent_challenges).where(
        spent_challenges.c.expires_at_ns <= sa.bindparam("expired_before_ns")
    )
)


class SqlSecondFactorRepository:
    """Implements the SecondFactorRepository port."""

    def __init__(self, database: DatabaseAdapter, revocations: RevocationRepository) -> None:
        self._database = database
        self._revocations = revocations

    async def of_user(self, user_id: str) -> SecondFactors:
        """See the port."""
        row = await self._database.fetch_one(_TOTP, of_user=user_id)
        codes = await self._database.fetch_one(_COUNT_CODES, of_user=user_id)
        keys = await self._database.fetch_all(_PASSKEYS, of_user=user_id)
        return SecondFactors(
            totp=None if row is None else _from_row(row),
            passkeys=tuple(map(passkey_from_row, keys)),
            recovery_codes_left=0 if codes is None else codes.count,
        )

    async def enrol_totp(
        self, secret: TotpSecret, *, recovery_hashes: Sequence[bytes], challenge: Challenge
    ) -> bool:
        """See the port."""

        async def operation(transaction: Transaction) -> bool:
            await holding(secret.sealed)(transaction)
            await _spend(transaction, challenge)
            await transaction.execute(_DROP_TOTP, of_user=secret.user_id)
            await transaction.execute(
                _ADD_TOTP,
                user_id=secret.user_id,
                sealed=secret.sealed,
                last_step=secret.last_step,
                created_at_ns=secret.create_time_ns,
            )
            await _replace_codes(transaction, secret.user_id, recovery_hashes)
            return True

        return await self._once(operation)

    async def use_totp(self, secret: TotpSecret, step: int, challenge: Challenge | None) -> bool:
        """See the port."""

        async def operation(transaction: Transaction) -> bool:
            used = await transaction.execute(
                _USE_STEP,
                of_user=secret.user_id,
                of_time_ns=secret.create_time_ns,
                before_step=step,
                step=step,
            )
            return bool(used) and await _spend(transaction, challenge)

        return await self._once(operation)

    async def use_recovery_code(
        self, user_id: str, code_hash: bytes, challenge: Challenge | None
    ) -> bool:
        """See the port."""

        async def operation(transaction: Transaction) -> bool:
            used = await transaction.execute(_USE_CODE, of_user=user_id, code_hash=code_hash)
            return bool(used) and await _spend(transaction, challenge)

        return await self._once(operation)

    async def add_passkey(
        self, passkey: Passkey, *, recovery_hashes: Sequence[bytes], challenge: Challenge
    ) -> bool:
        """See the port."""

        async def operation(transaction: Transaction) -> bool:
            await _spend(transaction, challenge)
            known = await transaction.fetch_all(_PASSKEYS, of_user=passkey.user_id)
            if len(known) >= MAX_PASSKEYS:
                return False
            await transaction.execute(_ADD_PASSKEY, **passkey_to_row(passkey))
            if recovery_hashes:
                await _replace_codes(transaction, passkey.user_id, recovery_hashes)
            return True

        # Of two that count at once, one has to see the other.
        return await self._once(operation, Isolation.SERIALIZABLE)

    async def find_passkey(self, credential_id: bytes) -> Passkey | None:
        """See the port."""
        row = await self._database.fetch_one(
            _PASSKEY_OR_FIRST, of_hash=credential_digest(credential_id)
        )
        found = None if row is None else passkey_from_row(row)
        return found if found is not None and found.credential_id == credential_id else None

    async def use_passkey(self, passkey: Passkey, challenge: Challenge) -> bool:
        """See the port."""
        count = passkey.sign_count

        async def operation(transaction: Transaction) -> bool:
            used = await transaction.execute(
                _USE_PASSKEY,
                of_hash=credential_digest(passkey.credential_id),
                before_count=count or 1,
                new_count=count,
                is_backed_up=passkey.backed_up,
                at_ns=passkey.use_time_ns,
            )
            return bool(used) and await _spend(transaction, challenge)

        return await self._once(operation)

    async def remove_passkey(self, user_id: str, passkey_id: str) -> bool:
        """See the port."""

        async def operation(transaction: Transaction) -> bool:
            removed = await transaction.execute(_DROP_PASSKEY, of_user=user_id, of_id=passkey_id)
            if removed:
                await _drop_codes_without_factors(transaction, user_id)
            return bool(removed)

        return await self._database.run(operation)

    async def replace_recovery_codes(self, user_id: str, hashes: Sequence[bytes]) -> None:
        """See the port."""

        async def operation(transaction: Transaction) -> None:
            await _replace_codes(transaction, user_id, hashes)

        await self._database.run(operation)

    async def remove_totp(self, user_id: str) -> bool:
        """See the port."""

        async def operation(transaction: Transaction) -> bool:
            removed = await transaction.execute(_DROP_TOTP, of_user=user_id)
            if removed:
                await _drop_codes_without_factors(transaction, user_id)
            return bool(removed)

        return await self._database.run(operation)

    async def reset(self, user_id: str) -> None:
        """See the port."""

        async def operation(transaction: Transaction, revoke: Revoke) -> None:
            await transaction.execute(_DROP_TOTP, of_user=user_id)
            await transaction.execute(_DROP_PASSKEYS, of_user=user_id)
            await transaction.execute(_DROP_CODES, of_user=user_id)
            await end_sessions(transaction, revoke, user_id)

        await self._revocations.write(operation)

    async def purge(self, now_ns: int) -> None:
        """See the port."""
        await self._database.execute(_PURGE, expired_before_ns=now_ns)

    async def _once(
        self, operation: Operation[bool], isolation: Isolation = Isolation.READ_COMMITTED
    ) -> bool:
        """Runs what a challenge can be used up by once.

        A row that two calls change is changed by one after the other, and the second sees what the
        first has done: that is all the isolation that it takes.
        """
        try:
            return await self._database.run(operation, isolation=isolation)
        except IntegrityViolationError:
            return False  # the challenge was used up before, or the user was deleted


async def _spend(transaction: Transaction, challenge: Challenge | None) -> bool:
    if challenge is not None:
        await transaction.execute(_SPEND, id=challenge.id, expires_at_ns=challenge.expire_time_ns)
    return True


async def _replace_codes(transaction: Transaction, user_id: str, hashes: Sequence[bytes]) -> None:
    await transaction.execute(_DROP_CODES, of_user=user_id)
    await transaction.execute_many(
        _ADD_CODE, [{"user_id": user_id, "hash": each} for each in hashes]
    )


async def _drop_codes_without_factors(transaction: Transaction, user_id: str) -> None:
    if (
        await transaction.fetch_one(_TOTP, of_user=user_id) is None
        and await transaction.fetch_one(_PASSKEYS, of_user=user_id) is None
    ):
        await transaction.execute(_DROP_CODES, of_user=user_id)


def _from_row(row: Row) -> TotpSecret:
    return TotpSecret(
        user_id=row.user_id,
        sealed=bytes(row.sealed),
        last_step=row.last_step,
        create_time_ns=row.created_at_ns,
    )
