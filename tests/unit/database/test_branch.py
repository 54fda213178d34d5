"""Branches of migrations as their folders describe them."""

from pathlib import Path

import pytest

from blrcs.database.errors import DatabaseOpenError, DatabaseTooNewError
from blrcs.database.migrations.branch import BLRCS, named_branch, require_known
from blrcs.database.migrations.declared import declared_branches
from blrcs.database.migrations.new_revision import write_revision


def write(folder: Path, *revisions: tuple[str, str | None]) -> Path:
    folder.mkdir(exist_ok=True)
    for revision, down in revisions:
        text = f'"""Step {revision}."""\nrevision = {revision!r}\ndown_revision = {down!r}\n'
        (folder / f"{revision}.py").write_text(text)
    return folder


def test_revisions_are_in_their_line_whatever_their_names(tmp_path: Path) -> None:
    folder = write(tmp_path, ("a", "z"), ("z", None), ("m", "a"))
    (folder / "__init__.py").write_text('"""No revision."""\n')
    branch = named_branch("orders", folder)
    assert [each.id for each in branch.revisions] == ["z", "a", "m"]
    assert branch.head == "m"
    assert [each.title for each in branch.after("z")] == ["Step a.", "Step m."]
    assert branch.after("m") == ()
    assert branch.version_table == "alembic_version_orders"
    assert BLRCS.version_table == "alembic_version"


def test_a_folder_may_be_empty(tmp_path: Path) -> None:
    branch = named_branch("orders", tmp_path)
    assert (branch.head, branch.revisions) == (None, ())


@pytest.mark.parametrize(
    ("revisions", "problem"),
    [
        ([("a", None), ("b", "a"), ("c", "a")], "b.py and c.py both follow a"),
        ([("a", None), ("b", None)], "a.py and b.py both follow None"),
        ([("a", None), ("c", "b")], "c.py follows 'b', which is not in its line"),
        ([("a", "b"), ("b", "a")], "is not in its line"),
    ],
)
def test_what_is_no_line_is_refused(tmp_path: Path, revisions: list, problem: str) -> None:
    with pytest.raises(DatabaseOpenError, match=problem):
        _ = named_branch("orders", write(tmp_path, *revisions)).revisions


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("revision = (", "a.py cannot be read"),
        ('revision = "a"\n', "has to follow one revision, or None"),
        ('revision = "a"\ndown_revision = 1\n', "has to follow one revision, or None"),
    ],
)
def test_a_file_that_says_no_good_is_named(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "a.py").write_text(text)
    with pytest.raises(DatabaseOpenError, match=problem):
        _ = named_branch("orders", tmp_path).revisions


@pytest.mark.parametrize("name", ["", "blrcs", "Orders", "a-b", "a;b", "1a", "a" * 41])
def test_names_that_cannot_be_a_tables_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatabaseOpenError, match="lower-case letters"):
        named_branch(name, tmp_path)


def test_a_newer_versions_revision_is_not_known(tmp_path: Path) -> None:
    branch = named_branch("orders", write(tmp_path, ("a", None)))
    require_known(branch, None, "here")
    require_known(branch, "a", "here")
    with pytest.raises(DatabaseTooNewError, match=r"newer version of orders \(schema 'b', known"):
        require_known(branch, "b", "here")


def test_a_folder_or_a_package_is_declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "shop_of_mine"
    (package / "steps").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "steps" / "__init__.py").touch()
    write(tmp_path / "plain")
    configured = {"shop": "shop_of_mine.steps", "plain": "plain", "more": "./plain"}
    branches = declared_branches(configured)
    assert [each.name for each in branches] == ["blrcs", "more", "plain", "shop"]
    assert [each.folder for each in branches[1:]] == [
        tmp_path / "plain",
        tmp_path / "plain",
        package / "steps",
    ]


@pytest.mark.parametrize(
    "place", ["no_such_package", "no.such.package", "./no/such/folder", "json.decoder"]
)
def test_what_is_not_there_is_told(place: str) -> None:
    with pytest.raises(DatabaseOpenError, match="migrations 'shop'"):
        declared_branches({"shop": place})


def test_a_new_revision_follows_the_last(tmp_path: Path) -> None:
    first = write_revision(named_branch("orders", tmp_path), 'orders have "a" total')
    assert first.name == "0001_orders_have_a_total.py"
    following = named_branch("orders", write(tmp_path / "more", ("0009", None)))
    second = write_revision(following, "Next.")
    assert second.name == "0010_next.py"
    other = named_branch("other", tmp_path)
    assert other.revisions[0].title == "Orders have 'a' total."
    compile(second.read_text(), second, "exec")
    assert 'down_revision = "0009"' in second.read_text()
