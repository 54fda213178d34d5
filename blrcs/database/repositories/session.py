"""Sessions in the database."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter, Transaction
from blrcs.database.repositories.authentication_row import (
    authentication_from_row,
    authentication_to_row,
)
from blrcs.database.repositories.revocation import (
    RevocationRepository,
    Revoke,
    purge_revocations,
)
from blrcs.database.repositories.user_row import user_from_row
from blrcs.database.statement import Row, Statement
from blrcs.database.tables import refresh_tokens, sessions, users
from blrcs.domain.authentication import Authentication
from blrcs.domain.session import Session, SessionLifetime
from blrcs.domain.token_limits import TokenBinding
from blrcs.domain.user import User

_END_OF_TIME_NS = 2**63 - 1
# MySQL has no offset without a limit.
_NO_LIMIT = 2**63 - 1

_OF_USER = sessions.c.user_id == sa.bindparam("of_user")
_NEWEST_FIRST = (sessions.c.created_at_ns.desc(), sessions.c.id.desc())
_THIS = sessions.c.id == sa.bindparam("session_id")

_USER = Statement(sa.select(users).where(users.c.id == sa.bindparam("user_id")))
_REHASH = Statement(
    sa.update(users)
    .where(users.c.id == sa.bindparam("user_id"))
    .values(password_hash=sa.bindparam("new_hash"))
)
_ADD = Statement(sa.insert(sessions))
_BY_ID = Statement(sa.select(sessions).where(_THIS))
_IDS = Statement(sa.select(sessions.c.id).where(_OF_USER))
_SURPLUS = Statement(
    sa.select(sessions.c.id)
    .where(_OF_USER)
    .order_by(*_NEWEST_FIRST)
    .limit(_NO_LIMIT)
    .offset(sa.bindparam("kept"))
)
_PAGE = Statement(
    sa.select(sessions)
    .where(
        _OF_USER,
        sessions.c.expires_at_ns > sa.bindparam("now_ns"),
        sa.tuple_(sessions.c.created_at_ns, sessions.c.id)
        < sa.tuple_(sa.bindparam("before_ns"), sa.bindparam("before_id")),
    )
    .order_by(*_NEWEST_FIRST)
    .limit(sa.bindparam("limit"))
)
_ADDRESSES = Statement(
    sa.select(sessions.c.address)
    .where(_OF_USER, sessions.c.expires_at_ns > sa.bindparam("now_ns"))
    .distinct()
)
_EXTEND = Statement(
    sa.update(sessions)
    .where(_THIS)
    .values(refreshed_at_ns=sa.bindparam("now_ns"), expires_at_ns=sa.bindparam("until_ns"))
)
_AUTHENTICATE = Statement(
    sa.update(sessions)
    .where(_THIS)
    .values(
        level=sa.bindparam("new_level"),
        methods=sa.bindparam("new_methods"),
        authenticated_at_ns=sa.bindparam("at_ns"),
    )
)
_DELETE = Statement(sa.delete(sessions).where(_THIS))
_PURGE = Statement(
    sa.delete(sessions).where(sessions.c.expires_at_ns <= sa.bindparam("expired_before_ns"))
)

_ADD_TOKEN = Statement(sa.insert(refresh_tokens))
_TOKEN = Statement(
    sa.select(refresh_tokens).where(refresh_tokens.c.hash == sa.bindparam("token_hash"))
)
_SPEND = Statement(
    sa.update(refresh_tokens)
    .where(refresh_tokens.c.hash == sa.bindparam("token_hash"))
    .values(spent_at_ns=sa.bindparam("now_ns"))
)
_PURGE_TOKENS = Statement(
    sa.delete(refresh_tokens).where(
        refresh_tokens.c.expires_at_ns <= sa.bindparam("expired_before_ns")
    )
)

DEFAULT_SESSIONS_PER_USER = 100


class SqlSessionRepository:
    """Implements the SessionRepository port."""

    def __init__(
        self,
        database: DatabaseAdapter,
        revocations: RevocationRepository,
        *,
        sessions_per_user: int = DEFAULT_SESSIONS_PER_USER,
    ) -> None:
        self._database = database
        self._revocations = revocations
        self._sessions_per_user = sessions_per_user

    async def open(
        self, session: Session, *, refresh_hash: bytes, user: User, password_hash: str
    ) -> bool:
        """See the port."""

        async def operation(transaction: Transaction, revoke: Revoke) -> bool:
            stored = await transaction.fetch_one(_USER, user_id=user.id)
            if stored is None or stored.disabled:
                return False
            if stored.password_set_at_ns != user.password_time_ns:
                return False
            if password_hash != user.password_hash:
                await transaction.execute(_REHASH, user_id=user.id, new_hash=password_hash)
            await transaction.execute(_ADD, **_to_row(session))
            await _add_token(transaction, session, refresh_hash)
            surplus = await transaction.fetch_all(
                _SURPLUS, of_user=user.id, kept=self._sessions_per_user
            )
            for row in surplus:
                await _end(transaction, revoke, row.id)
            return True

        return await self._revocations.write(operation)

    async def rotate(
        self,
        spent_hash: bytes,
        *,
        renewed_hash: bytes,
        lifetime: SessionLifetime,
        bindings: Collection[TokenBinding],
        now_ns: int,
    ) -> tuple[Session, User] | None:
        """See the port."""

        async def operation(
            transaction: Transaction, revoke: Revoke
        ) -> tuple[Session, User] | None:
            token = await transaction.fetch_one(_TOKEN, token_hash=spent_hash)
            if token is None:
                return None
            session = _from_row(await transaction.fetch_one(_BY_ID, session_id=token.session_id))
            if session.binding is not None and session.binding not in bindings:
                return None
            if token.spent_at_ns is not None:
                await _end(transaction, revoke, token.session_id)
                return None
            user = user_from_row(await transaction.fetch_one(_USER, user_id=session.user_id))
            if token.expires_at_ns <= now_ns or session.end_time_ns <= now_ns or user.disabled:
                return None
            until_ns = lifetime.extend(session.end_time_ns, now_ns=now_ns)
            extended = replace(session, refresh_time_ns=now_ns, expire_time_ns=until_ns)
            await transaction.execute(_SPEND, token_hash=spent_hash, now_ns=now_ns)
            await transaction.execute(
                _EXTEND, session_id=session.id, now_ns=now_ns, until_ns=until_ns
            )
            await _add_token(transaction, extended, renewed_hash)
            return extended, user

        return await self._revocations.write(operation)

    async def authenticate(
        self, user_id: str, session_id: str, authentication: Authentication
    ) -> Session | None:
        """See the port."""

        async def operation(transaction: Transaction) -> Session | None:
            row = await transaction.fetch_one(_BY_ID, session_id=session_id)
            if row is None or row.user_id != user_id:
                return None
            session = _from_row(row)
            if (
                session.expire_time_ns <= authentication.time_ns
                or authentication.level < session.authentication.level
            ):
                return None
            await transaction.execute(
                _AUTHENTICATE,
                session_id=session_id,
                new_level=int(authentication.level),
                new_methods=" ".join(authentication.methods),
                at_ns=authentication.time_ns,
            )
            return replace(session, authentication=authentication)

        return await self._database.run(operation)

    async def list_before(
        self, user_id: str, *, before: tuple[int, str] | None, limit: int, now_ns: int
    ) -> Sequence[Session]:
        """See the port."""
        before_ns, before_id = before or (_END_OF_TIME_NS, "")
        rows = await self._database.fetch_all(
            _PAGE,
            of_user=user_id,
            now_ns=now_ns,
            before_ns=before_ns,
            before_id=before_id,
            limit=limit,
        )
        return [_from_row(row) for row in rows]

    async def addresses(self, user_id: str, *, now_ns: int) -> Sequence[str]:
        """See the port."""
        rows = await self._database.fetch_all(_ADDRESSES, of_user=user_id, now_ns=now_ns)
        return [row.address for row in rows]

    async def end(self, user_id: str, session_id: str) -> bool:
        """See the port."""

        async def operation(transaction: Transaction, revoke: Revoke) -> bool:
            stored = await transaction.fetch_one(_BY_ID, session_id=session_id)
            if stored is None or stored.user_id != user_id:
                return False
            await _end(transaction, revoke, session_id)
            return True

        return await self._revocations.write(operation)

    async def purge(self, now_ns: int) -> int:
        """See the port.

        A session's row outlives it by the life of an access token: while one may be valid, there
        must be something by which to revoke it.
        """

        async def operation(transaction: Transaction) -> int:
            await purge_revocations(transaction, now_ns)
            await transaction.execute(_PURGE_TOKENS, expired_before_ns=now_ns)
            return await transaction.execute(
                _PURGE, expired_before_ns=now_ns - self._revocations.token_ttl_ns
            )

        return await self._database.run(operation)


async def end_sessions(
    transaction: Transaction, revoke: Revoke, user_id: str, *, kept_session_id: str = ""
) -> None:
    """Ends a user's sessions, all but the one kept."""
    for row in await transaction.fetch_all(_IDS, of_user=user_id):
        if row.id != kept_session_id:
            await _end(transaction, revoke, row.id)


