"""Who was held up has as long as any again; nobody else has."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, cast

from blrcs.supervisor.watch import HOLDING_S, Watch
from blrcs.workers.hold_up import HoldUp

HANG_S = 30
LOOK_S = 0.5
HOLDER, WAITER, BYSTANDER = 10, 20, 30


class Process:
    has_started = True
    is_stopped = False

    def __init__(self, process_id: int) -> None:
        self.process_id = process_id


class Starting(Process):
    """Does not beat, as none does before it serves."""

    has_started = False


class Seat:
    """One seat that all processes have; those that are ended stay."""

    def __init__(self, *processes: int, kind: type[Process] = Process) -> None:
        self._processes = [kind(each) for each in processes]
        self.ended: dict[int, str] = {}

    def watched(self) -> list[Process]:
        return self._processes

    def set_late(self, process: Process, *, now: bool) -> None:
        pass

    def abandon(self, process: Process, why: str) -> bool:
        return self.ended.setdefault(process.process_id, why) is why


class Signs:
    """Nobody beats; who waits goes on to try."""

    def __init__(self) -> None:
        self.waits: dict[Hashable, tuple[int, int]] = {}
        self.tries = True
        self._looks = self._tried = 0

    def last_beat(self, process: int) -> int:
        return self._looks if process == HOLDER else 0

    def hold_ups(self) -> Mapping[Hashable, HoldUp]:
        self._looks += 1
        if self.tries:
            self._tried = self._looks
        return {wait: HoldUp(*each, self._tried) for wait, each in self.waits.items()}

    def count_hang(self) -> None:
        pass


def looking(seat: Seat, signs: Signs) -> Callable[[float], None]:
    """What lets time pass for those who are watched."""
    watch = Watch(HANG_S, lambda: cast("Any", [seat]), signs)

    def pass_time(seconds: float) -> None:
        for _ in range(round(seconds / LOOK_S)):
            watch.look(LOOK_S)

    return pass_time


def test_who_was_held_up_has_as_long_again_and_nobody_else() -> None:
    seat, signs = Seat(HOLDER, WAITER, BYSTANDER), Signs()
    pass_time = looking(seat, signs)
    pass_time(HANG_S - HOLDING_S - 5)
    signs.waits = {"wait": (WAITER, HOLDER)}
    pass_time(HOLDING_S + LOOK_S)
    assert seat.ended == {HOLDER: "holds up others"}
    signs.waits = {}
    pass_time(HANG_S - 1)
    assert seat.ended == {HOLDER: "holds up others", BYSTANDER: "hangs"}
    pass_time(1)
    assert seat.ended[WAITER] == "hangs"


def test_who_did_not_come_to_try_just_then_was_held_up_too() -> None:
    seat, signs = Seat(HOLDER, WAITER), Signs()
    pass_time = looking(seat, signs)
    signs.waits = {"wait": (WAITER, HOLDER), "own": (0, HOLDER)}
    pass_time(HOLDING_S)
    signs.tries = False
    pass_time(LOOK_S)
    assert seat.ended == {HOLDER: "holds up others"}
    signs.waits = {}
    pass_time(HANG_S - 1)
    assert WAITER not in seat.ended


def test_a_start_may_take_long_but_not_while_it_is_stopped() -> None:
    seat = Seat(BYSTANDER, kind=Starting)
    (process,) = seat.watched()
    pass_time = looking(seat, Signs())
    pass_time(2 * HANG_S)
    process.is_stopped = True
    pass_time(HANG_S - 1)
    assert not seat.ended
    process.is_stopped = False
    pass_time(LOOK_S)
    process.is_stopped = True
    pass_time(HANG_S - 1)
    assert not seat.ended
    pass_time(1)
    assert seat.ended == {BYSTANDER: "hangs"}


def test_a_start_that_holds_up_others_is_ended() -> None:
    seat, signs = Seat(BYSTANDER, kind=Starting), Signs()
    signs.waits = {"wait": (WAITER, BYSTANDER)}
    looking(seat, signs)(HOLDING_S + LOOK_S)
    assert seat.ended == {BYSTANDER: "holds up others"}
