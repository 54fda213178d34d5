"""What is put right where a worker has died."""

import struct

from blrcs.workers.memory import GENERATIONS, SharedMemory, lay_out
from tests.integration.workers.locking import locked_by_another

LOG_OWNER_AT = 8  # as revocation_log.pxd states
STOPPED = 2


def new_memory() -> SharedMemory:
    return lay_out(
        workers=1, limiter_cells=64, max_concurrent_calls=8, metrics_cells=64, cache_namespaces=1
    )


def test_what_a_dead_worker_may_have_stored_untold_is_read_anew_by_all() -> None:
    memory = new_memory()
    held = [memory.generation(name) for name in GENERATIONS]
    stamps = memory.record_stamps().of("tenants/acme/collections/orders")
    before = stamps.stamp("7")
    assert not any(each.moved() for each in held)
    assert memory.recover()
    assert all(each.moved() for each in held)
    assert stamps.stamp("7") != before


def test_who_holds_up_what_is_to_be_put_right_is_told() -> None:
    memory = new_memory()
    log = memoryview(memory.segment.region("revocations"))
    log[LOG_OWNER_AT : LOG_OWNER_AT + 8] = struct.pack("=Q", STOPPED + 1)
    generation = memory.generation(GENERATIONS[0])
    with locked_by_another(memory.segment.locks, STOPPED) as process:
        assert not memory.recover()
        assert generation.moved(), "what needs no lock is done"
        first = memory.hold_ups()
        ((wait, told),) = first.items()
        assert (told.waiter, told.holder) == (0, process)
        assert not memory.recover()
        ((again, later),) = memory.hold_ups().items()
        assert again == wait, "it is the same wait, though it was tried again"
        assert later.tries > told.tries
    assert memory.recover()
    assert memory.hold_ups() == {}
