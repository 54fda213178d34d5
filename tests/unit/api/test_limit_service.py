import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from blrcs.v1 import limit_pb2, policy_pb2
from tests.unit.api.limit_service_host import DOMAIN, LimitHost
from tests.unit.api.refusals import refusal
from tests.unit.limits.limit_rule_fakes import FakeLimitRuleRepository

CONFIGURED = {"name": "configured", "requests": 3, "match": [{"key": "user"}]}


@pytest.fixture
def host():
    return LimitHost(FakeLimitRuleRepository(), CONFIGURED)


@pytest.fixture
def stub(host):
    return host.stub


def descriptor(**entries):
    return limit_pb2.LimitDescriptor(
        entries=[limit_pb2.LimitEntry(key=key, value=value) for key, value in entries.items()]
    )


ALICE = descriptor(user="alice")


def consume(*descriptors, **fields):
    return limit_pb2.ConsumeRequest(domain=DOMAIN, descriptors=descriptors or [ALICE], **fields)


def rule(**fields):
    entry = limit_pb2.LimitEntry(key="team")
    return limit_pb2.LimitRule(**({"domain": DOMAIN, "match": [entry], "requests": 2} | fields))


def create(rule_id="team", **fields):
    return limit_pb2.CreateLimitRuleRequest(limit_rule_id=rule_id, limit_rule=rule(**fields))


def update(*paths, name="limitRules/team", **fields):
    return limit_pb2.UpdateLimitRuleRequest(
        limit_rule=limit_pb2.LimitRule(name=name, **fields), update_mask=FieldMask(paths=paths)
    )


async def test_a_refusal_is_an_answer_that_says_when_to_come_back(stub):
    assert (await stub.Consume(consume(cost=3))).allowed
    reply = await stub.Consume(consume())
    assert not reply.allowed
    assert reply.retry_after.ToNanoseconds() == -(-(10**9) // 3)
    (status,) = reply.statuses
    assert (status.rule, status.allowed, status.limit, status.remaining) == (
        "limitRules/configured",
        False,
        3,
        0,
    )
    assert status.reset_after.ToNanoseconds() == 10**9


async def test_what_can_never_be_allowed_has_no_time_to_come_back(stub):
    reply = await stub.Consume(consume(cost=4))
    assert (reply.allowed, reply.HasField("retry_after")) == (False, False)


async def test_statuses_stand_in_the_order_of_the_descriptors(stub):
    reply = await stub.Consume(consume(descriptor(other="x"), ALICE))
    assert [status.rule for status in reply.statuses] == ["", "limitRules/configured"]
    assert reply.allowed


async def test_the_cost_is_1_where_it_is_not_stated_and_0_where_that_is(stub):
    await stub.Consume(consume(cost=0))
    await stub.Consume(consume())
    peek = limit_pb2.PeekRequest(domain=DOMAIN, descriptors=[ALICE])
    assert (await stub.Peek(peek)).statuses[0].remaining == 2
    refund = limit_pb2.RefundRequest(domain=DOMAIN, descriptors=[ALICE], cost=0)
    assert (await stub.Refund(refund)).statuses[0].remaining == 2
    refund.ClearField("cost")
    assert (await stub.Refund(refund)).statuses[0].remaining == 3


async def test_checking_and_resetting(stub):
    await stub.Consume(consume(cost=3))
    assert not (await stub.Consume(consume(check_only=True))).allowed
    await stub.Reset(limit_pb2.ResetRequest(domain=DOMAIN, descriptors=[ALICE]))
    assert (await stub.Consume(consume(cost=3, check_only=True))).allowed
    assert (await stub.Consume(consume(cost=3))).allowed


@pytest.mark.parametrize(
    "request_",
    [
        limit_pb2.ConsumeRequest(domain=DOMAIN),
        consume(descriptor()),
        consume(descriptor(**{"": "x"})),
        consume(descriptor(user="x" * 513)),
        consume(*[ALICE] * 33),
        limit_pb2.ConsumeRequest(domain="UPPER", descriptors=[ALICE]),
    ],
    ids=lambda request: f"{request.ByteSize()} bytes",
)
async def test_a_request_that_breaks_a_rule_is_invalid(stub, request_):
    assert await refusal(stub.Consume(request_)) == ("INVALID_ARGUMENT", "REQUEST_INVALID")


async def test_as_many_descriptors_as_may_be_are_taken_from_together(host):
    for index in range(32):
        await host.stub.CreateLimitRule(
            create(f"r{index}", match=[limit_pb2.LimitEntry(key=f"k{index}")])
        )
    request = consume(*[descriptor(**{f"k{index}": "x"}) for index in range(32)], cost=2)
    assert (await host.stub.Consume(request)).allowed
    assert not (await host.stub.Consume(request)).allowed


async def test_a_permission_holds_for_its_domain_only(host):
    stub = host.stub_of("users/bob", {"blrcs.limits.consume": f"limits/{DOMAIN}"})
    assert (await stub.Consume(consume())).allowed
    other = limit_pb2.ConsumeRequest(domain="other", descriptors=[ALICE])
    denied = ("PERMISSION_DENIED", "PERMISSION_DENIED")
    assert await refusal(stub.Consume(other)) == denied
    reset = limit_pb2.ResetRequest(domain=DOMAIN, descriptors=[ALICE])
    assert await refusal(stub.Reset(reset)) == denied


async def test_a_created_rule_is_shown_as_it_was_stated_and_is_in_effect(stub):
    made = await stub.CreateLimitRule(create(period=Duration(seconds=60), burst=1, shadow=True))
    assert (made.name, made.domain, made.requests, made.burst) == ("limitRules/team", DOMAIN, 2, 1)
    assert (made.period.seconds, made.shadow) == (60, True)
    assert made.algorithm == policy_pb2.LIMIT_ALGORITHM_GCRA
    assert made.source == limit_pb2.LIMIT_RULE_SOURCE_RPC
    assert made.create_time == made.update_time
    assert made.create_time.seconds
    assert await stub.GetLimitRule(limit_pb2.GetLimitRuleRequest(name=made.name)) == made
    reply = await stub.Consume(consume(descriptor(team="x"), cost=2))
    assert reply.allowed, "it only watches"
    assert [(status.rule, status.shadow, status.allowed) for status in reply.statuses] == [
        ("limitRules/team", True, False)
    ]


async def test_the_period_is_a_second_and_the_id_made_up_where_they_are_not_given(stub):
    made = await stub.CreateLimitRule(create(""))
    assert (made.period.ToNanoseconds(), made.burst) == (10**9, 0)
    assert await stub.GetLimitRule(limit_pb2.GetLimitRuleRequest(name=made.name)) == made


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"domain": ""}, "FIELD_INVALID"),
        ({"match": []}, "FIELD_INVALID"),
        ({"requests": 0}, "FIELD_INVALID"),
        ({"burst": 1, "algorithm": policy_pb2.LIMIT_ALGORITHM_FIXED_WINDOW}, "FIELD_INVALID"),
        ({"domain": "UPPER"}, "REQUEST_INVALID"),
        ({"requests": 10**9 + 1}, "REQUEST_INVALID"),
        ({"period": Duration()}, "REQUEST_INVALID"),
        ({"period": Duration(seconds=31622401)}, "REQUEST_INVALID"),
        ({"algorithm": 99}, "REQUEST_INVALID"),
        ({"match": [limit_pb2.LimitEntry(key="")]}, "REQUEST_INVALID"),
        ({"match": [limit_pb2.LimitEntry(key="x")] * 9}, "REQUEST_INVALID"),
    ],
    ids=str,
)
async def test_a_rule_that_lacks_or_breaks_something_is_invalid(stub, fields, reason):
    expected = ("INVALID_ARGUMENT", reason)
    assert await refusal(stub.CreateLimitRule(create(**fields))) == expected


