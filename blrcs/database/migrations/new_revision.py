"""Writes the file of a migration that is to be filled in."""

import re
from pathlib import Path

from blrcs.database.migrations.branch import Branch

_TEXT = '''"""{title}"""

revision = "{revision}"
down_revision = {down}


def upgrade() -> None:
    """Takes the steps of blrcs.database.migrations.steps, which can be taken again.

    MySQL commits each by itself: one that was killed on the way starts from the beginning.
    """


def downgrade() -> None:
    """Takes them back, the last one first."""
'''


def write_revision(branch: Branch, message: str) -> Path:
    """Adds the next revision to a branch, numbered in four digits.

    Raises:
        OSError: The file cannot be written.
        DatabaseOpenError: The branch's files do not make one line.
    """
    down = branch.head
    number = int(down) + 1 if down is not None and down.isdigit() else len(branch.revisions) + 1
    revision = f"{number:04}"
    words = re.findall(r"[a-z0-9]+", message.lower())
    path = branch.folder / f"{'_'.join([revision, *words])}.py"
    title = message.replace("\\", " ").replace('"', "'").strip()
    title = f"{title[:1].upper()}{title[1:]}".rstrip(".") + "."
    text = _TEXT.format(title=title, revision=revision, down=f'"{down}"' if down else None)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    return path
