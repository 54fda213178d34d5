"""Where a value lies in the settings: keys of tables and indexes of lists, from the outside in."""

import re
from typing import TypeAlias

import orjson

KeyPath: TypeAlias = tuple[str | int, ...]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def format_key(path: KeyPath) -> str:
    """The path as TOML would write it, with indexes in brackets: ``limits.rules[0].period``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            quoted = part if _BARE_KEY.fullmatch(part) else orjson.dumps(part).decode()
            text += f".{quoted}" if text else quoted
    return text
