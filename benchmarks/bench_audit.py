"""What the audit log costs: records whose writing is waited for, and refusals that are folded.

Records are written by five hundred callers at once on one core, beside a program that writes the
same octets in groups as large and syncs each. Calls are those of ``bench_guards``, with and without
the log.
"""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import bench_guards
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from harness import Claim, Loop, Report, main, measure, versions

from blrcs.audit.chain import Chain
from blrcs.audit.checkpoint import KeySigner
from blrcs.audit.log import AuditLog, open_log
from blrcs.audit.segments import segments_in
from blrcs.interceptors.factory import PipelineFactory
from blrcs.security.signing_keys import SigningKey
from blrcs_native.calls.pipeline import Pipeline

CALLERS = 500
VALUES = {
    "kind": "call",
    "method": "/blrcs.v1.UserService/CreateUser",
    "request_id": "5f0c1f1e-6d0a-4a3b-9e55-0c4f2b1c7a11",
    "epoch": 12,
    "request": {"user_id": "alice", "user": {"display_name": "Alice"}, "password": "********"},
    "principal": "users/admin",
    "session": "OWz3Qd5hZVHf42OTEGiqYA",
    "address": "10.0.0.1",
    "resource": "users/alice",
    "code": "OK",
}


async def open_in(directory: Path) -> AuditLog:
    signer = KeySigner(SigningKey(Ed25519PrivateKey.generate()))
    return await open_log(
        lambda: Chain.take(directory, signer=signer, clock=time.time_ns),
        directory,
        clock=time.time_ns,
    )


def commit_loop(loop: asyncio.AbstractEventLoop, log: AuditLog) -> Loop:
    async def caller(count: int) -> None:
        for _ in range(count):
            await log.commit(VALUES)

    async def all_callers(count: int) -> None:
        await asyncio.gather(*(caller(count) for _ in range(CALLERS)))

    return lambda count: loop.run_until_complete(all_callers(count))


def put_loop(loop: asyncio.AbstractEventLoop, log: AuditLog) -> Loop:
    async def put(count: int) -> None:
        for _ in range(count):
            for _ in range(CALLERS):
                log.put(VALUES)
            await asyncio.sleep(0)
        await log.commit(VALUES)

    return lambda count: loop.run_until_complete(put(count))


def bare_loop(path: Path, record: bytes) -> Loop:
    """As many octets in groups of as many records, without chain, loop or thread."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    group = record * CALLERS

    def loop(count: int) -> None:
        for number in range(count):
            os.pwrite(file, group, number % 64 * len(group))
            os.fdatasync(file)

    return loop


def line_of(directory: Path) -> bytes:
    """A record as it is written."""
    (chain,) = directory.iterdir()
    lines = segments_in(chain)[0].path.read_bytes().splitlines(keepends=True)
    return next(each for each in lines if json.loads(each)["kind"] == "call")


def unaudited(pipeline: Pipeline, observers: Sequence[object]) -> Pipeline:
    """The same guards and handler, without the log."""
    return Pipeline(
        pipeline.method, bench_guards.answer, guards=pipeline.head_guards, observers=observers
    )


def call_loops(pipeline: Pipeline, name: str) -> dict[str, Loop]:
    good = bench_guards.metadata_with(bench_guards.token_of(bench_guards.ALICE))
    alien = bench_guards.metadata_with(bench_guards.token_of(bench_guards.MALLORY))
    malformed = bench_guards.metadata_with(bench_guards.token_of(bench_guards.ALICE) + ".")
    serve = bench_guards.serve_loop
    return {
        f"served, {name}": serve(pipeline, good),
        f"refused for its permission, {name}": serve(pipeline, alien, "PERMISSION_DENIED"),
        f"refused for its token, {name}": serve(pipeline, malformed, "TOKEN_MALFORMED"),
    }


def run(rounds: int) -> Report:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    loop = uvloop.new_event_loop()
    with tempfile.TemporaryDirectory(prefix="blrcs-audit-", dir=Path.cwd()) as folder:
        directory = Path(folder) / "audit"
        log = loop.run_until_complete(open_in(directory))
        loop.run_until_complete(log.commit(VALUES))
        without = bench_guards.factory()
        audited = PipelineFactory(
            limiter=without.limiter,
            verifier=without.verifier,
            access=without.access,
            observers=without.observers,
            audit=log,
        )
        pipeline = bench_guards.bind(audited)
        timings = measure(
            {
                f"{CALLERS} records, waited for": commit_loop(loop, log),
                f"{CALLERS} records, not waited for": put_loop(loop, log),
                "the same octets, bare": bare_loop(Path(folder) / "bare", line_of(directory)),
                **call_loops(unaudited(pipeline, without.observers), "no log"),
                **call_loops(pipeline, "audited"),
            },
            rounds=rounds,
        )
        loop.run_until_complete(log.close())
        # What loops have folded is written at the end, and the loop is not run meanwhile.
    per_second = 1e9 * CALLERS / timings[f"{CALLERS} records, waited for"].median_ns

    def times(one: str, other: str) -> float:
        return timings[one].median_ns / timings[other].median_ns

    return Report(
        f"audit: records and refusals, one core, {CALLERS} callers",
        timings,
        [
            Claim("records a second that are waited for, thousands", per_second / 1e3, 20),
            Claim(
                "a record waited for / the same octets bare",
                times(f"{CALLERS} records, waited for", "the same octets, bare"),
            ),
            *(
                Claim(
                    f"{each}: audited / no log",
                    times(f"{each}, audited", f"{each}, no log"),
                    at_most=1.3,
                )
                for each in ("served", "refused for its permission", "refused for its token")
            ),
        ],
        versions("uvloop", "orjson", "cryptography"),
    )


if __name__ == "__main__":
    main(run)
