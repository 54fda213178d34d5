import pytest

from blrcs_native.limits.limiter import Rule
from tests.unit.native.limits.limiting import ALGORITHMS, SECOND


@pytest.fixture(params=ALGORITHMS)
def rule(request):
    """Five in a second, of each kind."""
    return Rule(request.param, 5, SECOND, identity="test")
