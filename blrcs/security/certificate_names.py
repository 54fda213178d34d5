"""Whose a client's certificate is."""

from cryptography import x509

from blrcs.config.mtls import PATH_PLACE, TRUST_DOMAIN_PLACE, Mtls
from blrcs.security.spiffe import SpiffeId, is_spiffe

MAX_NAME_CHARS = 512
NS_PER_S = 1_000_000_000

_UNREADABLE = (
    ValueError,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


class CertificateNames:
    """Names the principals of certificates that a transport has verified.

    A certificate that has a SPIFFE id is named by it or not at all, never by its other names. What
    is ambiguous is nobody's: a second URI beside the id (X509-SVID.md, section 2), and DNS names of
    several principals. So is what may sign others (section 4.1).
    """

    def __init__(self, settings: Mtls) -> None:
        self._settings = settings

    def read(self, pem: bytes) -> tuple[str | None, int]:
        """The principal's name, None for nobody, and until when it holds, in Unix nanoseconds."""
        try:
            certificate = x509.load_pem_x509_certificate(pem)
            expires_ns = int(certificate.not_valid_after_utc.timestamp()) * NS_PER_S
            return self._name(certificate), expires_ns
        except _UNREADABLE:
            return None, 0

    def _name(self, certificate: x509.Certificate) -> str | None:
        if _may_sign(certificate):
            return None
        names = _alternative_names(certificate)
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        if any(map(is_spiffe, uris)):
            return self._workload(uris[0]) if len(uris) == 1 else None
        found = {
            self._settings.names[key]
            for name in names.get_values_for_type(x509.DNSName)
            if (key := f"dns:{name.lower()}") in self._settings.names
        }
        if found:
            return found.pop() if len(found) == 1 else None
        return self._settings.names.get(f"subject:{certificate.subject.rfc4514_string()}")

    def _workload(self, uri: str) -> str | None:
        spiffe_id = SpiffeId.parse(uri)
        if spiffe_id is None or spiffe_id.trust_domain not in self._settings.trust_domains:
            return None
        template = self._settings.spiffe_principal
        name = template.replace(TRUST_DOMAIN_PLACE, spiffe_id.trust_domain)
        name = name.replace(PATH_PLACE, spiffe_id.path)
        return name if len(name) <= MAX_NAME_CHARS else None


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        if certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return True
    except x509.ExtensionNotFound:
        pass
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return usage.key_cert_sign or usage.crl_sign


def _alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return x509.SubjectAlternativeName([])
    return found.value
