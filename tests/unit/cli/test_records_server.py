"""To whom a token may go as it is."""

import pytest

from blrcs.cli.records_server import _is_own


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("127.0.0.1:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("unix:/run/blrcs.sock", True),
        ("unix-abstract:blrcs", True),
        ("192.0.2.1:1", False),
        ("unix.example.org:1", False),
    ],
)
def test_only_this_machine_gets_a_token_unencrypted(address: str, own: bool) -> None:
    assert _is_own(address) is own
