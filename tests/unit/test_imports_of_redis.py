"""Servers without a Redis do not pay for redis-py."""

import subprocess
import sys


def test_redis_py_is_imported_only_where_there_is_a_redis() -> None:
    program = (
        "import sys, blrcs.app, blrcs.cli.serve, blrcs.redis.errors; print('redis' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "False\n"
