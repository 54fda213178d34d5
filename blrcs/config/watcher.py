"""Notices that the configuration changes on disk."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import watchfiles

from blrcs.config.live import LiveSettings, ReloadOutcome

LOOK_ANYWAY_MS = 5_000

Watch = Callable[..., AsyncGenerator[Any, None]]
"""``watch(*directories)`` yields whenever something in them may have changed."""


async def watch_directories(*directories: Path) -> AsyncGenerator[Any, None]:
    """Yields when an entry of the directories changes, and every five seconds in any case.

    The latter is for file systems that tell of no change, and for changes made before it listened.
    """
    watch = partial(
        watchfiles.awatch,
        *directories,
        watch_filter=None,
        recursive=False,
        rust_timeout=LOOK_ANYWAY_MS,
        yield_on_timeout=True,
    )
    try:
        async for changes in watch():
            yield changes
    except OSError:
        # The system's watches are used up, or a directory has gone: looking now and then remains.
        async for changes in watch(force_polling=True, poll_delay_ms=LOOK_ANYWAY_MS):
            yield changes


def digest_of(file: Path) -> bytes | None:
    """A digest of what is in the file; None where it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).digest()
    except OSError:
        return None


class ConfigWatcher:
    """Reloads the settings when one of their files has another content, or when asked to.

    The files are those of the configuration and of TLS. Their directories are watched rather than
    they themselves, so that files count too that are replaced, made later or reached by a link.
    Contents that were refused are not tried again by themselves.

    Args:
        live: What is reloaded.
        watch: Tells that something may have changed.
        digest: Tells contents apart; runs on a thread.
    """

    def __init__(
        self,
        live: LiveSettings,
        *,
        watch: Watch = watch_directories,
        digest: Callable[[Path], bytes | None] = digest_of,
    ) -> None:
        self._live = live
        self._watch = watch
        self._digest = digest
        self._requested = asyncio.Event()
        self._seen = self._digests(self._files())

    def request_reload(self) -> None:
        """Has :meth:`run` reload once, changed or not. For a handler of SIGHUP on the loop."""
        self._requested.set()

    async def reload(self) -> ReloadOutcome:
        """Reloads now, changed or not."""
        # Read before the reload, so that what changes during it counts as a change after it.
        seen = await asyncio.to_thread(self._digests, self._files())
        outcome = await self._live.reload()
        added = set(self._files()) - seen.keys()
        self._seen = {
            **{path: seen[path] for path in self._files() if path in seen},
            **await asyncio.to_thread(self._digests, added),
        }
        return outcome

    async def run(self) -> None:
        """Runs until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_requests())
            tasks.create_task(self._follow_files())

    async def _follow_requests(self) -> None:
        while True:
            await self._requested.wait()
            self._requested.clear()
            await self.reload()

    async def _follow_files(self) -> None:
        while True:
            directories = self._directories()
            async with aclosing(self._watch(*directories)) as changes:
                async for _ in changes:
                    if await asyncio.to_thread(self._digests, self._files()) != self._seen:
                        await self.reload()
                    if self._directories() != directories:
                        break

    def _files(self) -> list[Path]:
        tls = self._live.settings.server.tls
        named = (tls.cert_file, tls.key_file, tls.client_ca_file, tls.client_crl_file)
        return [*self._live.files, *(path for path in named if path is not None)]

    def _directories(self) -> list[Path]:
        return sorted({path.parent for path in self._files() if path.parent.is_dir()})

    def _digests(self, files: Iterable[Path]) -> Mapping[Path, bytes | None]:
        return {path: self._digest(path) for path in files}
