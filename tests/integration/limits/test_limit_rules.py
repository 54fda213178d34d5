"""Limit rules over the real database."""

import asyncio

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from grpc.aio import AioRpcError

from blrcs.config.settings import Settings
from blrcs.database.repositories.limit_rule import SqlLimitRuleRepository
from blrcs.v1 import limit_pb2, policy_pb2
from tests.unit.api.limit_service_host import DOMAIN, LimitHost, settings_of
from tests.unit.api.refusals import code_and_reason, refusal


def host_of(database, *configured):
    return LimitHost(SqlLimitRuleRepository(database, database.reader), *configured)


@pytest.fixture
def host(database):
    return host_of(database)


def create(rule_id="team", **fields):
    entry = limit_pb2.LimitEntry(key="team", value="a*")
    rule = {"domain": DOMAIN, "match": [entry], "requests": 2} | fields
    return limit_pb2.CreateLimitRuleRequest(
        limit_rule_id=rule_id, limit_rule=limit_pb2.LimitRule(**rule)
    )


def update(rule_id="team", **fields):
    return limit_pb2.UpdateLimitRuleRequest(
        limit_rule=limit_pb2.LimitRule(name=f"limitRules/{rule_id}", **fields),
        update_mask=FieldMask(paths=[name for name in fields if name != "etag"]),
    )


def get(rule_id="team"):
    return limit_pb2.GetLimitRuleRequest(name=f"limitRules/{rule_id}")


async def rule_of(host, key="team", value="a"):
    """The name of the rule that a descriptor meets."""
    descriptor = limit_pb2.LimitDescriptor(entries=[limit_pb2.LimitEntry(key=key, value=value)])
    request = limit_pb2.PeekRequest(domain=DOMAIN, descriptors=[descriptor])
    (status,) = (await host.stub.Peek(request)).statuses
    return status.rule


async def outcomes(*calls):
    async def outcome(call):
        try:
            await call
        except AioRpcError as error:
            return code_and_reason(error)
        return "OK"

    return sorted([str(each) for each in await asyncio.gather(*map(outcome, calls))])


@pytest.mark.parametrize("algorithm", policy_pb2.LimitAlgorithm.values()[1:])
async def test_a_rule_is_the_same_after_a_restart(database, algorithm):
    is_gcra = algorithm == policy_pb2.LIMIT_ALGORITHM_GCRA
    request = create(
        algorithm=algorithm,
        burst=7 if is_gcra else 0,
        period=Duration(seconds=60, nanos=1),
        shadow=is_gcra,
        mode=limit_pb2.LIMIT_MODE_LEASED if is_gcra else limit_pb2.LIMIT_MODE_EXACT,
        on_loss=limit_pb2.LIMIT_LOSS_CLOSED if is_gcra else limit_pb2.LIMIT_LOSS_OPEN,
        match=[limit_pb2.LimitEntry(key='"ä', value="\\*"), limit_pb2.LimitEntry(key="k")],
    )
    made = await host_of(database).stub.CreateLimitRule(request)
    again = host_of(database)
    assert await again.stub.GetLimitRule(get()) == made
    assert made.algorithm == algorithm


async def test_a_rule_is_exact_and_counts_locally_without_redis_unless_it_says_more(host):
    made = await host.stub.CreateLimitRule(create())
    assert (made.mode, made.on_loss) == (limit_pb2.LIMIT_MODE_EXACT, limit_pb2.LIMIT_LOSS_LOCAL)
    changed = await host.stub.UpdateLimitRule(update(mode=limit_pb2.LIMIT_MODE_LEASED))
    assert changed.mode == limit_pb2.LIMIT_MODE_LEASED
    held = update(algorithm=policy_pb2.LIMIT_ALGORITHM_CONCURRENCY)
    assert (await refusal(host.stub.UpdateLimitRule(held)))[0] == "INVALID_ARGUMENT"


async def test_stored_rules_are_in_effect_after_a_restart(database, host):
    await host.stub.CreateLimitRule(create())
    await host.stub.UpdateLimitRule(update(requests=5))
    again = host_of(database)
    assert await rule_of(again) == "limitRules/team"
    await again.stub.DeleteLimitRule(limit_pb2.DeleteLimitRuleRequest(name="limitRules/team"))
    assert await rule_of(host_of(database)) == ""


