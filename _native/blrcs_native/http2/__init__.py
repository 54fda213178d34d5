"""HTTP/2 and gRPC's framing on it: bytes become calls, and replies bytes.

`connection` has no sockets and no clock of its own: bytes go in, bytes and calls come out.
`protocol` drives it from an asyncio transport.
"""
