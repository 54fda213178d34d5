"""What a history shows that an isolation forbids."""

from collections.abc import Iterator
from dataclasses import dataclass

from blrcs.database.adapter import Isolation
from tests.conformance.database.histories.graph import (
    Edges,
    cycle,
    dependencies,
    followed_by,
    union,
)
from tests.conformance.database.histories.history import Append, History, Read, Run


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something that must not be.

    Attributes:
        name: As Adya and Elle call it.
        runs: Those that are part of it.
        what: For people.
    """

    name: str
    runs: tuple[Run, ...]
    what: str


def anomalies(history: History, isolation: Isolation) -> list[Anomaly]:
    """All kinds of anomalies of a history that an isolation forbids.

    READ COMMITTED forbids G0, G1a, G1b and G1c. REPEATABLE READ is taken for what the databases
    make of it, snapshots whose first committer wins: of a cycle at least two edges in a row have to
    be anti-dependencies (Cerone and Gotsman, Analysing Snapshot Isolation, 2018), so that there is
    no lost update, and reads are repeatable, but write skew is possible. SERIALIZABLE forbids any
    cycle. All of them forbid that an acknowledged append is lost, or that one is there twice.
    """
    orders = _orders(history)
    if isinstance(orders, Anomaly):
        return [orders]
    found = [*_lost(history, orders), *_aborted(history), *_unfinished(history), *_own(history)]
    edges = dependencies(history, orders)
    finished = union(edges.ww, edges.wr)
    forbidden: dict[str, Edges] = {"G0": edges.ww, "G1c": finished}
    if isolation is Isolation.REPEATABLE_READ:
        forbidden["G-SI"] = union(finished, followed_by(finished, edges.rw))
    if isolation is Isolation.SERIALIZABLE:
        forbidden["G2"] = union(finished, edges.rw)
    for name, graph in forbidden.items():
        around = cycle(graph)
        if around is not None:
            what = " before ".join(map(repr, [*around, around[0]]))
            found.append(Anomaly(name, tuple(around), what))
    return found


def _reads(history: History) -> Iterator[tuple[Run, Read]]:
    for run in history:
        if run.committed:
            yield from ((run, step) for step in run.steps if isinstance(step, Read))


def _orders(history: History) -> dict[str, tuple[int, ...]] | Anomaly:
    """For each list the longest that was read of it; all others have to be how that began."""
    orders: dict[str, tuple[int, ...]] = {}
    for run, step in sorted(_reads(history), key=lambda each: -len(each[1].values)):
        longest = orders.setdefault(step.key, step.values)
        if longest[: len(step.values)] != step.values or len(set(longest)) < len(longest):
            return Anomaly("order", (run,), f"{step.key} was {longest} and {step.values}")
    return {**{step.key: () for run in history for step in run.steps}, **orders}


def _lost(history: History, orders: dict[str, tuple[int, ...]]) -> Iterator[Anomaly]:
    """A history ends with a read of all lists, so that whatever lasts is in it."""
    for run in history:
        for step in run.steps if run.committed else ():
            if isinstance(step, Append) and step.value not in orders[step.key]:
                yield Anomaly("lost", (run,), f"{step.value} is not in {step.key}")


def _aborted(history: History) -> Iterator[Anomaly]:
    writers = {
        (step.key, step.value): run
        for run in history
        for step in run.steps
        if isinstance(step, Append) and not run.committed
    }
    for run, step in _reads(history):
        for value in step.values:
            writer = writers.get((step.key, value))
            if writer is not None:
                yield Anomaly("G1a", (writer, run), f"{value} in {step.key} was undone")


def _unfinished(history: History) -> Iterator[Anomaly]:
    """The last of what a transaction appends to a list is all that others may see as the last."""
    unfinished = {
        (key, value): run
        for run in history
        for key in {step.key for step in run.steps}
        for value in run.appends(key)[:-1]
    }
    for run, step in _reads(history):
        writer = unfinished.get((step.key, step.values[-1])) if step.values else None
        if writer is not None and writer is not run:
            yield Anomaly("G1b", (writer, run), f"{step.key} was not yet done")


def _own(history: History) -> Iterator[Anomaly]:
    """A transaction sees what it has appended itself, at the end."""
    for run in history:
        own: dict[str, tuple[int, ...]] = {}
        for step in run.steps if run.committed else ():
            before = own.get(step.key, ())
            if isinstance(step, Append):
                own[step.key] = (*before, step.value)
            elif before and step.values[-len(before) :] != before:
                yield Anomaly("internal", (run,), f"{step.key} lacks {before}")