async def test_the_largest_numbers_that_are_valid_work(stub):
    largest = {"requests": 10**9, "burst": 10**9, "period": Duration(seconds=31622400)}
    await stub.CreateLimitRule(create(**largest))
    reply = await stub.Consume(consume(descriptor(team="x"), cost=2**32 - 1))
    assert not reply.allowed
    assert (await stub.Consume(consume(descriptor(team="x"), cost=10**9))).allowed


@pytest.mark.parametrize("rule_id", ["-x", "x-", "A", "a/b", "x" * 65, "a\n"])
async def test_an_id_that_breaks_the_rules_is_invalid(stub, rule_id):
    expected = ("INVALID_ARGUMENT", "REQUEST_INVALID")
    assert await refusal(stub.CreateLimitRule(create(rule_id))) == expected


async def test_an_id_or_a_match_that_is_taken_is_refused(stub):
    exists = ("ALREADY_EXISTS", "RESOURCE_EXISTS")
    user = [limit_pb2.LimitEntry(key="user")]
    await stub.CreateLimitRule(create())
    assert await refusal(stub.CreateLimitRule(create(domain="other"))) == exists
    assert await refusal(stub.CreateLimitRule(create("twin"))) == exists
    assert await refusal(stub.CreateLimitRule(create("configured", domain="other"))) == exists
    assert await refusal(stub.CreateLimitRule(create("twin", match=user))) == exists
    await stub.CreateLimitRule(create("cousin", domain="other"))
    assert await refusal(stub.UpdateLimitRule(update("match", match=user))) == exists
    renamed = update("domain", name="limitRules/cousin", domain=DOMAIN)
    assert await refusal(stub.UpdateLimitRule(renamed)) == exists


async def test_rules_of_the_configuration_are_shown_and_cannot_be_changed(stub):
    name = "limitRules/configured"
    shown = await stub.GetLimitRule(limit_pb2.GetLimitRuleRequest(name=name))
    assert shown.source == limit_pb2.LIMIT_RULE_SOURCE_CONFIGURATION
    assert not shown.HasField("create_time")
    refused = ("FAILED_PRECONDITION", "LIMIT_RULE_CONFIGURED")
    assert await refusal(stub.UpdateLimitRule(update("requests", name=name, requests=9))) == refused
    delete = limit_pb2.DeleteLimitRuleRequest(name=name)
    assert await refusal(stub.DeleteLimitRule(delete)) == refused


