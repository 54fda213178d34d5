"""Binds registered methods to pipelines."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor

from blrcs.domain.policy import MethodPolicy
from blrcs.interceptors.factory import PipelineFactory
from blrcs.transport.registration import Registration
from blrcs_native.calls.interfaces import Handler
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.monitoring.call_metrics import CallMetrics

PolicyOf = Callable[[Registration], MethodPolicy | None]
"""The policy of a method; None for one that is not to be served."""


def bind_all(
    registrations: Iterable[Registration],
    factory: PipelineFactory,
    policy_of: PolicyOf,
    *,
    metrics: CallMetrics | None = None,
    executor: Executor | None = None,
    handler_of: Callable[[Registration, Executor | None], Handler] = Registration.handler,
) -> dict[str, Pipeline]:
    """Pipelines by method name.

    Args:
        registrations: What servicers registered.
        factory: Puts the stages together.
        policy_of: What is in effect for each.
        metrics: Where calls are counted, if anywhere.
        executor: Runs handlers that are plain functions; the loop's own if None.
        handler_of: Makes the innermost handler.

    Raises:
        PolicyError: A policy is missing or cannot be carried out.
    """
    pipelines = {}
    for registration in registrations:
        policy = policy_of(registration)
        if policy is not None:
            method = registration.method(policy, metrics)
            pipelines[method.name] = factory.bind(method, handler_of(registration, executor))
    return pipelines
