"""The methods that a server would serve, bound to their policies, without the server."""

import secrets
from dataclasses import dataclass

from blrcs.api.health_service import HealthService, HealthState, add_health_to_server
from blrcs.api.reflection_service import add_reflection_to_server
from blrcs.assembly.services import load_service
from blrcs.config.settings import Settings
from blrcs.domain.policy import MethodPolicy
from blrcs.interceptors.factory import PipelineFactory
from blrcs.interceptors.policies import Policies
from blrcs.resources.local import described_resources
from blrcs.transport.registration import Registrar, Registration
from blrcs.transport.router import Router
from blrcs.v1 import (
    access_pb2_grpc,
    audit_pb2_grpc,
    auth_pb2_grpc,
    cache_pb2_grpc,
    credential_pb2_grpc,
    encryption_pb2_grpc,
    limit_pb2_grpc,
    record_pb2_grpc,
    user_pb2_grpc,
)
from blrcs_native.access.table import AccessTable
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.limits.limiter import Limiter
from blrcs_native.tokens.keys import Keyset, VerificationKey
from blrcs_native.tokens.verifier import TokenVerifier

LIMITER_CELLS = 64
NOBODY = "nobody"
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class ServedMethod:
    """A method and its pipeline, which is None where the configuration disables it."""

    registration: Registration
    pipeline: Pipeline | None

    @property
    def name(self) -> str:
        """``/package.Service/Method``."""
        return self.registration.name

    @property
    def policy(self) -> MethodPolicy | None:
        """What is in effect; None where the method is disabled."""
        if self.pipeline is None:
            return None
        policy: MethodPolicy = self.pipeline.method.policy
        return policy

    @property
    def is_validated(self) -> bool:
        """Whether rules of ``buf.validate`` apply to its requests."""
        guards = () if self.pipeline is None else self.pipeline.body_guards
        return any(guard.stage == "validation" for guard in guards)


def served_methods(settings: Settings) -> list[ServedMethod]:
    """All methods, by name; the pipelines' handlers and guards are not for use.

    Raises:
        ServiceLoadError: A service of the settings cannot be loaded.
        PolicyError: A policy is missing or cannot be carried out: the server would not start.
    """
    registrar = Registrar()
    if settings.services.builtin:
        _add_builtin(registrar)
        if settings.audit.to != "log":
            audit_pb2_grpc.add_AuditServiceServicer_to_server(
                audit_pb2_grpc.AuditServiceServicer(), registrar
            )
    for reference in settings.services.extra:
        load_service(reference)(registrar, described_resources(settings.data_directory))
    services = sorted({each.name[1:].rpartition("/")[0] for each in registrar})
    add_health_to_server(HealthService(HealthState(())), registrar)
    if settings.reflection:
        add_reflection_to_server(services, registrar)
    router = Router({})
    Policies(tuple(registrar), _factory(), router).apply(settings)
    return sorted(
        (ServedMethod(each, router.pipelines.get(each.name)) for each in registrar),
        key=lambda method: method.name,
    )


def _add_builtin(registrar: Registrar) -> None:
    auth_pb2_grpc.add_AuthServiceServicer_to_server(auth_pb2_grpc.AuthServiceServicer(), registrar)
    user_pb2_grpc.add_UserServiceServicer_to_server(user_pb2_grpc.UserServiceServicer(), registrar)
    credential_pb2_grpc.add_CredentialServiceServicer_to_server(
        credential_pb2_grpc.CredentialServiceServicer(), registrar
    )
    access_pb2_grpc.add_AccessServiceServicer_to_server(
        access_pb2_grpc.AccessServiceServicer(), registrar
    )
    limit_pb2_grpc.add_LimitServiceServicer_to_server(
        limit_pb2_grpc.LimitServiceServicer(), registrar
    )
    cache_pb2_grpc.add_CacheServiceServicer_to_server(
        cache_pb2_grpc.CacheServiceServicer(), registrar
    )
    record_pb2_grpc.add_RecordServiceServicer_to_server(
        record_pb2_grpc.RecordServiceServicer(), registrar
    )
    encryption_pb2_grpc.add_EncryptionServiceServicer_to_server(
        encryption_pb2_grpc.EncryptionServiceServicer(), registrar
    )


def _factory() -> PipelineFactory:
    key = VerificationKey.from_secret(NOBODY, "HS256", secrets.token_bytes(SECRET_BYTES))
    return PipelineFactory(
        limiter=Limiter(LIMITER_CELLS),
        verifier=TokenVerifier(Keyset([key]), issuers=[NOBODY], audiences=[NOBODY]),
        access=CurrentAccess(AccessTable([], [], [])),
    )
