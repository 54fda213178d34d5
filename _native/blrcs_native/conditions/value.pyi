"""The values that conditions work with, and what CEL says of them."""

class Instant:
    """Nanoseconds since the Unix epoch."""

    def __init__(self, ns: int) -> None: ...

class Span:
    """A duration in nanoseconds."""

    def __init__(self, ns: int) -> None: ...
