"""BLRCS: a guarded gRPC backend for Python with a native core."""

__version__ = "0.1.0"
