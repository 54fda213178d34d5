"""Who was held up has as long as any again; nobody else has."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, cast

from blrcs.supervisor.watch import HOLDING_S, Watch
from blrcs.workers.hold_up import HoldUp

HANG_S = 30
LOOK_S = 0.5
HOLDER, WAITER, BYSTANDER = 10, 20, 30


class Process:
    def __init__(self, process_id: int) -> None:
        self.process_id = process_id


class Seat:
    """One seat that all processes have; those that are ended stay."""

    def __init__(self, *processes: int) -> None:
        self._processes = [Process(each) for each in processes]
        self.ended: dict[int, str] = {}

    def watched(self) -> Iterable[Process]:
        return self._processes

    def set_late(self, process: Process, *, now: bool) -> None:
        pass

    def abandon(self, process: Process, why: str) -> bool:
        return self.ended.setdefault(process.process_id, why) is why


class Signs:
    """Nobody beats; who waits goes on to try."""

    def __init__(self) -> None:
        self.waits: dict[Hashable, tuple[int, int]] = {}
        self._looks = 0

    def last_beat(self, process: int) -> int:
        return self._looks if process == HOLDER else 0

    def hold_ups(self) -> Mapping[Hashable, HoldUp]:
        self._looks += 1
        return {wait: HoldUp(*each, self._looks) for wait, each in self.waits.items()}

    def count_hang(self) -> None:
        pass


def test_who_was_held_up_has_as_long_again_and_nobody_else() -> None:
    seat, signs = Seat(HOLDER, WAITER, BYSTANDER), Signs()
    watch = Watch(HANG_S, lambda: cast("Any", [seat]), signs)

    def pass_time(seconds: float) -> None:
        for _ in range(round(seconds / LOOK_S)):
            watch.look(LOOK_S)

    pass_time(HANG_S - HOLDING_S - 5)
    signs.waits = {"wait": (WAITER, HOLDER)}
    pass_time(HOLDING_S + LOOK_S)
    assert seat.ended == {HOLDER: "holds up others"}
    signs.waits = {}
    pass_time(HANG_S - 1)
    assert seat.ended == {HOLDER: "holds up others", BYSTANDER: "hangs"}
    pass_time(1)
    assert seat.ended[WAITER] == "hangs"
