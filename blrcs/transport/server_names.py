"""Which of several certificates a client gets: one that has the name it asks for."""

import ssl
from collections.abc import Callable, Sequence

from cryptography import x509

KeyAndChain = tuple[bytes, bytes]
Choice = Callable[[ssl.SSLSocket | ssl.SSLObject, str | None, ssl.SSLContext], None]


def contexts_by_name(
    pairs: Sequence[KeyAndChain], context_of: Callable[[Sequence[KeyAndChain]], ssl.SSLContext]
) -> Choice:
    """An ``sni_callback`` that goes on with the context of those pairs that have the name.

    Where none has, the connection keeps the context that it began with. A name with an asterisk
    stands for one label (RFC 6125, section 6.4.3).

    Args:
        pairs: Private keys and certificate chains, in PEM.
        context_of: Makes the context of some of them; called now.

    Raises:
        ValueError: A certificate cannot be read.
    """
    having: dict[str, list[int]] = {}
    for index, (_, chain) in enumerate(pairs):
        for name in _names(chain):
            having.setdefault(name, []).append(index)
    made = {
        indexes: context_of([pairs[index] for index in indexes])
        for indexes in set(map(tuple, having.values()))
    }
    contexts = {name: made[tuple(indexes)] for name, indexes in having.items()}

    def choose(
        connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext
    ) -> None:
        if name is None:
            return
        name = name.lower()
        context = contexts.get(name) or contexts.get(f"*.{name.partition('.')[2]}")
        if context is not None:
            connection.context = context

    return choose


def first_and_alike(pairs: Sequence[KeyAndChain]) -> list[KeyAndChain]:
    """The first pair, and those that have the same names, such as one of another kind of key.

    Args:
        pairs: Private keys and certificate chains, in PEM; at least one.

    Raises:
        ValueError: A certificate cannot be read.
    """
    names = _names(pairs[0][1])
    return [pairs[0], *(pair for pair in pairs[1:] if _names(pair[1]) == names)]


def _names(chain: bytes) -> set[str]:
    """The DNS names of a chain's first certificate; its common name where it has no others."""
    certificate = x509.load_pem_x509_certificates(chain)[0]
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = extension.value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        subject = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        names = [str(each.value) for each in subject]
    return {name.lower() for name in names}
