"""What docs/encryption.md shows."""

import re
import tomllib
from pathlib import Path

from typer.testing import CliRunner

from blrcs.cli import app
from blrcs.config.settings import Settings
from blrcs.testing.resources import temporary_resources

TEXT = (Path(__file__).parents[3] / "docs" / "encryption.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


async def test_the_service_does_what_it_says():
    (source,) = blocks("python")
    names = {}
    exec(compile(source, "docs/encryption.md", "exec"), names)
    async with temporary_resources() as resources:
        encrypted, found_by = await names["add_patient"](resources, "acme", "7", b"A 123")
        again, same = await names["add_patient"](resources, "acme", "8", b"A 123")
        assert b"A 123" not in encrypted
        assert encrypted != again
        assert found_by == same
        assert await names["insurance_of"](resources, "acme", "7", encrypted) == b"A 123"


def test_the_settings_are_valid():
    (source,) = blocks("toml")
    settings = Settings(**tomllib.loads(source))
    assert settings.encryption.older_master_keys == ("file:encryption_key",)


def test_the_commands_are_there():
    lines = "".join(blocks("sh")).splitlines()
    commands = [line.split() for line in lines if line.startswith("blrcs ")]
    assert len(commands) == 8
    for _, *command in commands:
        shown = CliRunner().invoke(app, [*command[:2], "--help"], terminal_width=200)
        assert shown.exit_code == 0
        for option in command[2:]:
            assert not option.startswith("--") or option in shown.output