async def test_a_configured_rule_outweighs_a_stored_one_of_its_id_or_match(database, host):
    await host.stub.CreateLimitRule(create("same-id"))
    await host.stub.CreateLimitRule(
        create("same-match", domain=DOMAIN, match=[limit_pb2.LimitEntry(key="user")])
    )
    again = host_of(
        database,
        {"name": "same-id", "requests": 9, "match": [{"key": "plan"}]},
        {"name": "zz", "requests": 9, "match": [{"key": "user"}]},
    )
    assert await rule_of(again, "user") == "limitRules/zz"
    assert await rule_of(again, "plan") == "limitRules/same-id"
    assert await rule_of(again, "team") == "", "the stored namesake is out of effect"
    assert (await again.stub.GetLimitRule(get("same-id"))).requests == 9
    listed = (await again.stub.ListLimitRules(limit_pb2.ListLimitRulesRequest())).limit_rules
    assert [(each.name, each.requests) for each in listed] == [
        ("limitRules/same-id", 9),
        ("limitRules/same-match", 2),
        ("limitRules/zz", 9),
    ]
    again.rules.prepare(Settings(), settings_of())()
    assert await rule_of(again, "team") == "limitRules/same-id", "it is back with its stored form"
    assert await rule_of(again, "user") == "limitRules/same-match"


async def test_of_two_creates_at_once_one_wins(host):
    exists = str(("ALREADY_EXISTS", "RESOURCE_EXISTS"))
    by_id = [host.stub.CreateLimitRule(create(domain=f"d{n}")) for n in range(2)]
    assert await outcomes(*by_id) == [exists, "OK"]
    by_match = [host.stub.CreateLimitRule(create(f"r{n}", domain="e")) for n in range(3)]
    assert await outcomes(*by_match) == [exists, exists, "OK"]


async def test_of_two_updates_of_one_revision_one_wins_and_is_in_effect(host):
    made = await host.stub.CreateLimitRule(create())
    updates = [host.stub.UpdateLimitRule(update(requests=10 + n, etag=made.etag)) for n in range(3)]
    aborted = str(("ABORTED", "ETAG_MISMATCH"))
    assert await outcomes(*updates) == [aborted, aborted, "OK"]


async def test_updates_at_once_leave_in_effect_what_is_stored_last(database, host):
    await host.stub.CreateLimitRule(create())
    await asyncio.gather(*(host.stub.UpdateLimitRule(update(requests=10 + n)) for n in range(50)))
    shown = await host.stub.GetLimitRule(get())
    assert await host_of(database).stub.GetLimitRule(get()) == shown


async def test_a_change_whose_caller_goes_away_is_in_effect_if_it_is_stored(database, host):
    call = host.stub.CreateLimitRule(create())
    await asyncio.sleep(0)
    assert host.rules._running
    call.cancel()
    await asyncio.wait(host.rules._running)
    assert await rule_of(host) == await rule_of(host_of(database)) == "limitRules/team"
    assert not host.rules._running


async def test_what_cannot_be_stored_is_not_in_effect(database, host):
    await host.stub.CreateLimitRule(create("kept", match=[limit_pb2.LimitEntry(key="user")]))
    await asyncio.to_thread(database._database._writer.close)
    for change in (
        host.stub.CreateLimitRule(create()),
        host.stub.UpdateLimitRule(update("kept", requests=9)),
        host.stub.DeleteLimitRule(limit_pb2.DeleteLimitRuleRequest(name="limitRules/kept")),
    ):
        assert (await refusal(change))[0] == "UNAVAILABLE"
    assert await rule_of(host) == ""
    assert await rule_of(host, "user") == "limitRules/kept"
    assert (await host.stub.GetLimitRule(get("kept"))).requests == 2


async def test_a_reload_changes_nothing_before_it_is_committed_and_needs_no_database(
    database, host
):
    await host.stub.CreateLimitRule(create())
    commit = host.rules.prepare(
        Settings(), settings_of({"name": "user", "requests": 1, "match": [{"key": "user"}]})
    )
    assert await rule_of(host, "user") == ""
    await host.stub.CreateLimitRule(create("late", match=[limit_pb2.LimitEntry(key="plan")]))
    await database.close()
    commit()
    assert await rule_of(host, "user") == "limitRules/user"
    assert await rule_of(host) == "limitRules/team"
    assert await rule_of(host, "plan") == "limitRules/late"


async def test_an_unchanged_rule_goes_on_counting_over_a_reload(host):
    stated = {"name": "user", "requests": 1, "period": "1h", "match": [{"key": "user"}]}
    host.rules.prepare(Settings(), settings_of(stated))()
    entry = limit_pb2.LimitEntry(key="user", value="alice")
    request = limit_pb2.ConsumeRequest(
        domain=DOMAIN, descriptors=[limit_pb2.LimitDescriptor(entries=[entry])]
    )
    assert (await host.stub.Consume(request)).allowed
    other = {"name": "other", "requests": 1, "match": [{"key": "plan"}]}
    host.rules.prepare(Settings(), settings_of(other, stated))()
    assert not (await host.stub.Consume(request)).allowed
    host.rules.prepare(Settings(), settings_of(stated | {"requests": 2}))()
    assert (await host.stub.Consume(request)).allowed
