"""Principals by the certificates of clients."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from blrcs.config.section import Section, Table, empty_table
from blrcs.domain.identity_name import WORKLOAD

TRUST_DOMAIN_PLACE = "{trust_domain}"
PATH_PLACE = "{path}"


@AfterValidator
def _template(text: str) -> str:
    if text.count(PATH_PLACE) != 1 or text.count(TRUST_DOMAIN_PLACE) > 1:
        raise ValueError(f"has {PATH_PLACE} once, and {TRUST_DOMAIN_PLACE} at most once")
    filled = text.replace(TRUST_DOMAIN_PLACE, "example.org").replace(PATH_PLACE, "path")
    if not re.fullmatch(WORKLOAD, filled):
        raise ValueError("names no workload: it is workloads/ and segments behind it")
    return text


CertificateName = Annotated[str, Field(pattern=r"^(dns:[a-z0-9._-]{1,253}|subject:.{1,512})$")]
"""``dns:`` and a name, or ``subject:`` and a distinguished name by RFC 4514."""

WorkloadName = Annotated[str, Field(pattern=f"^{WORKLOAD}$", max_length=512)]
"""The name of a principal: ``workloads/`` and segments behind it."""


class Mtls(Section):
    """Whom a verified client certificate stands for."""

    mode: Literal["off", "fallback", "required"] = "off"
    """Whether it is a principal's: of calls without a token, or a certificate of some principal is
    required of every call that is not public."""
    trust_domains: tuple[Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,255}$")], ...] = ()
    """The SPIFFE trust domains whose ids are principals."""
    spiffe_principal: Annotated[str, _template] = "workloads/{trust_domain}/{path}"
    """The principal's name by the parts of a SPIFFE id."""
    names: Table[CertificateName, WorkloadName] = Field(default_factory=empty_table)
    """Principals of certificates without a SPIFFE id, by `dns:NAME` or `subject:NAME`."""

    @model_validator(mode="after")
    def _check_principals(self) -> Self:
        if self.mode != "off" and not self.trust_domains and not self.names:
            raise ValueError("mode needs trust_domains or names, or nobody is a principal")
        if len(self.trust_domains) > 1 and TRUST_DOMAIN_PLACE not in self.spiffe_principal:
            raise ValueError(f"spiffe_principal needs {TRUST_DOMAIN_PLACE}: domains share no ids")
        return self
