"""Calls whose client is slow to take the reply, or to send the request."""

from blrcs_native.http2.connection import Connection
from blrcs_native.http2.connection_rules import ConnectionRules

def end_slow(connection: Connection, rules: ConnectionRules, now_ns: int) -> None:
    """Ends those that are too slow at a time of ``time.monotonic_ns``.

    To be asked again and again, at least once in each of the two time-outs.
    """
