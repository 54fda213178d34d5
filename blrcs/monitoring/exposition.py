"""A registry as Prometheus text or OpenMetrics, rendered in slices.

The loop is let go between them, so that a scrape delays no call by more than a slice.
"""

import asyncio
import copy
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

SLICE_SAMPLES = 128
OPENMETRICS_END = b"# EOF\n"

# Samples that the text format moves behind all others, so that their family is not to be cut.
_MOVED = ("_created", "_gsum", "_gcount")


def choose_encoder_for(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    """The encoder that an Accept header asks for, and the content type of what it writes."""
    try:
        return choose_encoder(accept)
    except TypeError:  # from comparing a version that is not made of numbers
        return choose_encoder("")


class _One(Collector):
    """A single metric, for an encoder, which takes collectors."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterator[Metric]:
        yield self._metric


async def render(registry: CollectorRegistry, encode: Callable[[Collector], bytes]) -> bytes:
    """The exposition without OpenMetrics' end, letting the loop go after each slice."""
    parts = []
    for metric in registry.collect():
        for index, piece in enumerate(_slices(metric)):
            lines = encode(_One(piece)).removesuffix(OPENMETRICS_END)
            while index and lines.startswith(b"# "):
                lines = lines.partition(b"\n")[2]
            parts.append(lines)
            await asyncio.sleep(0)
    return b"".join(parts)


def _slices(metric: Metric) -> Iterator[Metric]:
    samples = metric.samples
    if any(sample.name.endswith(_MOVED) for sample in samples):
        yield metric
        return
    for start in range(0, max(len(samples), 1), SLICE_SAMPLES):
        piece = copy.copy(metric)
        piece.samples = samples[start : start + SLICE_SAMPLES]
        yield piece
