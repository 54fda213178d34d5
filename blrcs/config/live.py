"""The settings in effect while the server runs."""

import asyncio
from collections.abc import Callable, Sequence
from enum import StrEnum

import structlog
from structlog.typing import FilteringBoundLogger

from blrcs.config.loading import LoadedSettings
from blrcs.config.problem import ConfigError, Problem
from blrcs.config.reloadable import Reloadable, keys_that_need_a_restart, reloadable_part


class ReloadOutcome(StrEnum):
    """What came of a reload."""

    APPLIED = "applied"
    """The new epoch is in effect."""
    REFUSED = "refused"
    """The configuration is not valid, or a part cannot work with it; the last epoch stays."""
    BROKEN = "broken"
    """The new epoch is in effect, save for a part that failed where it must not."""


class LiveSettings:
    """Holds the settings in effect, and replaces them by whole epochs.

    Reloads run one at a time, on one event loop; only the reading of files leaves it.

    Args:
        loaded: The first epoch, which the server was built from.
        load: Reads the configuration anew; runs on a thread.
        reloadables: The parts that take changes, in the order in which they commit.
        on_reload: Told of each reload: the epoch then in effect, and the outcome. Must not raise.
        log: Where reloads are told of.

    Attributes:
        settings: The values in effect.
        files: The configuration files that count.
        epoch: 1 at first; grows by one with each epoch that comes into effect.
    """

    def __init__(
        self,
        loaded: LoadedSettings,
        *,
        load: Callable[[], LoadedSettings],
        reloadables: Sequence[Reloadable],
        on_reload: Callable[[int, ReloadOutcome], None],
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self._load = load
        self._reloadables = tuple(reloadables)
        self._on_reload = on_reload
        self._log: FilteringBoundLogger = log or structlog.get_logger()
        self._turn = asyncio.Lock()
        self.settings = loaded.settings
        self.files = loaded.files
        self.epoch = 1

    async def reload(self) -> ReloadOutcome:
        """Reads and validates everything, and applies what can change: all of it or nothing."""
        async with self._turn:
            outcome = await self._reload()
            self._on_reload(self.epoch, outcome)
            return outcome

    async def _reload(self) -> ReloadOutcome:
        try:
            loaded = await asyncio.to_thread(self._load)
            commits = self._prepare(loaded)
        except ConfigError as error:
            problems = [str(problem) for problem in error.problems]
            self._log.error("configuration refused", epoch=self.epoch, problems=problems)
            return ReloadOutcome.REFUSED
        except Exception:  # noqa: BLE001 - logged, and the last epoch stays
            self._log.exception("configuration refused", epoch=self.epoch)
            return ReloadOutcome.REFUSED
        return self._commit(loaded, commits)

    def _prepare(self, loaded: LoadedSettings) -> list[Callable[[], None]]:
        old, new = self.settings, loaded.settings
        if new.environment != old.environment:
            # Its file holds limits and policies of another place, which must not take effect here.
            origin = loaded.provenance["environment"]
            raise ConfigError([Problem(origin, "environment", "changes, which needs a restart")])
        effective = reloadable_part(old, new)
        return [part.prepare(old, effective) for part in self._reloadables]

    def _commit(
        self, loaded: LoadedSettings, commits: Sequence[Callable[[], None]]
    ) -> ReloadOutcome:
        outcome = ReloadOutcome.APPLIED
        for part, commit in zip(self._reloadables, commits, strict=True):
            try:
                commit()
            except Exception:  # noqa: BLE001 - logged, and told to the caller
                # The parts before it have changed already, so those after it follow.
                name = type(part).__name__
                self._log.exception("configuration could not be committed", part=name)
                outcome = ReloadOutcome.BROKEN
        waiting = list(keys_that_need_a_restart(self.settings, loaded.settings))
        self.settings = reloadable_part(self.settings, loaded.settings)
        self.files = loaded.files
        self.epoch += 1
        self._log.info("configuration reloaded", epoch=self.epoch)
        if waiting:
            self._log.warning("configuration needs a restart", epoch=self.epoch, keys=waiting)
        return outcome
