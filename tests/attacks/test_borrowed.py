"""Names and tokens of another tenant, put by hand into requests for one's own."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from blrcs.v1 import access_pb2, access_pb2_grpc, record_pb2, record_pb2_grpc
from tests.attacks.tenants import tenants as tenants_of_two
from tests.attacks.world import ATTACKER, RECORD, TEXT, VICTIM, World, collection, reason_in
from tests.e2e.workers import TIMEOUT_S, Metadata

THEIRS, OWN = collection(VICTIM), collection(ATTACKER)
TAKEN = f"{THEIRS}/records/{RECORD}"
DRAFTS = f"tenants/{ATTACKER}/collections/drafts"
REFUSED = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED}
SERVICE = "/blrcs.v1.RecordService"

borrowing = tenants_of_two


@pytest.fixture
def kept(borrowing: World) -> Iterator[World]:
    """After which nothing has changed, in either tenant."""
    before = borrowing.state()
    yield borrowing
    assert borrowing.state() == before


def data() -> dict[str, Any]:
    return {"fields": {"text": {"string_value": "mine now"}}}


def writes() -> dict[str, dict[str, Any]]:
    """Entries of a batch that concern what is another tenant's."""
    return {
        "update": {"update": {"record": {"name": TAKEN, "data": data()}}},
        "upsert": {
            "update": {"record": {"name": f"{THEIRS}/records/new", "data": data()},
                       "allow_missing": True}
        },
        "delete": {"delete": {"name": TAKEN}},
        "delete what may be missing": {"delete": {"name": TAKEN, "allow_missing": True}},
        "create": {"create": {"parent": THEIRS, "record_id": "new", "record": {"data": data()}}},
        "create by a name": {
            "create": {"parent": OWN, "record_id": f"../../../../{TAKEN}",
                       "record": {"data": data()}}
        },
        "create by an id with a path": {
            "create": {"parent": OWN, "record_id": f"x/{RECORD}", "record": {"data": data()}}
        },
        "update of the collection": {"update": {"record": {"name": THEIRS, "data": data()}}},
        "another of one's own": {"delete": {"name": f"{DRAFTS}/records/a"}},
        "a name with a zero": {"delete": {"name": f"{OWN}/records/{RECORD}\0{TAKEN}"}},
    }  # fmt: skip


@pytest.mark.parametrize("entry", writes())
@pytest.mark.parametrize("place", ["first", "last"])
def test_a_batch_writes_nothing_outside_of_its_collection(
    kept: World, entry: str, place: str
) -> None:
    """Nor what was good beside it."""
    good = [
        {"create": {"parent": OWN, "record_id": "good", "record": {"data": data()}}},
        {"update": {"record": {"name": f"{OWN}/records/{RECORD}", "data": data()}}},
    ]
    bad = [writes()[entry]]
    request = record_pb2.BatchWriteRecordsRequest(
        parent=OWN, writes=bad + good if place == "first" else good + bad
    )
    code, details, _, reply = kept.call(
        f"{SERVICE}/BatchWriteRecords", request.SerializeToString(), kept.mallory
    )
    assert code in REFUSED, details
    assert reply == b""


@pytest.mark.parametrize(
    "name", [TAKEN, f"{THEIRS}/records/none", f"{OWN}/../{TAKEN}", f"{OWN}/records/../../{RECORD}"]
)
@pytest.mark.parametrize("place", [0, 1])
def test_a_batch_reads_nothing_outside_of_its_collection(
    kept: World, name: str, place: int
) -> None:
    names = [f"{OWN}/records/{RECORD}"]
    names.insert(place, name)
    request = record_pb2.BatchGetRecordsRequest(parent=OWN, names=names)
    code, details, _, reply = kept.call(
        f"{SERVICE}/BatchGetRecords", request.SerializeToString(), kept.mallory
    )
    assert code in REFUSED
    assert reply == b""
    assert TEXT not in details


def watched(world: World, parent: str, token: str, metadata: Metadata) -> Any:
    """What a watch begins with, or how it is refused."""
    request = record_pb2.WatchRecordsRequest(parent=parent, resume_token=token)
    stub = record_pb2_grpc.RecordServiceStub(world.channel)
    watch = stub.WatchRecords(request, metadata=metadata, timeout=TIMEOUT_S)
    try:
        return next(watch)
    except grpc.RpcError as error:
        return error.code()
    finally:
        watch.cancel()


