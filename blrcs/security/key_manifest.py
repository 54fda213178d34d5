"""The file that says which signing keys there are, and when they sign."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from blrcs.domain.key_schedule import ScheduledKey
from blrcs.security.key_file import KeyFileError

NS_PER_S = 1_000_000_000
NS_PER_US = 1_000
MAX_RETIRED = 32
"""So many retired keys are remembered, for people to see."""


def parse_manifest(path: Path, content: bytes) -> tuple[ScheduledKey, ...]:
    """The keys of a manifest.

    Raises:
        KeyFileError: It is none, or leaves no key to sign with.
    """
    try:
        keys = tuple(_key(each) for each in orjson.loads(content)["keys"])
    except (ValueError, KeyError, TypeError) as error:
        raise KeyFileError(path, f"is no manifest of keys: {error}") from None
    if len({key.kid for key in keys}) != len(keys):
        raise KeyFileError(path, "names a key twice")
    if all(key.is_retired for key in keys):
        raise KeyFileError(path, "names no key that is not retired")
    return keys


def write_manifest(keys: Sequence[ScheduledKey]) -> bytes:
    """The manifest of these keys; of retired ones, of the last few."""
    forgotten = [key for key in keys if key.is_retired][:-MAX_RETIRED]
    values = {"keys": [_values(key) for key in keys if key not in forgotten]}
    return orjson.dumps(values, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def iso_time(time_ns: int) -> str:
    """An instant for people, to the microsecond."""
    seconds, rest_ns = divmod(time_ns, NS_PER_S)
    instant = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest_ns // NS_PER_US)
    return instant.isoformat().replace("+00:00", "Z")


def _key(values: dict[str, Any]) -> ScheduledKey:
    retired = values["retired"]
    return ScheduledKey(
        kid=_text(values["kid"]),
        create_time_ns=_time_ns(values["created"]),
        sign_time_ns=_time_ns(values["signs_from"]),
        retire_time_ns=None if retired is None else _time_ns(retired),
    )


def _values(key: ScheduledKey) -> dict[str, str | None]:
    retired = key.retire_time_ns
    return {
        "kid": key.kid,
        "created": iso_time(key.create_time_ns),
        "signs_from": iso_time(key.sign_time_ns),
        "retired": None if retired is None else iso_time(retired),
    }


def _text(value: object) -> str:
    # It names a file.
    if not isinstance(value, str) or not value.replace("-", "").replace("_", "").isalnum():
        raise ValueError("a kid is base64url")
    return value


def _time_ns(value: str) -> int:
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError(f"{value} names no time zone")
    return int(instant.timestamp()) * NS_PER_S + instant.microsecond * NS_PER_US
