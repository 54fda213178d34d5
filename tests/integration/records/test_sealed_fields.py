"""Fields that are encrypted, or secret, on each database."""

import stat

import pytest

from blrcs.encryption.master_key import MasterKeyError
from blrcs.v1 import record_pb2
from tests.integration.records.world import ORDERS, World, changing, creation, data_of, name_of
from tests.unit.api.refusals import refusal

NUMBER, PIN = "4111-1111-1111-1111", "7391-secret-pin"
DATA = {"name": "Eve", "card": {"number": NUMBER, "year": 30}, "pin": PIN}
SHOWN = {"name": "Eve", "card": {"number": NUMBER, "year": 30}}


@pytest.fixture
async def sealed(store, clock):
    async with World.open(store, clock) as world:
        await world.collection(encrypted_fields=["card.number"], secret_fields=["pin"])
        yield world


async def test_what_is_encrypted_is_shown_and_what_is_secret_is_not(sealed):
    made = await sealed.create("a", DATA)
    assert data_of(made) == SHOWN
    assert await sealed.get("a") == made
    assert data_of(await sealed.get("a", "data.card.number")) == {"card": {"number": NUMBER}}
    assert data_of(await sealed.get("a", "data.pin")) == {}
    page = await sealed.stub.ListRecords(record_pb2.ListRecordsRequest(parent=ORDERS))
    assert page.records == [made]
    names = [name_of("a")]
    got = await sealed.stub.BatchGetRecords(
        record_pb2.BatchGetRecordsRequest(parent=ORDERS, names=names)
    )
    assert got.records == [made]
    (result,) = await sealed.batch(record_pb2.RecordWrite(create=creation("b", DATA)))
    assert data_of(result.record) == SHOWN
    writes = [record_pb2.RecordWrite(create=creation(each, DATA)) for each in "cd"]
    assert [data_of(each.record) for each in await sealed.batch(*writes)] == [SHOWN, SHOWN]
    writes = [record_pb2.RecordWrite(create=creation(each, DATA)) for each in "ef"]
    results = await sealed.batch(*writes, paths=["data.card"])
    assert [data_of(each.record) for each in results] == [{"card": SHOWN["card"]}] * 2
    deletion = record_pb2.RecordWrite(delete=record_pb2.DeleteRecordRequest(name=name_of("e")))
    update = record_pb2.RecordWrite(update=changing("f", DATA))
    results = await sealed.batch(deletion, update, paths=["name"])
    assert [each.record for each in results] == [
        record_pb2.Record(),
        record_pb2.Record(name=name_of("f")),
    ]


async def test_neither_is_found_in_what_is_stored(sealed, store, capsys):
    await sealed.create("a", DATA)
    await sealed.update("a", {"name": "Eva", "pin": PIN}, ["data.name", "data.pin"])
    await sealed.batch(*[record_pb2.RecordWrite(create=creation(i, DATA)) for i in "bc"])
    stored = await store.content()
    assert b"Eva" in stored
    assert NUMBER.encode() not in stored
    assert PIN.encode() not in stored
    logged = capsys.readouterr()
    assert NUMBER not in logged.out + logged.err
    assert PIN not in logged.out + logged.err


async def test_watchers_are_shown_what_readers_are(sealed):
    watch = sealed.watch()
    events = aiter(watch)
    await anext(events)
    made = await sealed.create("a", DATA)
    event = await anext(events)
    assert event.record == made
    watch.cancel()


async def test_a_secret_stays_where_a_write_leaves_it_out(sealed):
    schema = '{"required": ["pin"]}'
    await sealed.create("a", DATA)
    collection = record_pb2.Collection(name=ORDERS, json_schema=schema)
    await sealed.stub.UpdateCollection(
        record_pb2.UpdateCollectionRequest(
            collection=collection, update_mask={"paths": ["json_schema"]}
        )
    )
    read = await sealed.get("a")
    await sealed.stub.UpdateRecord(record_pb2.UpdateRecordRequest(record=read))
    await sealed.update("a", {"name": "Eva"}, ["data.name"])
    assert (await refusal(sealed.update("a", {}, ["data.pin"])))[1] == "SCHEMA_VIOLATION"
    assert (await refusal(sealed.create("b", {"name": "Eve"})))[1] == "SCHEMA_VIOLATION"


