"""Tells the log why keys cannot be used. Callers are not told so much."""

import structlog

from blrcs.domain.record_name import CollectionKey
from blrcs.encryption.stored_key import described

MAX_TOLD = 1024

log = structlog.get_logger("blrcs.encryption")


class KeyProblems:
    """Says each problem once, until the keys can be used again or there is another one."""

    def __init__(self) -> None:
        self._told: dict[CollectionKey, str] = {}

    def met(self, scope: CollectionKey, error: Exception) -> None:
        """The keys of a scope cannot be used."""
        problem = str(error)
        if self._told.get(scope) == problem:
            return
        if len(self._told) >= MAX_TOLD:
            self._told.clear()
        self._told[scope] = problem
        log.error("keys cannot be used", keys=described(scope), problem=problem)

    def over(self, scope: CollectionKey) -> None:
        """They could be used."""
        if self._told and self._told.pop(scope, None) is not None:
            log.info("keys can be used again", keys=described(scope))
