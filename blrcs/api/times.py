"""Instants and spans of time, as protobuf writes them."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from blrcs.domain.errors import InvalidArgumentError

NS_PER_S = 1_000_000_000


def to_timestamp(time_ns: int) -> Timestamp:
    """The instant so many nanoseconds after the Unix epoch."""
    seconds, nanos = divmod(time_ns, NS_PER_S)
    return Timestamp(seconds=seconds, nanos=nanos)


def to_optional_timestamp(time_ns: int | None) -> Timestamp | None:
    """The instant, where there is one."""
    return None if time_ns is None else to_timestamp(time_ns)


def to_duration(span_ns: int) -> Duration:
    """A span that is not negative."""
    seconds, nanos = divmod(span_ns, NS_PER_S)
    return Duration(seconds=seconds, nanos=nanos)


def from_timestamp(timestamp: Timestamp, field: str) -> int:
    """Nanoseconds since the Unix epoch.

    Raises:
        InvalidArgumentError: Its ``nanos`` are none that the type allows.
    """
    if not 0 <= timestamp.nanos < NS_PER_S:
        raise InvalidArgumentError(f"{field}.nanos", "must be from 0 to 999,999,999")
    return int(timestamp.seconds) * NS_PER_S + int(timestamp.nanos)


def from_duration(duration: Duration, field: str) -> int:
    """Nanoseconds.

    Raises:
        InvalidArgumentError: Its ``nanos`` are none that the type allows.
    """
    seconds, nanos = int(duration.seconds), int(duration.nanos)
    if not -NS_PER_S < nanos < NS_PER_S or seconds * nanos < 0:
        raise InvalidArgumentError(
            f"{field}.nanos", "must be within 999,999,999, and of the sign of the seconds"
        )
    return seconds * NS_PER_S + nanos
