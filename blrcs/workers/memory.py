"""Where what the workers have in common lies: in this process alone, or in a segment."""

import secrets
import time
from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from blrcs import __version__
from blrcs.application.ports.clock import Clock
from blrcs.monitoring.family_definition import make_family
from blrcs.workers.hold_up import HoldUp
from blrcs.workers.label_sets import KnownLabelSets, LabelSets
from blrcs.workers.pulses import Pulses
from blrcs.workers.segment import Segment
from blrcs_native.cache.hits import CacheHits
from blrcs_native.cache.stamps import CacheStamps
from blrcs_native.limits.limiter import Limiter
from blrcs_native.limits.sharing import LimitSharing
from blrcs_native.monitoring.metrics import AnyFamily, MetricsBlock
from blrcs_native.shared.generation import Generation
from blrcs_native.shared.shared_map import SharedRegion
from blrcs_native.tokens.revocation_log import RevocationLog
from blrcs_native.tokens.revocations import Revocations

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

METRIC_CELLS = 131_072
LIMIT_HEADER_BYTES = 128
LIMIT_CELL_BYTES = 64
CELLS_IN_A_BUCKET = 8
MAX_PLACES = 1 << 20
NS_PER_S = 1_000_000_000
WORD_BYTES = 8
LABELS_BYTES = 4 << 20
SCHEMA = f"blrcs {__version__}"
"""How metrics are told to other processes is a matter of the program alone."""
REVOCATIONS = 4096
"""As many as a worker may miss before it reads all of them from the database."""

GUARDS = "guards"
SERVICE = "service"
SIGN_IN = "sign_in"
SIGN_IN_CELLS = 262_144
"""A table of its own: no flood of other keys can evict its cells. An account that fails takes 8."""
PROOFS = "proofs"
PROOF_CELLS = 262_144
"""As many proofs of keys as can be used in two minutes without one being forgotten."""
STRANGE_PROOFS = "strange_proofs"
STRANGE_PROOF_CELLS = 65_536
"""Those that come without a token have none forgotten that come with one."""
FAILED_TOKENS = "failed_tokens"
FAILED_TOKEN_CELLS = 65_536
CACHE_STAMPS, CACHE_HITS = "cache/stamps", "cache/hits"
STAMPS = 65_536
"""A change of one makes copies of each other one old with the probability of 1 in so many."""
STAMP_KEY_BYTES = 16
PULSES = "pulses"
ACCESS = "access"
LIMIT_RULES = "limit_rules"
RECORDS = "records"
RECORD_STAMPS = "records/stamps"
GENERATIONS = (ACCESS, LIMIT_RULES, RECORDS)


class Memory(Protocol):
    """Gives the parts of a server their state."""

    def limiter(self, name: str, capacity_cells: int) -> Limiter:
        """A limiter, whose table all workers have that ask by the same name; once for each name."""
        ...

    def generation(self, name: str) -> Generation | None:
        """What moves when a worker changes what others have copies of; None where none has."""
        ...

    def record_stamps(self) -> CacheStamps:
        """What tells that copies of records are old."""
        ...

    def revocations(self, clock: Clock) -> Revocations:
        """Where revocations are known, those of all workers."""
        ...

    def metrics(self, capacity_cells: int) -> MetricsBlock:
        """Where this process counts; at most once."""
        ...

    def registry(self, block: MetricsBlock) -> "CollectorRegistry":
        """All that is counted, by all workers."""
        ...


class OwnMemory:
    """The memory of a server of one process."""

    def __init__(self) -> None:
        self._limiters: dict[str, Limiter] = {}

    def limiter(self, name: str, capacity_cells: int) -> Limiter:
        """See Memory."""
        return self._limiters.setdefault(name, Limiter(capacity_cells))

    def generation(self, name: str) -> None:
        """See Memory."""

    def record_stamps(self) -> CacheStamps:
        """See Memory."""
        return own_stamps()

    def revocations(self, clock: Clock) -> Revocations:
        """See Memory."""
        return Revocations(clock=clock)

    def metrics(self, capacity_cells: int) -> MetricsBlock:
        """See Memory."""
        return MetricsBlock(capacity_cells)

    def registry(self, block: MetricsBlock) -> "CollectorRegistry":
        """See Memory."""
        # The supervisor and the cache's process have no metrics to show.
        from blrcs.monitoring.limiter_collector import LimiterCollector  # noqa: PLC0415
        from blrcs.monitoring.native_collector import new_registry  # noqa: PLC0415

        registry = new_registry(block)
        registry.register(LimiterCollector(self._limiters))
        return registry


