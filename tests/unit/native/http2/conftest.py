"""A connection for a test, which is closed after it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.native.http2.endpoint import Endpoint, Open, echo, never


@pytest.fixture
def endpoint() -> Iterator[Open]:
    opened: list[Endpoint] = []

    def open_endpoint(handlers: dict[str, Any] | None = None, **limits: Any) -> Endpoint:
        handlers = {"/e/Echo": echo, "/e/Never": never} | (handlers or {})
        opened.append(Endpoint(handlers, **limits))
        return opened[-1]

    yield open_endpoint
    for each in opened:
        each.close()
