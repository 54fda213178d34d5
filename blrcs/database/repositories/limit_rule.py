"""Limit rules in the database."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson
import sqlalchemy as sa

from blrcs.database.adapter import BlockingReader, DatabaseAdapter, Transaction
from blrcs.database.statement import Row, Statement
from blrcs.database.tables import limit_rules
from blrcs.domain.errors import AlreadyExistsError, NotFoundError
from blrcs.domain.etag import require_etag
from blrcs.domain.limit_rule import LimitEntry, LimitMode, LimitRule, OnLoss, limit_rule_name
from blrcs.domain.policy import Algorithm

ALGORITHMS: dict[Algorithm, int] = {
    "gcra": 1,
    "fixed_window": 2,
    "sliding_window": 3,
    "concurrency": 4,
}
ALGORITHM_NAMES = {number: name for name, number in ALGORITHMS.items()}
MODES: dict[LimitMode, int] = {"exact": 1, "leased": 2}
MODE_NAMES = {number: name for name, number in MODES.items()}
LOSSES: dict[OnLoss, int] = {"open": 1, "closed": 2, "local": 3}
LOSS_NAMES = {number: name for name, number in LOSSES.items()}

_THIS = limit_rules.c.id == sa.bindparam("rule_id")

_BY_ID = Statement(sa.select(limit_rules).where(_THIS))
_ALL = Statement(sa.select(limit_rules).order_by(limit_rules.c.id))
_STATE_COLUMNS: list[sa.Label[Any]] = [
    sa.func.count().label("rules"),
    # As text, since a sum is of another type on each database.
    sa.cast(sa.func.sum(limit_rules.c.revision), sa.String(32)).label("revisions"),
    sa.func.max(limit_rules.c.updated_at_ns).label("updated_at_ns"),
]
_STATE = Statement(sa.select(*_STATE_COLUMNS).select_from(limit_rules))
_TWIN = Statement(
    sa.select(limit_rules.c.id)
    .where(limit_rules.c.domain == sa.bindparam("of_domain"))
    .where(limit_rules.c.match == sa.bindparam("of_match"))
)
_ADD = Statement(sa.insert(limit_rules))
_REPLACE = Statement(sa.update(limit_rules).where(_THIS))
_DELETE = Statement(sa.delete(limit_rules).where(_THIS))


class SqlLimitRuleRepository:
    """Stores limit rules; reads run at once, writes are durable when they return."""

    def __init__(self, database: DatabaseAdapter, reader: BlockingReader) -> None:
        self._database = database
        self._reader = reader

    def all(self) -> Sequence[LimitRule]:
        """All rules, in the order of their ids."""
        return [_from_row(row) for row in self._reader.fetch_all(_ALL)]

    async def state(self) -> object:
        """What is equal only as long as no rule is added, changed or deleted."""
        return await self._database.fetch_one(_STATE)

    async def load(self) -> Sequence[LimitRule]:
        """As ``all``, without holding up anybody."""
        return [_from_row(row) for row in await self._database.fetch_all(_ALL)]

    async def add(self, rule: LimitRule) -> LimitRule:
        """Adds a rule; AlreadyExistsError if its id, or its domain and match, are taken."""

        async def operation(transaction: Transaction) -> LimitRule:
            if await transaction.fetch_one(_BY_ID, rule_id=rule.id) is not None:
                raise AlreadyExistsError(rule.name)
            await _refuse_twin(transaction, rule)
            await transaction.execute(_ADD, **_to_row(rule))
            return rule

        return await self._database.run(operation)

    async def update(self, rule_id: str, change: Callable[[LimitRule], LimitRule]) -> LimitRule:
        """Changes a rule; NotFoundError if there is none, AlreadyExistsError as for ``add``."""

        async def operation(transaction: Transaction) -> LimitRule:
            changed = change(await _stored(transaction, rule_id))
            await _refuse_twin(transaction, changed)
            await transaction.execute(_REPLACE, rule_id=rule_id, **_to_row(changed))
            return changed

        return await self._database.run(operation)

    async def delete(self, rule_id: str, *, etag: str) -> None:
        """Deletes a rule; NotFoundError if there is none, AbortedError by the etag."""

        async def operation(transaction: Transaction) -> None:
            stored = await _stored(transaction, rule_id)
            require_etag(stored.name, stored=stored.etag, given=etag)
            await transaction.execute(_DELETE, rule_id=rule_id)

        await self._database.run(operation)


async def _stored(transaction: Transaction, rule_id: str) -> LimitRule:
    row = await transaction.fetch_one(_BY_ID, rule_id=rule_id)
    if row is None:
        raise NotFoundError(limit_rule_name(rule_id))
    return _from_row(row)


async def _refuse_twin(transaction: Transaction, rule: LimitRule) -> None:
    twin = await transaction.fetch_one(_TWIN, of_domain=rule.domain, of_match=_match_text(rule))
    if twin is not None and twin.id != rule.id:
        raise AlreadyExistsError(f"{limit_rule_name(twin.id)} with the same match")


def _match_text(rule: LimitRule) -> str:
    return orjson.dumps([[entry.key, entry.value] for entry in rule.match]).decode()


def _to_row(rule: LimitRule) -> dict[str, object]:
    return {
        "id": rule.id,
        "domain": rule.domain,
        "match": _match_text(rule),
        "requests": rule.requests,
        "period_ns": rule.period_ns,
        "burst": rule.burst or 0,
        "algorithm": ALGORITHMS[rule.algorithm],
        "shadow": rule.shadow,
        "mode": MODES[rule.mode],
        "on_loss": LOSSES[rule.on_loss],
        "created_at_ns": rule.create_time_ns,
        "updated_at_ns": rule.update_time_ns,
        "revision": rule.revision,
    }


def _from_row(row: Row) -> LimitRule:
    return LimitRule(
        id=row.id,
        domain=row.domain,
        match=tuple(LimitEntry(key, value) for key, value in orjson.loads(row.match)),
        requests=row.requests,
        period_ns=row.period_ns,
        burst=row.burst or None,
        algorithm=ALGORITHM_NAMES[row.algorithm],
        shadow=bool(row.shadow),
        mode=MODE_NAMES[row.mode],
        on_loss=LOSS_NAMES[row.on_loss],
        create_time_ns=row.created_at_ns,
        update_time_ns=row.updated_at_ns,
        revision=row.revision,
    )
