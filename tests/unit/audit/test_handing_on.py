"""Records are handed on each once, wherever whoever does so is killed."""

import contextlib
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from blrcs.audit import handing_on
from blrcs.audit.cursor import Cursor, CursorError, CursorFile, held_cursor
from blrcs.audit.handing_on import HandingOn, OutputFile
from blrcs.audit.line import encoded
from blrcs.audit.reading import AuditReader
from blrcs.audit.retention import retire_idle
from blrcs.domain.audit_event import EventFilter
from tests.unit.audit.chains import NOW_NS, SIGNER, take


class Killed(BaseException):
    """The process is no more."""


class Followed:
    """An audit log, and a file that its records are handed on to."""

    def __init__(self, folder: Path) -> None:
        self.directory = folder / "audit"
        self.output = folder / "shipped.jsonl"
        self.cursor = folder / "cursor"
        self.told: list[str] = []

    def write(self, *numbers: int, **options: int) -> None:
        """Records, in turns to two chains."""
        chains = [take(self.directory, **options) for _ in range(2)]
        for number in numbers:
            record = encoded({"kind": "call", "method": "/a.B/C", "number": number})
            chains[number % 2].append([(NOW_NS, record)], sign=False)
        for chain in chains:
            chain.close()

    def follow(self, wanted: EventFilter | None = None) -> None:
        """One process that follows until it has written all."""
        with held_cursor(self.cursor) as kept:
            output = OutputFile(self.output)
            try:
                handing = HandingOn(
                    AuditReader(self.directory),
                    wanted or EventFilter(calls_only=True),
                    output,
                    kept=kept,
                    tell=self.told.append,
                )
                handing.resume()
                while handing.step():
                    pass
            finally:
                output.close()

    @property
    def numbers(self) -> list[int]:
        """What was handed on."""
        if not self.output.exists():
            return []
        return [json.loads(line)["number"] for line in self.output.read_bytes().splitlines()]


@pytest.fixture
def followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Followed:
    monkeypatch.setattr(handing_on, "BATCH", 7)
    return Followed(tmp_path)


def test_who_follows_again_goes_on_where_the_last_one_stopped(followed: Followed) -> None:
    followed.write(*range(20))
    followed.follow()
    assert sorted(followed.numbers) == list(range(20))
    followed.follow()
    followed.write(*range(20, 30))
    followed.follow()
    assert Counter(followed.numbers) == Counter(range(30))
    assert followed.told == []


def test_lines_are_as_they_are_kept(followed: Followed) -> None:
    followed.write(1, 2)
    followed.follow(EventFilter())
    kept = [each.line for each in AuditReader(followed.directory).behind({})]
    assert followed.output.read_bytes() == b"".join(kept)