async def _end(transaction: Transaction, revoke: Revoke, session_id: str) -> None:
    await transaction.execute(_DELETE, session_id=session_id)
    await revoke(session_id)


async def _add_token(transaction: Transaction, session: Session, token_hash: bytes) -> None:
    await transaction.execute(
        _ADD_TOKEN,
        hash=token_hash,
        session_id=session.id,
        issued_at_ns=session.refresh_time_ns,
        expires_at_ns=session.expire_time_ns,
        spent_at_ns=None,
    )


def _to_row(session: Session) -> dict[str, object]:
    return {
        "id": session.id,
        "user_id": session.user_id,
        "display_name": session.display_name,
        "address": session.address,
        "created_at_ns": session.create_time_ns,
        "refreshed_at_ns": session.refresh_time_ns,
        "expires_at_ns": session.expire_time_ns,
        "ends_at_ns": session.end_time_ns,
        "binding": None if session.binding is None else session.binding.text,
        **authentication_to_row(session.authentication),
    }


def _from_row(row: Row) -> Session:
    return Session(
        id=row.id,
        user_id=row.user_id,
        display_name=row.display_name,
        address=row.address,
        binding=None if row.binding is None else TokenBinding.from_text(row.binding),
        create_time_ns=row.created_at_ns,
        refresh_time_ns=row.refreshed_at_ns,
        expire_time_ns=row.expires_at_ns,
        end_time_ns=row.ends_at_ns,
        authentication=authentication_from_row(row),
    )
