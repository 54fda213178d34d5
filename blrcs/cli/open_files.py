"""Whether a server may open the files that it needs at least."""

import resource

from blrcs.cli.exit import fail

LEAST = 64
"""For a process that serves: libraries, database, sockets, and a few connections."""
LEAST_OF_A_WORKER = 8
"""What a supervisor holds for each of them."""


def require_open_files(workers: int) -> None:
    """Ends the command where `ulimit -n` is too low for a server of so many processes.

    Raises:
        typer.Exit: It is.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    least = LEAST + (LEAST_OF_A_WORKER * workers if workers > 1 else 0)
    if allowed != resource.RLIM_INFINITY and allowed < least:
        fail(f"only {allowed} files may be open at once: a server needs {least} (ulimit -n)")
