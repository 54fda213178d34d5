"""Which transaction depends on which (Adya, Weak Consistency, 1999, chapter 3)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from tests.conformance.database.histories.history import History, Read, Run

Edges = dict[Run, set[Run]]


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Edges between committed transactions, from whom to who comes after.

    Attributes:
        ww: The one appended right before the other, to the same list.
        wr: The other read a list as the one had left it.
        rw: The one read a list, and the other appended what was next.
    """

    ww: Edges = field(default_factory=dict)
    wr: Edges = field(default_factory=dict)
    rw: Edges = field(default_factory=dict)


def dependencies(history: History, orders: Mapping[str, tuple[int, ...]]) -> Dependencies:
    """Those that a history shows.

    Args:
        history: All transactions.
        orders: For each list all that was ever in it, in order.
    """
    writers = {(key, value): run for run in history for key in orders for value in run.appends(key)}
    found = Dependencies()

    def add(edges: Edges, one: Run | None, other: Run | None) -> None:
        if one and other and one is not other and one.committed and other.committed:
            edges.setdefault(one, set()).add(other)

    for key, order in orders.items():
        for value, after in pairwise(order):
            add(found.ww, writers.get((key, value)), writers.get((key, after)))
    for run in history:
        for step in run.steps:
            if not isinstance(step, Read):
                continue
            order = orders[step.key]
            seen = len(step.values)
            if seen:
                add(found.wr, writers.get((step.key, step.values[-1])), run)
            if seen < len(order):
                add(found.rw, run, writers.get((step.key, order[seen])))
    return found


def union(*graphs: Edges) -> Edges:
    """All edges."""
    return {
        run: set().union(*(graph.get(run, ()) for graph in graphs))
        for run in {run for graph in graphs for run in graph}
    }


def followed_by(first: Edges, second: Edges) -> Edges:
    """A step of the first and then one of the second, as one edge."""
    return {
        run: {last for middle in others for last in second.get(middle, ())}
        for run, others in first.items()
    }


def cycle(edges: Edges) -> list[Run] | None:
    """A shortest way from some transaction back to itself, if there is any."""
    ways = (_way_back(edges, run) for run in _on_cycles(edges))
    return min((way for way in ways if way is not None), key=len, default=None)


def _on_cycles(edges: Edges) -> Iterable[Run]:
    """What is left when all that nothing leads to, or that leads nowhere, is taken away."""
    left = {run: set(others) for run, others in edges.items() if others}
    while True:
        targets = {other for others in left.values() for other in others}
        kept = {
            run: others & left.keys()
            for run, others in left.items()
            if run in targets and others & left.keys()
        }
        if kept == left:
            return left
        left = kept


def _way_back(edges: Edges, start: Run) -> list[Run] | None:
    before: dict[Run, Run] = {}
    ahead = [start]
    for run in ahead:
        for other in edges.get(run, ()):
            if other is start:
                return list(_backwards(before, run, start))[::-1]
            if other not in before:
                before[other] = run
                ahead.append(other)
    return None


def _backwards(before: Mapping[Run, Run], run: Run, start: Run) -> Iterator[Run]:
    while run is not start:
        yield run
        run = before[run]
    yield start
