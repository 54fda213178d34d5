"""grpc's channel arguments as the native transport reads them."""

import logging

import pytest

from blrcs.transport.native_options import native_options

NEVER_MS = 2**31 - 1


def test_without_arguments_grpc_s_defaults_hold() -> None:
    options = native_options([])
    assert options.limits.max_receive_bytes == 4 << 20
    assert options.rules.handshake_timeout_ns == 20_000_000_000
    assert not options.reuse_port
    assert options.max_connections_per_address == options.max_connections


def test_minus_one_is_no_limit_and_the_largest_time_is_never() -> None:
    options = native_options(
        [
            ("grpc.max_receive_message_length", -1),
            ("grpc.keepalive_time_ms", NEVER_MS),
            ("grpc.max_connection_age_ms", 1_500),
            ("blrcs.body_timeout_ms", NEVER_MS),
        ]
    )
    assert options.limits.max_receive_bytes == 2**31 - 1
    assert options.rules.keepalive_interval_ns == 0
    assert options.rules.max_age_ns == 1_500_000_000
    assert options.rules.body_timeout_ns == 0


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("grpc.max_receive_message_length", 1_000, "max_receive_bytes", 1_000),
        ("grpc.max_send_message_length", 1_000, "max_send_bytes", 1_000),
        ("grpc.max_metadata_size", 1_000, "soft_head_bytes", 1_000),
        ("grpc.absolute_max_metadata_size", 1_000, "hard_head_bytes", 1_000),
        ("grpc.max_concurrent_streams", 5, "max_streams", 5),
        ("grpc.http2.lookahead_bytes", 5_000, "window_bytes", 5_000),
        ("grpc.http2.max_frame_size", 20_000, "frame_bytes", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 5, "min_ping_interval_ns", 5_000_000),
        ("grpc.http2.max_ping_strikes", 5, "max_ping_strikes", 5),
        ("grpc.keepalive_permit_without_calls", 1, "pings_without_calls", True),
        ("grpc.keepalive_permit_without_calls", 1, "keepalive_without_calls", True),
        ("grpc.keepalive_time_ms", 5, "keepalive_interval_ns", 5_000_000),
        ("grpc.keepalive_timeout_ms", 5, "keepalive_timeout_ns", 5_000_000),
        ("grpc.server_handshake_timeout_ms", 5, "handshake_timeout_ns", 5_000_000),
        ("grpc.max_connection_idle_ms", 5, "max_idle_ns", 5_000_000),
        ("grpc.max_connection_age_ms", 5, "max_age_ns", 5_000_000),
        ("grpc.max_connection_age_grace_ms", 5, "max_age_grace_ns", 5_000_000),
        ("grpc.default_compression_algorithm", 2, "compression", 2),
        ("grpc.so_reuseport", 1, "reuse_port", True),
        ("blrcs.max_metadata_fields", 10, "max_head_fields", 10),
        ("blrcs.gathered_bytes", 5 << 20, "gathered_bytes", 5 << 20),
        ("blrcs.unsent_bytes", 5, "unsent_bytes", 5),
        ("blrcs.max_connections", 5, "max_connections", 5),
        ("blrcs.max_connections", 5, "max_connections_per_address", 5),
        ("blrcs.max_connections_per_address", 5, "max_connections_per_address", 5),
        ("blrcs.head_timeout_ms", 5, "head_timeout_ns", 5_000_000),
        ("blrcs.body_timeout_ms", 5, "body_timeout_ns", 5_000_000),
        ("blrcs.min_body_bytes_per_s", 5, "min_body_bytes_per_s", 5),
        ("blrcs.stall_timeout_ms", 5, "stall_timeout_ns", 5_000_000),
        ("blrcs.reset_burst", 5, "reset_burst", 5),
        ("blrcs.resets_per_s", 5, "resets_per_s", 5),
        ("blrcs.frame_burst", 50, "frame_burst", 50),
        ("blrcs.frames_per_s", 5, "frames_per_s", 5),
    ],
)
def test_an_argument_changes_what_it_is_for(
    name: str, value: int, field: str, expected: object
) -> None:
    given, without = native_options([(name, value)]), native_options([])
    found = [
        (getattr(one, field), getattr(other, field))
        for one, other in (
            (given, without),
            (given.limits, without.limits),
            (given.rules, without.rules),
        )
        if hasattr(one, field)
    ]
    assert found[0][0] == expected != found[0][1]


def test_the_last_of_several_counts() -> None:
    name = "grpc.max_concurrent_streams"
    assert native_options([(name, 5), (name, 7)]).limits.max_streams == 7


@pytest.mark.parametrize(
    ("given", "soft", "hard"),
    [
        ({}, 8 << 10, 16 << 10),
        ({"grpc.max_metadata_size": 1_000}, 1_000, 16 << 10),
        ({"grpc.max_metadata_size": 100_000}, 100_000, 125_000),
        ({"grpc.absolute_max_metadata_size": 1_000}, 800, 1_000),
        ({"grpc.absolute_max_metadata_size": 100_000}, 8 << 10, 100_000),
        (
            {"grpc.max_metadata_size": 9_000, "grpc.absolute_max_metadata_size": 1_000},
            1_000,
            1_000,
        ),
    ],
)
def test_of_the_limits_on_metadata_the_missing_one_follows(
    given: dict[str, int], soft: int, hard: int
) -> None:
    limits = native_options(list(given.items())).limits
    assert (limits.soft_head_bytes, limits.hard_head_bytes) == (soft, hard)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("grpc.max_concurrent_streams", 0),
        ("grpc.http2.max_frame_size", 100),
        ("grpc.http2.max_frame_size", 1 << 24),
        ("grpc.http2.lookahead_bytes", 0),
        ("blrcs.max_metadata_fields", 0),
        ("blrcs.gathered_bytes", 10),
        ("blrcs.frame_burst", 1),
    ],
)
def test_a_value_out_of_its_range_is_refused(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=r"is .* to .*, not"):
        native_options([(name, value)])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("grpc.max_receive_message_length", "large"),
        ("grpc.max_receive_message_length", 2.5),
        ("grpc.max_send_message_length", -1.0),
        ("grpc.max_metadata_size", "8192"),
        ("grpc.absolute_max_metadata_size", 9_000.5),
        ("grpc.max_concurrent_streams", None),
        ("grpc.max_concurrent_streams", 2.5),
        ("grpc.http2.max_ping_strikes", 2.5),
        ("grpc.keepalive_permit_without_calls", "off"),
        ("grpc.so_reuseport", "off"),
        ("grpc.keepalive_time_ms", 1.5),
        ("grpc.keepalive_time_ms", -1),
        ("grpc.max_connection_age_ms", -1),
        ("blrcs.stall_timeout_ms", -5),
        ("blrcs.max_connections", 0),
        ("blrcs.max_connections_per_address", -1),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: {value!r}: "):
        native_options([(name, value)])


def test_an_argument_without_effect_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "blrcs.transport"):
        native_options([("grpc.unheard_of", 1), ("grpc.so_reuseport", 1)])
    assert [record.getMessage() for record in caplog.records] == [
        "the channel argument grpc.unheard_of has no effect on the native transport"
    ]
