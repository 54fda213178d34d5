"""How a service is registered."""

import inspect
from collections.abc import Callable
from typing import Any

from blrcs.resources.server_resources import ServerResources

Register = Callable[..., object]
"""Takes a server and adds servicers to it; may take ServerResources as well."""

SECOND = 2


def takes_resources(register: Register) -> bool:
    """Whether there is a second parameter that has to be given, or is named ``resources``."""
    try:
        parameters = list(inspect.signature(register).parameters.values())
    except (TypeError, ValueError):  # not everything that can be called tells its parameters
        return False
    positional = [
        each
        for each in parameters
        if each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}
    ]
    if len(positional) < SECOND:
        return False
    second = positional[1]
    return second.name == "resources" or second.default is second.empty


def register_service(register: Register, server: Any, resources: ServerResources) -> None:
    """Calls ``register`` with what it takes."""
    if takes_resources(register):
        register(server, resources)
    else:
        register(server)
