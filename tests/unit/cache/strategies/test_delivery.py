import pytest

from blrcs.cache.strategies.delivery import Pauses
from blrcs.cache.strategies.write_behind_options import WriteBehindOptions


@pytest.mark.parametrize(("failures", "pause_ns"), [(1, 5), (2, 10), (3, 20), (4, 35), (1000, 35)])
def test_pauses_double_up_to_their_bound_and_are_random_below(failures, pause_ns):
    options = WriteBehindOptions(first_pause_ns=10, longest_pause_ns=70)
    pauses = Pauses(options=options, monotonic=lambda: 0, random=lambda: 0.5)
    assert pauses.after_ns(failures) == pause_ns
