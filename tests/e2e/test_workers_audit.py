"""The audit log of a server of several processes, however they end and whatever the disk does."""

import errno
import json
import random
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc

from blrcs.audit.checkpoint import PublicAuditKeys
from blrcs.audit.reading import AuditReader
from blrcs.audit.segments import FOLDER, KEY_FILE, chains_in
from blrcs.audit.verification import Verification
from blrcs.security.signing_keys import load_signing_key
from blrcs.v1 import access_pb2, access_pb2_grpc, audit_pb2, audit_pb2_grpc
from tests.e2e.server import Server, blrcs
from tests.e2e.workers import (
    Metadata,
    administrator,
    channels_to_all,
    children,
    code,
    kill,
    start_two_workers,
    until,
)
from tests.torture.torture import Faults, build_faults

KILLS = 3
CREATE = "/blrcs.v1.AccessService/CreateGroup"
SEED = 20261126


class Creators:
    """Create groups over some channels, and remember which were acknowledged."""

    def __init__(self, metadata: Metadata) -> None:
        self.acknowledged: list[str] = []
        self.codes: Counter[grpc.StatusCode] = Counter()
        self._metadata = metadata
        self._stopped = threading.Event()

    @contextmanager
    def at_work(self, channels: list[grpc.Channel]) -> Iterator[None]:
        threads = [
            threading.Thread(target=self._create, args=(number, channel))
            for number, channel in enumerate(channels)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            for thread in threads:
                thread.join()

    def _create(self, number: int, channel: grpc.Channel) -> None:
        stub = access_pb2_grpc.AccessServiceStub(channel)
        count = 0
        while not self._stopped.is_set():
            count += 1
            group_id = f"g{number}-{count}"
            request = access_pb2.CreateGroupRequest(group_id=group_id, group=access_pb2.Group())
            came = code(
                lambda request=request: stub.CreateGroup(
                    request, metadata=self._metadata, wait_for_ready=True, timeout=60
                )
            )
            self.codes[came] += 1
            if came is grpc.StatusCode.OK:
                self.acknowledged.append(group_id)


def recorded(data: Path) -> Counter[str]:
    """How often each group is recorded as created; every chain is as it was written."""
    keys = PublicAuditKeys.of_jwks(load_signing_key(data / KEY_FILE).jwks())
    assert Verification(data / FOLDER, keys).run().findings == []
    return Counter(
        event.values["request"]["group_id"]
        for event in AuditReader(data / FOLDER).from_instant(0)
        if (event.text("method"), event.text("code")) == (CREATE, "OK")
    )


def test_what_was_acknowledged_is_recorded_once_though_workers_are_killed(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    server = start_two_workers(start, tmp_path)
    chance = random.Random(SEED)
    with channels_to_all(server, 2) as found:
        metadata = administrator(list(found.values()))
        creators = Creators(metadata)
        workers = set(found)
        with creators.at_work(list(found.values()) * 2):
            for _ in range(KILLS):
                wanted = len(creators.acknowledged) + chance.randint(3, 30)
                until(lambda wanted=wanted: len(creators.acknowledged) >= wanted)
                killed = chance.choice(sorted(workers & set(children(server.process_id))))
                kill(killed)
                until(lambda killed=killed: killed not in children(server.process_id))
                before = workers
                until(lambda before=before: bool(set(children(server.process_id)) - before))
                workers = set(children(server.process_id))
            wanted = len(creators.acknowledged) + 10
            until(lambda: len(creators.acknowledged) >= wanted)
        # Any worker shows what all have written.
        for channel in found.values():
            events = audit_pb2_grpc.AuditServiceStub(channel).ListEvents(
                audit_pb2.ListEventsRequest(
                    parent="audit", method=CREATE, page_size=1000, decision="AUDIT_DECISION_ALLOWED"
                ),
                metadata=metadata,
                wait_for_ready=True,
            )
            shown = {event.request["group_id"] for event in events.events}
            assert set(creators.acknowledged) <= shown
    assert server.stop() == 0
    times = recorded(tmp_path / "data")
    assert {times[each] for each in creators.acknowledged} == {1}
    assert set(times.values()) == {1}
    verified = blrcs("audit", "verify", cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_while_the_disk_is_full_changes_are_refused_and_none_is_acknowledged_unrecorded(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    build_faults()
    faults = Faults(tmp_path, tmp_path / "data" / FOLDER, 2, errno.ENOSPC, 12)
    server = start_two_workers(start, tmp_path, **faults.environ)
    with channels_to_all(server, 2) as found:
        creators = Creators(administrator(list(found.values())))
        with creators.at_work(list(found.values()) * 2):
            until(lambda: len(creators.acknowledged) >= 10)
            faults.arm()
            until(lambda: creators.codes[grpc.StatusCode.DATA_LOSS] > 0)
            until(lambda: creators.codes[grpc.StatusCode.UNAVAILABLE] > 0)
            before = len(creators.acknowledged)
            until(lambda: len(creators.acknowledged) >= before + 10)
    assert server.stop() == 0
    assert set(creators.codes) <= {
        grpc.StatusCode.OK,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.UNAVAILABLE,
    }
    times = recorded(tmp_path / "data")
    assert {times[each] for each in creators.acknowledged} == {1}
    assert set(times.values()) == {1}


def test_workers_take_a_new_key_up_while_they_serve(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    server = start_two_workers(start, tmp_path, BLRCS_AUDIT__CHECKPOINT_INTERVAL="1s")
    old = tmp_path / "old.json"
    directory = tmp_path / "data" / FOLDER

    def rotated() -> set[str]:
        events = AuditReader(directory).from_instant(0)
        return {each.place.chain for each in events if each.text("kind") == "rotated"}

    with channels_to_all(server, 2) as found:
        metadata = administrator(list(found.values()))
        creators = Creators(metadata)
        with creators.at_work(list(found.values())):
            until(lambda: len(creators.acknowledged) >= 5)
            old.write_text(blrcs("audit", "key", cwd=tmp_path).stdout)
            kid = blrcs("audit", "rotate-key", cwd=tmp_path).stdout.split()[0]
            until(lambda: rotated() == {each.name for each in chains_in(directory)})
            before = len(creators.acknowledged)
            until(lambda: len(creators.acknowledged) >= before + 5)
        # Workers that have begun with the old key verify what the new one has signed.
        for channel in found.values():
            seen = audit_pb2_grpc.AuditServiceStub(channel).Verify(
                audit_pb2.VerifyRequest(), metadata=metadata, wait_for_ready=True
            )
            assert [each.problem for each in seen.chains] == ["", ""]
    assert server.stop() == 0
    assert json.loads(blrcs("audit", "key", cwd=tmp_path).stdout)["keys"][0]["kid"] == kid
    for arguments in ((), ("--key", old)):
        verified = blrcs("audit", "verify", *arguments, cwd=tmp_path)
        assert verified.returncode == 0, verified.stdout + verified.stderr
    times = recorded(tmp_path / "data")
    assert {times[each] for each in creators.acknowledged} == {1}


def test_the_log_can_be_read_and_verified_from_the_command_line(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    server = start_two_workers(start, tmp_path)
    with channels_to_all(server, 2) as found:
        channel = found[min(found)]
        follow = audit_pb2_grpc.AuditServiceStub(channel).FollowEvents(
            audit_pb2.FollowEventsRequest(parent="audit"),
            metadata=administrator(list(found.values())),
        )
        assert next(follow).resume_token
        # Who follows does not keep it from ending.
        assert server.stop() == 0
        assert code(lambda: list(follow)) is grpc.StatusCode.UNAVAILABLE
    key = tmp_path / "audit_public.json"
    key.write_text(blrcs("audit", "key", cwd=tmp_path).stdout)
    checkpoints = tmp_path / "checkpoints"
    checkpoints.write_text(blrcs("audit", "checkpoints", cwd=tmp_path).stdout)
    verify = ("audit", "verify", "--key", key, "--checkpoint", checkpoints)
    assert blrcs(*verify, cwd=tmp_path).returncode == 0
    listed = blrcs("audit", "list", "--method", "/blrcs.v1.UserService/*", cwd=tmp_path).stdout
    assert "users/admin" in listed
    exported = blrcs("audit", "export", "--principal", "users/admin", cwd=tmp_path).stdout
    first, *_ = map(json.loads, exported.splitlines())
    assert (first["method"], first["code"]) == ("/blrcs.v1.AuthService/SignIn", "OK")
    (path,) = (tmp_path / "data" / FOLDER / first["chain"]).glob("*.jsonl")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"principal":"users/admin"', b'"principal":"users/mally"', 1))
    found = blrcs(*verify, "--json", cwd=tmp_path)
    assert found.returncode == 1
    (wrong,) = [each for each in json.loads(found.stdout) if each["problem"]]
    assert (wrong["chain"], wrong["seq"], wrong["problem"]) == (
        first["chain"],
        first["seq"],
        "edited",
    )
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:-3]))
    found = blrcs(*verify, cwd=tmp_path)
    assert found.returncode == 1
    assert "is truncated" in found.stdout
    for chain in (tmp_path / "data" / FOLDER).iterdir():
        if chain.is_dir():
            shutil.rmtree(chain)
    found = blrcs("audit", "verify", "--key", key, cwd=tmp_path)
    assert (found.returncode, found.stdout) == (1, "")
    assert "there is no chain" in found.stderr
    assert "is removed" in blrcs(*verify, cwd=tmp_path).stdout
