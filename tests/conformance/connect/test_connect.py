"""connectrpc's own suite of what a gRPC server has to do."""

import re

import pytest

from tests.conformance.connect.runner import conformance
from tests.transports import TRANSPORTS

CASES_AT_LEAST = 500


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_is_not_known_to_fail_passes(transport: str) -> None:
    as_it_should_be, printed = conformance(transport)
    assert as_it_should_be, printed
    passed = re.search(r"^(\d+) passed, 0 failed$", printed, re.MULTILINE)
    assert int(passed[1]) > CASES_AT_LEAST
