"""Reading the chains: in one order, from any instant on, and by what is asked for."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.audit import reading
from blrcs.audit.line import encoded
from blrcs.audit.reading import AuditReader
from blrcs.audit.retention import retire
from blrcs.audit.segments import segments_in
from blrcs.audit.trail import MAX_FOLLOWERS, DirectoryTrail
from blrcs.domain.audit_event import AuditEvent, EventFilter, EventPlace
from blrcs.domain.errors import OutOfRangeError, ResourceExhaustedError, UnavailableError
from blrcs.domain.instant import from_instant, to_instant
from tests.unit.audit.chains import FORGERIES, KEYS, NOW_NS, forged, records, take, write_chain

SECOND = 1_000_000_000


def numbers(events) -> list[int]:
    return [each.values["number"] for each in events if "number" in each.values]


def write_alternating(directory, count: int) -> None:
    """Two chains that take turns, in several files each."""
    chains = [take(directory, max_segment_bytes=3000) for _ in range(2)]
    for number in range(count):
        record = encoded({"kind": "call", "method": "/a.B/C", "number": number})
        chains[number % 2].append([(NOW_NS + number * SECOND, record)], sign=False)
    for each in chains:
        each.close()


def test_records_of_all_chains_come_in_the_order_of_their_instants(tmp_path):
    write_alternating(tmp_path, 60)
    reader = AuditReader(tmp_path)
    assert numbers(reader.from_instant(0)) == list(range(60))
    for since in (0, 1, 29, 30, 59):
        found = numbers(reader.from_instant(NOW_NS + since * SECOND))
        assert found == list(range(since, 60))
    assert numbers(reader.from_instant(NOW_NS + 60 * SECOND)) == []


def test_what_is_read_begins_in_the_middle_of_a_large_file(tmp_path):
    chain = take(tmp_path)
    padding = "x" * 500
    for first in range(0, 2000, 100):
        chain.append(
            [
                (NOW_NS + n * SECOND, encoded({"kind": "call", "number": n, "x": padding}))
                for n in range(first, first + 100)
            ],
            sign=False,
        )
    chain.close()
    reader = AuditReader(tmp_path)
    (name,) = reader.ends()
    assert reader.ends() == {name: 2001 + 2000 // 1024}
    for since in (0, 7, 1234, 1999):
        assert numbers(reader.from_instant(NOW_NS + since * SECOND)) == list(range(since, 2000))
        (first, *_) = reader.behind({name: since + 1})
        assert first.place.seq == since + 2


def test_to_look_for_what_is_new_does_not_read_all(tmp_path, monkeypatch):
    chain = take(tmp_path)
    chain.append([(NOW_NS, encoded({"kind": "call", "x": "x" * 500}))] * 5000, sign=False)
    reader = AuditReader(tmp_path)
    read = []
    real = reading.event_of
    monkeypatch.setattr(reading, "event_of", lambda raw: (read.append(raw), real(raw))[1])
    assert list(reader.behind(reader.ends())) == []
    assert len(read) < 500
    chain.close()


def test_what_follows_is_all_that_was_not_seen(tmp_path):
    write_alternating(tmp_path, 40)
    reader = AuditReader(tmp_path)
    ends = reader.ends()
    assert list(reader.behind(ends)) == []
    name, end = next(iter(ends.items()))
    behind = list(reader.behind(ends | {name: end - 3}))
    assert [each.place.seq for each in behind] == [end - 2, end - 1, end]
    del ends[name]
    assert [each.place.seq for each in reader.behind(ends)] == list(range(1, end + 1))


@pytest.mark.parametrize("members", FORGERIES)
def test_a_line_that_was_forged_has_no_other_passed_over(tmp_path, members):
    chains = [take(tmp_path) for _ in range(2)]
    for each in chains:
        each.append(records(range(4)), sign=True)
        each.close()
        (segment,) = segments_in(tmp_path / each.name)
        lines = segment.path.read_bytes().splitlines(keepends=True)
        whole = [*lines[:2], forged(lines[2], members), *lines[3:], b"[]\n"]
        segment.path.write_bytes(b"".join(whole))
    reader = AuditReader(tmp_path)
    left = [each for each in range(4) if b'"number":%d' % each not in lines[2]]
    for events in (reader.behind({}), reader.from_instant(0)):
        assert sorted(numbers(events)) == sorted(left * 2)
    assert set(reader.ends().values()) == {len(lines)}


def test_a_chain_that_nobody_has_written_to_holds_up_no_other(tmp_path):
    chains = [take(tmp_path) for _ in range(2)]
    record = encoded({"kind": "call", "method": "/a.B/C", "number": 7})
    chains[0].append([(NOW_NS, record)], sign=False)
    reader = AuditReader(tmp_path)

    assert numbers(reader.behind({})) == [7]
    assert numbers(reader.behind(reader.ends())) == []
    assert numbers(reader.from_instant(0)) == [7]

    for each in chains:
        each.close()


def test_a_line_that_is_not_whole_yet_is_not_read(tmp_path):
    chain = write_chain(tmp_path, 3)
    (segment,) = segments_in(chain)
    with segment.path.open("ab") as file:
        file.write(b'{"hash":"')
    assert numbers(AuditReader(tmp_path).from_instant(0)) == [0, 1, 2]


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_instants_are_read_as_they_were_written(time_ns):
    assert from_instant(to_instant(time_ns)) == time_ns - time_ns % 1000


def event(**values) -> AuditEvent:
    return AuditEvent(EventPlace(0, "c", 1), {"kind": "call", "method": "/a.B/C", **values})


@pytest.mark.parametrize(
    ("wanted", "values", "takes"),
    [
        ({}, {}, True),
        ({"principal": "users/a"}, {"principal": "users/a"}, True),
        ({"principal": "users/a"}, {"principal": "users/b", "actor": "users/a"}, True),
        ({"principal": "users/a"}, {"principal": "users/ab"}, False),
        ({"method": "/a.B/C"}, {}, True),
        ({"method": "/a.B/*"}, {}, True),
        ({"method": "/a.B/D"}, {}, False),
        ({"method": "/a.BB/*"}, {}, False),
        ({"resource": "tenants/acme"}, {"resource": "tenants/acme"}, True),
        ({"resource": "tenants/acme"}, {"resource": "tenants/acme/orders/7"}, True),
        ({"resource": "tenants/acme"}, {"resource": "tenants/acme2"}, False),
        ({"resource": "tenants/acme"}, {"resource": "tenants"}, False),
        ({"resource": "tenants/acme"}, {}, False),
        ({"decision": "allowed"}, {"code": "OK"}, True),
        ({"decision": "allowed"}, {"code": "OK", "shadow": True}, True),
        ({"decision": "refused"}, {"code": "PERMISSION_DENIED"}, True),
        ({"decision": "refused"}, {"code": "NOT_FOUND"}, False),
        ({"decision": "failed"}, {"code": "NOT_FOUND"}, True),
        ({"decision": "failed"}, {"code": "UNAUTHENTICATED"}, False),
        ({"calls_only": True}, {"method": None}, False),
        ({"principal": "users/a"}, {"principal": 7}, False),
    ],
)
def test_a_filter_takes_what_is_asked_for(wanted, values, takes):
    assert EventFilter(**wanted).takes(event(**values)) is takes


async def test_a_page_looks_at_so_many_and_says_how_far(tmp_path, monkeypatch):
    write_alternating(tmp_path, 50)
    monkeypatch.setattr("blrcs.audit.trail.MAX_LOOKED_AT", 10)
    trail = DirectoryTrail(tmp_path, lambda: KEYS)
    wanted = EventFilter(method="/a.B/C")
    seen, after, pages = [], None, 0
    while True:
        found = await trail.find(wanted, after, 1000)
        seen += numbers(found.events)
        pages += 1
        after = found.until
        if after is None:
            break
    assert seen == list(range(50))
    assert pages > 5
    trail.close()


async def test_who_follows_is_told_where_too_much_was_missed(tmp_path):
    chain = take(tmp_path, max_segment_bytes=2000)
    for number in range(40):
        chain.append([(NOW_NS, encoded({"kind": "call", "number": number}))], sign=False)
    trail = DirectoryTrail(tmp_path, lambda: KEYS)
    assert numbers(await trail.behind({chain.name: 0}, 1000)) == list(range(40))
    assert retire(chain, NOW_NS + SECOND) > 1
    with pytest.raises(OutOfRangeError):
        await trail.behind({chain.name: 0}, 1000)
    assert await trail.behind({}, 1000)
    chain.close()
    trail.close()


async def test_followers_are_bounded_and_end_with_the_server(tmp_path):
    trail = DirectoryTrail(tmp_path, lambda: KEYS)
    held = [trail.following() for _ in range(MAX_FOLLOWERS)]
    wakers = [each.__enter__() for each in held]
    with pytest.raises(ResourceExhaustedError), trail.following():
        pass
    trail.finish()
    with pytest.raises(UnavailableError):
        await wakers[0].wait()
    for each in held:
        each.__exit__(None, None, None)
    with pytest.raises(UnavailableError), trail.following():
        pass
    trail.close()


async def test_one_verification_runs_at_a_time_though_its_caller_goes(tmp_path, monkeypatch):
    write_chain(tmp_path, 3)
    trail = DirectoryTrail(tmp_path, lambda: KEYS)
    begun, go_on = threading.Event(), threading.Event()
    real = trail._go_on

    def waiting():
        begun.set()
        go_on.wait()
        real()

    with monkeypatch.context() as patch:
        patch.setattr(trail, "_go_on", waiting)
        first = asyncio.create_task(trail.verify([]))
        await asyncio.to_thread(begun.wait)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        with pytest.raises(ResourceExhaustedError):
            await trail.verify([])
    go_on.set()
    while True:
        try:
            (report,) = await trail.verify([])
        except ResourceExhaustedError:
            await asyncio.sleep(0)
        else:
            break
    assert report.finding is None
    trail.finish()
    with pytest.raises(UnavailableError):
        await trail.verify([])
    trail.close()
