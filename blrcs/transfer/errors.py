"""How a transfer ends that cannot go on."""


class TransferError(Exception):
    """Says in one sentence why the whole transfer cannot begin or go on."""


class RefusedError(TransferError):
    """As TransferError, and nothing of what was asked for has been done."""


class StoppedError(Exception):
    """Somebody has asked for the end while a call was to be tried again."""
