"""Where ours goes in a program that has not said so."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from blrcs.monitoring.standard_log import log_by_standard_library


@pytest.fixture(autouse=True)
def _unconfigured(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    # Other tests of this process may have had the standard library log to structlog.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    caplog.set_level(logging.INFO)
    before = structlog.get_config() if structlog.is_configured() else None
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
    if before is not None:
        structlog.configure(**before)


def test_what_is_logged_goes_to_the_logger_of_that_name(caplog: pytest.LogCaptureFixture) -> None:
    log_by_standard_library()
    structlog.get_logger("blrcs.handler").error("handler failed", method="/a.B/C")
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("blrcs.handler", logging.ERROR)
    assert record.getMessage() == "handler failed method='/a.B/C'"


PASSWORD = "correct horse"


def test_a_traceback_shows_no_values_of_variables(caplog: pytest.LogCaptureFixture) -> None:
    log_by_standard_library()
    caplog.handler.setFormatter(logging.Formatter())

    def handle(password: str) -> int:
        return int(password[:2])

    with pytest.raises(ValueError, match="invalid literal") as caught:
        handle(PASSWORD)
    structlog.get_logger("blrcs.handler").error("handler failed", exc_info=caught.value)
    assert "ValueError: invalid literal" in caplog.text
    assert PASSWORD not in caplog.text


def test_the_text_of_an_exception_forges_no_line(caplog: pytest.LogCaptureFixture) -> None:
    log_by_standard_library()
    caplog.handler.setFormatter(logging.Formatter())
    error = ValueError("no\nWARNING admin signed in\r\x1b[2J eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.x")
    structlog.get_logger("blrcs.handler").error("handler failed", exc_info=error)
    first, *rest = caplog.text.splitlines()
    assert first == "handler failed"
    assert "    WARNING admin signed in" in rest
    assert all(line.startswith("    ") and line.isprintable() for line in rest)
    assert "eyJ" not in caplog.text


def test_values_forge_no_line_and_secrets_are_masked(caplog: pytest.LogCaptureFixture) -> None:
    log_by_standard_library()
    structlog.get_logger("blrcs").warning("of\nold", password="correct horse", peer="a\r\nb")
    assert caplog.messages == ["of\\nold password='********' peer='a\\r\\nb'"]


def test_a_program_that_has_configured_structlog_keeps_its_way() -> None:
    seen: list[str] = []

    def keep(logger: object, method: str, event: structlog.typing.EventDict) -> str:
        del logger, method
        seen.append(event["event"])
        raise structlog.DropEvent

    structlog.configure(processors=[keep])
    log_by_standard_library()
    structlog.get_logger("blrcs").info("told")
    assert seen == ["told"]
