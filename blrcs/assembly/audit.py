"""Puts the audit log together."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from blrcs.api.audit_service import AuditService
from blrcs.application.audit.follow_events import FollowEvents
from blrcs.application.audit.list_events import ListEvents
from blrcs.application.audit.verify_log import VerifyLog
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.assembly.foundation import NS_PER_S, Foundation
from blrcs.assembly.housekeeping import Housekeeping, Work
from blrcs.audit.chain import Chain
from blrcs.audit.log import AuditLog, open_log
from blrcs.audit.own_keys import OwnAuditKeys
from blrcs.audit.retention import retire_idle
from blrcs.audit.segments import FOLDER
from blrcs.audit.tail import DamagedChainError
from blrcs.audit.trail import DirectoryTrail
from blrcs.config.audit import Audit as AuditSection
from blrcs.interceptors.audit_sink import AuditSink
from blrcs.monitoring.audit_lines import AuditLines, write_audit_line
from blrcs.monitoring.audit_metrics import AuditMetrics
from blrcs.transport.registration import Registrar
from blrcs.v1 import audit_pb2_grpc

RETIRE_PERIOD_S = 600.0

log = structlog.get_logger("blrcs.audit")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFiles:
    """The chain of this process, and those of the others beside it."""

    log: AuditLog
    trail: DirectoryTrail
    settings: AuditSection
    directory: Path
    chain_options: Mapping[str, Any]
    clock: Clock

    def add_to(self, registrar: Registrar, page_tokens: PageTokens) -> None:
        """Has AuditService served."""
        service = AuditService(
            list_events=ListEvents(trail=self.trail, page_tokens=page_tokens),
            follow_events=FollowEvents(trail=self.trail, resume_tokens=page_tokens),
            verify_log=VerifyLog(trail=self.trail),
        )
        audit_pb2_grpc.add_AuditServiceServicer_to_server(service, registrar)

    def keep_house(
        self, house: Housekeeping, leading: Callable[[Work], Work], stack: AsyncExitStack
    ) -> None:
        """Begins what is done beside all calls; ``stack`` ends it before the server drains."""
        stack.callback(self.trail.finish)
        house.repeat(self.settings.checkpoint_interval.ns / NS_PER_S, self.log.checkpoint)
        house.repeat(RETIRE_PERIOD_S, self._retire)
        house.repeat(RETIRE_PERIOD_S, leading(self._retire_idle))

    async def _retire(self) -> None:
        await _telling_of_damage(self.log.retire(self._before_ns()))

    async def _retire_idle(self) -> None:
        """Chains of workers that there are no more."""
        idle = partial(retire_idle, self.directory, self._before_ns(), **self.chain_options)
        await _telling_of_damage(self.log.beside(idle))
        await _telling_of_damage(self.log.forget_restored(self._before_ns()))

    def _before_ns(self) -> int:
        return self.clock() - self.settings.retention.ns


@dataclass(frozen=True, slots=True)
class Audit:
    """Where it is recorded what is done.

    Attributes:
        sink: Takes the records.
        files: Where they lie; None where they go to the log alone.
    """

    sink: AuditSink
    files: AuditFiles | None = None

    async def note_administrator(self, user_id: str) -> None:
        """Records the one administrator whom nobody's call has made."""
        await self.sink.commit({"kind": "administrator", "resource": f"users/{user_id}"})


async def _telling_of_damage(retiring: Awaitable[None]) -> None:
    try:
        await retiring
    except DamagedChainError as error:
        log.warning("audit log is damaged and kept beyond its retention", detail=str(error))


async def assemble_audit(
    base: Foundation, settings: AuditSection, metrics: AuditMetrics, stack: AsyncExitStack
) -> Audit:
    """What the configuration has records go to; ``stack`` closes it.

    Raises:
        KeyFileError: The key cannot be used.
        AuditOpenError: The chain cannot be written.
    """
    if settings.to == "log":
        lines = AuditLines(clock=base.clock)
        stack.callback(lines.flush)
        return Audit(lines)
    data_directory, clock = base.data_directory, base.clock
    keys = OwnAuditKeys(data_directory)
    options = {"signer": keys, "clock": clock, "source": settings.machine}
    directory = data_directory / FOLDER
    log = await open_log(
        lambda: Chain.take(directory, **options),
        directory,
        clock=clock,
        observe=metrics.observe,
        mirror=write_audit_line if settings.to == "both" else None,
        flush_s=settings.flush_interval.ns / NS_PER_S,
    )
    stack.push_async_callback(log.close)
    trail = DirectoryTrail(directory, keys.anchors)
    stack.callback(trail.close)
    files = AuditFiles(
        log=log,
        trail=trail,
        settings=settings,
        directory=directory,
        chain_options=options,
        clock=clock,
    )
    return Audit(log, files)