def test_a_watch_is_resumed_where_it_was_begun_alone(kept: World) -> None:
    theirs = watched(kept, THEIRS, "", kept.alice).resume_token
    own = watched(kept, OWN, "", kept.mallory).resume_token
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    assert watched(kept, OWN, theirs, kept.mallory) is invalid
    assert watched(kept, THEIRS, own, kept.alice) is invalid
    assert watched(kept, THEIRS, theirs, kept.mallory) is grpc.StatusCode.PERMISSION_DENIED
    for altered in (own[:-1], f"{own}A", own.swapcase(), own[::-1]):
        assert watched(kept, OWN, altered, kept.mallory) is invalid
    # Of two collections of one name, one after the other, it is the first one's.
    stub = record_pb2_grpc.RecordServiceStub(kept.channel)
    tokens = []
    for _ in range(2):
        stub.CreateCollection(
            record_pb2.CreateCollectionRequest(
                parent=f"tenants/{ATTACKER}", collection_id="drafts", collection={}
            ),
            metadata=kept.mallory,
        )
        tokens.append(watched(kept, DRAFTS, "", kept.mallory).resume_token)
        if len(tokens) == 2:
            assert watched(kept, DRAFTS, tokens[0], kept.mallory) is invalid
        stub.DeleteCollection(
            record_pb2.DeleteCollectionRequest(name=DRAFTS), metadata=kept.mallory
        )


class Pages:
    """Lists of two things each, whose pages have one."""

    def __init__(self, world: World) -> None:
        self._world = world

    def list(self, method: str, request: Any, metadata: Metadata) -> tuple[grpc.StatusCode, bytes]:
        code, _, _, reply = self._world.call(method, request.SerializeToString(), metadata)
        return code, reply

    def records(self, parent: str, metadata: Metadata, **asked: Any) -> Any:
        """The code, and the token of the next page."""
        request = record_pb2.ListRecordsRequest(parent=parent, page_size=1, **asked)
        code, reply = self.list(f"{SERVICE}/ListRecords", request, metadata)
        return code, record_pb2.ListRecordsResponse.FromString(reply).next_page_token

    def groups(self, parent: str, metadata: Metadata, token: str = "") -> Any:
        request = access_pb2.ListGroupsRequest(parent=parent, page_size=1, page_token=token)
        code, reply = self.list("/blrcs.v1.AccessService/ListGroups", request, metadata)
        return code, access_pb2.ListGroupsResponse.FromString(reply).next_page_token

    def roles(self, parent: str, metadata: Metadata, token: str = "") -> Any:
        request = access_pb2.ListRolesRequest(parent=parent, page_size=1, page_token=token)
        code, reply = self.list("/blrcs.v1.AccessService/ListRoles", request, metadata)
        return code, access_pb2.ListRolesResponse.FromString(reply).next_page_token


@pytest.fixture(scope="module")
def pages(borrowing: World) -> Pages:
    stub = record_pb2_grpc.RecordServiceStub(borrowing.channel)
    access = access_pb2_grpc.AccessServiceStub(borrowing.channel)
    for tenant, metadata in ((VICTIM, borrowing.alice), (ATTACKER, borrowing.mallory)):
        request = record_pb2.CreateRecordRequest(parent=collection(tenant), record_id="n2")
        request.record.data.update({"text": TEXT})
        stub.CreateRecord(request, metadata=metadata)
        home = f"tenants/{tenant}"
        access.CreateGroup(
            access_pb2.CreateGroupRequest(parent=home, group_id="two", group={}), metadata=metadata
        )
        access.CreateRole(
            access_pb2.CreateRoleRequest(parent=home, role_id="two", role={}), metadata=metadata
        )
    return Pages(borrowing)


def test_a_page_token_leads_nowhere_but_to_its_next_page(kept: World, pages: Pages) -> None:
    alice, mallory = kept.alice, kept.mallory
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    theirs, own = f"tenants/{VICTIM}", f"tenants/{ATTACKER}"
    tokens = {
        "records": pages.records(THEIRS, alice)[1],
        "filtered": pages.records(OWN, mallory, filter='data.text = "x" OR name:*')[1],
        "ordered": pages.records(OWN, mallory, order_by="create_time desc")[1],
        "groups": pages.groups(theirs, alice)[1],
        "roles": pages.roles(theirs, alice)[1],
        "own groups": pages.groups(own, mallory)[1],
        "own roles": pages.roles(own, mallory)[1],
    }
    assert all(tokens[name] for name in tokens if name != "filtered")
    for token in filter(None, tokens.values()):
        assert pages.records(OWN, mallory, page_token=token)[0] is invalid
        denied = pages.records(THEIRS, mallory, page_token=token)[0]
        assert denied is grpc.StatusCode.PERMISSION_DENIED
    for name in ("groups", "roles", "records", "own roles"):
        assert pages.groups(own, mallory, tokens[name])[0] is invalid
    for name in ("groups", "roles", "records", "own groups"):
        assert pages.roles(own, mallory, tokens[name])[0] is invalid