async def test_a_mask_changes_what_it_names_and_the_rule_counts_afresh(stub):
    made = await stub.CreateLimitRule(create(period=Duration(seconds=60)))
    await stub.Consume(consume(descriptor(team="x"), cost=2))
    changed = await stub.UpdateLimitRule(update("requests", requests=5, shadow=True))
    assert (changed.requests, changed.period.seconds, changed.shadow) == (5, 60, False)
    assert changed.etag != made.etag
    assert changed.create_time == made.create_time
    assert changed.update_time.ToNanoseconds() > made.update_time.ToNanoseconds()
    assert (await stub.Consume(consume(descriptor(team="x"), cost=5))).allowed


async def test_without_a_mask_all_is_replaced(stub):
    await stub.CreateLimitRule(create(period=Duration(seconds=60), burst=1))
    entry = limit_pb2.LimitEntry(key="team", value="a*")
    changed = await stub.UpdateLimitRule(update(domain="other", match=[entry], requests=1))
    assert (changed.domain, changed.period.seconds, changed.burst) == ("other", 1, 0)
    assert list(changed.match) == [entry]


@pytest.mark.parametrize("path", ["name", "source", "etag", "create_time", "nonsense"])
async def test_what_may_not_be_changed_is_refused(stub, path):
    await stub.CreateLimitRule(create())
    expected = ("INVALID_ARGUMENT", "FIELD_INVALID")
    assert await refusal(stub.UpdateLimitRule(update(path))) == expected


async def test_an_update_that_takes_away_what_is_needed_changes_nothing(stub):
    made = await stub.CreateLimitRule(create(burst=1))
    for request in (
        update("requests"),
        update("match"),
        update("domain"),
        update("algorithm", algorithm=policy_pb2.LIMIT_ALGORITHM_CONCURRENCY),
    ):
        expected = ("INVALID_ARGUMENT", "FIELD_INVALID")
        assert await refusal(stub.UpdateLimitRule(request)) == expected
    assert await stub.GetLimitRule(limit_pb2.GetLimitRuleRequest(name=made.name)) == made


async def test_another_etag_aborts(stub):
    made = await stub.CreateLimitRule(create())
    changed = await stub.UpdateLimitRule(update("requests", requests=3, etag=made.etag))
    aborted = ("ABORTED", "ETAG_MISMATCH")
    stale = update("requests", requests=4, etag=made.etag)
    assert await refusal(stub.UpdateLimitRule(stale)) == aborted
    delete = limit_pb2.DeleteLimitRuleRequest(name=made.name, etag=made.etag)
    assert await refusal(stub.DeleteLimitRule(delete)) == aborted
    delete.etag = changed.etag
    await stub.DeleteLimitRule(delete)


async def test_a_deleted_rule_limits_no_more(stub):
    made = await stub.CreateLimitRule(create())
    request = consume(descriptor(team="x"), cost=2)
    await stub.Consume(request)
    await stub.DeleteLimitRule(limit_pb2.DeleteLimitRuleRequest(name=made.name))
    assert (await stub.Consume(request)).statuses[0].rule == ""
    again = await stub.CreateLimitRule(create())
    assert again.etag != made.etag
    assert (await stub.Consume(request)).allowed, "its namesake begins anew"


async def test_what_is_not_there_is_not_found(stub):
    missing = ("NOT_FOUND", "RESOURCE_NOT_FOUND")
    name = "limitRules/none"
    assert await refusal(stub.GetLimitRule(limit_pb2.GetLimitRuleRequest(name=name))) == missing
    delete = limit_pb2.DeleteLimitRuleRequest(name=name)
    assert await refusal(stub.DeleteLimitRule(delete)) == missing
    assert await refusal(stub.UpdateLimitRule(update("requests", name=name, requests=1))) == missing


async def test_pages_show_rules_of_both_sources_in_the_order_of_their_ids(stub):
    for rule_id in ("a", "z", "d"):
        await stub.CreateLimitRule(create(rule_id, domain=f"of-{rule_id}"))
    request = limit_pb2.ListLimitRulesRequest(page_size=3)
    page = await stub.ListLimitRules(request)
    assert [each.name for each in page.limit_rules] == [
        "limitRules/a",
        "limitRules/configured",
        "limitRules/d",
    ]
    request.page_token = page.next_page_token
    page = await stub.ListLimitRules(request)
    assert [each.name for each in page.limit_rules] == ["limitRules/z"]
    assert not page.next_page_token
    forged = limit_pb2.ListLimitRulesRequest(page_token="x")
    assert (await refusal(stub.ListLimitRules(forged)))[0] == "INVALID_ARGUMENT"
