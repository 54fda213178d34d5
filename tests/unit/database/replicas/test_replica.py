"""A replica, and the choice among several, without a server."""

import asyncio
from typing import Any

import pytest

from blrcs.database.errors import DatabaseOpenError
from blrcs.database.pool import PoolObserver, Unobserved
from blrcs.database.replicas.group import ReplicaGroup, ReplicaOptions
from blrcs.database.replicas.position import Positions
from blrcs.database.replicas.postgresql import WalPosition, WalPositions
from blrcs.database.replicas.replica import Replica
from blrcs.database.replicas.samples import Samples
from blrcs.domain.deadline import call_deadline_ns, remaining_s
from blrcs.domain.errors import UnavailableError

OPTIONS = ReplicaOptions(max_lag_s=60)


class Server:
    """A database as far as replicas ask it."""

    def __init__(self, origin: str = "1", lsn: int | None = 1) -> None:
        self.origin = origin
        self.lsn = lsn
        self.is_open = True
        self.asked = 0
        self.left_s: list[float | None] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.observer: PoolObserver = Unobserved()

    def connect(self) -> None:
        """As a pool that opens a connection."""
        self.observer.opened(overflow=False)

    def take(self) -> None:
        """As a pool that lends one."""
        self.observer.in_use(1)

    async def close(self) -> None:
        self.is_open = False


class Told(Positions):
    """Positions as servers have them."""

    async def origin(self, database: Any) -> str:
        return str(database.origin)

    async def written(self, primary: Any) -> WalPosition:
        return WalPosition(primary.lsn)

    async def applied(self, replica: Any) -> WalPosition | None:
        replica.asked += 1
        replica.left_s.append(remaining_s())
        await replica.answers.wait()
        return None if replica.lsn is None else WalPosition(replica.lsn)

    def parse(self, token: str) -> WalPosition | None:
        return WalPositions().parse(token)


def replica_of(server: Server, name: str = "replica1", samples: Samples | None = None) -> Replica:
    async def connect(observer: PoolObserver) -> Any:
        server.observer = observer
        server.connect()
        return server

    if samples is None:
        samples = Samples(60)
        samples.add(asyncio.get_running_loop().time(), WalPosition(0))
    return Replica(name, connect, Told(), samples, Unobserved())


async def opened(server: Server, name: str = "replica1") -> Replica:
    replica = replica_of(server, name)
    await replica.open("1")
    await replica.refresh()
    return replica


async def group_of(*servers: Server, options: ReplicaOptions = OPTIONS) -> ReplicaGroup:
    replicas = [await opened(each, f"replica{index}") for index, each in enumerate(servers)]
    return ReplicaGroup(replicas, options)


async def names(group: ReplicaGroup, *lsns: int) -> list[str]:
    return [each.name for each in await group.candidates([WalPosition(lsn) for lsn in lsns])]


async def test_a_replica_of_another_primary_is_closed_again() -> None:
    server = Server(origin="2")
    with pytest.raises(DatabaseOpenError, match="no replica of the primary"):
        await replica_of(server).open("1")
    assert not server.is_open


async def test_what_was_promoted_is_no_replica_any_more() -> None:
    with pytest.raises(UnavailableError):
        await opened(Server(lsn=None))


async def test_many_who_ask_at_once_ask_once() -> None:
    server = Server()
    replica = await opened(server)
    await asyncio.gather(*(replica.refresh() for _ in range(50)))
    assert server.asked == 2


