"""An issuer of tokens as others run it: HTTPS, a discovery document and keys."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from tests.certificates import make_certificate

DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/keys"


class Issuer:
    """Signs tokens with the last of its keys.

    Attributes:
        replies: What each path answers: a status, headers and a body. A test may change it.
        asked: The paths that were asked for.
        answers: While it is not set, all who ask have to wait.
    """

    def __init__(self, url: str, ca_file: Path) -> None:
        self.url = url
        self.ca_file = ca_file
        self.asked: list[str] = []
        self.replies: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.answers = threading.Event()
        self.answers.set()
        self._keys: dict[str, EllipticCurvePrivateKey] = {}
        self.put(DISCOVERY, {"issuer": url, "jwks_uri": f"{url}{KEYS}"})
        self.add_key("k1")

    def put(self, path: str, members: Any, **headers: str) -> None:
        """What a path answers from now on."""
        self.replies[path] = (200, headers, json.dumps(members).encode())

    def add_key(self, kid: str) -> None:
        """Makes a key, publishes it and signs with it."""
        self._keys[kid] = ec.generate_private_key(ec.SECP256R1())
        self.publish()

    def drop_key(self, kid: str) -> None:
        """Publishes it no longer."""
        del self._keys[kid]
        self.publish()

    def publish(self, **headers: str) -> None:
        """Publishes the keys there are."""
        algorithm = jwt.get_algorithm_by_name("ES256")
        jwks = [
            algorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": kid, "use": "sig"}
            for kid, key in self._keys.items()
        ]
        self.put(KEYS, {"keys": jwks}, **headers)

    def token(self, kid: str | None = None, **claims: Any) -> str:
        """A token, signed with a key of it."""
        chosen = kid or list(self._keys)[-1]
        now = int(time.time())
        made = {"iss": self.url, "sub": "abc", "aud": "blrcs", "iat": now, "exp": now + 600}
        return jwt.encode(
            {name: value for name, value in (made | claims).items() if value is not ...},
            self._keys[chosen],
            algorithm="ES256",
            headers={"kid": chosen, "typ": "JWT"},
        )


@contextmanager
def issuer(folder: Path) -> Iterator[Issuer]:
    """One on the loopback, under ``localhost``, with a certificate of its own."""
    certificate = make_certificate(folder)
    key_file = folder / "issuer_key.pem"
    key_file.write_bytes(certificate.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.path, key_file)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            running.asked.append(self.path)
            running.answers.wait()
            status, headers, body = running.replies.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tells nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    running = Issuer(f"https://localhost:{server.server_port}", certificate.path)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield running
    finally:
        running.answers.set()
        server.shutdown()
        thread.join()
        server.server_close()
