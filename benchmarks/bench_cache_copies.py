"""CacheService.Get from a copy of what Redis keeps, and from the memory of the process itself.

Both are whole calls without a transport: the guards, and the direct answer. The copies are those
that a worker has of entries in Redis, with the look at the clock that holds them to their bound.
Nothing is asked of Redis meanwhile, so none is needed here.
"""

from bench_direct import CALLS, ENTRIES, VALUE, Roads, direct_loop, roads
from harness import Claim, Loop, Report, main, measure

from blrcs.cache.near import near_copies
from blrcs.config.cache import Cache
from blrcs_native.cache_hits import CacheHits
from blrcs_native.cache_near import NearCopies
from blrcs_native.cache_space import StoredEntry
from blrcs_native.cache_stamps import CacheStamps

TITLE = "Get, 100 bytes"
NAMESPACE = "sessions"
STAMPS = 65_536
FAR_AHEAD_NS = 1 << 62
MOST = 1.2


def copies() -> NearCopies:
    """Copies of all entries, good until an instant that is far away, and is looked at each time."""
    stamps = CacheStamps(bytearray(CacheStamps.size_bytes_for(STAMPS)))
    near = near_copies(Cache(near_percent=100), stamps, CacheHits(bytearray(8)))
    near.good_until_ns = FAR_AHEAD_NS
    for number in range(ENTRIES):
        key = f"key-{number}"
        entry = StoredEntry(key, VALUE, "application/octet-stream", None)
        entry.version = number + 1
        near.keep(NAMESPACE, key, near.stamp(NAMESPACE, key), entry, 0)
    return near


def run(rounds: int) -> Report:
    name, request = CALLS[TITLE]
    body = request.SerializeToString()
    timed: dict[str, Roads] = {
        "from its own memory": roads()[name],
        "from a copy": roads(copies=copies())[name],
    }
    for road in timed.values():
        (answer,) = road.directly(body)
        assert VALUE in answer
    subjects: dict[str, Loop] = {title: direct_loop(road, body) for title, road in timed.items()}
    timings = measure(subjects, rounds=rounds)
    ratio = timings["from a copy"].median_ns / timings["from its own memory"].median_ns
    claim = Claim("a guarded Get from a copy / from its own memory", ratio, at_most=MOST)
    return Report("copies of what Redis keeps", timings, [claim])


if __name__ == "__main__":
    main(run)