async def test_who_is_cancelled_leaves_the_question_to_others() -> None:
    server = Server()
    replica = await opened(server)
    server.answers.clear()
    one, other = (asyncio.create_task(replica.refresh()) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    await asyncio.wait([one])
    server.lsn = 7
    server.answers.set()
    await other
    assert replica.position == WalPosition(7)


async def test_a_question_without_an_answer_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("blrcs.database.replicas.replica.ANSWER_TIMEOUT_S", 0.01)
    server = Server()
    replica = await opened(server)
    server.answers.clear()
    with pytest.raises(TimeoutError):
        await replica.refresh()
    server.answers.set()
    await replica.refresh()
    assert server.asked == 3


async def test_the_question_has_nobodys_deadline() -> None:
    server = Server()
    replica = await opened(server)
    before = call_deadline_ns.set(0)
    await replica.refresh()
    call_deadline_ns.reset(before)
    assert server.left_s == [None, None]


async def test_giving_up_cuts_off_what_runs() -> None:
    replica = await opened(Server())

    async def read() -> None:
        async with replica.lend():
            await asyncio.Event().wait()

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    assert replica.in_flight == 1
    replica.give_up()
    with pytest.raises(UnavailableError):
        await reading
    assert replica.in_flight == 0
    assert not replica.has_all([WalPosition(0)])


async def test_a_time_out_of_the_reader_is_the_readers() -> None:
    replica = await opened(Server())
    with pytest.raises(TimeoutError):
        async with replica.lend():
            raise TimeoutError


class TestNewConnections:
    """What is known of a replica is known of the connections that were there."""

    async def test_one_may_lead_to_less_than_is_known(self) -> None:
        server = Server(lsn=9)
        replica = await opened(server)
        assert replica.has_all([WalPosition(9)])
        server.connect()
        assert not replica.has_all([WalPosition(9)])
        await replica.refresh()
        assert replica.has_all([WalPosition(9)])

    async def test_one_that_is_opened_while_it_is_asked_is_asked_for(self) -> None:
        server = Server(lsn=9)
        replica = await opened(server)
        server.answers.clear()
        asking = asyncio.create_task(replica.refresh())
        while server.asked < 2:  # noqa: ASYNC110 - the question is a task of its own
            await asyncio.sleep(0)
        server.connect()
        server.answers.set()
        await asking
        assert not replica.is_proven
        await replica.refresh()
        assert replica.is_proven

    async def test_one_that_fell_behind_is_as_old_as_what_it_has(self) -> None:
        samples = Samples(60)
        now_s = asyncio.get_running_loop().time()
        samples.add(now_s - 50, WalPosition(5))
        samples.add(now_s, WalPosition(9))
        server = Server(lsn=9)
        replica = replica_of(server, samples=samples)
        await replica.open("1")
        await replica.refresh()
        assert replica.as_of_s == now_s
        server.lsn = 5
        server.connect()
        await replica.refresh()
        assert replica.as_of_s == now_s - 50

    async def test_one_that_leads_to_another_database_is_told(self) -> None:
        server = Server()
        replica = await opened(server)
        server.origin = "2"
        server.connect()
        with pytest.raises(DatabaseOpenError, match="no replica of the primary"):
            await replica.refresh()
        assert not replica.has_all([])

    async def test_a_loan_tells_what_it_was_lent(self) -> None:
        server = Server()
        replica = await opened(server)
        old, new, after = replica.lend(), replica.lend(), replica.lend()
        with old.noted():
            server.take()
        with new.noted():
            server.connect()
            server.take()
        with after.noted():
            server.take()
        assert [each.is_proven for each in (old, new, after)] == [True, False, False]

    async def test_who_chooses_asks_first(self) -> None:
        server, hangs = Server(lsn=9), Server(lsn=9)
        group = await group_of(server, hangs)
        hangs.answers.clear()
        for each in (server, hangs):
            each.connect()
        assert await names(group, 9) == ["replica0"]
        with pytest.raises(UnavailableError):
            await group.lend(group.replicas[1], [])

    @pytest.mark.parametrize("lsns", [(), (9,)])
    async def test_none_is_asked_where_another_can_answer(self, lsns: tuple[int, ...]) -> None:
        server, hangs = Server(lsn=9), Server(lsn=9)
        group = await group_of(server, hangs)
        hangs.answers.clear()
        hangs.connect()
        assert await names(group, *lsns) == ["replica0"]
        assert (server.asked, hangs.asked) == (1, 1)


class TestChoice:
    async def test_all_take_turns(self) -> None:
        group = await group_of(Server(), Server(), Server())
        firsts = [(await names(group))[0] for _ in range(6)]
        assert len(set(firsts[:3])) == 3
        assert firsts[:3] == firsts[3:]

    async def test_the_one_with_the_fewest_reads_is_first(self) -> None:
        options = ReplicaOptions(policy="least_connections", max_lag_s=60)
        group = await group_of(Server(), Server(), options=options)
        async with group.replicas[0].lend():
            assert {(await names(group))[0] for _ in range(4)} == {"replica1"}
            async with group.replicas[1].lend(), group.replicas[1].lend():
                assert {(await names(group))[0] for _ in range(4)} == {"replica0"}

    async def test_what_is_too_old_is_left_out(self) -> None:
        group = await group_of(Server(), Server())
        group.replicas[0].as_of_s -= 61
        assert await names(group) == ["replica1"]
        group.replicas[1].give_up()
        assert await names(group) == []

    async def test_only_those_that_have_it_are_asked_for_it(self) -> None:
        group = await group_of(Server(lsn=5), Server(lsn=9))
        assert await names(group, 9) == ["replica1"]
        assert sorted(await names(group, 5, 4)) == ["replica0", "replica1"]

    async def test_the_first_to_come_so_far_is_waited_for(self) -> None:
        behind, hangs = Server(lsn=5), Server(lsn=5)
        group = await group_of(behind, hangs)
        behind.lsn = 9
        assert await names(group, 9) == ["replica0"]
        hangs.answers.clear()
        behind.lsn = 12
        assert await names(group, 12) == ["replica0"]

    @pytest.mark.parametrize("deadline_ns", [None, 0])
    async def test_what_never_comes_is_not_waited_for(self, deadline_ns: int | None) -> None:
        group = await group_of(Server(lsn=5))
        before = call_deadline_ns.set(deadline_ns)
        assert await names(group, 2**64 - 1) == []
        call_deadline_ns.reset(before)
