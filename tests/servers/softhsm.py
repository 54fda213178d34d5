"""A PKCS #11 token of the tests' own: SoftHSM, with keys in a folder."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import COMMAND_TIMEOUT_S

PIN = "1234"
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so")
CONFIG = "SOFTHSM2_CONF"
GENERATE = """
import sys, pkcs11
module, pin, *labels = sys.argv[1:]
with pkcs11.lib(module).get_token(token_label="blrcs").open(user_pin=pin, rw=True) as session:
    for number, label in enumerate(labels):
        key = pkcs11.KeyType.AES
        session.generate_key(key, 256, label=label, id=bytes([number]), store=True)
"""
"""In a process of its own: a library reads where its tokens are when it is loaded."""


@dataclass(frozen=True, slots=True)
class Token:
    """One with the label ``blrcs``.

    Attributes:
        module: The library.
        environment: The variables by which a process finds it.
    """

    module: str
    environment: dict[str, str]

    def key(self, label: str) -> str:
        """Names one of its keys, as ``encryption.master_key`` does behind ``pkcs11:``."""
        return f"token=blrcs;object={label};module={self.module}"


@contextmanager
def softhsm(folder: Path, *labels: str) -> Iterator[Token]:
    """A token with AES keys of these labels; this process finds it too."""
    (folder / "tokens").mkdir()
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    os.environ[CONFIG] = str(config)
    token = Token(next(each for each in MODULES if Path(each).exists()), {CONFIG: str(config)})
    command = shutil.which("softhsm2-util") or "softhsm2-util"
    named = ["--init-token", "--free", "--label", "blrcs", "--pin", PIN, "--so-pin", PIN]
    try:
        for each in (
            [command, *named],
            [sys.executable, "-c", GENERATE, token.module, PIN, *labels],
        ):
            subprocess.run(each, check=True, capture_output=True, timeout=COMMAND_TIMEOUT_S)
        yield token
    finally:
        del os.environ[CONFIG]