async def test_who_may_change_a_collection_cannot_find_out_its_secrets_by_a_schema(sealed):
    await sealed.create("a", DATA)
    stub = sealed.stub_of("users/mallory", {"blrcs.collections.update": "tenants"})

    def schema_of(text, mask=("json_schema",)):
        collection = record_pb2.Collection(name=ORDERS, json_schema=text, display_name="d")
        return record_pb2.UpdateCollectionRequest(
            collection=collection, update_mask={"paths": mask}
        )

    guess = '{"properties": {"pin": {"pattern": "^7"}}}'
    for mask in (["json_schema"], ["json_schema", "display_name"], ["*"], []):
        refused = await refusal(stub.UpdateCollection(schema_of(guess, mask)))
        assert refused == ("PERMISSION_DENIED", "PERMISSION_DENIED")
    await stub.UpdateCollection(schema_of(guess, ["display_name"]))
    await sealed.stub.UpdateCollection(schema_of(guess))
    # It stays, if that is what is asked for.
    await stub.UpdateCollection(schema_of(guess))
    assert (await refusal(stub.UpdateCollection(schema_of(""))))[0] == "PERMISSION_DENIED"


async def test_a_secret_stays_where_what_is_around_it_is_written(store, clock):
    async with World.open(store, clock) as world:
        schema = '{"properties": {"card": {"required": ["pin"]}}}'
        await world.collection(secret_fields=["card.pin"], json_schema=schema)
        await world.create("a", {"card": {"pin": PIN, "year": 30}})
        read = await world.get("a", "data.card")
        assert data_of(read) == {"card": {"year": 30}}
        written = await world.update("a", {"card": {"year": 31}}, ["data.card"])
        assert data_of(written) == {"card": {"year": 31}}
        assert (await refusal(world.update("a", {}, ["data.card.pin"])))[1] == "SCHEMA_VIOLATION"
        assert data_of(await world.update("a", {}, ["data.card"])) == {}
        refused = await refusal(world.update("a", {"card": {"year": 31}}, ["data.card"]))
        assert refused[1] == "SCHEMA_VIOLATION"


SEALED_FILTERS = (
    'data.card.pin = "7"',
    "data.card.pin:*",
    "-data.card.pin:*",
    "data.card.pin != null",
    "data.card.pin.a = 1",
    'data."card"."pin" = 7',
    'startsWith(data.card.pin, "7")',
    "data.card:pin",
    'NOT data."card":"pin"',
    "data:iban",
    "data.iban:*",
    "data.iban.a = 1",
    'data.name = "x" OR data.card:pin',
)
SEALED_ORDERS = (
    "data.card.pin",
    "data.card.pin.a desc",
    'create_time, data."card"."pin"',
    "data.iban",
)


@pytest.mark.parametrize("record", [{}, {"card": {}}, {"card": {"pin": 7}, "iban": "x"}])
async def test_no_list_tells_of_what_is_sealed(store, clock, record):
    async with World.open(store, clock) as world:
        index = record_pb2.RecordIndex(path="iban")
        await world.collection(
            secret_fields=["card.pin"], encrypted_fields=["iban"], indexes=[index]
        )
        await world.create("a", record)

        def listed(**fields):
            return world.stub.ListRecords(record_pb2.ListRecordsRequest(parent=ORDERS, **fields))

        for filter_ in SEALED_FILTERS:
            sealed = ("INVALID_ARGUMENT", "FIELD_SEALED")
            assert await refusal(listed(filter=filter_)) == sealed, filter_
            count = record_pb2.CountRecordsRequest(parent=ORDERS, filter=filter_)
            assert await refusal(world.stub.CountRecords(count)) == sealed, filter_
        for order_by in SEALED_ORDERS:
            assert await refusal(listed(order_by=order_by)) == sealed, order_by
        assert [each.name for each in (await listed(filter="data.card:other")).records] == []