class SharedMemory:
    """The memory of a server of several processes. The process has its place in the segment.

    What lies in the segment was laid out when the server started, and outweighs what is asked for.
    """

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.pulses = Pulses(segment.region(PULSES))
        self._sharings: dict[str, LimitSharing] = {}
        self._limiters: dict[str, Limiter] = {}

    def limiter(self, name: str, capacity_cells: int) -> Limiter:
        """See Memory."""
        del capacity_cells
        block = self.segment.region(f"sharing/{name}")
        sharing = LimitSharing(self.segment.slots, buffer=block)
        limiter = Limiter(buffer=self.segment.region(f"limits/{name}"), sharing=sharing)
        self._sharings[name] = sharing
        self._limiters[name] = limiter
        return limiter

    def generation(self, name: str) -> Generation:
        """See Memory."""
        return Generation(self.segment.region(f"generation/{name}"))

    def record_stamps(self) -> CacheStamps:
        """See Memory."""
        return CacheStamps(self.segment.region(RECORD_STAMPS))

    def revocations(self, clock: Clock) -> Revocations:
        """See Memory."""
        return Revocations(clock=clock, log=self._revocation_log())

    def metrics(self, capacity_cells: int) -> MetricsBlock:
        """See Memory. What an earlier worker of the same place counted is counted on."""
        cells, labels = self._slice(self.segment.slots.own)
        sets = LabelSets(labels, SCHEMA)
        if not sets.fits:
            memoryview(cells)[:] = bytes(len(cells))
            sets.clear()
        return MetricsBlock(capacity_cells, cells, label_sets=sets, keep_gauges=False)

    def registry(self, block: MetricsBlock) -> "CollectorRegistry":
        """See Memory. Other processes say themselves which families they have."""
        from blrcs.monitoring.limiter_collector import LimiterCollector  # noqa: PLC0415
        from blrcs.monitoring.summing import new_summing_registry  # noqa: PLC0415

        seen: dict[int, tuple[int, MetricsBlock]] = {}

        def look_at(slot: int) -> MetricsBlock | None:
            cells, labels = self._slice(slot)
            sets = KnownLabelSets(labels, SCHEMA)
            if not sets.fits:
                return None
            # Made anew only when the worker has come to use further families or label sets.
            size, other = seen.get(slot, (0, None))
            if other is None or size != sets.size_bytes:
                size = sets.size_bytes
                other = MetricsBlock(block.capacity_cells, cells, label_sets=sets)
                for definition in sets.families():
                    make_family(other, definition)
                seen[slot] = size, other
            return other

        def slices() -> list[tuple[Iterable[AnyFamily], bool]]:
            slots = self.segment.slots
            others = (slot for slot in range(1, slots.count) if slot != slots.own)
            found = ((look_at(slot), not slots.is_dead(slot)) for slot in others)
            return [(block, True), *((other, lives) for other, lives in found if other is not None)]

        registry = new_summing_registry(slices, self._processes, self)
        registry.register(LimiterCollector(self._limiters))
        return registry

    def cache_stamps(self) -> CacheStamps:
        """What tells that copies of cache entries are old."""
        return CacheStamps(self.segment.region(CACHE_STAMPS))

    def cache_hits(self) -> CacheHits:
        """Where this process counts what its copies of cache entries answer."""
        return self._cache_hits(self.segment.slots.own)

    def all_cache_hits(self) -> list[CacheHits]:
        """Where all processes do."""
        return [self._cache_hits(slot) for slot in range(self.segment.slots.count)]

    def _cache_hits(self, slot: int) -> CacheHits:
        return CacheHits(self.segment.part(CACHE_HITS, slot, self.segment.slots.count))

    @property
    def keeper_place(self) -> int:
        """Where the keeper of the cache beats, which has no place among the workers."""
        return self.segment.slots.count

    def last_beat(self, process: int) -> int:
        """When the loop of a process has turned last; 0 before it did."""
        return self.pulses.last_of(process)

    def silences_s(self) -> Mapping[str, float]:
        """How long ago the loop of each living worker has turned last."""
        now_ns = time.monotonic_ns()
        lasts = {worker: self.pulses.last_ns(int(worker)) for worker in self._processes()}
        return {worker: (now_ns - ns) / NS_PER_S for worker, ns in lasts.items() if ns}

    def cpu_s(self) -> Mapping[str, float]:
        """What the workers of each place have used of processors, the dead ones among them."""
        places = range(1, self.segment.slots.count)
        used_ns = {str(place): self.pulses.cpu_ns(place) for place in places}
        return {worker: ns / NS_PER_S for worker, ns in used_ns.items() if ns}

    def count_hang(self) -> None:
        """Counts one that is ended because it hung."""
        self.pulses.count_hang()

    def hangs(self) -> int:
        """How many there have been."""
        return self.pulses.hangs

    def hold_ups(self) -> Mapping[Hashable, HoldUp]:
        """Who waits just now, by its place and what tells this wait of it from others."""
        slots = self.segment.slots
        found: dict[Hashable, HoldUp] = {}
        for waiter in range(slots.count):
            wait = slots.waiting(waiter)
            if wait is None or slots.is_dead(waiter):
                continue
            place, number = wait
            # What this process could not have it tries again, which is another wait each time.
            found[waiter, place, number if waiter != slots.own else 0] = HoldUp(
                slots.holder(waiter), slots.holder(place), slots.tries(waiter)
            )
        return found

    def _processes(self) -> dict[str, int]:
        slots = self.segment.slots
        return {
            str(slot): self.pulses.process(slot)
            for slot in range(1, slots.count)
            if self.pulses.process(slot) and not slots.is_dead(slot)
        }

    def _slice(self, slot: int) -> tuple[SharedRegion, memoryview]:
        count = self.segment.slots.count
        labels = memoryview(self.segment.part("labels", slot, count))
        return self.segment.part("metrics", slot, count), labels

    def recover(self) -> bool:
        """Puts right what processes left that have died since; to be called after each death.

        Waits for nobody: False where another process has what is needed, which may be stopped. To
        be called again then; `hold_ups` tells which it is.
        """
        # They may have stored what they had not come to tell.
        for name in GENERATIONS:
            self.generation(name).bump()
        self.record_stamps().bump_all()
        try:
            self._revocation_log().ask_to_reload(wait=False)
            for sharing in self._sharings.values():
                for slot in range(self.segment.slots.count):
                    sharing.recover(slot, wait=False)
        except BlockingIOError:
            return False
        return True

    def _revocation_log(self) -> RevocationLog:
        return RevocationLog(self.segment.slots, buffer=self.segment.region("revocations"))


