"""Memory that nothing points to any more, as LeakSanitizer finds it in what deploy/sanitize runs.

As a plugin of pytest (``-p tests.leaks``) it looks once all tests have run.
"""

import ctypes
import gc

import pytest


def leaked() -> bool:
    """Whether there is any; LeakSanitizer says on standard error where it was allocated."""
    gc.collect()
    return ctypes.CDLL(None)["__lsan_do_recoverable_leak_check"]() != 0


def pytest_sessionfinish(session: pytest.Session) -> None:
    if leaked():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
