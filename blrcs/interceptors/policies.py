"""The policies in effect, and the pipelines bound to them, across reloads."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor

from blrcs.config.policies import override_for
from blrcs.config.problem import ConfigError, Problem
from blrcs.config.settings import Settings
from blrcs.domain.policy import MethodPolicy, Permission
from blrcs.interceptors.binding import bind_all
from blrcs.interceptors.effective_policy import effective_policy
from blrcs.interceptors.factory import PipelineFactory
from blrcs.interceptors.proto_policy import PolicyError
from blrcs.transport.registration import Registration
from blrcs.transport.router import Router
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.monitoring.call_metrics import CallMetrics


def policy_in(settings: Settings, registration: Registration) -> MethodPolicy | None:
    """A method's policy under some settings; None for one that they disable.

    Raises:
        PolicyError: Nothing states who may call it.
    """
    override = override_for(registration.name, settings.policies)
    if override is not None and override.disabled:
        return None
    return effective_policy(
        registration.name, registration.descriptor, override, settings.guards.shadow
    )


def permissions_of(registrations: Iterable[Registration], settings: Settings) -> set[str]:
    """The permissions that the policies of methods name."""
    policies = (policy_in(settings, registration) for registration in registrations)
    accesses = (policy.access for policy in policies if policy is not None)
    return {access.name for access in accesses if isinstance(access, Permission)}


class Policies:
    """Binds methods to pipelines, and binds them anew when their policies change.

    Args:
        registrations: The methods served.
        factory: Puts the stages together.
        router: Where the pipelines go.
        metrics: Where calls are counted.
        executor: Runs handlers that are plain functions; the loop's own if None.
    """

    def __init__(
        self,
        registrations: Sequence[Registration],
        factory: PipelineFactory,
        router: Router,
        *,
        metrics: CallMetrics | None = None,
        executor: Executor | None = None,
    ) -> None:
        self._registrations = tuple(registrations)
        self._factory = factory
        self._router = router
        self._metrics = metrics
        self._executor = executor

    def apply(self, settings: Settings) -> None:
        """Puts the policies of some settings into effect; PolicyError if they cannot be."""
        self._router.replace(self._bind(settings))

    def prepare(self, old: Settings, new: Settings) -> Callable[[], None]:
        """See :class:`blrcs.config.reloadable.Reloadable`."""
        del old
        try:
            pipelines = self._bind(new)
        except PolicyError as error:
            raise ConfigError([Problem("", "policies", str(error))]) from None
        return lambda: self._router.replace(pipelines)

    def _bind(self, settings: Settings) -> Mapping[str, Pipeline]:
        policies = {each.name: policy_in(settings, each) for each in self._registrations}
        unknown = sorted(set(settings.policies) - _patterns(self._registrations))
        if unknown:
            raise PolicyError(f"{unknown[0]} names no method that is served")
        # A pipeline keeps replies and idempotency keys: it stays while its policy does.
        kept = {
            name: pipeline
            for name, pipeline in self._router.pipelines.items()
            if pipeline.method.policy == policies.get(name)
        }
        bound = bind_all(
            [each for each in self._registrations if each.name not in kept],
            self._factory,
            lambda registration: policies[registration.name],
            metrics=self._metrics,
            executor=self._executor,
        )
        return kept | bound


def _patterns(registrations: Sequence[Registration]) -> set[str]:
    names = {each.name for each in registrations}
    return names | {f"{name.rpartition('/')[0]}/*" for name in names}