@pytest.mark.parametrize(
    "filter_",
    [
        f'tenant = "{VICTIM}"',
        f'collection = "notes" OR tenant = "{VICTIM}"',
        "records.tenant:*",
        "sealed:*",
        "expires_at_ns > 0",
        f'name = "{TAKEN}" OR parent = "{THEIRS}"',
        f'data.text = "x" OR "a" = "a" UNION SELECT * FROM records WHERE tenant = "{VICTIM}"',
        'data.text = "x\') OR 1=1 --" OR tenant:*',
        'data["text"] = "x"',
        "data.tenant.sealed = records.sealed",
    ],
)
def test_no_filter_reaches_what_is_no_field_of_a_record(kept: World, filter_: str) -> None:
    for method, request in (
        ("ListRecords", record_pb2.ListRecordsRequest(parent=OWN, filter=filter_)),
        ("CountRecords", record_pb2.CountRecordsRequest(parent=OWN, filter=filter_)),
    ):
        octets = request.SerializeToString()
        code, _, _, reply = kept.call(f"{SERVICE}/{method}", octets, kept.mallory)
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert reply == b""


@pytest.mark.parametrize(
    "filter_",
    [
        f'name = "{TAKEN}"',
        f"data.text = \"{TEXT}' OR tenant='{VICTIM}\"",
        f'name != "{OWN}"',
        'record_id = "n1"',
    ],
)
def test_what_a_filter_names_is_looked_for_in_its_collection_alone(
    kept: World, filter_: str
) -> None:
    request = record_pb2.ListRecordsRequest(parent=OWN, filter=filter_)
    code, _, _, reply = kept.call(
        f"{SERVICE}/ListRecords", request.SerializeToString(), kept.mallory
    )
    found = record_pb2.ListRecordsResponse.FromString(reply)
    assert code in {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT}
    assert all(each.name.startswith(f"{OWN}/records/") for each in found.records)


@pytest.mark.parametrize("kind", ["groups", "roles"])
def test_what_another_tenant_has_made_is_in_no_binding_of_ones_own(kept: World, kind: str) -> None:
    binding: dict[str, Any] = {"resource": f"tenants/{ATTACKER}"}
    if kind == "groups":
        binding |= {"role": "roles/records.viewer", "members": [f"tenants/{VICTIM}/groups/own"]}
    else:
        binding |= {"role": f"tenants/{VICTIM}/roles/own", "members": [f"users/{ATTACKER}"]}
    request = access_pb2.CreateBindingRequest(
        parent=f"tenants/{ATTACKER}", binding_id="borrowed", binding=binding
    )
    code, _, _, reply = kept.call(
        "/blrcs.v1.AccessService/CreateBinding", request.SerializeToString(), kept.mallory
    )
    assert code in REFUSED | {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION}
    assert reply == b""


def changes(name: str, etag: str) -> dict[str, Any]:
    """What changes or deletes the binding, group or role of a name, by the method's name."""
    kind = name.split("/")[-2]
    parent = {"parent": f"tenants/{ATTACKER}"} if kind == "bindings" else {}
    what = {"bindings": "Binding", "groups": "Group", "roles": "Role"}[kind]
    stored = {"name": name, "etag": etag}
    update = getattr(access_pb2, f"Update{what}Request")
    field, mask = what.lower(), {"paths": ["display_name" if kind != "bindings" else "members"]}
    return {
        f"Delete{what}": getattr(access_pb2, f"Delete{what}Request")(**stored, **parent),
        f"Update{what}": update(**{field: stored}, update_mask=mask, **parent),
    }


@pytest.mark.parametrize("etag", ["", "x", "0123456789abcdef"])
@pytest.mark.parametrize(
    ("taken", "free"),
    [
        (f"bindings/{VICTIM}", "bindings/none"),
        (f"tenants/{VICTIM}/groups/own", f"tenants/{VICTIM}/groups/none"),
        (f"tenants/{VICTIM}/roles/own", f"tenants/{VICTIM}/roles/none"),
    ],
    ids=["bindings", "groups", "roles"],
)
def test_no_etag_tells_what_another_tenant_has(
    kept: World, taken: str, free: str, etag: str
) -> None:
    there, not_there = changes(taken, etag), changes(free, etag)
    for method in there:
        path = f"/blrcs.v1.AccessService/{method}"
        code, details, trailers, _ = kept.call(
            path, there[method].SerializeToString(), kept.mallory
        )
        other, others, other_trailers, _ = kept.call(
            path, not_there[method].SerializeToString(), kept.mallory
        )
        assert code is other, method
        assert code in {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED}
        assert details.replace(taken, free) == others
        assert reason_in(trailers) == reason_in(other_trailers)
