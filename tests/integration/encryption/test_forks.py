"""Forks of a process that seals."""

import subprocess
import sys
from pathlib import Path

from tests.integration.encryption.sealing_in_forks import FORKS, VALUES

SALT, NONCE, RANDOM = slice(9, 25), slice(25, 37), slice(25, 29)
DRAWN = 16


def test_forks_of_one_key_never_use_a_nonce_twice():
    program = Path(__file__).with_name("sealing_in_forks.py")
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, check=True, timeout=60
    )
    heads = [bytes.fromhex(line) for line in done.stdout.split()]
    assert len(heads) == 1 + (FORKS + 1) * VALUES
    assert len({head[SALT] for head in heads}) == 1, "they share what they derived before"
    assert len({head[NONCE] for head in heads}) == len(heads)
    # The clock, which is in the others, would hide that these were drawn before the fork.
    first = [head[RANDOM] for at in range(1, len(heads), VALUES) for head in heads[at:][:DRAWN]]
    assert len(set(first)) == len(first) == (FORKS + 1) * DRAWN
