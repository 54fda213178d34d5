import errno
import io
import logging
from datetime import datetime

import orjson
import pytest
import structlog
from pydantic import SecretStr

from blrcs.config.settings import Settings
from blrcs.monitoring.logging import configure_logging

NOON = 1_700_000_000.25
FORGERY = "x\n2026-01-01T00:00:00Z [info] admin signed in\r\x1b[2K\x9b2J\x7f\u2028\u202e"


def fail_with(message):
    raise ValueError(message)


class Log:
    def __init__(self, log_format, level="info"):
        self.stream = io.BytesIO()
        self.level = configure_logging(
            log_format, level, stream=self.stream, colours=False, clock=lambda: NOON
        )

    @property
    def text(self):
        return self.stream.getvalue().decode()

    @property
    def entries(self):
        return [orjson.loads(line) for line in self.text.splitlines()]


@pytest.fixture(autouse=True)
def _restore():
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)
    logging.getLogger("watchfiles").setLevel(logging.NOTSET)


class FullDisk(io.BytesIO):
    def flush(self):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_log_that_cannot_be_written_fails_nobody():
    configure_logging("json", "info", stream=FullDisk())
    structlog.get_logger().error("a call failed")
    logging.getLogger("asyncio").error("so did this")


def test_a_json_line_holds_time_level_event_and_values():
    log = Log("json")
    structlog.get_logger().warning("disk full", free_bytes=3, path="/x")
    assert log.text.endswith("}\n")
    assert log.entries == [
        {
            "timestamp": "2023-11-14T22:13:20.250000Z",
            "level": "warning",
            "event": "disk full",
            "free_bytes": 3,
            "path": "/x",
        }
    ]
    assert datetime.fromisoformat(log.entries[0]["timestamp"]).timestamp() == NOON


def test_a_console_line_starts_with_time_and_level():
    log = Log("console")
    structlog.get_logger().info("started", port=1, host="h")
    assert log.text.split() == [
        "2023-11-14T22:13:20.250000Z",
        "[info",
        "]",
        "started",
        "port=1",
        "host='h'",
    ]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_value_key_or_event_can_forge_a_line(log_format):
    log = Log(log_format)
    structlog.get_logger().info(
        FORGERY, **{FORGERY: 1}, name=FORGERY, names=[FORGERY, {"a": FORGERY}]
    )
    logging.getLogger("grpc").warning("%s", FORGERY)
    lines = log.text.split("\n")
    assert [bool(line) for line in lines] == [True, True, False]
    assert all(line.isprintable() for line in lines)


def test_a_json_line_keeps_the_exact_value():
    log = Log("json")
    structlog.get_logger().info("e", name=FORGERY)
    assert log.entries[0]["name"] == FORGERY


def test_a_console_value_cannot_pose_as_another_key():
    log = Log("console")
    structlog.get_logger().info("signed in", user="bob admin=True")
    assert "user='bob admin=True'" in log.text


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_stays_with_its_message(log_format):
    log = Log(log_format)
    try:
        fail_with(FORGERY)
    except ValueError:
        structlog.get_logger().exception("failed")
    first, *rest = log.text.rstrip("\n").split("\n")
    if log_format == "json":
        assert not rest
        assert "ValueError: x\n2026" in orjson.loads(first)["exception"]
    assert all(line.startswith("    ") for line in rest)
    assert log.text.replace("\n", "").isprintable()


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secrets_are_masked(log_format):
    log = Log(log_format)
    structlog.get_logger().info(
        "Bearer eyJhbGciOi.eyJzdWIi.c2ln",
        password="hunter2",
        request={"new_password": "hunter2", "items": [{"api_key": "hunter2"}]},
        accessToken="hunter2",
        Authorization="hunter2",
        password_hash="hunter2",
        key=SecretStr("hunter2"),
        settings=Settings(auth={"initial_admin_password": "hunter2hunter2"}),
        raw=b"hunter2",
        token_id="shown",
    )
    assert "hunter2" not in log.text
    assert "eyJzdWIi" not in log.text
    assert "shown" in log.text


class Unprintable:
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (2**80, hex(2**80)),
        (float("nan"), "nan"),
        ("\udcff", "\\udcff"),
        (Unprintable(), "<Unprintable>"),
        (b"abc", "<3 bytes>"),
        ({("a", 1): {2}}, {"('a', 1)": [2]}),
        (None, None),
        (True, True),
    ],
)
def test_any_value_can_be_written(value, shown):
    log = Log("json")
    structlog.get_logger().info("e", value=value)
    assert log.entries[0]["value"] == shown


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_value_that_holds_itself_can_be_written(log_format):
    log = Log(log_format)
    table, items = {}, []
    table["self"] = table
    items.append(items)
    structlog.get_logger().info("e", table=table, items=items)
    assert log.text.count("\n") == 1


def test_the_level_holds_for_both_kinds_of_loggers_and_changes_at_run_time():
    log = Log("json", "warning")
    own, other = structlog.get_logger(), logging.getLogger("other")

    def write():
        for logger in (own, other):
            logger.debug("debug")
            logger.info("info")
            logger.error("error")
        return [entry["event"] for entry in log.entries]

    assert write() == ["error", "error"]
    log.level.set("info")
    assert write()[2:] == ["info", "error", "info", "error"]
    log.level.set("critical")
    assert len(write()) == 6


def test_the_level_follows_a_reload_only_once_it_commits():
    log = Log("json", "info")
    new = Settings(logging={"level": "error"})
    commit = log.level.prepare(Settings(), new)
    structlog.get_logger().info("before")
    commit()
    structlog.get_logger().info("after")
    assert [entry["event"] for entry in log.entries] == ["before"]


def test_records_of_the_standard_library_keep_name_level_and_traceback():
    log = Log("json")
    try:
        fail_with("bad")
    except ValueError:
        logging.getLogger("a.b").exception("failed %d", 3)
    logging.getLogger("a").log(35, "between")
    logging.getLogger("a").info("%d", "not a number")
    first, second, third = log.entries
    assert (first["event"], first["level"], first["logger"]) == ("failed 3", "error", "a.b")
    assert "ValueError: bad" in first["exception"]
    assert second["level"] == "warning"
    assert third["event"] == "%d"


def test_the_file_watcher_does_not_tell_of_each_change():
    log = Log("json", "debug")
    logging.getLogger("watchfiles.main").info("1 change detected")
    assert log.text == ""
