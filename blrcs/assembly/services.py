"""Finds the services of users, and has them live and end with the server."""

import asyncio
import contextlib
import importlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from blrcs.assembly.housekeeping import Housekeeping, Work
from blrcs.assembly.import_failure import not_imported, raised
from blrcs.domain.errors import UnavailableError
from blrcs.resources.registering import register_service
from blrcs.resources.server_resources import ServerResources
from blrcs.resources.service_life import Repeated, ServiceLife

Register = Callable[[Any, ServerResources], None]
"""Takes a server and adds servicers to it."""

CACHE_TIMEOUT_S = 10.0
CACHE_PAUSE_S = 0.02
CACHE_NAMESPACE = "blrcs.services"

log = structlog.get_logger("blrcs.services")


class ServiceLoadError(Exception):
    """A service cannot be loaded or started. Its text is one line for a terminal."""


def load_service(reference: str) -> Register:
    """The function that ``package.module:function`` names, also below the working directory.

    What it raises when it is called is a ServiceLoadError too.

    Raises:
        ServiceLoadError: There is none, or its module cannot be imported.
    """
    module_name, _, path = reference.partition(":")
    directory = str(Path.cwd())
    if directory not in sys.path:
        sys.path.insert(0, directory)
    try:
        found: Any = importlib.import_module(module_name)
        for attribute in path.split("."):
            found = getattr(found, attribute)
    except ImportError as error:
        reason = not_imported(module_name, error, Path(directory))
        raise ServiceLoadError(f"service {reference}: {reason}") from error
    except AttributeError as error:
        raise ServiceLoadError(f"service {reference}: {error}") from error
    except Exception as error:
        raise _failure(reference, error) from error
    if not callable(found):
        raise ServiceLoadError(f"service {reference} is not a function of a server")

    def register(server: Any, resources: ServerResources) -> None:
        try:
            register_service(found, server, resources)
        except Exception as error:
            raise _failure(reference, error) from error

    return register


class HostedServices:
    """The services of users, in the order in which they were added.

    Args:
        resources: What they may use; each has a life of its own.
    """

    def __init__(self, resources: ServerResources) -> None:
        self._resources = resources
        self._lives: dict[str, ServiceLife] = {}

    def add(self, reference: str, server: Any) -> None:
        """Registers one; raises ServiceLoadError."""
        life = ServiceLife()
        load_service(reference)(server, replace(self._resources, life=life))
        self._lives[reference] = life

    async def start(self) -> None:
        """Starts them one after another.

        Raises:
            ServiceLoadError: One fails; the others that have started are to be stopped.
        """
        if self._lives:
            await self._wait_for_cache()
        for reference, life in self._lives.items():
            try:
                await life.start()
            except Exception as error:
                raise _failure(reference, error) from error

    async def _wait_for_cache(self) -> None:
        """The process that keeps it starts at the same time; without it they start nevertheless."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CACHE_TIMEOUT_S):
                while not await self._cache_answers():  # noqa: ASYNC110 - nobody tells of it
                    await asyncio.sleep(CACHE_PAUSE_S)

    async def _cache_answers(self) -> bool:
        try:
            await self._resources.cache.get(CACHE_NAMESPACE, "")
        except UnavailableError:
            return False
        return True

    def keep_house(self, house: Housekeeping, leading: Callable[[Work], Work]) -> None:
        """Has repeated what they want to be.

        Args:
            house: Does it.
            leading: Has work done by one of all workers.
        """

        def repeat(each: Repeated) -> None:
            house.repeat(each.period_s, leading(each.work) if each.leader_only else each.work)

        for life in self._lives.values():
            life.begin(repeat)

    async def stop(self, timeout_s: float) -> None:
        """Ends them, the last first, also those that have started in part."""
        at = ""
        try:
            async with asyncio.timeout(timeout_s):
                for reference, life in reversed(self._lives.items()):
                    at = reference
                    await life.stop()
        except TimeoutError:
            log.warning("a service took too long to end", service=at, timeout_s=timeout_s)


def _failure(reference: str, error: Exception) -> ServiceLoadError:
    return ServiceLoadError(f"service {reference}: {raised(error)}")
