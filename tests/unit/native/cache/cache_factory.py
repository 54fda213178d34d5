"""What the tests of the caches set up: a clock, keys of every temper, and caches under load."""

from blrcs_native.cache.caches import TtlCache

TTL_NS = 100
HALF_OF_INT64 = 2**62


class FakeClock:
    """A clock that stands where it is put."""

    def __init__(self, now=0):
        self.now = now

    def __call__(self):
        return self.now


class Colliding:
    """Equal by value to others of its kind; all have one hash, so that tables must ask __eq__."""

    def __init__(self, number):
        self.number = number

    def __hash__(self):
        return 7

    def __eq__(self, other):
        return isinstance(other, Colliding) and self.number == other.number

    def __repr__(self):
        return f"Colliding({self.number})"


class Meddler:
    """A key that does something whenever it is compared."""

    def __init__(self, meddle):
        self.meddle = meddle

    def __hash__(self):
        return 7

    def __eq__(self, other):
        return self.meddle() or self is other


class Value:
    """Something a weak reference can watch."""

    def meet(self, *arguments):
        """A callback that keeps this value alive and answers with it."""
        return self


def ttl_cache(clock, **limits):
    return TtlCache(**{"max_entries": 100, "ttl_ns": TTL_NS, "clock": clock} | limits)


def grow(cache):
    for number in range(90):
        cache.set(f"grown {number}", number)


def usable(cache):
    """Whether the cache still does all it should, after being emptied."""
    for key in list(cache):
        assert cache.delete(key)
    cache.reclaim(1_000)
    assert len(cache) == 0
    assert cache.used_bytes == 0
    for key in range(300):
        cache.set(key, key)
    found = [cache.get(key) for key in list(cache)]
    return found == list(range(200, 300))
