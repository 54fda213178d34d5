"""Memory that nothing points to any more, as LeakSanitizer finds it in what deploy/sanitize runs.

It does not see the variables of functions of Python that run. As a plugin of pytest
(``-p tests.leaks``) this looks when none does any more, after all tests.
"""

import atexit
import ctypes
import gc
import os


def leaked() -> bool:
    """Whether there is any; LeakSanitizer says on standard error where it was allocated."""
    gc.collect()
    return ctypes.CDLL(None)["__lsan_do_recoverable_leak_check"]() != 0


def pytest_unconfigure() -> None:
    atexit.register(_fail_if_leaked)


def _fail_if_leaked() -> None:
    if leaked():
        os._exit(1)
