"""A stream whose messages can be taken and put without a coroutine."""

class MessageStream:
    """What native transports give below a Call; its methods are those of Cython alone."""
