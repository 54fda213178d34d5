"""Metrics as a dict: the value of each sample by its name and labels."""

from collections.abc import Iterable

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.registry import Collector

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples_of(families: Iterable[Metric]) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.startswith("blrcs_metrics_label_overflow")
    }


def openmetrics_text(registry: Collector) -> bytes:
    text: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
    return text


def openmetrics_samples(text: bytes) -> Samples:
    parse = openmetrics_parser.text_string_to_metric_families
    return samples_of(parse(text.decode()))  # type: ignore[no-untyped-call]
