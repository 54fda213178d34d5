"""What can change while the server runs, and who carries the change out."""

from collections.abc import Callable, Iterator
from typing import Protocol

from blrcs.config.option import all_options
from blrcs.config.settings import Settings

_RELOADABLE = ("limits.rules", "policies", "logging.level", "network.", "server.tls.")


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


def keys_that_need_a_restart(old: Settings, new: Settings) -> Iterator[str]:
    """The keys of options that differ and cannot change at run time."""
    for key, option in all_options().items():
        if not key.startswith(_RELOADABLE) and option.value_in(old) != option.value_in(new):
            yield key