@pytest.mark.parametrize("step", range(40))
def test_whoever_is_killed_has_the_next_one_hand_on_the_rest_and_nothing_twice(
    followed: Followed, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before each step that touches a file; of each second write only a part is done."""
    followed.write(*range(20))
    steps = iter(range(step + 1))

    def killing(name: str) -> Callable[..., object]:
        real = getattr(os, name)

        def patched(*arguments: object) -> object:
            if next(steps, None) is None:
                if name == "write":
                    descriptor, raw = arguments
                    assert isinstance(raw, memoryview)
                    real(descriptor, raw[: len(raw) * 2 // 3 + step])
                raise Killed
            return real(*arguments)

        return patched

    with monkeypatch.context() as patch:
        for name in ("write", "fsync", "open"):
            patch.setattr(os, name, killing(name))
        with contextlib.suppress(Killed):
            followed.follow()
    followed.follow()
    assert Counter(followed.numbers) == Counter(range(20))


def test_a_line_that_was_torn_is_gone_on_with(followed: Followed) -> None:
    """So that whoever has read its beginning reads its end."""
    followed.write(*range(20))
    followed.follow()
    whole = followed.output.read_bytes()
    followed.cursor.unlink()
    torn = whole.splitlines(keepends=True)[7]
    before = b"".join(whole.splitlines(keepends=True)[:7])
    followed.output.write_bytes(before + torn[:90])
    followed.follow()
    assert followed.output.read_bytes().startswith(before + torn)
    assert Counter(followed.numbers) == Counter(range(20))


def test_a_file_of_somebody_elses_is_left_as_it_is(followed: Followed) -> None:
    followed.write(1)
    followed.output.write_bytes(b"a line\nand one without an end")
    with pytest.raises(CursorError, match="is no record"):
        followed.follow()
    assert followed.output.read_bytes() == b"a line\nand one without an end"


def test_what_is_no_regular_file_is_refused(followed: Followed) -> None:
    """It cannot be looked at for what was written, and may have no end."""
    followed.write(1)
    pipe = followed.output.with_name("pipe")
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/full"), Path("/dev/zero")):
        followed.output = path
        with pytest.raises(CursorError, match="is no regular file"):
            followed.follow()
        assert not followed.cursor.exists()


def test_a_pipe_that_takes_the_place_of_the_file_is_refused(followed: Followed) -> None:
    output = OutputFile(followed.output)
    with contextlib.closing(output):
        followed.output.unlink()
        os.mkfifo(followed.output)
        with pytest.raises(CursorError, match="is no regular file"):
            output.write(b"1\n", Cursor())


def test_a_cursor_that_cannot_be_written_is_told_of_as_that(followed: Followed) -> None:
    followed.write(1)
    followed.cursor.with_name(".cursor").mkdir()
    with pytest.raises(CursorError, match="cursor: Is a directory"):
        followed.follow()


@pytest.mark.parametrize("name", [".cursor", "cursor.lock"])
def test_a_link_that_somebody_else_has_put_there_leads_nowhere(
    followed: Followed, name: str
) -> None:
    precious = followed.cursor.with_name("precious")
    precious.write_bytes(b"as it was")
    precious.chmod(0o644)
    followed.cursor.with_name(name).symlink_to(precious)
    followed.write(1)
    with contextlib.suppress(OSError):
        followed.follow()
        assert followed.cursor.stat().st_mode & 0o777 == 0o600
    assert precious.read_bytes() == b"as it was"
    assert followed.numbers == ([1] if name == ".cursor" else [])


@pytest.mark.parametrize("how", ["moved", "emptied"])
def test_a_file_that_was_taken_away_is_begun_anew(followed: Followed, how: str) -> None:
    followed.write(*range(10))
    output = OutputFile(followed.output)
    cursor = Cursor()
    output.write(b"1\n", cursor)
    if how == "moved":
        followed.output.rename(followed.output.with_suffix(".1"))
    else:
        followed.output.write_bytes(b"")
    output.write(b"2\n", cursor)
    output.close()
    assert followed.output.read_bytes() == b"2\n"
    assert (cursor.inode, cursor.size_bytes) == (followed.output.stat().st_ino, 2)


@pytest.mark.parametrize("how", ["moved", "emptied"])
def test_a_file_that_was_taken_away_meanwhile_has_nothing_handed_on_again(
    followed: Followed, how: str
) -> None:
    followed.write(*range(10))
    followed.follow()
    if how == "moved":
        followed.output.rename(followed.output.with_suffix(".1"))
    else:
        followed.output.write_bytes(b"")
    followed.write(*range(10, 14))
    followed.follow()
    assert sorted(followed.numbers) == list(range(10, 14))


def test_what_is_not_asked_for_is_not_looked_at_again(followed: Followed) -> None:
    followed.write(*range(20))
    followed.follow(EventFilter(method="/x.Y/Z"))
    assert followed.output.read_bytes() == b""
    followed.follow()
    assert followed.output.read_bytes() == b""


def test_records_that_were_removed_before_they_were_read_are_told_of(followed: Followed) -> None:
    followed.write(0, 1)
    followed.follow()
    followed.write(*range(2, 20), max_segment_bytes=1)
    retire_idle(followed.directory, 1 << 62, signer=SIGNER, clock=lambda: NOW_NS)
    followed.follow()
    assert len(followed.told) == 2
    assert all("are kept no more" in each for each in followed.told)


def test_two_do_not_follow_with_one_cursor(followed: Followed) -> None:
    with (
        held_cursor(followed.cursor),
        pytest.raises(CursorError, match="another process"),
        held_cursor(followed.cursor),
    ):
        pass


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b'{"version":2}',
        b'{"version":1,"seen":7}',
        b"\xff",
        b'{"version":1,"seen":{"a":-1},"inode":0,"size_bytes":0}',
        b'{"version":1,"seen":{"a":9223372036854775808},"inode":0,"size_bytes":0}',
        b'{"version":1,"seen":{},"inode":0,"size_bytes":-7}',
        b'{"version":1,"seen":{},"inode":true,"size_bytes":0}',
    ],
)
def test_what_is_no_cursor_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cursor"
    path.write_bytes(content)
    with pytest.raises(CursorError, match="is no cursor"):
        CursorFile(path)


def test_a_folder_is_no_cursor() -> None:
    with pytest.raises(CursorError, match="is a folder"), held_cursor(Path()):
        pass
