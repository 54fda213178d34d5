"""What a server gets done that is asked for three times as much as it can do.

Callers do not wait for each other's answers, and give up after ``DEADLINE_S``. Goodput is what was
answered in time, beside what the server can do at most; health is a critical call, made meanwhile
over a connection of its own. With and without an adaptive limit, for handlers that compute and for
such that wait for a dependency.
"""

import asyncio
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import grpc
import grpc.aio
import uvloop
from harness import Claim, Grid, Report, argument_parser, publish
from overload_server import AT_ONCE, COMPUTE_S, WAIT_S
from server_process import cores, running

HERE = Path(__file__).parent
CAPACITY_PER_S = {"Compute": 1 / COMPUTE_S, "Wait": AT_ONCE / WAIT_S}
TIMES = 3
CONNECTIONS = 8
DEADLINE_S = 0.5
HEALTH_PER_S = 50
WARM_UP_S = 3.0
ROUNDS = 3
REQUEST = b"x" * 64
LEAST_GOODPUT = 0.7
GOODPUT, ANSWERED = "goodput", "answered p99, ms"
COLUMNS = (GOODPUT, ANSWERED, "refused/s", "late/s", "health p50, ms", "health p99, ms")
TITLES = {
    "Compute": f"Handlers that compute for {COMPUTE_S * 1e3:g} ms",
    "Wait": f"Handlers that wait for {WAIT_S * 1e3:g} ms, {AT_ONCE} at once",
}


@dataclass(slots=True)
class Outcome:
    """What callers noticed."""

    answered_s: list[float] = field(default_factory=list)
    refused: int = 0
    late: int = 0
    health_s: list[float] = field(default_factory=list)


async def one(call: grpc.aio.UnaryUnaryMultiCallable, outcome: Outcome) -> None:
    began_s = asyncio.get_running_loop().time()
    try:
        await call(REQUEST, timeout=DEADLINE_S)
    except grpc.aio.AioRpcError as error:
        if (
            error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            and "reply would" not in error.details()
        ):
            outcome.late += 1
        else:
            outcome.refused += 1
    else:
        outcome.answered_s.append(asyncio.get_running_loop().time() - began_s)


async def look(call: grpc.aio.UnaryUnaryMultiCallable, outcome: Outcome) -> None:
    began_s = asyncio.get_running_loop().time()
    with suppress(grpc.aio.AioRpcError):
        await call(REQUEST, timeout=5)
    outcome.health_s.append(asyncio.get_running_loop().time() - began_s)


async def paced(per_s: float, until_s: float, start: object) -> None:
    """Starts calls at a steady pace, and waits for the last."""
    loop = asyncio.get_running_loop()
    begun, calls, began_s = 0, set(), loop.time()
    while loop.time() < until_s:
        while begun < (loop.time() - began_s) * per_s:
            task = loop.create_task(start(begun))
            calls.add(task)
            task.add_done_callback(calls.discard)
            begun += 1
        await asyncio.sleep(0.001)
    if calls:
        await asyncio.wait(calls)


async def measure(port: int, method: str, seconds: float) -> Outcome:
    loop = asyncio.get_running_loop()
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
    channels = [
        grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) for _ in range(CONNECTIONS + 1)
    ]
    works = [each.unary_unary(f"/Work/{method}") for each in channels[:-1]]
    health = channels[-1].unary_unary("/Work/Health")
    warm_up, outcome = Outcome(), Outcome()
    asked = TIMES * CAPACITY_PER_S[method]
    # What calls usually take is learnt while there is no overload.
    for per_s, noted, length_s in (
        (0.3 * CAPACITY_PER_S[method], warm_up, 1.0),
        (asked, warm_up, WARM_UP_S),
        (asked, outcome, seconds),
    ):
        until_s = loop.time() + length_s
        await asyncio.gather(
            paced(per_s, until_s, lambda n, to=noted: one(works[n % CONNECTIONS], to)),
            paced(HEALTH_PER_S, until_s, lambda _, to=noted: look(health, to)),
        )
    for each in channels:
        await each.close()
    return outcome


def row(outcome: Outcome, method: str, seconds: float) -> dict[str, float]:
    health = statistics.quantiles(outcome.health_s, n=100)
    found = {
        GOODPUT: len(outcome.answered_s) / seconds / CAPACITY_PER_S[method],
        "refused/s": outcome.refused / seconds,
        "late/s": outcome.late / seconds,
        "health p50, ms": health[49] * 1e3,
        "health p99, ms": health[98] * 1e3,
    }
    if len(outcome.answered_s) > 1:
        found[ANSWERED] = statistics.quantiles(outcome.answered_s, n=100)[98] * 1e3
    return found


def median(rows: list[dict[str, float]]) -> dict[str, float]:
    """Of each figure over the rounds; without what one of them could not tell."""
    return {
        name: statistics.median(each[name] for each in rows)
        for name in COLUMNS
        if all(name in each for each in rows)
    }


@contextmanager
def serving(adaptive: str) -> Iterator[int]:
    """The port of a server with or without an adaptive limit."""
    command = [sys.executable, HERE / "overload_server.py", adaptive]
    with running(command, core=cores()[0]) as server:
        yield server.port


def run(rounds: int, seconds: float) -> Report:
    report = Report("three times as much as can be done")
    rows: defaultdict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    with ExitStack() as stack:
        # All before the first call: gRPC's threads do not like forks.
        ports = {
            key: stack.enter_context(serving(key[1])) for key in product(TITLES, ("off", "on"))
        }
        for number, (key, port) in product(range(1, rounds + 1), ports.items()):
            method, adaptive = key
            print(f"{method}, adaptive {adaptive}, {number}", file=sys.stderr, flush=True)
            rows[key].append(row(uvloop.run(measure(port, method, seconds)), method, seconds))
    for method, title in TITLES.items():
        found = {f"adaptive {each}": median(rows[method, each]) for each in ("off", "on")}
        report.grids.append(Grid(title, COLUMNS, found))
        claim = f"{title}: goodput with an adaptive limit"
        report.claims.append(Claim(claim, found["adaptive on"][GOODPUT], at_least=LEAST_GOODPUT))
    return report


def main() -> None:
    parser = argument_parser()
    parser.set_defaults(rounds=ROUNDS)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each round is")
    arguments = parser.parse_args()
    publish(run(arguments.rounds, arguments.seconds), arguments.json)


if __name__ == "__main__":
    main()
