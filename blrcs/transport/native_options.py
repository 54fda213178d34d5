"""grpc's channel arguments as the native transport carries them out."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any

from blrcs_native.http2.connection_rules import ConnectionRules
from blrcs_native.http2.limits import Limits

NS_PER_MS = 1_000_000
MAX_INT32 = 2**31 - 1
MAX_WINDOW_BYTES = 2**31 - 1

log = logging.getLogger("blrcs.transport")


def _bytes(value: Any) -> int:
    """Minus one is no limit, as in grpc."""
    number = index(value)
    return MAX_INT32 if number < 0 else number


def _milliseconds(value: Any) -> int:
    """The largest int is never, as in grpc.

    Raises:
        ValueError: It is negative.
    """
    number = index(value)
    if number < 0:
        raise ValueError("a time is 0 or more")
    return 0 if number >= MAX_INT32 else number * NS_PER_MS


def _count(value: Any) -> int:
    return min(index(value), MAX_INT32)


def _switch(value: Any) -> bool:
    return index(value) != 0


def _connections(value: Any) -> int:
    """At least one.

    Raises:
        ValueError: It is less.
    """
    if value < 1:
        raise ValueError("1 or more are served")
    return _count(value)


Argument = tuple[str, Callable[[Any], Any]]

LIMITS: Mapping[str, Argument] = {
    "grpc.max_receive_message_length": ("max_receive_bytes", _bytes),
    "grpc.max_send_message_length": ("max_send_bytes", _bytes),
    "grpc.max_metadata_size": ("soft_head_bytes", index),
    "grpc.absolute_max_metadata_size": ("hard_head_bytes", index),
    "grpc.max_concurrent_streams": ("max_streams", _count),
    "grpc.http2.lookahead_bytes": ("window_bytes", index),
    "grpc.http2.max_frame_size": ("frame_bytes", index),
    "grpc.http2.min_ping_interval_without_data_ms": ("min_ping_interval_ns", _milliseconds),
    "grpc.http2.max_ping_strikes": ("max_ping_strikes", index),
    "grpc.keepalive_permit_without_calls": ("pings_without_calls", _switch),
    "blrcs.max_metadata_fields": ("max_head_fields", _count),
    "blrcs.reset_burst": ("reset_burst", _count),
    "blrcs.resets_per_s": ("resets_per_s", _count),
    "blrcs.frame_burst": ("frame_burst", _count),
    "blrcs.frames_per_s": ("frames_per_s", _count),
    "blrcs.unsent_bytes": ("unsent_bytes", index),
    "blrcs.gathered_bytes": ("gathered_bytes", index),
}
RULES: Mapping[str, Argument] = {
    "grpc.server_handshake_timeout_ms": ("handshake_timeout_ns", _milliseconds),
    "grpc.keepalive_time_ms": ("keepalive_interval_ns", _milliseconds),
    "grpc.keepalive_timeout_ms": ("keepalive_timeout_ns", _milliseconds),
    "grpc.keepalive_permit_without_calls": ("keepalive_without_calls", _switch),
    "grpc.max_connection_idle_ms": ("max_idle_ns", _milliseconds),
    "grpc.max_connection_age_ms": ("max_age_ns", _milliseconds),
    "grpc.max_connection_age_grace_ms": ("max_age_grace_ns", _milliseconds),
    "blrcs.head_timeout_ms": ("head_timeout_ns", _milliseconds),
    "blrcs.body_timeout_ms": ("body_timeout_ns", _milliseconds),
    "blrcs.min_body_bytes_per_s": ("min_body_bytes_per_s", _count),
    "blrcs.stall_timeout_ms": ("stall_timeout_ns", _milliseconds),
}
REUSE_PORT = "grpc.so_reuseport"
COMPRESSION = "grpc.default_compression_algorithm"
CONNECTIONS: Mapping[str, Argument] = {
    "blrcs.max_connections": ("max_connections", _connections),
    "blrcs.max_connections_per_address": ("max_connections_per_address", _connections),
}
DEFAULT_MAX_CONNECTIONS = 10_000
SOFT_METADATA_BYTES = 8 << 10
HARD_METADATA_BYTES = 16 << 10


@dataclass(frozen=True, slots=True)
class NativeOptions:
    """What the arguments come to."""

    limits: Limits
    rules: ConnectionRules
    reuse_port: bool
    compression: int | None
    max_connections: int
    max_connections_per_address: int


def native_options(arguments: Sequence[tuple[str, Any]]) -> NativeOptions:
    """Reads channel arguments; of several of one name the last one counts.

    Those that this transport does not know are named in the log, since they have no effect.

    Raises:
        ValueError: A value is out of its range, or no integer.
    """
    given = dict(arguments)
    limits = _translate(given, LIMITS)
    _complete_metadata_limits(limits)
    rules = _translate(given, RULES)
    known = {*LIMITS, *RULES, *CONNECTIONS, REUSE_PORT, COMPRESSION}
    for name in sorted(given.keys() - known):
        log.warning("the channel argument %s has no effect on the native transport", name)
    switches = _translate(given, {REUSE_PORT: ("reuse_port", _switch)})
    bounds = {"max_connections": DEFAULT_MAX_CONNECTIONS, **_translate(given, CONNECTIONS)}
    return NativeOptions(
        Limits(**limits),
        ConnectionRules(**rules),
        switches.get("reuse_port", False),
        given.get(COMPRESSION),
        bounds["max_connections"],
        bounds.get("max_connections_per_address", bounds["max_connections"]),
    )


def _complete_metadata_limits(limits: dict[str, Any]) -> None:
    """The one that is not given follows the other, as in grpc core."""
    soft, hard = limits.get("soft_head_bytes"), limits.get("hard_head_bytes")
    if soft is not None and hard is None:
        limits["hard_head_bytes"] = max(HARD_METADATA_BYTES, soft * 5 // 4)
    elif hard is not None and soft is None:
        limits["soft_head_bytes"] = min(SOFT_METADATA_BYTES, hard * 4 // 5)


def _translate(given: Mapping[str, Any], arguments: Mapping[str, Argument]) -> dict[str, Any]:
    translated = {}
    for name, (parameter, convert) in arguments.items():
        if name in given:
            try:
                translated[parameter] = convert(given[name])
            except (TypeError, ValueError) as error:
                raise ValueError(f"{name}: {given[name]!r}: {error}") from None
    return translated