def own_stamps() -> CacheStamps:
    """Stamps that no other process knows."""
    buffer = bytearray(CacheStamps.size_bytes_for(STAMPS))
    CacheStamps.lay_out(buffer, secrets.token_bytes(STAMP_KEY_BYTES))
    return CacheStamps(buffer)


def lay_out(
    *,
    workers: int,
    limiter_cells: int,
    max_concurrent_calls: int,
    metrics_cells: int,
    cache_namespaces: int,
) -> SharedMemory:
    """The supervisor's view of new memory for so many workers; it has the first place.

    During a rolling restart a worker and its successor run side by side, and one that drains may
    outlast the next restart, so there are two places for each.
    """
    slots = 2 * workers + 1
    # A call may hold several; what has no place lapses with its rule's period.
    places = dict.fromkeys((SERVICE, SIGN_IN, PROOFS, STRANGE_PROOFS, FAILED_TOKENS), 0)
    places[GUARDS] = min(2 * max_concurrent_calls, MAX_PLACES)
    cells = {
        GUARDS: limiter_cells,
        SERVICE: limiter_cells,
        SIGN_IN: SIGN_IN_CELLS,
        PROOFS: PROOF_CELLS,
        STRANGE_PROOFS: STRANGE_PROOF_CELLS,
        FAILED_TOKENS: FAILED_TOKEN_CELLS,
    }
    sizes_bytes: dict[str, int] = {}
    for name, count in cells.items():
        buckets = -(-count // CELLS_IN_A_BUCKET)
        table_bytes = LIMIT_HEADER_BYTES + buckets * CELLS_IN_A_BUCKET * LIMIT_CELL_BYTES
        sizes_bytes[f"limits/{name}"] = table_bytes
        sizes_bytes[f"sharing/{name}"] = LimitSharing.size_bytes_for(slots, places[name])
    sizes_bytes |= {f"generation/{name}": WORD_BYTES for name in GENERATIONS}
    sizes_bytes["metrics"] = slots * metrics_cells * WORD_BYTES
    sizes_bytes["labels"] = slots * LABELS_BYTES
    sizes_bytes[PULSES] = Pulses.size_bytes_for(slots + 1)  # and the keeper of the cache
    for name in (CACHE_STAMPS, RECORD_STAMPS):
        sizes_bytes[name] = CacheStamps.size_bytes_for(STAMPS)
    sizes_bytes[CACHE_HITS] = slots * cache_namespaces * WORD_BYTES
    sizes_bytes["revocations"] = RevocationLog.size_bytes_for(REVOCATIONS)
    segment = Segment.create(sizes_bytes, slots=slots)
    segment.slots.take(0)
    for name in (CACHE_STAMPS, RECORD_STAMPS):
        CacheStamps.lay_out(segment.region(name), secrets.token_bytes(STAMP_KEY_BYTES))
    for name, count in places.items():
        # Its header is written before any worker is there; what it says holds for all.
        LimitSharing(segment.slots, buffer=segment.region(f"sharing/{name}"), places=count)
    memory = SharedMemory(segment)
    for name in cells:
        memory.limiter(name, 0)
    return memory
