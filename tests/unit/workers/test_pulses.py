"""A process is known by its own beats, though another has had its number before."""

import os
import struct

import pytest

from blrcs.workers.pulses import Pulses
from blrcs.workers.segment import Segment
from blrcs_native.shared.shared_map import SharedRegion

PLACES = 4
WORD_BYTES, PLACE_BYTES = 8, 24  # as pulses.py states
DEAD_NS, LIVING_NS = 111, 999


@pytest.fixture
def region() -> SharedRegion:
    return Segment.create({"pulses": Pulses.size_bytes_for(PLACES)}, slots=1).region("pulses")


def beat(region: SharedRegion, place: int, at_ns: int) -> None:
    struct.pack_into("=Q", memoryview(region), place * PLACE_BYTES + WORD_BYTES, at_ns)


@pytest.mark.parametrize(("dead", "living"), [(1, 3), (3, 1)])
def test_of_those_with_the_same_number_it_is_the_living_one_that_beats(
    region: SharedRegion, dead: int, living: int
) -> None:
    pulses = Pulses(region)
    pulses.begin(dead)
    beat(region, dead, DEAD_NS)
    pulses.begin(living)
    beat(region, living, LIVING_NS)
    assert pulses.last_of(os.getpid()) == LIVING_NS
    beat(region, living, LIVING_NS + 1)
    assert pulses.last_of(os.getpid()) == LIVING_NS + 1


def test_who_has_no_place_has_not_beaten(region: SharedRegion) -> None:
    assert Pulses(region).last_of(os.getpid()) == 0
