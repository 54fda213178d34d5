"""Credentials of the native transport."""

import ssl

import pytest

from blrcs.transport.tls import (
    CertificateConfiguration,
    ServerCredentials,
    server_context,
    ssl_server_credentials,
)
from tests.certificates import key_and_certificate, new_key_and_chain


def test_a_context_speaks_tls_1_2_or_later() -> None:
    context = server_context(
        CertificateConfiguration([key_and_certificate()]), require_client_certificate=False
    )
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_NONE
    weak = {"CBC", "RC4", "3DES", "MD5", "NULL", "AES128-SHA"}
    assert not [
        cipher["name"]
        for cipher in context.get_ciphers()
        if cipher["protocol"] == "TLSv1.2" and any(each in cipher["name"] for each in weak)
    ]


def test_clients_are_asked_for_a_certificate_where_they_must_have_one() -> None:
    key, certificate = key_and_certificate()
    context = ssl_server_credentials(
        [(key, certificate)], root_certificates=certificate, require_client_auth=True
    ).context()
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_nobody_can_be_required_that_nobody_signs() -> None:
    with pytest.raises(ValueError, match="root certificates"):
        ssl_server_credentials([key_and_certificate()], require_client_auth=True)


def test_a_context_is_made_anew_where_its_configuration_is_another_object() -> None:
    configuration = [CertificateConfiguration([key_and_certificate()])]
    credentials = ServerCredentials(lambda: configuration[0], require_client_certificate=False)
    first = credentials.context()
    assert credentials.context() is first
    configuration[0] = CertificateConfiguration([key_and_certificate()])
    assert credentials.context() is not first


def test_what_cannot_be_used_is_refused_at_once() -> None:
    key, certificate = key_and_certificate()
    with pytest.raises(ValueError, match="at least one"):
        ssl_server_credentials([])
    with pytest.raises(ssl.SSLError):
        ssl_server_credentials([(b"no key", certificate)])
    with pytest.raises(ssl.SSLError):
        ssl_server_credentials([(new_key_and_chain()[0], certificate)])
    assert key
