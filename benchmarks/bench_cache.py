"""The caches beside lru-dict, cachebox and cachetools: a hit among a million entries.

Every cache holds the same million str keys and is asked for all of them in an order of its own, so
that none finds in the processor's caches what another has just fetched: once with the very str
objects that it holds and once with equal ones, as a decoded request brings them. All are called by
``get``; lru-dict also by its operator ``[]``, the fastest that it has.
"""

import random
from collections.abc import Callable, Iterator
from itertools import cycle, islice

import cachebox
import cachetools
from harness import Claim, Loop, Report, main, measure, versions
from lru import LRU

from blrcs_native.cache.caches import LruCache, TtlCache

ENTRIES = 1_000_000
TTL_SECONDS = 3600
TTL_NS = TTL_SECONDS * 1_000_000_000
PROBES = 10_000
ROW = 1_000
SUBJECTS = (
    "LruCache get",
    "lru-dict get",
    "lru-dict []",
    "TtlCache get",
    "cachebox TTLCache get",
    "cachetools TTLCache get",
)


def shuffled_rows(keys: list[str]) -> Iterator[list[str]]:
    """Endless rows of keys: a plain loop over a list adds least to what is measured."""
    order = random.sample(keys, len(keys))
    return cycle([order[at : at + ROW] for at in range(0, len(order), ROW)])


def get_loop(get: Callable[[str], object], keys: list[str]) -> Loop:
    rows = shuffled_rows(keys)

    def loop(count: int) -> None:
        for row in islice(rows, count // ROW):
            for key in row:
                get(key)
        for key in next(rows)[: count % ROW]:
            get(key)

    return loop


def item_loop(cache: "LRU[str, int]", keys: list[str]) -> Loop:
    rows = shuffled_rows(keys)

    def loop(count: int) -> None:
        for row in islice(rows, count // ROW):
            for key in row:
                cache[key]
        for key in next(rows)[: count % ROW]:
            cache[key]

    return loop


def run(rounds: int) -> Report:
    lru, ttl = LruCache[str, int](ENTRIES), TtlCache[str, int](ENTRIES, TTL_NS)
    peer_lru: LRU[str, int] = LRU(ENTRIES)
    peer_box: cachebox.TTLCache[str, int]
    peer_box = cachebox.TTLCache(ENTRIES, TTL_SECONDS, capacity=ENTRIES)
    peer_tools: cachetools.TTLCache[str, int] = cachetools.TTLCache(ENTRIES, TTL_SECONDS)
    keys = [f"tenants/acme/orders/{number}" for number in range(ENTRIES)]
    for number, key in enumerate(keys):
        lru.set(key, number)
        ttl.set(key, number)
        peer_lru[key] = peer_box[key] = peer_tools[key] = number
    random.seed(1)
    asked = {"held": keys, "equal": [key.encode().decode() for key in keys]}
    assert set(asked["equal"]) == set(keys)  # a str keeps its hash: nobody is timed computing it
    subjects: dict[str, Loop] = {}
    for name, row in asked.items():
        for key in random.sample(row, PROBES):
            answers = {cache.get(key) for cache in (lru, ttl, peer_lru, peer_box, peer_tools)}
            assert answers == {int(key.rpartition("/")[2])}
        subjects |= {
            f"LruCache get, {name} keys": get_loop(lru.get, row),
            f"lru-dict get, {name} keys": get_loop(peer_lru.get, row),
            f"lru-dict [], {name} keys": item_loop(peer_lru, row),
            f"TtlCache get, {name} keys": get_loop(ttl.get, row),
            f"cachebox TTLCache get, {name} keys": get_loop(peer_box.get, row),
            f"cachetools TTLCache get, {name} keys": get_loop(peer_tools.get, row),
        }
    timings = measure(subjects, rounds=rounds)
    report = Report(
        f"cache get, {ENTRIES:,} entries",
        timings,
        peers=versions("lru-dict", "cachebox", "cachetools"),
    )
    for name in asked:
        ns = {subject: timings[f"{subject}, {name} keys"].median_ns for subject in SUBJECTS}
        lru_ns, ttl_ns = ns["LruCache get"], ns["TtlCache get"]
        box, tools = ns["cachebox TTLCache get"] / ttl_ns, ns["cachetools TTLCache get"] / ttl_ns
        report.claims += [
            Claim(f"{name} keys: time of lru-dict get", lru_ns / ns["lru-dict get"], at_most=1.3),
            Claim(f"{name} keys: time of lru-dict []", lru_ns / ns["lru-dict []"], at_most=1.3),
            Claim(f"{name} keys: times as fast as cachebox", box, at_least=1),
            Claim(f"{name} keys: times as fast as cachetools", tools, at_least=5),
        ]
    return report


if __name__ == "__main__":
    main(run)
