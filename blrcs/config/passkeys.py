"""Passkeys."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from blrcs.config.section import Section

LOCAL = "localhost"
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


class Passkeys(Section):
    """Keys that authenticators keep in place of passwords (WebAuthn Level 3)."""

    rp_id: Annotated[str, Field(pattern=rf"^{_LABEL}(\.{_LABEL})*$", max_length=253)] | None = None
    """The domain that passkeys are for, such as `example.org`. Without it there are none."""
    rp_name: Annotated[str, Field(min_length=1, max_length=64)] = "BLRCS"
    """What authenticators show beside it."""
    origins: tuple[Annotated[str, Field(max_length=512)], ...] = ()
    """The origins of the pages that ask for passkeys, such as `https://app.example.org`."""

    @model_validator(mode="after")
    def _check_origins(self) -> Self:
        if self.rp_id is None:
            return self
        if not self.origins:
            raise ValueError("rp_id is given, but no origins")
        for origin in self.origins:
            parts = urlsplit(origin)
            host = parts.hostname or ""
            if origin != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
                raise ValueError(f"{origin} is not of the form https://host or https://host:port")
            if parts.scheme != "https" and not (parts.scheme == "http" and host == LOCAL):
                raise ValueError(f"{origin} is not https")
            if host != self.rp_id and not host.endswith(f".{self.rp_id}"):
                raise ValueError(f"{origin} is not of {self.rp_id}")
        return self
