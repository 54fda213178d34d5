"""What can change while the server runs, and who carries the change out."""

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Protocol

from blrcs.config.option import all_options
from blrcs.config.settings import Settings

_PARTS = ("limits.rules", "logging.level", "network", "server.tls")
_POLICIES = "policies"
_RELOADABLE = (*_PARTS, _POLICIES)


class Reloadable(Protocol):
    """A part of the server that takes new settings without a restart."""

    def prepare(self, old: Settings, new: Settings) -> Callable[[], None]:
        """Does all that can fail, and changes nothing yet.

        Called on the event loop at every reload, also where no value that it uses has changed: what
        lies in the files that the settings name may have.

        Returns:
            What makes the change. It only swaps what is prepared, never raises and does not wait.
            It is dropped without a call if another part cannot prepare.

        Raises:
            ConfigError: The part cannot work with the new settings.
        """


def reloadable_part(old: Settings, new: Settings) -> Settings:
    """The old settings with everything from the new ones that can change at run time."""
    return old.model_copy(
        update={
            "limits": old.limits.model_copy(update={"rules": new.limits.rules}),
            "policies": new.policies,
            "network": new.network,
            "logging": old.logging.model_copy(update={"level": new.logging.level}),
            "server": old.server.model_copy(update={"tls": new.server.tls}),
        }
    )


def changed_parts(old: Settings, new: Settings) -> Iterator[str]:
    """The names of what differs and can change at run time: of policies those of the methods."""
    for part in _PARTS:
        value_in = attrgetter(part)
        if value_in(old) != value_in(new):
            yield part
    for method in sorted({*old.policies, *new.policies}):
        if old.policies.get(method) != new.policies.get(method):
            yield f"{_POLICIES}.{method}"


def keys_that_need_a_restart(old: Settings, new: Settings) -> Iterator[str]:
    """The keys of options that differ and cannot change at run time."""
    for key, option in all_options().items():
        if not _is_reloadable(key) and option.value_in(old) != option.value_in(new):
            yield key


def _is_reloadable(key: str) -> bool:
    return any(key == part or key.startswith(f"{part}.") for part in _RELOADABLE)
