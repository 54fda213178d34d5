"""The standard streams of a process that was started without them."""

import os
import sys
from contextlib import suppress

STREAMS = (0, 1, 2)


def open_standard_streams() -> None:
    """Opens those that are closed on /dev/null, before a socket or a file takes their places.

    To be called before anything else is opened.
    """
    for number in STREAMS:
        with suppress(OSError):
            os.fstat(number)
            continue
        os.open(os.devnull, os.O_RDWR)  # the lowest that is free
        os.set_inheritable(number, True)  # noqa: FBT003 - the name says it
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)