LISTS_BEFORE = {
    "of objects": {"card": [{"pin": PIN}]},
    "of lists": {"card": [[{"pin": PIN}]]},
    "further out": {"wallet": [{"key": {"pin": PIN}}]},
    "halfway": {"wallet": {"key": [{"pin": PIN}]}},
}


@pytest.mark.parametrize("data", LISTS_BEFORE.values(), ids=LISTS_BEFORE)
async def test_nothing_lies_in_a_list_that_would_be_stored_in_the_clear(store, clock, data):
    async with World.open(store, clock) as world:
        await world.collection(secret_fields=["card.pin"], encrypted_fields=["wallet.key.pin"])
        refused = ("INVALID_ARGUMENT", "FIELD_INVALID")
        assert await refusal(world.create("a", data)) == refused
        writes = [record_pb2.RecordWrite(create=creation(each, data)) for each in "bc"]
        assert await refusal(world.batch(*writes)) == refused
        await world.create("a", {"name": "Eve", "card": {"pin": [PIN]}})
        (member,) = data
        assert await refusal(world.update("a", data, [f"data.{member}"])) == refused
        assert data_of(await world.get("a")) == {"name": "Eve", "card": {}}
        assert PIN.encode() not in await store.content()


WRITES_AT_SECRETS = {
    "something else around it": ({"card": 5}, ()),
    "something else around it, by its name": ({"card": 5}, ["data.card"]),
    "into it": ({"card": {"pin": {"a": {"b": 1}}}}, ["data.card.pin.a.b"]),
    "nothing into it": ({}, ["data.card.pin.a.b"]),
    "beside it": ({"card": {"year": 31}}, ["data.card.year"]),
    "around it": ({"card": {"year": 31}}, ["data.card"]),
    "something else further out": ({"wallet": 1}, ()),
}


@pytest.mark.parametrize(("data", "mask"), WRITES_AT_SECRETS.values(), ids=WRITES_AT_SECRETS)
async def test_no_write_tells_whether_there_is_a_secret(store, clock, data, mask):
    async with World.open(store, clock) as world:
        await world.collection(secret_fields=["card.pin", "wallet.key.pin"])
        secrets = ("pin", 7, None, {"a": 1}, {"a": {"b": 2}, "c": 3})
        told = []
        for record_id, secret in enumerate(["none", *secrets]):
            card = {"year": 30} | ({} if secret == "none" else {"pin": secret})
            await world.create(f"r{record_id}", {"card": card})
            told.append(data_of(await world.update(f"r{record_id}", data, mask)))
    assert told == [told[0]] * len(told)


async def test_a_record_is_as_large_as_it_is_shown(sealed):
    # Two octets each as text, and eleven where they are shown.
    assert (await refusal(sealed.create("a", {"card": {"number": [1] * 100_000}})))[0] == (
        "INVALID_ARGUMENT"
    )
    await sealed.create("b", {"pin": "x" * (1 << 19)})
    large = {"name": "x" * (1 << 19)}
    assert (await refusal(sealed.update("b", large)))[0] == "INVALID_ARGUMENT"
    assert (await refusal(sealed.update("b", large, ["data.name"])))[0] == "INVALID_ARGUMENT"


async def test_a_page_ends_where_what_it_shows_is_too_large(sealed):
    number = [1] * 90_000
    for record_id in "abcde":
        await sealed.create(record_id, {"card": {"number": number}})
    request = record_pb2.ListRecordsRequest(parent=ORDERS)
    page = await sealed.stub.ListRecords(request)
    assert 0 < page.ByteSize() < 4 << 20
    assert page.next_page_token
    assert await sealed.listed() == list("abcde")


