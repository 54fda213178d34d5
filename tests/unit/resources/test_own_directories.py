"""Folders that one process has."""

from contextlib import closing
from pathlib import Path

import pytest

from blrcs.resources.own_directories import OwnDirectories


def test_each_gets_the_first_that_is_free(tmp_path: Path) -> None:
    with closing(OwnDirectories(tmp_path)) as one, closing(OwnDirectories(tmp_path)) as other:
        first, second, third = one("log"), other("log"), one("log")
        assert [each.name for each in (first, second, third)] == ["0", "1", "2"]
        assert {each.parent for each in (first, second, third)} == {tmp_path / "services/log"}
        assert other("cache").name == "0"
        (first / "left").touch()
        one.close()
        again = other("log")
        assert (again, [each.name for each in again.iterdir()]) == (first, ["left"])
        assert other("log") == third


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "-a", "a" * 65])
def test_other_names_are_refused(name: str, tmp_path: Path) -> None:
    with closing(OwnDirectories(tmp_path)) as own, pytest.raises(ValueError, match="is not made"):
        own(name)
    assert list(tmp_path.iterdir()) == []


def test_where_no_folder_can_be_made_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "services").touch()
    with closing(OwnDirectories(tmp_path)) as own, pytest.raises(OSError, match="services"):
        own("log")
