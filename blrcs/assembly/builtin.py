"""Puts BLRCS's own services together."""

import contextlib
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from blrcs.api.cache_service import CacheService
from blrcs.api.record_requests import add_record_service
from blrcs.assembly.access import Access, assemble_access
from blrcs.assembly.cache import AnyCache, assemble_cache, keep_house
from blrcs.assembly.direct import direct_access, direct_auth, direct_cache, direct_records
from blrcs.assembly.encryption import Encryption, assemble_encryption
from blrcs.assembly.following import Following
from blrcs.assembly.foundation import Foundation
from blrcs.assembly.housekeeping import Housekeeping, Work
from blrcs.assembly.identity import Identity, assemble_identity
from blrcs.assembly.limits import ServiceLimits, assemble_limits
from blrcs.assembly.metrics import ServerMetrics
from blrcs.assembly.records import Records, assemble_records
from blrcs.assembly.shared_counts import SharedCounts, assemble_shared_counts
from blrcs.assembly.signing import share_keys
from blrcs.config.settings import Settings
from blrcs.encryption.stored_key import CREDENTIALS, SIGNING_KEYS
from blrcs.interceptors.direct import DirectHandlers
from blrcs.security.password_hasher import Argon2PasswordHasher
from blrcs.security.password_tuning import agreed_work
from blrcs.security.shared_keys import SharedKeys
from blrcs.transport.registration import Registrar
from blrcs.v1 import (
    access_pb2_grpc,
    auth_pb2_grpc,
    cache_pb2_grpc,
    credential_pb2_grpc,
    encryption_pb2_grpc,
    limit_pb2_grpc,
    user_pb2_grpc,
)
from blrcs.workers.memory import ACCESS, RECORDS, Memory
from blrcs.workers.worker import Worker

PURGE_PERIOD_S = 600.0
COUNTS_PURGE_PERIOD_S = 60.0
EXPIRY_PERIOD_S = 5.0
SWEEP_PERIOD_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Builtin:
    """What the services stand on. It is there where they are not served, too: guards ask it."""

    base: Foundation
    access: Access
    identity: Identity
    cache: AnyCache
    limits: ServiceLimits
    records: Records
    encryption: Encryption
    counts: SharedCounts
    shared_keys: SharedKeys | None

    def add_to(self, registrar: Registrar) -> DirectHandlers:
        """Has all of them served; what answers some of their methods directly."""
        access, identity, records = self.access, self.identity, self.records
        cache_service = CacheService(self.cache)
        auth_pb2_grpc.add_AuthServiceServicer_to_server(identity.auth_service, registrar)
        user_pb2_grpc.add_UserServiceServicer_to_server(identity.user_service, registrar)
        credential_pb2_grpc.add_CredentialServiceServicer_to_server(
            identity.credential_service, registrar
        )
        access_pb2_grpc.add_AccessServiceServicer_to_server(access.service, registrar)
        limit_pb2_grpc.add_LimitServiceServicer_to_server(self.limits.service, registrar)
        cache_pb2_grpc.add_CacheServiceServicer_to_server(cache_service, registrar)
        add_record_service(records.service, registrar)
        encryption_pb2_grpc.add_EncryptionServiceServicer_to_server(
            self.encryption.service(self.base), registrar
        )
        return {
            **direct_access(access.service, access.current),
            **direct_auth(identity.auth_service, identity.verifier),
            **direct_cache(cache_service, self.cache),
            **self.limits.direct,
            **direct_records(records),
        }

    def keep_house(
        self, house: Housekeeping, refresh_period_s: float, leading: Callable[[Work], Work]
    ) -> None:
        """Begins what is done beside all calls, by each worker or by the one that leads."""
        records, limits = self.records, self.limits
        house.repeat(PURGE_PERIOD_S, leading(self.identity.purge_expired))
        for purge in self.counts.purges:
            house.repeat(COUNTS_PURGE_PERIOD_S, leading(purge))
        signing = self.identity.signing
        signing.keep_house(house, leads=leading(signing.rotate_if_due))
        if self.shared_keys is not None:
            house.repeat(refresh_period_s, leading(self.shared_keys.keep))
        self.identity.issuers.keep_house(house)
        house.repeat(PURGE_PERIOD_S, leading(records.purge.changes))
        self.access.house.keep(house, leading)
        house.repeat(EXPIRY_PERIOD_S, leading(records.purge.expired))
        house.repeat(EXPIRY_PERIOD_S, leading(records.purge.surplus))
        house.repeat(refresh_period_s, leading(records.build_indexes))
        if records.copies is not None:
            follower = records.copies.follower
            house.repeat(follower.period_s, follower.look)
        keep_house(self.cache, house, leading)
        house.repeat(SWEEP_PERIOD_S, limits.sweep)
        # Of a database of its own, too: commands write to it beside the server.
        house.repeat(refresh_period_s, self._follow)
        if self.base.announcer is not None:
            following = Following(
                self.base.announcer,
                stored=self._follow,
                signal=records.signal,
                follower=None if records.copies is None else records.copies.follower,
            )
            house.run(following.run())

    def finish_watching(self) -> None:
        """Ends the streams that would never end by themselves."""
        self.cache.finish_watching()
        self.records.signal.finish()

    async def _follow(self) -> None:
        """Takes in what other machines, and commands, have stored."""
        await self.identity.revocations.catch_up()
        await self.access.store.follow()
        await self.limits.rules.follow()
        await self.encryption.look()


async def assemble_builtin(
    base: Foundation,
    settings: Settings,
    memory: Memory,
    metrics: ServerMetrics,
    stack: AsyncExitStack,
    worker: Worker | None,
    *,
    method_permissions: Callable[[], Iterable[str]],
) -> Builtin:
    """All of them; ``stack`` closes them.

    Raises:
        KeyFileError, MasterKeyError: A key cannot be used.
        ConfigError: A limit rule of the configuration cannot be carried out.
    """
    encryption = await assemble_encryption(base, settings.encryption, stack)
    access = assemble_access(
        base, method_permissions, memory.generation(ACCESS), settings=settings.access
    )
    work = await agreed_work(
        base.database,
        target_ns=settings.auth.password.hash_time.ns,
        memory_kib=settings.auth.password.hash_memory // 1024,
    )
    shared_keys = await share_keys(
        base,
        settings.auth,
        encryption.sealer(SIGNING_KEYS),
        first=worker is None or worker.first,
    )
    counts = assemble_shared_counts(base, settings.limits, memory, stack)
    identity = assemble_identity(
        base,
        settings.auth,
        stack.enter_context(contextlib.closing(Argon2PasswordHasher(work))),
        memory,
        encryption.sealer(CREDENTIALS),
        counts,
        metrics.issuers,
        grant_administrator=access.grant_administrator,
        grants=access.store,
    )
    stack.push_async_callback(identity.api_keys.drain)
    cache = assemble_cache(settings, base, worker)
    stack.callback(cache.close)
    limits = assemble_limits(base, settings, memory, metrics, stack)
    records = assemble_records(
        base,
        settings.records,
        access.current,
        encryption,
        refresh_interval_ns=settings.database.refresh_interval.ns,
        replica_max_lag_ns=settings.database.replica_max_lag.ns,
        stamps=memory.record_stamps(),
        generation=memory.generation(RECORDS),
        max_reply_bytes=settings.server.max_message_bytes,
    )
    return Builtin(
        base=base,
        access=access,
        identity=identity,
        cache=cache,
        limits=limits,
        records=records,
        encryption=encryption,
        counts=counts,
        shared_keys=shared_keys,
    )
