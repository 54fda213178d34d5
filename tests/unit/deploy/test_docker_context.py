"""What the Dockerfile copies is in its context: .dockerignore, which lets through what it names."""

from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[3]


def copied() -> list[str]:
    """The sources of each COPY from the context."""
    lines = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
    copies = [line.split()[1:-1] for line in lines if line.startswith("COPY ")]
    return [source for sources in copies if "--from" not in sources[0] for source in sources]


def let_through() -> set[PurePosixPath]:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in lines, "else all is let through that is not named"
    return {PurePosixPath(line[1:]) for line in lines if line.startswith("!")}


def test_all_that_is_copied_is_let_through() -> None:
    allowed = let_through()
    sources = copied()
    assert sources
    for source in sources:
        path = PurePosixPath(source)
        assert (ROOT / path).exists(), f"there is no {source}"
        assert allowed & {path, *path.parents}, f".dockerignore keeps {source} out"


def test_no_more_is_let_through_than_is_copied() -> None:
    assert {str(path) for path in let_through()} == set(copied())
