"""A database of a kind that another package brings."""

import json
from pathlib import Path

import pytest

from blrcs.database.migrations.branch import BLRCS
from tests.e2e.conftest import Start
from tests.e2e.server import blrcs

MODULE = """
from blrcs.database.kind import DatabaseKind, kind_of


def within(url):
    return url.replace("shelf:", "sqlite:", 1) + ".shelf"


async def open_shelf(url, limits=None, observer=None):
    return await kind_of("sqlite:").open(within(url), limits, observer)


KIND = DatabaseKind(open=open_shelf, road=lambda url: kind_of("sqlite:").road(within(url)))
OTHER = None
"""


def install(folder: Path) -> dict[str, str]:
    """Lays a package there, and returns the variables with which it is found."""
    (folder / "shelf.py").write_text(MODULE)
    about = folder / "shelf-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[blrcs.databases]\nshelf = shelf:KIND\nbroken = shelf:OTHER\n"
    )
    return {"BLRCS_DATABASE__URL": f"shelf:///{folder}/orders.db"}


def test_its_scheme_chooses_it(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = install(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    upgraded = blrcs("db", "upgrade", cwd=tmp_path, environ=environ)
    assert (upgraded.returncode, upgraded.stderr) == (0, "")
    (row,) = json.loads(blrcs("db", "status", "--json", cwd=tmp_path, environ=environ).stdout)
    assert row["at"] == BLRCS.head
    server = start(**environ)
    assert server.address
    assert server.stop() == 0
    assert (tmp_path / "orders.db.shelf").is_file()
    assert not (tmp_path / "data" / "blrcs.db").exists()


def test_what_is_no_kind_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    environ = {"BLRCS_DATABASE__URL": "broken://x"}
    done = blrcs("db", "status", cwd=tmp_path, environ=environ)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "blrcs: database: shelf:OTHER is no DatabaseKind\n"
