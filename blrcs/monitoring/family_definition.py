"""What a family of metrics is, as JSON has it, so that another process can make one alike."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from blrcs_native.monitoring.metrics import (
    AnyFamily,
    Counter,
    DurationHistogram,
    Gauge,
    Histogram,
    MetricsBlock,
)

FamilyDefinition: TypeAlias = Mapping[str, Any]

KINDS: dict[str, type[AnyFamily]] = {
    each.__name__: each for each in (Counter, Gauge, Histogram, DurationHistogram)
}


def definition_of(family: AnyFamily) -> FamilyDefinition:
    """All that the family was made of; two are alike where these are equal."""
    definition: dict[str, Any] = {
        "kind": type(family).__name__,
        "name": family.name,
        "help_text": family.help_text,
        "label_names": list(family.label_names),
        "max_label_sets": family.max_label_sets,
    }
    if isinstance(family, Gauge):
        definition["combine"] = family.combine
    elif isinstance(family, Histogram):
        definition["bounds"] = list(family.bounds)
    elif isinstance(family, DurationHistogram):
        definition["bounds_ns"] = list(family.bounds_ns)
    return definition


def make_family(block: MetricsBlock, definition: FamilyDefinition) -> AnyFamily:
    """The family in another block."""
    given = dict(definition)
    return KINDS[given.pop("kind")](block, **given)
