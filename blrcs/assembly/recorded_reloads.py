"""Tells the audit log of settings that come into effect while the server runs."""

from collections.abc import Callable

from blrcs.config.reloadable import changed_parts
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
        # Names alone: values may be secret.
        changed = list(changed_parts(old, new))

        def commit() -> None:
            if changed:
                self._sink.put({"kind": KIND, "request": {"changed": changed}})

        return commit
