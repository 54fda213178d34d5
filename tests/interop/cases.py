"""The cases of gRPC's interoperability tests, and which client cannot do which of them.

https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md
"""

STACKS = ("python", "node", "go", "cpp")

CASES = (
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "custom_metadata",
    "status_code_and_message",
    "special_status_message",
    "unimplemented_method",
    "unimplemented_service",
    "cancel_after_begin",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
    "rpc_soak",
    "channel_soak",
    "thousand_concurrent_large_unary",
)
"""All of the descriptions that ask for no cloud and no proxy, and the last one, which is ours."""

TLS_CASES = (
    "empty_unary",
    "large_unary",
    "ping_pong",
    "custom_metadata",
    "special_status_message",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
    "channel_soak",
)
"""Those in which the bytes of TLS records and of frames can get into each other's way."""

COMPRESSION_CASES = {
    "client_compressed_unary": [([False], []), ([True], [False]), ([False], [False])],
    "server_compressed_unary": [([False], [True]), ([False], [False])],
    "client_compressed_streaming": [([False], []), ([True, False], [False])],
    "server_compressed_streaming": [([False], [True, False])],
}
"""For each call of a case, which requests and which replies have to be compressed on the wire."""

CANNOT = {
    **{(stack, "cacheable_unary"): "no client of these versions sends a GET" for stack in STACKS},
    ("python", "client_compressed_streaming"): "grpcio compresses all messages of a call or none",
    ("go", "client_compressed_streaming"): "grpc-go compresses all messages of a call or none",
}
"""Which client cannot do which case, and why."""