async def test_an_encrypted_field_is_changed_and_removed_like_any_other(sealed):
    await sealed.create("a", DATA)
    changed = await sealed.update("a", {"card": {"number": "1"}}, ["data.card.number"])
    assert data_of(changed)["card"] == {"number": "1", "year": 30}
    changed = await sealed.update("a", {}, ["data.card.number"])
    assert data_of(changed)["card"] == {"year": 30}
    changed = await sealed.update("a", {"card": "none"})
    assert data_of(changed) == {"card": "none"}


async def test_neither_can_be_asked_for(sealed):
    await sealed.create("a", DATA)
    for fields in (
        {"filter": f'data.card.number = "{NUMBER}"'},
        {"filter": "NOT (data.name = x AND data.pin:*)"},
        {"filter": "data.pin.deep = 1"},
        {"filter": 'data.card:"number"'},
        {"order_by": "data.name, data.pin"},
    ):
        call = sealed.stub.ListRecords(record_pb2.ListRecordsRequest(parent=ORDERS, **fields))
        assert await refusal(call) == ("INVALID_ARGUMENT", "FIELD_SEALED")
    assert await sealed.listed(filter="data.card.year = 30") == ["a"]


async def test_the_key_is_made_when_it_is_needed_for_its_owner_alone(store, clock):
    path = store.folder / "encryption_key"
    async with World.open(store, clock) as world:
        await world.collection("plain")
        assert not path.exists()
        await world.collection(secret_fields=["pin"])
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [None, b"00" * 32, b"nonsense"])
async def test_without_the_key_there_is_no_start_and_nothing_is_touched(store, clock, content):
    path = store.folder / "encryption_key"
    async with World.open(store, clock) as world:
        await world.collection(encrypted_fields=["pin"])
        made = await world.create("a", {"pin": PIN})
    key = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)
    with pytest.raises(MasterKeyError) as caught:
        async with World.open(store, clock):
            pass
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (path.read_bytes() if path.exists() else None) == content
    path.write_bytes(key)
    path.chmod(0o600)
    async with World.open(store, clock) as world:
        assert await world.get("a") == made


async def test_a_machine_without_the_key_refuses_what_needs_it(store, clock, tmp_path):
    async with World.open(store, clock) as other:
        await other.collection("plain")
        async with World.open(store, clock) as world:
            await world.collection(encrypted_fields=["pin"])
            await world.create("a", {"pin": PIN})
        path = store.folder / "encryption_key"
        key = path.read_bytes()
        path.unlink()
        unusable = ("FAILED_PRECONDITION", "ENCRYPTION_KEY_UNUSABLE")
        assert await refusal(other.get("a")) == unusable
        assert await refusal(other.create("b", {"pin": PIN})) == unusable
        assert await refusal(other.collection("new", secret_fields=["pin"])) == unusable
        assert not path.exists()
        path.write_bytes(key)
        path.chmod(0o600)
        assert data_of(await other.get("a")) == {"pin": PIN}


async def test_what_is_moved_or_altered_is_not_opened(sealed):
    await sealed.create("a", {"card": {"number": "of a"}})
    await sealed.create("b", {"card": {"number": "of b"}})
    database = sealed.records.service._records.get_record._records._database
    from blrcs.database.repositories.record_lookup import _STORED
    from blrcs.database.repositories.record_step import _DELETE, _PUT

    of = {"of_tenant": "acme", "of_collection": "orders"}
    a = await database.fetch_one(_STORED, **of, of_id="a")
    b = await database.fetch_one(_STORED, **of, of_id="b")
    await database.execute(_PUT, **{**b._asdict(), "sealed": a.sealed})
    assert (await refusal(sealed.get("b"))) == ("FAILED_PRECONDITION", "ENCRYPTED_FIELD_ALTERED")
    assert data_of(await sealed.get("a")) == {"card": {"number": "of a"}}
    await database.execute(_DELETE, **of, of_id="b")
    assert (await refusal(sealed.stub.UpdateRecord(changing("b", {}))))[0] == "NOT_FOUND"
