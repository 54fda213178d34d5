"""Principals by certificates, where the settings know any."""

import time

from blrcs.config.mtls import Mtls
from blrcs.security.certificate_names import CertificateNames
from blrcs_native.guards.certificate import CertificatePrincipals


def certificate_principals(settings: Mtls) -> CertificatePrincipals | None:
    """Whose the client certificates are; None where only tokens say who calls."""
    if settings.mode == "off":
        return None
    return CertificatePrincipals(CertificateNames(settings).read, time.time_ns)
