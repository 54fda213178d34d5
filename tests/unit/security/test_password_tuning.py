"""How much work a hash is made to be."""

import itertools

import argon2
import pytest

from blrcs.security.password_tuning import HashWork, measure_hash, tune

MS_NS = 1_000_000


def taking(pass_ns, *, noise_ns=(0, 0, 0)):
    """A machine whose passes take so long, and that is held up by other things."""
    delays = itertools.cycle(noise_ns)
    measured = []

    def measure(work):
        measured.append(work)
        return work.passes * pass_ns + next(delays)

    measure.measured = measured
    return measure


@pytest.mark.parametrize(
    ("pass_ns", "passes"),
    [
        (10 * MS_NS, 5),
        (12 * MS_NS, 4),
        (25 * MS_NS, 2),
        (26 * MS_NS, 2),
        (1000 * MS_NS, 2),
        (1, 256),
        (0, 256),
    ],
)
def test_as_many_passes_as_fit_and_never_too_few(pass_ns, passes):
    assert tune(50 * MS_NS, 19456, taking(pass_ns)) == HashWork(19456, passes)


def test_what_else_the_machine_does_makes_hashes_no_weaker():
    noisy = taking(10 * MS_NS, noise_ns=(900 * MS_NS, 0, 500 * MS_NS))

    assert tune(50 * MS_NS, 19456, noisy).passes == 5


def test_the_memory_is_the_one_given():
    measure = taking(10 * MS_NS)

    assert tune(50 * MS_NS, 65536, measure).memory_kib == 65536
    assert {work.memory_kib for work in measure.measured} == {65536}


def test_the_least_is_owasps():
    assert HashWork() == HashWork(19 * 1024, 2)


def test_measuring_makes_a_hash(monkeypatch):
    made = []
    monkeypatch.setattr(argon2.PasswordHasher, "hash", lambda self, _: made.append(self))

    assert measure_hash(HashWork(8, 1)) > 0
    assert [(each.memory_cost, each.time_cost, each.parallelism) for each in made] == [(8, 1, 1)]


def test_of_two_different_works_at_most_one_is_less():
    works = [HashWork(memory, passes) for memory in (8, 16, 32) for passes in (1, 2, 3)]

    for one, other in itertools.product(works, works):
        assert not (one.is_less_than(other) and other.is_less_than(one))
    assert HashWork(16, 2).is_less_than(HashWork(16, 3))
    assert HashWork(16, 2).is_less_than(HashWork(17, 2))
