"""Servers on one database take the same work for a password's hash."""

import asyncio

import pytest

from blrcs.security.password_tuning import HashWork, agreed_work

MS_NS = 1_000_000


@pytest.fixture
async def database(store):
    async with store.open() as (database, _):
        yield database


def agree(database, pass_ns, measured, *, target_ns=50 * MS_NS, memory_kib=19456):
    def measure(work):
        measured.append(work)
        return work.passes * pass_ns

    return agreed_work(database, target_ns=target_ns, memory_kib=memory_kib, measure=measure)


async def test_the_first_one_measures_and_the_others_take_what_it_found(database):
    measured = []

    works = [await agree(database, pass_ns * MS_NS, measured) for pass_ns in (10, 5, 25)]

    assert works == [HashWork(19456, 5)] * 3
    assert len(measured) == 3


async def test_those_that_start_at_once_take_the_same(database):
    calls = [agree(database, pass_ns * MS_NS, []) for pass_ns in (5, 10, 25, 12)]

    assert len(set(await asyncio.gather(*calls))) == 1


async def test_other_settings_are_tuned_apart_and_kept(database):
    measured = []
    first = await agree(database, 10 * MS_NS, measured)

    other = await agree(database, 10 * MS_NS, measured, target_ns=100 * MS_NS)
    back = await agree(database, 3 * MS_NS, measured)

    assert (first.passes, other.passes, back) == (5, 10, first)


async def test_a_fixed_work_is_not_measured(database):
    measured = []

    work = await agree(database, 1, measured, target_ns=0, memory_kib=65536)

    assert (work, measured) == (HashWork(65536, 2), [])
