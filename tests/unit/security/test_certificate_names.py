"""Whose a certificate is, and which are nobody's."""

import datetime as dt
import ssl
import time
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from pydantic import ValidationError

from blrcs.config.mtls import Mtls
from blrcs.config.settings import Settings
from blrcs.security.certificate_names import CertificateNames
from tests.authority import DAY, Authority, dns, spiffe

SETTINGS = Mtls(
    mode="fallback",
    trust_domains=("example.org", "other.example"),
    names={
        "dns:one.example": "workloads/one",
        "dns:two.example": "workloads/two",
        "dns:uno.example": "workloads/one",
        "subject:CN=robot": "workloads/robot",
    },
)


@cache
def authority() -> Authority:
    return Authority()


def name(*names: Any, settings: Mtls = SETTINGS, **more: Any) -> str | None:
    return CertificateNames(settings).read(authority().issue(*names, **more).chain)[0]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([spiffe("spiffe://example.org/ns/a/sa/b")], "workloads/example.org/ns/a/sa/b"),
        ([spiffe("spiffe://other.example/x")], "workloads/other.example/x"),
        ([spiffe("spiffe://example.org/x"), *dns("one.example")], "workloads/example.org/x"),
        ([spiffe("spiffe://strange.org/x")], None),
        ([spiffe("spiffe://example.org.strange.org/x")], None),
        ([spiffe("spiffe://example.org/x"), spiffe("spiffe://example.org/y")], None),
        ([spiffe("spiffe://example.org/x"), spiffe("https://example.org/")], None),
        ([spiffe("https://example.org/"), spiffe("spiffe://example.org/x")], None),
        ([spiffe("spiffe://example.org/x/")], None),
        ([spiffe("spiffe://example.org/%78")], None),
        ([spiffe("spiffe://example.org/../x")], None),
        ([spiffe("spiffe://EXAMPLE.org/x")], None),
        ([spiffe("spiffe://example.org/" + "a" * 500)], None),
        # Whatever is wrong with an id, no other name stands in for it.
        ([spiffe("SPIFFE://example.org/x"), *dns("one.example")], None),
        ([spiffe("spiffe://strange.org/x"), *dns("one.example")], None),
        ([spiffe("https://example.org/"), *dns("one.example")], "workloads/one"),
        (dns("one.example"), "workloads/one"),
        (dns("ONE.example"), "workloads/one"),
        (dns("one.example", "uno.example", "else.example"), "workloads/one"),
        (dns("one.example", "two.example"), None),
        (dns("three.example"), None),
        (dns("*.example"), None),
        ([], None),
        ([x509.RFC822Name("one.example")], None),
    ],
)
def test_names_of_certificates(names: Any, expected: str | None) -> None:
    assert name(*names) == expected


def test_a_subject_is_matched_as_a_whole() -> None:
    assert name(common_name="robot") == "workloads/robot"
    assert name(common_name="robot,CN=robot") is None
    assert name(*dns("three.example"), common_name="robot") == "workloads/robot"


def test_what_may_sign_others_is_nobody() -> None:
    assert name(spiffe("spiffe://example.org/x"), signs=True) is None
    assert name(common_name="robot", signs=True) is None


def test_a_template_makes_the_name() -> None:
    settings = Mtls(mode="fallback", trust_domains=("a.b",), spiffe_principal="workloads/x/{path}")
    assert name(spiffe("spiffe://a.b/c/{trust_domain}"), settings=settings) is None
    assert name(spiffe("spiffe://a.b/c"), settings=settings) == "workloads/x/c"


def test_a_certificate_holds_until_it_expires() -> None:
    _, expires_ns = CertificateNames(SETTINGS).read(authority().issue(lasts=DAY).chain)
    left = dt.timedelta(microseconds=(expires_ns - time.time_ns()) / 1_000)
    assert DAY - dt.timedelta(minutes=1) < left <= DAY


@pytest.mark.parametrize("pem", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_certificate_is_nobody(pem: bytes) -> None:
    assert CertificateNames(SETTINGS).read(pem) == (None, 0)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (dns("one.example")[0], b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x01"),
        (dns("one.example")[0], b"\x06\x03\x55\x1d\x11", b"\x06\x03\x55\x1d\x13"),
        (x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\0"), b"\xa0\x08", b"\xa3\x08"),
    ],
    ids=["version", "extension-twice", "kind-of-name"],
)
def test_a_certificate_that_breaks_the_rules_is_nobody(name: Any, old: bytes, new: bytes) -> None:
    der = ssl.PEM_cert_to_DER_cert(authority().issue(name).chain.decode())
    assert der.count(old) == 1
    pem = ssl.DER_cert_to_PEM_cert(der.replace(old, new)).encode()
    assert CertificateNames(SETTINGS).read(pem)[0] is None


@pytest.mark.parametrize(
    "settings",
    [
        {"mode": "fallback"},
        {"trust_domains": ["Example.org"]},
        {"spiffe_principal": "users/{path}"},
        {"spiffe_principal": "workloads/x"},
        {"spiffe_principal": "workloads/{path}/{path}"},
        {"spiffe_principal": "workloads/{path}", "trust_domains": ["a", "b"]},
        {"names": {"dns:a": "users/admin"}},
        {"names": {"dns:a": "workloads/"}},
        {"names": {"uri:a": "workloads/a"}},
    ],
)
def test_settings_that_would_name_others_are_refused(settings: Any) -> None:
    with pytest.raises(ValidationError):
        Mtls(**settings)


def test_principals_by_certificates_need_verified_certificates() -> None:
    with pytest.raises(ValidationError, match="require_client_certificate"):
        Settings.model_validate({"auth": {"mtls": {"mode": "fallback", "trust_domains": ["a"]}}})
