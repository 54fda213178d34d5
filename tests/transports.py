"""The transports that a server can be asked for."""

TRANSPORTS = ("native", "grpcio")
