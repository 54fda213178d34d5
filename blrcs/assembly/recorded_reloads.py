"""Tells the audit log of settings that come into effect while the server runs."""

from collections.abc import Callable

from blrcs.config.settings import Settings
from blrcs.interceptors.audit_sink import AuditSink

KIND = "configured"


class RecordedReloads:
    """Implements Reloadable. A reload that changes nothing is not recorded.

    Args:
        sink: Where it is recorded, by each worker that takes the settings up.
    """

    def __init__(self, sink: AuditSink) -> None:
        self._sink = sink

    def prepare(self, old: Settings, new: Settings) -> Callable[[], None]:
        """See Reloadable."""
        changed = _changed(old, new)

        def commit() -> None:
            if changed:
                self._sink.put({"kind": KIND, "request": {"changed": changed}})

        return commit


def _changed(old: Settings, new: Settings) -> list[str]:
    """The names of what differs, and no values: methods by name, of all else the section."""
    parts = {
        "limits.rules": (old.limits.rules, new.limits.rules),
        "logging.level": (old.logging.level, new.logging.level),
        "network": (old.network, new.network),
        "server.tls": (old.server.tls, new.server.tls),
    }
    methods = sorted({*old.policies, *new.policies})
    return [
        *(name for name, (before, after) in parts.items() if before != after),
        *(
            f"policies.{each}"
            for each in methods
            if old.policies.get(each) != new.policies.get(each)
        ),
    ]
