"""Which pipeline takes the calls of which method, as the transport reads it."""

from blrcs_native.calls.pipeline import Pipeline

class Routes:
    """What a router is to native transports.

    Attributes:
        pipelines: By method name; replaced as a whole.
    """

    pipelines: dict[str, Pipeline]
