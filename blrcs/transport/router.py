"""Which pipeline takes the calls of which method."""

from collections.abc import Mapping

from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.calls.routes import Routes
from blrcs_native.monitoring.call_metrics import MethodMetrics


class Router(Routes):
    """Pipelines by method name, replaced as a whole: every call sees one epoch or the next.

    Args:
        unknown: Counts calls of methods that nobody serves.
    """

    def __init__(
        self, pipelines: Mapping[str, Pipeline], *, unknown: MethodMetrics | None = None
    ) -> None:
        self.pipelines = dict(pipelines)
        self._unknown = unknown

    @property
    def direct_methods(self) -> tuple[str, ...]:
        """The methods that have a direct handler, in their order."""
        return tuple(
            sorted(name for name, each in self.pipelines.items() if each.direct is not None)
        )

    def replace(self, pipelines: Mapping[str, Pipeline]) -> None:
        """Sends the calls that come from now on through other pipelines for the same methods."""
        self.pipelines = dict(pipelines)

    def find(self, name: str) -> Pipeline | None:
        """The pipeline of ``/package.Service/Method``; a miss is counted."""
        pipeline = self.pipelines.get(name)
        if pipeline is None and self._unknown is not None:
            self._unknown.started()
            self._unknown.handled(UNIMPLEMENTED, 0)
        return pipeline


UNIMPLEMENTED = 12
