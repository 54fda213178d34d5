import ssl
from pathlib import Path

import pytest

from blrcs.database.errors import DatabaseOpenError
from blrcs.database.mysql.url import MysqlUrl
from tests.certificates import make_certificate


def test_all_parts_are_read() -> None:
    url = MysqlUrl.parse(
        "mariadb://a%40b:p%3Aw%2F%25@[::1]:3307/d%C3%A9"
        "?socket=%2Frun%2Fs&ssl-mode=VERIFY_CA&ssl-ca=a&ssl-cert=b&ssl-key=c"
    )
    assert url == MysqlUrl(
        host="::1",
        port=3307,
        database="d\u00e9",
        user="a@b",
        password="p:w/%",
        socket="/run/s",
        ssl_mode="verify_ca",
        ssl_ca="a",
        ssl_cert="b",
        ssl_key="c",
    )


def test_a_short_one_will_do() -> None:
    url = MysqlUrl.parse("mysql://me@/db")
    assert (url.host, url.port, url.password, url.ssl_context()) == ("localhost", 3306, "", None)
    assert url.place == "mysql database db at localhost:3306"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "db",
        "mysql:secret",
        "mysql://me:secret@host:port/db",
        "mysql://me:secret@host:99999/db",
        "mysql://me:secret@[host/db",
        "mysql://me:secret@host",
        "mysql://:secret@host/db",
        "mysql://me:secret@host/db?secret",
        "mysql://me:secret@host/db?ssl-mode=secret",
        "mysqls://me:secret@host/db",
    ],
)
def test_what_is_none_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(DatabaseOpenError) as caught:
        MysqlUrl.parse(url)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_password_is_not_printed() -> None:
    assert "secret" not in repr(MysqlUrl.parse("mysql://me:secret@host/db"))


@pytest.mark.parametrize(
    ("mode", "verified", "named"),
    [
        ("required", ssl.CERT_NONE, False),
        ("verify_ca", ssl.CERT_REQUIRED, False),
        ("verify_identity", ssl.CERT_REQUIRED, True),
    ],
)
def test_the_mode_says_what_is_verified(mode: str, verified: ssl.VerifyMode, named: bool) -> None:
    context = MysqlUrl.parse(f"mysql://me@host/db?ssl-mode={mode}").ssl_context()
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (verified, named)


def test_a_certificate_of_ones_own_is_shown(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    key = tmp_path / "key.pem"
    key.write_bytes(certificate.key)
    query = f"ssl-mode=required&ssl-cert={certificate.path}&ssl-key={key}"
    assert MysqlUrl.parse(f"mysql://me@host/db?{query}").ssl_context() is not None
    key.unlink()
    with pytest.raises(DatabaseOpenError, match="cannot be read"):
        MysqlUrl.parse(f"mysql://me@host/db?{query}").ssl_context()
