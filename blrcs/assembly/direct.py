"""The methods of BLRCS's own services that are answered without Python, where nothing waits."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from blrcs.api.access_service import AccessService
from blrcs.api.auth_service import AuthService
from blrcs.api.cache_service import CacheService
from blrcs.api.health_service import HealthService, HealthState, unknown_service
from blrcs.api.limit_service import LimitService
from blrcs.application.cache.get_entry import missing_entry
from blrcs.application.cache.set_entry import UNMET
from blrcs.assembly.cache import AnyCache
from blrcs.assembly.records import DirectReads, Records
from blrcs.cache.memory import MemoryCache
from blrcs.database.repositories.record_together import RecordsTogether
from blrcs.database.statement import Row
from blrcs.domain.cache_entry import Presence
from blrcs.domain.errors import DomainError, FailedPreconditionError, NotFoundError
from blrcs.domain.filter.document import MAX_DEPTH
from blrcs.domain.identity_name import USERS, misnamed
from blrcs.domain.record_name import RecordKey
from blrcs.interceptors.direct import DirectHandlers
from blrcs.interceptors.error_mapping import domain_rejection
from blrcs.limits.native_limits import NativeLimits
from blrcs.security.token_inspector import not_verified
from blrcs_native.calls.rejection import Rejection
from blrcs_native.direct.access import DirectCheck
from blrcs_native.direct.auth import DirectIntrospect
from blrcs_native.direct.cache import DirectGet, DirectNearGet, DirectSet
from blrcs_native.direct.creation import DirectCreateRecord
from blrcs_native.direct.gathered_reads import GatheredReads
from blrcs_native.direct.health import DirectHealthCheck
from blrcs_native.direct.limit import DirectConsume
from blrcs_native.direct.record import DirectGetRecord
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.tokens.verifier import TokenVerifier

if TYPE_CHECKING:
    from blrcs.limits.redis_limits import RedisLimits


def direct_limits(service: LimitService, limits: "NativeLimits | RedisLimits") -> DirectHandlers:
    """Consume, by the rules that the service counts by; in Redis, by shares that are at hand."""
    return {service.Consume: partial(DirectConsume, limits.current)}


def direct_cache(service: CacheService, cache: AnyCache) -> DirectHandlers:
    """Get and Set, of the entries that the service keeps.

    Where another process or Redis has them, Get alone, of those of which there are good copies.
    """
    if not isinstance(cache, MemoryCache):
        return {service.Get: partial(DirectNearGet, cache.near)}
    return {
        service.Get: partial(DirectGet, cache.namespaces, _missing),
        service.Set: partial(
            DirectSet,
            cache.namespaces,
            cache.watched,
            exists=_unmet(Presence.ABSENT),
            missing=_unmet(Presence.PRESENT),
            differs=_unmet(Presence.ANY),
        ),
    }


def direct_records(records: Records) -> DirectHandlers:
    """GetRecord and CreateRecord, as far as there is what answers them."""
    service, together = records.service, records.create_together
    create: DirectHandlers = {}
    if together is not None:
        make = partial(DirectCreateRecord, together.key_of, together.all_but_taken, MAX_DEPTH)
        create = {service.CreateRecord: make}
    reads: DirectReads | GatheredReads | None = records.direct_reads
    if isinstance(reads, RecordsTogether):
        reads = GatheredReads(partial(_read_together, reads), _missing_record)
    if reads is None:
        return create
    return {service.GetRecord: partial(DirectGetRecord, reads), **create}


async def _read_together(
    together: RecordsTogether, keys: list[tuple[str, str, str]]
) -> Sequence[Row] | Rejection | None:
    try:
        return await together.read(keys)
    except DomainError as error:
        return domain_rejection(error)


def _missing_record(tenant: str, collection: str, record: str) -> Rejection:
    return domain_rejection(NotFoundError(RecordKey(tenant, collection, record).name))


def direct_access(service: AccessService, access: CurrentAccess) -> DirectHandlers:
    """Check, by the table in force."""
    return {service.Check: partial(DirectCheck, access)}


def direct_auth(service: AuthService, verifier: TokenVerifier) -> DirectHandlers:
    """Introspect, by the verifier that guards calls."""
    misnamed_user = domain_rejection(misnamed(USERS))
    exhausted = domain_rejection(not_verified(verifier.failures))
    return {service.Introspect: partial(DirectIntrospect, verifier, misnamed_user, exhausted)}


def direct_health(service: HealthService, state: HealthState) -> DirectHandlers:
    """Health's Check, of the state that the service shows."""
    unknown = domain_rejection(unknown_service())
    return {service.Check: partial(DirectHealthCheck, state.statuses, unknown)}


def _missing(namespace: str) -> Rejection:
    return domain_rejection(missing_entry(namespace))


def _unmet(presence: Presence) -> Rejection:
    return domain_rejection(FailedPreconditionError(*UNMET[presence]))
