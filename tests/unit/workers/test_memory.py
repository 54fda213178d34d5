"""What is put right where a worker has died."""

from blrcs.workers.memory import GENERATIONS, lay_out


def test_what_a_dead_worker_may_have_stored_untold_is_read_anew_by_all() -> None:
    memory = lay_out(
        workers=1, limiter_cells=64, max_concurrent_calls=8, metrics_cells=64, cache_namespaces=1
    )
    held = [memory.generation(name) for name in GENERATIONS]
    stamps = memory.record_stamps().of("tenants/acme/collections/orders")
    before = stamps.stamp("7")
    assert not any(each.moved() for each in held)
    memory.recover()
    assert all(each.moved() for each in held)
    assert stamps.stamp("7") != before
