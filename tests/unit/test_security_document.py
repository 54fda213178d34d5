"""What docs/security.md names is there, and the picture shows what docs/threats.md tells."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
DOCUMENT = (TESTS.parent / "docs/security.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", DOCUMENT)))
RISKS = {f"API{number}" for number in range(1, 11)}


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_what_is_named_is_there(file, name):
    source = (TESTS / file).read_text()
    assert re.search(rf"^(async def|def|class) {name}\b", source, re.MULTILINE)


def test_every_risk_of_apis_has_a_test():
    rows = re.findall(r"^\| (API\d+) \|.*`", DOCUMENT, re.MULTILINE)
    assert set(rows) == RISKS


def test_everything_that_is_tried_has_a_test():
    section = DOCUMENT.split("### What an attacker tries")[1].split("\n#")[0]
    rows = re.findall(r"^\| (?!\*\*|---|What)(.+?) \| (.*) \|$", section, re.MULTILINE)
    assert len(rows) > 50
    assert [tried for tried, tests in rows if not re.search(r"`\S+\.py::\w+`", tests)] == []


def test_every_file_of_attacks_is_named():
    files = {str(path.relative_to(TESTS)) for path in (TESTS / "attacks").glob("test_*.py")}
    assert files == {file for file, _ in NAMED if file.startswith("attacks/")}


def test_the_picture_has_the_boundaries_that_the_threats_are_told_of():
    docs = TESTS.parent / "docs"
    threats = (docs / "threats.md").read_text()
    (picture,) = re.findall(r"!\[.*\]\((.*\.svg)\)", threats)
    shown = re.findall(r"<text[^>]*>(\d+)</text>", (docs / picture).read_text())
    section = threats.split("## At each boundary")[1].split("\n#")[0]
    told = re.findall(r"^\| (\d+) \|", section, re.MULTILINE)
    assert told == [str(number) for number in range(1, 12)]
    assert set(shown) == set(told)
