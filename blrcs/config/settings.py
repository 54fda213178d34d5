"""All settings of a server."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from blrcs.config.access import Access
from blrcs.config.audit import Audit
from blrcs.config.auth import Auth
from blrcs.config.cache import Cache
from blrcs.config.database import Database
from blrcs.config.doctor import Doctor
from blrcs.config.encryption import Encryption
from blrcs.config.guards import Guards
from blrcs.config.limits import Limits
from blrcs.config.network import Network
from blrcs.config.observability import LogFormat, Logging, Metrics
from blrcs.config.overload import Overload
from blrcs.config.policies import MethodPattern, PolicyOverride
from blrcs.config.records import Records
from blrcs.config.redis import Redis
from blrcs.config.section import PathName, Table, empty_table
from blrcs.config.server import Server
from blrcs.config.services import Services

Environment = Literal["development", "test", "production"]
ENVIRONMENTS: tuple[Environment, ...] = ("development", "test", "production")


class Settings(BaseModel):
    """All settings, valid as a whole and immutable.

    ``Settings()`` is the defaults alone and never looks at files or variables;
    :func:`blrcs.config.loading.load_settings` gathers those.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    environment: Environment = "development"
    """What the server is for: it picks the second file and what `auto` means."""
    data_directory: PathName = Path("data")
    """Where the database and the signing key lie; created at the first start."""
    database: Database = Field(default_factory=Database)
    redis: Redis = Field(default_factory=Redis)
    server: Server = Field(default_factory=Server)
    network: Network = Field(default_factory=Network)
    auth: Auth = Field(default_factory=Auth)
    access: Access = Field(default_factory=Access)
    audit: Audit = Field(default_factory=Audit)
    guards: Guards = Field(default_factory=Guards)
    limits: Limits = Field(default_factory=Limits)
    overload: Overload = Field(default_factory=Overload)
    policies: Table[MethodPattern, PolicyOverride] = Field(default_factory=empty_table)
    """What takes the place of the proto's policies, by method or service."""
    cache: Cache = Field(default_factory=Cache)
    records: Records = Field(default_factory=Records)
    encryption: Encryption = Field(default_factory=Encryption)
    logging: Logging = Field(default_factory=Logging)
    metrics: Metrics = Field(default_factory=Metrics)
    services: Services = Field(default_factory=Services)
    doctor: Doctor = Field(default_factory=Doctor)

    @field_validator("cache", "limits")
    @classmethod
    def _check_backend(cls, section: Cache | Limits, info: ValidationInfo) -> Cache | Limits:
        redis = info.data.get("redis")
        if section.backend == "redis" and redis is not None and redis.url is None:
            raise ValueError("its backend is redis, but redis.url is not given")
        return section

    @field_validator("network")
    @classmethod
    def _check_proxies(cls, section: Network, info: ValidationInfo) -> Network:
        server = info.data.get("server")
        if server is not None and server.proxy_protocol != "off" and not section.trusted_proxies:
            raise ValueError("server.proxy_protocol needs network.trusted_proxies")
        return section

    @field_validator("auth")
    @classmethod
    def _check_certificates(cls, section: Auth, info: ValidationInfo) -> Auth:
        server = info.data.get("server")
        verified = server is None or server.tls.require_client_certificate
        if section.mtls.mode != "off" and not verified:
            raise ValueError("mtls.mode needs server.tls.require_client_certificate")
        return section

    @property
    def reflection(self) -> bool:
        """Whether the server describes its services."""
        if self.server.reflection == "auto":
            return self.environment != "production"
        return self.server.reflection == "on"

    @property
    def log_format(self) -> LogFormat:
        """What the log looks like."""
        if self.logging.format == "auto":
            return "console" if self.environment == "development" else "json"
        return self.logging.format
