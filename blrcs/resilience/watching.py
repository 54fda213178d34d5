"""Telling people of circuits that open and close."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import structlog

from blrcs.resilience.circuit_breaker import BreakerRules, CircuitBreaker, CircuitState

log = structlog.get_logger("blrcs.resilience")


class CircuitObserver(Protocol):
    """Is told how circuits change."""

    def circuit(self, dependency: str, state: CircuitState) -> None:
        """A circuit is in this state from now on."""


def noting(dependency: str, observer: CircuitObserver) -> Callable[[CircuitState], None]:
    """Tells an observer of changes, and logs when a circuit opens and closes, once each time."""
    is_open = False

    def note(state: CircuitState) -> None:
        nonlocal is_open
        observer.circuit(dependency, state)
        if state is CircuitState.OPEN and not is_open:
            is_open = True
            log.warning("a dependency does not answer, and is not asked", dependency=dependency)
        elif state is CircuitState.CLOSED:
            is_open = False
            log.info("a dependency answers again", dependency=dependency)

    observer.circuit(dependency, CircuitState.CLOSED)
    return note


MakeBreaker = Callable[[str], CircuitBreaker]
"""Makes a breaker before a dependency, whose name is for people and metrics."""


def watched_breakers(rules: BreakerRules, observer: CircuitObserver) -> MakeBreaker:
    """Makes breakers by these rules, whose changes are noted."""
    return partial(_watched, rules, observer)


def _watched(rules: BreakerRules, observer: CircuitObserver, dependency: str) -> CircuitBreaker:
    return CircuitBreaker(rules, noting(dependency, observer))
