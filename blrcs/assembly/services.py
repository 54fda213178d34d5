"""Finds the services of users."""

import importlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

Register = Callable[[Any], object]
"""Takes a server and adds servicers to it."""


class ServiceLoadError(Exception):
    """A service cannot be loaded. Its text is one line for a terminal."""


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
    except (ImportError, AttributeError) as error:
        raise ServiceLoadError(f"service {reference}: {error}") from error
    except Exception as error:
        raise _failure(reference, error) from error
    if not callable(found):
        raise ServiceLoadError(f"service {reference} is not a function of a server")

    def register(server: Any) -> None:
        try:
            found(server)
        except Exception as error:
            raise _failure(reference, error) from error

    return register


def _failure(reference: str, error: Exception) -> ServiceLoadError:
    """One line that says what a user's code raised, and where."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return ServiceLoadError(f"service {reference}: {text}{place}")
