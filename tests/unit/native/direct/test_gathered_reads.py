"""Reads of records that go together, whatever reads them, over the native transport."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import asynccontextmanager
from functools import partial

import grpc
import pytest

from blrcs.api.record_requests import add_record_service
from blrcs.api.record_service import RecordService
from blrcs.config.policies import PermissionAccess, PolicyOverride
from blrcs.domain.errors import NotFoundError
from blrcs.domain.record import RecordImage
from blrcs.interceptors.binding import bind_all
from blrcs.interceptors.effective_policy import effective_policy
from blrcs.interceptors.error_mapping import domain_rejection
from blrcs.interceptors.factory import PipelineFactory
from blrcs.transport.native import NativeServer
from blrcs.transport.registration import Registrar
from blrcs.transport.router import Router
from blrcs.v1 import record_pb2
from blrcs_native.calls.rejection import Rejection
from blrcs_native.direct import gathered_reads
from blrcs_native.direct.gathered_reads import GatheredReads
from blrcs_native.direct.record import DirectGetRecord
from blrcs_native.limits.limiter import Limiter
from blrcs_native.load.overload import REFUSAL_NAMES, Overload
from tests.unit.native.direct.direct_twins import GRANTS, TOKENS, VERIFIER
from tests.unit.native.tokens.token_factory import FakeClock

GET = "/blrcs.v1.RecordService/GetRecord"
BEARER = (("authorization", f"Bearer {TOKENS['users/admin']}"),)
OPEN = PolicyOverride(
    access=PermissionAccess(permission="records.get", resource="{name=**}"), priority="critical"
)
MOST_QUERIES = 30
MOST_KEYS = 64
MOST_WAITING = 64 * MOST_KEYS
PATIENCE_S = 60
SECOND_NS = 1_000_000_000


def encoded(key, by):
    tenant, collection, record = key
    name = f"tenants/{tenant}/collections/{collection}/records/{record}"
    return record_pb2.Record(name=name, etag=by).SerializeToString()


def request(record_id, collection="orders"):
    name = f"tenants/acme/collections/{collection}/records/{record_id}"
    return record_pb2.GetRecordRequest(name=name)


class Query:
    """One that is asked for, until it is told what there is."""

    def __init__(self, keys):
        self.keys = keys
        self.ids = [key[2] for key in keys]
        self.found = asyncio.get_running_loop().create_future()

    def answer(self):
        self.found.set_result([(*key, encoded(key, "query")) for key in self.keys])


class Reads:
    """A server whose reads are told what there is by a test."""

    def __init__(self, look_after_s):
        self.clock = FakeClock()
        self.queries = []
        self.answers_at_once = False
        self.gathered = GatheredReads(
            self.read, self.missing, monotonic=self.clock, look_after_s=look_after_s
        )
        self.records = self
        self.get = self.get_in_parts = None

    async def read(self, keys):
        query = Query(keys)
        self.queries.append(query)
        if self.answers_at_once:
            query.answer()
        return await query.found

    def answer_all(self):
        """Those that come later as well."""
        self.answers_at_once = True
        for query in self.queries:
            if not query.found.done():
                query.answer()

    def missing(self, *key):
        return domain_rejection(NotFoundError("/".join(key)))

    async def get_record(self, key):
        """On the road through Python."""
        return RecordImage(key, encoded((key.tenant, key.collection, key.record), "python"), None)

    @asynccontextmanager
    async def opened(self, *, overload=None, most_calls=None):
        service = RecordService(collections=None, records=self, may=lambda *_: True)
        registrar = Registrar()
        add_record_service(service, registrar)
        factory = PipelineFactory(
            limiter=Limiter(64),
            verifier=VERIFIER,
            access=GRANTS,
            direct={service.GetRecord: partial(DirectGetRecord, self.gathered)},
            overload=overload,
        )
        overrides = {GET: OPEN}
        server = NativeServer(
            Router(
                bind_all(
                    registrar,
                    factory,
                    lambda each: effective_policy(
                        each.name, each.descriptor, overrides.get(each.name)
                    ),
                )
            ),
            options=[("grpc.max_concurrent_streams", 2 * MOST_WAITING)],
            maximum_concurrent_rpcs=most_calls,
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            names = {
                "request_serializer": record_pb2.GetRecordRequest.SerializeToString,
                "response_deserializer": record_pb2.Record.FromString,
            }
            self.get = channel.unary_unary(GET, **names)
            # To the server it is the same, and its head can go before its request.
            self.get_in_parts = channel.stream_unary(GET, **names)
            yield self
            self.answer_all()
        await server.stop(0)

    def __call__(self, record_id, collection="orders"):
        return self.get(request(record_id, collection), metadata=BEARER)

    async def arrived(self):
        """Returns when the server has taken in what was sent before."""
        # It waits for nothing, and comes on the same connection.
        with pytest.raises(grpc.RpcError):
            await self.get(record_pb2.GetRecordRequest(name="none"), metadata=BEARER)

    async def sent(self, *record_ids):
        """Calls that the server has taken in, one after another."""
        calls = []
        for each in record_ids:
            calls.append(asyncio.ensure_future(outcome(self(each))))
            await self.arrived()
        return calls

    async def asked(self, count):
        """Returns when so many queries have begun."""
        async with asyncio.timeout(20):
            while len(self.queries) < count:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.01)


async def outcome(call, patience_s=20):
    """Who has answered, or the status that is no answer."""
    try:
        async with asyncio.timeout(patience_s):
            return (await call).etag
    except grpc.RpcError as error:
        return error.code()


@pytest.fixture
async def reads():
    """Where nothing takes too long."""
    async with Reads(3600).opened() as reads:
        yield reads


@pytest.fixture
async def hasty():
    async with Reads(0.01).opened() as reads:
        yield reads


def tasks() -> Iterator["asyncio.Task[object]"]:
    for task in asyncio.all_tasks():
        if getattr(task.get_coro(), "__qualname__", None) == "GatheredReads._run":
            yield task


async def test_what_comes_while_two_are_read_goes_together(reads):
    calls = await reads.sent("a", "b", "c", "d", "c")
    assert [query.ids for query in reads.queries] == [["a"], ["b"]]
    reads.queries[1].answer()
    await reads.asked(3)
    assert reads.queries[2].ids == ["c", "d"]
    for query in (reads.queries[0], reads.queries[2]):
        query.answer()
    assert await asyncio.gather(*calls) == ["query"] * 5


async def test_two_that_get_no_answer_hold_up_nobody_else(hasty):
    stuck = await hasty.sent("a", "b")
    # Not even those that ask for the same.
    for record_id in ("c", "a", "d", "b"):
        assert await asyncio.gather(*await answered(hasty, record_id)) == ["query"]
    assert not any(call.done() for call in stuck)
    for query in hasty.queries[:2]:
        query.answer()
    assert await asyncio.gather(*stuck) == ["query"] * 2


async def test_at_the_bound_each_goes_to_python(hasty):
    for number in range(MOST_QUERIES):
        await hasty.sent(f"r{number}")
        await hasty.asked(number + 1)
    assert await outcome(hasty("y")) == "python"
    # What ends makes room.
    hasty.queries[0].answer()
    hasty.queries[-1].answer()
    await hasty.arrived()
    assert await asyncio.gather(*await answered(hasty, "y")) == ["query"]


async def test_those_that_wait_when_it_is_reached_go_to_python(hasty):
    for number in range(MOST_QUERIES - 1):
        await hasty.sent(f"r{number}")
        await hasty.asked(number + 1)
    calls = [asyncio.ensure_future(outcome(hasty(f"w{number}"))) for number in range(200)]
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    hasty.answer_all()
    assert "python" in await asyncio.gather(*calls)


async def test_who_comes_when_too_many_wait_goes_to_python(reads):
    running = await reads.sent("a", "b")
    ids = [f"w{number}" for number in range(MOST_WAITING)]
    waiting = [asyncio.ensure_future(outcome(reads(each), PATIENCE_S)) for each in ids]
    await reads.arrived()
    assert await outcome(reads("y")) == "python"
    # Not so one that asks for what the last of them asks for.
    again = asyncio.ensure_future(outcome(reads(ids[-1]), PATIENCE_S))
    await reads.arrived()
    assert not any(each.done() for each in (again, *waiting))
    reads.answer_all()
    assert set(await asyncio.gather(*running, *waiting, again)) == {"query"}
    assert max(len(query.ids) for query in reads.queries) == MOST_KEYS


async def test_who_has_gone_before_it_is_read_is_not_read_for(reads):
    first = await reads.sent("a", "b")
    gone, other = reads("c"), reads("c")
    left = await reads.sent("d", "e")
    gone.cancel()
    last = reads("f")
    await reads.arrived()
    last.cancel()
    await reads.arrived()
    reads.queries[0].answer()
    await reads.asked(3)
    assert reads.queries[2].ids == ["c", "d", "e"]
    reads.queries[1].answer()
    reads.queries[2].answer()
    assert await asyncio.gather(*first, *left, outcome(other)) == ["query"] * 5


async def test_those_that_have_all_gone_are_not_read(reads):
    first = await reads.sent("a", "b")
    gone = reads("c")
    await reads.arrived()
    gone.cancel()
    await reads.arrived()
    for query in reads.queries:
        query.answer()
    await asyncio.gather(*first)
    assert await asyncio.gather(*await answered(reads, "d")) == ["query"]
    assert [query.ids for query in reads.queries] == [["a"], ["b"], ["d"]]


def with_three_places():
    """What has room for three calls that run, as an option of the server or as its overload."""
    refusals = [[Rejection(14, "overload", name.upper(), name)] for name in REFUSAL_NAMES]
    overload = Overload(refusals, max_calls=3)
    return {
        "server": ({"most_calls": 3}, grpc.StatusCode.RESOURCE_EXHAUSTED),
        "overload": ({"overload": overload}, grpc.StatusCode.UNAVAILABLE),
    }


@pytest.mark.parametrize("bound", ["server", "overload"])
async def test_who_finds_no_place_any_more_is_refused_and_not_read_for(bound):
    bounds, refusal = with_three_places()[bound]
    async with Reads(3600).opened(**bounds) as reads:
        late = reads.get_in_parts(metadata=BEARER)
        await late.wait_for_connection()
        await reads.arrived()
        # There was a place when its head came.
        calls = await reads.sent("a", "b", "c")
        await late.write(request("late"))
        await late.done_writing()
        assert await outcome(late) is refusal
        for query in reads.queries[:2]:
            query.answer()
        await reads.asked(3)
        assert [query.ids for query in reads.queries] == [["a"], ["b"], ["c"]]
        reads.answer_all()
        assert await asyncio.gather(*calls) == ["query"] * 3


async def answered(reads, record_id):
    count = len(reads.queries)
    calls = await reads.sent(record_id)
    await reads.asked(count + 1)
    reads.queries[-1].answer()
    return calls


async def test_what_has_to_be_opened_is_left_to_python_for_a_while(reads):
    call = asyncio.ensure_future(outcome(reads("a")))
    await reads.asked(1)
    reads.queries[0].found.set_result([("acme", "orders", "a", None)])
    assert await call == "python"
    reads.clock.now_ns += 10 * SECOND_NS - 1
    assert await outcome(reads("b")) == "python"
    assert len(reads.queries) == 1
    reads.clock.now_ns += 1
    assert await asyncio.gather(*await answered(reads, "b")) == ["query"]


async def test_what_is_too_large_is_left_to_python_for_a_while(reads):
    call = asyncio.ensure_future(outcome(reads("a")))
    await reads.asked(1)
    reads.queries[0].found.set_result([("acme", "orders", "a", b"")])
    assert await call == "python"
    reads.clock.now_ns += 10 * SECOND_NS - 1
    assert await outcome(reads("a")) == "python"
    assert len(reads.queries) == 1
    assert await asyncio.gather(*await answered(reads, "b")) == ["query"]
    reads.clock.now_ns += 1
    assert await asyncio.gather(*await answered(reads, "a")) == ["query"]


async def test_of_many_collections_the_first_are_forgotten(reads):
    call = asyncio.ensure_future(outcome(reads("a")))
    await reads.asked(1)
    others = [("acme", f"c{number}", "a", None) for number in range(1024)]
    reads.queries[0].found.set_result([("acme", "orders", "a", None), *others])
    assert await call == "python"
    assert await outcome(reads("a", "c1023")) == "python"
    assert await asyncio.gather(*await answered(reads, "a")) == ["query"]


async def test_a_query_that_is_ended_by_others_is_told_to_all(reads):
    calls = await reads.sent("a", "b", "c")
    for task in tasks():
        task.cancel()
    assert await asyncio.gather(*calls) == [grpc.StatusCode.CANCELLED] * 3
    for record_id in ("a", "b", "c"):
        assert await asyncio.gather(*await answered(reads, record_id)) == ["query"]


async def test_one_that_is_ended_before_it_begins_is_told_to_all(reads, monkeypatch):
    class Ended(asyncio.Task):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            self.cancel()

    with monkeypatch.context() as patch:
        patch.setattr(gathered_reads, "Task", Ended)
        calls = [outcome(reads(each)) for each in ("a", "b", "c")]
        assert await asyncio.gather(*calls) == [grpc.StatusCode.CANCELLED] * 3
    calls = await reads.sent("a", "b", "c")
    assert [query.ids for query in reads.queries] == [["a"], ["b"]]
    for query in reads.queries:
        query.answer()
    await reads.asked(3)
    reads.queries[2].answer()
    assert await asyncio.gather(*calls) == ["query"] * 3


async def test_what_cannot_be_told_leaves_nobody_waiting(reads):
    first = await reads.sent("a", "b")
    calls = await reads.sent("c", "d", "d")
    reads.queries[0].answer()
    await reads.asked(3)
    # No row at all of this kind.
    reads.queries[2].found.set_result([("acme", "orders", "c", 7.5)])
    assert await asyncio.gather(*calls) == [grpc.StatusCode.CANCELLED] * 3
    reads.queries[1].answer()
    assert await asyncio.gather(*first) == ["query"] * 2
    for record_id in ("a", "b", "c"):
        assert await asyncio.gather(*await answered(reads, record_id)) == ["query"]


async def test_what_is_raised_is_logged_once(reads, caplog):
    with caplog.at_level(logging.ERROR, "blrcs.records"):
        for number in range(3):
            call = asyncio.ensure_future(outcome(reads("a")))
            await reads.asked(number + 1)
            reads.queries[number].found.set_exception(RuntimeError("broken"))
            assert await call == "python"
    assert [each.exc_info[0] for each in caplog.records] == [RuntimeError]
