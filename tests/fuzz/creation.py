"""Requests that create a record, as a target of fuzzing: nobody may tell two servers apart.

One parses them with protobuf, validates them and creates by the use case that takes each by itself;
the other has CreateRecord's direct handler before it. Each has a database of its own, and after
each request both must have answered the same and keep the same rows.
"""

import asyncio
import atexit
import dataclasses
import shutil
import tempfile
from collections.abc import Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from google.protobuf.duration_pb2 import Duration

from blrcs.assembly.direct import direct_records
from blrcs.database.statement import Statement
from blrcs.database.tables import record_changes, record_feeds, records
from blrcs.interceptors.direct import DirectHandlers
from blrcs.v1 import record_pb2_grpc
from tests.integration.records.world import ORDERS, World, creation
from tests.integration.stores import FileStore
from tests.unit.application.identity_fakes import FakeClock
from tests.unit.native.http2 import frames
from tests.unit.native.http2.endpoint import Endpoint, body_of, of_kind, status_of, turns

CREATE = "/blrcs.v1.RecordService/CreateRecord"
TENANT = "tenants/acme"
STRICT, SHORT = f"{TENANT}/collections/strict", f"{TENANT}/collections/short"
COLLECTIONS: dict[str, dict[str, Any]] = {
    "orders": {},
    "strict": {"json_schema": '{"required": ["a"]}'},
    "short": {"default_ttl": Duration(seconds=60)},
}
# One may create anywhere, one in one collection, and one nowhere.
GRANTS = {
    "users/admin": {"blrcs.records.create": "tenants"},
    "users/alice": {"blrcs.records.create": ORDERS},
    "users/nobody": {"blrcs.records.get": "tenants"},
}
TAKEN = "taken"
ALL = [Statement(sa.select(each)) for each in (record_changes, records, record_feeds)]
FORGET = [
    Statement(sa.delete(each).where(each.c.record_id != TAKEN))
    for each in (record_changes, records)
]
MOST_WAITS = 20_000


OPEN: list[AbstractAsyncContextManager[World]] = []
"""What ``close`` closes."""


def same(size: int) -> bytes:
    """In the place of random bytes, so that both make up the same ids."""
    return bytes(size)


class Road:
    """A server, and what it keeps.

    Attributes:
        created: How many records the direct handler has made.
    """

    def __init__(self, world: World, *, is_direct: bool) -> None:
        self._world = world
        self.created = 0
        for principal, permissions in GRANTS.items():
            world.host.channel(principal, permissions)
        if is_direct:
            self._router = world.router(direct=self._direct())
        else:
            add = record_pb2_grpc.add_RecordServiceServicer_to_server
            self._router = world.router(partial(add, world.records.service))

    def _direct(self) -> DirectHandlers:
        kept = self._world.records
        together: Any = SimpleNamespace(
            key_of=kept.create_together.key_of, all_but_taken=self._all_but_taken
        )
        return direct_records(dataclasses.replace(kept, create_together=together))

    async def _all_but_taken(self, *columns: Any) -> Sequence[bytes | None] | None:
        images = await self._world.records.create_together.all_but_taken(*columns)
        self.created += sum(each is not None for each in images or ())
        return images

    async def answer(self, body: bytes, principal: str) -> Hashable:
        """What a caller is shown."""
        server = Endpoint(self._router)
        token = f"Bearer {self._world.host._token(principal)}".encode()
        server.receive(frames.call(1, CREATE.encode(), body, (b"authorization", token)))
        taken: list[frames.Frame] = []
        for _ in range(MOST_WAITS):
            taken += server.take()
            if status_of(taken) is not None:
                break
            await asyncio.sleep(0)
        assert server.unexpected == []
        server.close()
        await turns(4)
        heads = of_kind(taken, frames.HEADERS)
        return body_of(taken), tuple(tuple(each.fields.items()) for each in heads)

    async def rows(self) -> list[Any]:
        """All that it keeps; what a request has made is gone afterwards."""
        database = self._world.database
        found = [await database.fetch_all(each) for each in ALL]
        if len(found[0]) > len(COLLECTIONS):
            for each in FORGET:
                await database.execute(each)
        return found


async def _opened(folder: Path, *, is_direct: bool) -> Road:
    opening = World.open(FileStore(folder), FakeClock(), random=same, ticking=False)
    OPEN.append(opening)
    world = await opening.__aenter__()
    for collection_id, fields in COLLECTIONS.items():
        await world.collection(collection_id, **fields)
        parent = f"{TENANT}/collections/{collection_id}"
        await world.stub.CreateRecord(creation(TAKEN, {"a": 1}, parent))
    return Road(world, is_direct=is_direct)


@cache
def loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


@cache
def roads() -> tuple[Road, Road]:
    """Python's, and that with a direct handler before it, until they are closed."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)

    for name in ("python", "direct"):
        (folder / name).mkdir()

    async def both() -> tuple[Road, Road]:
        python = await _opened(folder / "python", is_direct=False)
        return python, await _opened(folder / "direct", is_direct=True)

    return loop().run_until_complete(both())


def close() -> None:
    """Ends both roads; the next request finds new ones."""

    async def all_of_them() -> None:
        while OPEN:
            await OPEN.pop().__aexit__(None, None, None)

    loop().run_until_complete(all_of_them())
    roads.cache_clear()


async def _told(python: Road, direct: Road, body: bytes) -> Hashable:
    happened: list[Hashable] = []
    for principal in GRANTS:
        before = direct.created
        expected = await python.answer(body, principal)
        assert await direct.answer(body, principal) == expected
        rows = await python.rows()
        assert await direct.rows() == rows
        happened.append((direct.created > before, expected[1][-1], len(rows[1])))
    return tuple(happened)


def created(body: bytes) -> Hashable:
    """A request, by each of the callers."""
    return loop().run_until_complete(_told(*roads(), body))


CREATION_TARGETS = {"created": created}


def created_inputs() -> dict[str, dict[str, bytes]]:
    """What fuzzing it begins with."""
    data = {"a": 1, "ab": -2.5, "b": [None, True, "x\n"], "c": {"d": {}, "é": []}}
    asked = {
        "named": creation("r", data),
        "unnamed": creation("", {}),
        "taken": creation(TAKEN, data),
        "strict": creation("r", data, STRICT),
        "amiss": creation("r", {"b": "c"}, STRICT),
        "expiring": creation("", data, SHORT),
        "elsewhere": creation("r", data, f"{TENANT}/collections/none"),
        "misnamed": creation("-r", data),
        "with_more": creation("r", data, ttl=Duration(seconds=5)),
    }
    return {
        "created": {
            name: each.SerializeToString(deterministic=True) for name, each in asked.items()
        }
    }
