"""A provider of OpenID Connect as others run it: oidc-provider, on Node."""

import base64
import json
import ssl
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from tests.building import building, copy_changed
from tests.certificates import make_certificate
from tests.interop.programs import run
from tests.servers.process import ServerProcess, ends_with_tests

SOURCE = Path(__file__).parent / "openid"
BUILD = Path(__file__).parents[2] / "build/openid"
SECRET = "a secret of clients that is long enough"


def installed() -> Path:
    """Its program, with the packages that it needs beside it."""
    with building(BUILD):
        copy_changed(SOURCE, BUILD)
        lock = (BUILD / "package-lock.json").read_bytes()
        done = BUILD / "node_modules/.installed"
        if not done.exists() or done.read_bytes() != lock:
            run("npm", "ci", "--no-audit", "--no-fund", cwd=BUILD)
            done.write_bytes(lock)
    return BUILD / "provider.js"


class OpenIdProvider(ServerProcess):
    """Signs by RS256 at first, and has keys for ES256 and EdDSA as well.

    Attributes:
        url: Its name.
        ca_file: Who vouches for its certificate.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, "serves")
        certificate = make_certificate(directory)
        (directory / "key.pem").write_bytes(certificate.key)
        self.url = f"https://localhost:{self.port}"
        self.ca_file = certificate.path
        context = ssl.create_default_context(cafile=self.ca_file)
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=context),
            urllib.request.HTTPCookieProcessor(),
        )

    def _command(self) -> list[str]:
        files = [str(self.ca_file), str(self.directory / "key.pem")]
        return [*ends_with_tests(), "node", str(installed()), str(self.port), *files]

    def sign_by(self, algorithm: str, *, new_key: bool = False) -> None:
        """What it signs by from now on."""
        self._ask(f"/{'rotate' if new_key else 'sign'}/{algorithm}")

    def token(self, resource: str = "urn:orders", **headers: str) -> str:
        """What its client ``service`` gets for itself, for a resource; an opaque one for none."""
        form = {"grant_type": "client_credentials"}
        if resource:
            form |= {"resource": resource, "scope": "orders.read"}
        return str(self._tokens("service", form, **headers)["access_token"])

    def tokens_of_alice(self) -> Mapping[str, Any]:
        """What ``web`` gets when alice signs in: an ``access_token`` and an ``id_token``."""
        back = f"{self.url}/callback"
        asked = {
            "client_id": "web",
            "response_type": "code",
            "redirect_uri": back,
            "scope": "openid orders.read",
            "nonce": "n",
            "resource": "urn:orders",
        }
        brought = self._ask(f"/auth?{urlencode(asked)}").decode()
        code = parse_qs(brought.removeprefix("?"))["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
        return self._tokens("web", form)

    def proof(self, key: EllipticCurvePrivateKey, target: str = "", token: str = "") -> str:
        """A proof of a key for a call, or for its own endpoint of tokens."""
        claims = {
            "htm": "POST",
            "htu": target or f"{self.url}/token",
            "iat": int(time.time()),
            "jti": str(uuid.uuid4()),
        }
        if token:
            digest = sha256(token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        jwk = jwt.get_algorithm_by_name("ES256").to_jwk(key.public_key(), as_dict=True)
        return jwt.encode(claims, key, algorithm="ES256", headers={"typ": "dpop+jwt", "jwk": jwk})

    def _tokens(self, client: str, form: Mapping[str, str], **headers: str) -> Mapping[str, Any]:
        who = base64.b64encode(f"{client}:{SECRET.replace(' ', '+')}".encode()).decode()
        headers = {"Authorization": f"Basic {who}", **headers}
        read = json.loads(self._ask("/token", urlencode(form).encode(), headers))
        assert isinstance(read, dict)
        return read

    def _ask(self, path: str, body: bytes | None = None, headers: Mapping[str, str] = {}) -> bytes:
        request = urllib.request.Request(f"{self.url}{path}", body, dict(headers))
        with self._opener.open(request) as reply:
            return bytes(reply.read())


@contextmanager
def openid_provider() -> Iterator[OpenIdProvider]:
    """One that runs."""
    with tempfile.TemporaryDirectory() as directory:
        provider = OpenIdProvider(Path(directory))
        provider.start()
        try:
            yield provider
        finally:
            provider.kill()
