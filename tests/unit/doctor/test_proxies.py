"""Trust in proxies that is too wide."""

from typing import Any

import pytest

from blrcs.config.network import Network
from blrcs.config.settings import Settings
from blrcs.doctor.proxies import examine_proxies


@pytest.mark.parametrize(
    ("network", "is_safe"),
    [
        ({}, True),
        ({"trusted_proxies": ["10.0.0.0/8", "unix", "2001:db8::/32"]}, True),
        ({"trusted_proxies": ["0.0.0.0/0"]}, False),
        ({"trusted_proxies": ["10.0.0.0/8", "::/0"]}, False),
        ({"trusted_proxies": ["0.0.0.0/0"], "forwarded_header": "none"}, True),
    ],
)
def test_trusting_everybody_is_critical(network: Any, *, is_safe: bool) -> None:
    found = list(examine_proxies(Settings(network=Network(**network))))
    assert [(each.check, str(each.severity)) for each in found] == (
        [] if is_safe else [("proxies", "critical")]
    )
