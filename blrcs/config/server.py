"""Where the server listens, and what it accepts."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from blrcs.config.duration import Duration
from blrcs.config.section import PathName, ReadableFile, Section
from blrcs.config.size import SizeBytes

MAX_WORKERS = 256
MIN_HANG_S = 2
"""Four times as long as a worker takes to say that it goes on."""

Seconds = Annotated[float, BeforeValidator(lambda value: Duration.parse(value).seconds)]
"""A number of seconds, in every form that a duration has."""

Port = Annotated[int, Field(ge=0, le=65_535)]
"""A TCP port; 0 takes any that is free."""


class Tls(Section):
    """The server's certificate, and whom it asks for one. Without a certificate it speaks h2c."""

    cert_file: ReadableFile | None = None
    """The certificate and its chain, in PEM."""
    key_file: ReadableFile | None = None
    """The certificate's private key, in PEM."""
    client_ca_file: ReadableFile | None = None
    """Authorities that sign client certificates, in PEM; with `require_client_certificate`."""
    client_crl_file: ReadableFile | None = None
    """Client certificates that are revoked, in PEM; once it has expired, none is accepted."""
    require_client_certificate: bool = False
    """A client without a valid certificate is refused."""

    @property
    def enabled(self) -> bool:
        """Whether the server speaks TLS."""
        return self.cert_file is not None

    @model_validator(mode="after")
    def _check_files_belong_together(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file are given together or not at all")
        if self.client_ca_file is not None and self.cert_file is None:
            raise ValueError("client_ca_file needs cert_file and key_file")
        if self.client_crl_file is not None and self.client_ca_file is None:
            raise ValueError("client_crl_file needs client_ca_file")
        if self.require_client_certificate and self.client_ca_file is None:
            raise ValueError("require_client_certificate needs client_ca_file")
        if self.client_ca_file is not None and not self.require_client_certificate:
            raise ValueError("client_ca_file needs require_client_certificate")
        return self


class Server(Section):
    """The gRPC endpoint."""

    host: Annotated[str, Field(min_length=1, max_length=253)] = "127.0.0.1"
    """The address or host name to listen on."""
    port: Port = 50_051
    """The port to listen on; 0 takes any that is free."""
    uds: PathName | None = None
    """A Unix domain socket to listen on beside the port."""
    workers: Annotated[int, Field(ge=0, le=MAX_WORKERS)] = 0
    """Processes that serve; 0 for as many as there are cores to run on."""
    transport: Literal["native", "grpcio"] = "native"
    """What carries the calls: BLRCS's own HTTP/2, or grpcio's, which is the reference."""
    proxy_protocol: Literal["off", "v2"] = "off"
    """Whether each connection to the port is from a proxy of `network.trusted_proxies`, and first
    says by the PROXY protocol for whom it is. Of the native transport alone."""
    max_message_bytes: Annotated[SizeBytes, Field(ge=1_024, le=2**31 - 1)] = 4 << 20
    """The largest message that is received or sent."""
    max_metadata_bytes: Annotated[SizeBytes, Field(ge=1_024, le=1 << 20)] = 16 << 10
    """The most metadata that a call may carry."""
    max_concurrent_calls: Annotated[int, Field(ge=1, le=1_000_000)] = 1_000
    """Calls that run at once; further ones are refused with RESOURCE_EXHAUSTED."""
    max_connections: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """Connections at once; further ones are closed. Of the native transport alone."""
    max_connections_per_address: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Likewise from one address. Of the native transport alone."""
    max_connection_age_s: Annotated[Seconds, Field(le=30 * 86_400)] | None = None
    """Connections of this age are drained, so that clients spread over new servers."""
    drain_grace_s: Annotated[Seconds, Field(le=3_600)] = 30.0
    """How long accepted calls may take to finish once the server is told to stop."""
    hang_timeout_s: Annotated[Seconds, Field(le=3_600)] = 30.0
    """A worker whose event loop has not turned for so long is killed, and another one started; 0
    for never, else at least 2. Of several workers alone."""
    reflection: Literal["auto", "on", "off"] = "auto"
    """Whether the server describes its services; auto is off in production."""
    tls: Tls = Field(default_factory=Tls)

    @model_validator(mode="after")
    def _check_hang_can_be_told(self) -> Self:
        if 0 < self.hang_timeout_s < MIN_HANG_S:
            raise ValueError(f"hang_timeout_s is 0 or at least {MIN_HANG_S}")
        return self

    @model_validator(mode="after")
    def _check_transport_can(self) -> Self:
        own = {"max_connections", "max_connections_per_address"} & self.model_fields_set
        if self.transport == "grpcio" and own:
            raise ValueError(f'{min(own)} needs transport = "native"')
        if self.transport == "grpcio" and self.proxy_protocol != "off":
            raise ValueError('proxy_protocol needs transport = "native"')
        if self.transport == "grpcio" and self.tls.client_crl_file is not None:
            raise ValueError('tls.client_crl_file needs transport = "native"')
        return self
