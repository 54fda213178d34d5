from blrcs.cache.strategies.backlog import Backlog, take_batch
from blrcs.cache.strategies.held import Held
from blrcs.domain.logged_write import LoggedWrite


def write(sequence, key="k", value=b"1234"):
    return LoggedWrite(sequence, key, value, 0)


def test_the_latest_write_of_a_key_is_known_until_it_is_removed():
    backlog = Backlog()
    first, second = write(1), write(2)
    backlog.add(first)
    backlog.add(second)
    assert backlog.latest("k") is second
    backlog.remove(first)
    assert backlog.latest("k") is second
    backlog.remove(second)
    assert backlog.latest("k") is None
    assert backlog.latest("other") is None


def test_what_is_done_goes_up_to_the_oldest_that_is_left():
    backlog = Backlog()
    backlog.skip(10)
    assert backlog.done_up_to == 10
    writes = [write(11), write(12), write(13)]
    for each in writes:
        backlog.add(each)
    assert [backlog.take() for _ in range(4)] == [*writes, None]
    backlog.remove(writes[1])
    assert (backlog.oldest, backlog.done_up_to, backlog.taken_up_to) == (writes[0], 10, 13)
    backlog.remove(writes[0])
    assert backlog.done_up_to == 12
    backlog.remove(writes[2])
    assert backlog.done_up_to == 13
    assert len(backlog) == backlog.size_bytes == 0


def test_a_write_that_somebody_has_in_hand_is_not_taken_again():
    backlog = Backlog()
    backlog.skip(5)
    backlog.add(write(3), taken=True)
    backlog.add(write(6))
    assert backlog.done_up_to == 2
    assert backlog.take().sequence == 6
    assert backlog.take() is None


def test_a_batch_leaves_out_what_has_to_wait_behind_its_key():
    backlog, held = Backlog(), Held()
    held.hold(write(1, "held"))
    for sequence, key in enumerate(["a", "held", "b", "a", "held"], 2):
        backlog.add(write(sequence, key))
    batch, behind = take_batch(backlog, held, 4, 1000)
    assert [each.sequence for each in batch] == [2, 4, 5]
    assert [each.sequence for each in behind] == [3]
    assert take_batch(backlog, held, 4, 1000)[1][0].sequence == 6


def test_a_batch_ends_with_the_write_that_fills_it():
    backlog = Backlog()
    for sequence in range(1, 5):
        backlog.add(write(sequence))
    assert len(take_batch(backlog, (), 10, 6)[0]) == 2
    assert len(take_batch(backlog, (), 10, 1)[0]) == 1


def test_held_keys_go_on_write_by_write():
    held = Held()
    first = held.hold(write(1, "a"))
    held.hold(write(3, "a"))
    other = held.hold(write(2, "b"))
    first.attempts, first.refusals, first.due_ns, other.due_ns = 3, 2, 7, 5
    assert "a" in held
    assert held.sequences == {1, 2, 3}
    assert held.first_due() is other
    assert held.pop(other).sequence == 2
    assert "b" not in held
    assert held.pop(first).sequence == 1
    assert (first.attempts, first.refusals, first.due_ns) == (0, 0, 0)
    assert held.pop(held.first_due()).sequence == 3
    assert held.first_due() is None
    assert len(held) == 0
