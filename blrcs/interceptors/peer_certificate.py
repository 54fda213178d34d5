"""The certificate that a client has shown."""

import base64
import hashlib
import ssl
from functools import lru_cache

from blrcs_native.calls.call import Call

CERTIFICATE = "x509_pem_cert"
REMEMBERED = 4096
"""As many as there are connections, as a rule: each has a text of its own."""


def certificate_thumbprint(call: Call) -> str | None:
    """The thumbprint of the client's certificate (RFC 8705, section 3.1); None without one.

    Transports show only certificates whose chain they have verified.
    """
    shown = call.auth_context().get(CERTIFICATE)
    return _thumbprint(shown[0]) if shown else None


@lru_cache(REMEMBERED)
def _thumbprint(pem: bytes) -> str:
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.decode())).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
