"""Where what is recorded of calls goes."""

from collections.abc import Mapping
from typing import Any, Protocol

from blrcs_native.monitoring.refusal_folder import RefusalFolder


class AuditSink(Protocol):
    """Takes records on the event loop."""

    refusals: RefusalFolder
    """Takes those of refusals."""

    def require_writable(self) -> None:
        """Raises UnavailableError where what is done now could not be recorded."""
        ...

    def put(self, values: Mapping[str, Any]) -> None:
        """Has a record written soon."""
        ...

    async def commit(self, values: Mapping[str, Any]) -> None:
        """Returns once the record is as durable as the sink makes it; DataLossError else."""
        ...

    def flush(self) -> None:
        """Has all that is not written yet, refusals too, written as soon as it can be."""
        ...
