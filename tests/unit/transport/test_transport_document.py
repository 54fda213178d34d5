"""What docs/transport.md says of options, defaults, kinds of abuse and files is so."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from blrcs.transport import native_options as options
from blrcs_native.http2.abuse import ABUSES

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs/transport.md").read_text()
UNITS = {
    "": 1,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "s": 10**9,
    "min": 60 * 10**9,
    "h": 3_600 * 10**9,
}
WORDS = {"none": 0, "off": 0}
SOURCES = ("_native/blrcs_native", "_native/blrcs_native/http2")
ARGUMENTS = {**options.LIMITS, **options.RULES, **options.CONNECTIONS}


def table(title: str) -> list[list[str]]:
    section = DOCUMENT.split(f"\n## {title}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.*) \|$", section, re.MULTILINE)
    return [row.split(" | ") for row in rows[1:]]


def named(cell: str) -> list[str]:
    return re.findall(r"`([\w./]+)`", cell)


def amount(text: str) -> int:
    number, _, unit = text.partition(" ")
    return WORDS[number] if number in WORDS else int(number.replace(",", "")) * UNITS[unit]


def defaults() -> Iterator[tuple[str, int]]:
    """What is said of each option that has a value of its own."""
    for cells in table("Limits"):
        names = [name for name in named(cells[0]) if name in ARGUMENTS]
        texts = re.findall(r"(?:none|off|\d[\d,]*(?: [A-Za-z]+)?)(?=, |$)", cells[1])
        if len(texts) < len(names):
            texts *= len(names)
        yield from zip(names, map(amount, texts), strict=False)


DEFAULTS = dict(defaults())


def test_all_options_are_there_and_no_others() -> None:
    names = {name for cells in table("Limits") for name in named(cells[0])}
    assert names - {"maximum_concurrent_rpcs"} == ARGUMENTS.keys() | {options.COMPRESSION}
    assert f"`{options.REUSE_PORT}`" in DOCUMENT


@pytest.mark.parametrize("name", sorted(ARGUMENTS.keys() - {"blrcs.max_connections_per_address"}))
def test_the_default_is_what_is_said(name: str) -> None:
    made = options.native_options([])
    field = ARGUMENTS[name][0]
    holder = next(each for each in (made, made.limits, made.rules) if hasattr(each, field))
    # The largest numbers of HTTP/2 are one less than a power of two.
    assert DEFAULTS[name] - int(getattr(holder, field)) in {0, 1}


def test_all_kinds_of_abuse_are_there_and_no_others() -> None:
    assert sorted(kind for cells in table("Abuse") for kind in named(cells[0])) == list(ABUSES)


def test_the_parts_are_files() -> None:
    missing = [
        name
        for cells in table("The parts")
        for name in named(cells[0])
        if not any((ROOT / place / name).exists() for place in (".", *SOURCES))
    ]
    assert missing == []
