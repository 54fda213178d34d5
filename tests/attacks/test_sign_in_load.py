"""The database comes and goes while many guess passwords and many sign out."""

import math
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest

from blrcs.security.sign_in_throttle import DEFAULT_PAIR_FAILURES, FIRST_WAIT_NS
from tests.attacks.test_sign_in_lost import (
    EXHAUSTED,
    GUESSES,
    NOT_DONE,
    OK,
    UNAUTHENTICATED,
    UNAVAILABLE,
    Away,
    taken_away,
)
from tests.e2e.workers import PASSWORD, bearer, until
from tests.servers.postgresql import PostgresqlServer
from tests.transports import TRANSPORTS

UNKNOWN = grpc.StatusCode.UNKNOWN
GUESSERS = 4
LOSSES = ["stopped", "paused"]
LOSSES_IN_A_ROW = 2
SESSIONS = 8
LOST = {UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


@pytest.fixture(scope="module", params=TRANSPORTS)
def away(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgresql_server: PostgresqlServer,
) -> Iterator[Away]:
    with taken_away(tmp_path_factory.mktemp("load"), request.param, postgresql_server) as found:
        yield found


class Guessers:
    """Several who guess one password after another, whoever answers; and what they are told."""

    def __init__(self, away: Away) -> None:
        self._away = away
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._guess) for _ in range(GUESSERS)]
        self.answers: list[grpc.StatusCode] = []

    @contextmanager
    def at_work(self) -> Iterator[None]:
        for each in self._threads:
            each.start()
        try:
            yield
        finally:
            self._over.set()
            for each in self._threads:
                each.join()

    def until_told(self, answers: set[grpc.StatusCode]) -> None:
        """Until each of them might have been told one of these from now on."""
        before = len(self.answers)
        until(lambda: sum(each in answers for each in self.answers[before:]) > GUESSERS)

    def _guess(self) -> None:
        while not self._over.is_set():
            self.answers.append(self._away.sign_in("wrong password"))


@pytest.mark.parametrize("loss", LOSSES)
def test_who_guesses_while_it_comes_and_goes_guesses_no_oftener(away: Away, loss: str) -> None:
    away.unlock()
    began_ns = time.time_ns()
    guessers = Guessers(away)
    with guessers.at_work():
        for _ in range(LOSSES_IN_A_ROW):
            with getattr(away, loss)():
                guessers.until_told(LOST)
            away.until_it_is_back()
            guessers.until_told({EXHAUSTED})
    # Of one that was lost at its commit nobody knows what became of it.
    assert set(guessers.answers) <= NOT_DONE | {UNAUTHENTICATED, UNKNOWN}
    # The waits double: one more failure in four seconds, the next in eight, and so on; and her own
    # address, from which she has a session, is counted apart.
    waits = math.ceil(math.log2((time.time_ns() - began_ns) / FIRST_WAIT_NS + 1)) + 1
    most = GUESSES + DEFAULT_PAIR_FAILURES + 2 * waits
    assert guessers.answers.count(UNAUTHENTICATED) <= most
    away.unlock()
    assert away.sign_in(PASSWORD) is OK


@pytest.mark.parametrize("loss", LOSSES)
def test_what_was_said_to_be_revoked_is_while_it_goes_and_after(away: Away, loss: str) -> None:
    away.unlock()
    tokens = [bearer(away.tokens().access_token) for _ in range(SESSIONS)]
    assert {away.use(each) for each in tokens} == {OK}
    with ThreadPoolExecutor(len(tokens)) as pool:
        begun = [pool.submit(away.sign_out, each) for each in tokens]
        with getattr(away, loss)():
            ended = [each.result() for each in begun]
            assert set(ended) <= NOT_DONE | {OK, UNKNOWN}
            said = [each for each, answer in zip(tokens, ended, strict=True) if answer is OK]
            assert {away.use(each) for each in said} <= {UNAUTHENTICATED}
    until(lambda: away.use(away.world.admin) is OK)
    assert {away.use(each) for each in said} <= {UNAUTHENTICATED}
    # Of the others some may have come to it; those that have not can be ended now.
    for each in tokens:
        until(lambda: away.sign_out(each) in {OK, UNAUTHENTICATED})  # noqa: B023
    assert {away.use(each) for each in tokens} == {UNAUTHENTICATED}
