"""Slow statements, put together by their text."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from blrcs.database.slow_log.entry import SlowEntry


@dataclass(slots=True)
class SlowGroup:
    """All executions of one statement.

    Attributes:
        sql: Its text.
        durations_ns: Of each.
        waited_ns: What they waited for connections, in all.
        last_ns: When the last one ended.
        caller: Who ran that.
        plan: The last one that is known.
        hint: What goes with that plan.
    """

    sql: str
    durations_ns: list[int] = field(default_factory=list)
    waited_ns: int = 0
    last_ns: int = 0
    caller: str = ""
    plan: str | None = None
    hint: str | None = None

    def add(self, entry: SlowEntry) -> None:
        """Adds one, which is later than those before."""
        self.durations_ns.append(entry.duration_ns)
        self.waited_ns += entry.waited_ns
        self.last_ns = entry.at_ns
        self.caller = entry.caller
        if entry.plan is not None:
            self.plan, self.hint = entry.plan, entry.hint

    @property
    def total_ns(self) -> int:
        """How long all took together."""
        return sum(self.durations_ns)

    @property
    def p50_ns(self) -> int:
        """What half of them did not exceed."""
        ordered = sorted(self.durations_ns)
        return ordered[(len(ordered) - 1) // 2]

    @property
    def max_ns(self) -> int:
        """The longest."""
        return max(self.durations_ns)


def summarize(entries: Iterable[SlowEntry], *, since_ns: int = 0) -> list[SlowGroup]:
    """Groups of what ended at ``since_ns`` or later, those first that took longest in all."""
    groups: dict[str, SlowGroup] = {}
    for entry in entries:
        if entry.at_ns >= since_ns:
            groups.setdefault(entry.sql, SlowGroup(entry.sql)).add(entry)
    return sorted(groups.values(), key=lambda group: -group.total_ns)
