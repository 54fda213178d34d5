from pathlib import Path

import pytest

from blrcs.database.errors import DatabaseOpenError
from blrcs.database.kind import kind_of
from blrcs.database.sqlite.file_url import file_url, path_of


@pytest.mark.parametrize("path", ["data/blrcs.db", "/var/lib/a b/%41?#.db", "caf\u00e9.db"])
def test_a_file_has_a_url(path: str) -> None:
    assert path_of(file_url(Path(path))) == Path(path)


@pytest.mark.parametrize(
    "url", ["sqlite:relative", "sqlite:", "sqlite:///", "sqlite://host/x", "sqlite:///x?a=b"]
)
def test_what_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(DatabaseOpenError, match="sqlite:///path"):
        path_of(url)


@pytest.mark.parametrize("scheme", ["sqlite", "postgresql", "postgres", "mysql", "mariadb"])
def test_schemes_name_kinds(scheme: str) -> None:
    assert kind_of(f"{scheme}://").open is not None


@pytest.mark.parametrize("url", ["", "postgresql", "oracle://x", "/a/path"])
def test_there_is_no_other_kind(url: str) -> None:
    with pytest.raises(DatabaseOpenError, match="begins with none of mariadb, mysql, postgres"):
        kind_of(url)
