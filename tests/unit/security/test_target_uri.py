"""URIs in the form in which they are compared: RFC 3986, sections 6.2.2 and 6.2.3."""

import pytest

from blrcs.security.target_uri import MAX_CHARACTERS, normal_target

HOST = "https://a.example"


@pytest.mark.parametrize(
    ("uri", "normal"),
    [
        (HOST, f"{HOST}/"),
        (f"{HOST}?x", f"{HOST}/"),
        ("http://A.example:80/", "http://a.example/"),
        ("http://a.example:443/", "http://a.example:443/"),
        (f"{HOST}:0443/", f"{HOST}/"),
        ("https://[::1]:8443/x", "https://[::1]:8443/x"),
        (f"{HOST}/%7ex/%2f/%3F", f"{HOST}/~x/%2F/%3F"),
        (f"{HOST}/%252e%252e/x", f"{HOST}/%252e%252e/x"),
        (f"{HOST}/a/./b/../c/..", f"{HOST}/a/"),
        (f"{HOST}/../../x", f"{HOST}/x"),
        (f"{HOST}//x", f"{HOST}//x"),
        ("https://%61.EXAMPLE%2fb/", "https://a.example%2Fb/"),
    ],
)
def test_a_normal_form(uri, normal):
    assert normal_target(uri) == normal
    assert normal_target(normal) == normal


@pytest.mark.parametrize(
    "uri",
    [
        "", "/x", "a.example/x", "ftp://a.example/", "https:///x", f"{HOST}/%", f"{HOST}/%4",
        f"{HOST}/%zz", f"{HOST}/%+1", "https://u@a.example/", f"{HOST}:4x/", f"{HOST}/\n",
        f"{HOST}\n", f"{HOST}/ü", f"{HOST}\\x", f" {HOST}", f"{HOST}/{'x' * MAX_CHARACTERS}",
    ],
)  # fmt: skip
def test_what_is_no_target(uri):
    assert normal_target(uri) is None
