"""Chromium, with an authenticator of its own, at pages on the loopback."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from playwright.sync_api import CDPSession, Page, sync_playwright

EXECUTABLE = "/usr/bin/chromium"
PASSKEY = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}
CREATE = """async options => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(JSON.parse(options));
    return JSON.stringify((await navigator.credentials.create({publicKey})).toJSON());
}"""
GET = """async options => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(options));
    return JSON.stringify((await navigator.credentials.get({publicKey})).toJSON());
}"""


class Browser:
    """A page of a site, and the authenticator that the browser asks.

    Playwright raises for what the page throws.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self._devtools: CDPSession = page.context.new_cdp_session(page)
        self._devtools.send("WebAuthn.enable")
        added = self._devtools.send("WebAuthn.addVirtualAuthenticator", {"options": PASSKEY})
        self._authenticator: str = added["authenticatorId"]

    def visit(self, url: str) -> None:
        """Goes to another site, with the same authenticator."""
        self._page.goto(url)

    def create(self, options: str) -> str:
        """What ``navigator.credentials.create`` gives, both as JSON."""
        made: str = self._page.evaluate(CREATE, options)
        return made

    def get(self, options: str) -> str:
        """What ``navigator.credentials.get`` gives, both as JSON."""
        made: str = self._page.evaluate(GET, options)
        return made

    def verify_users(self, is_verified: bool) -> None:
        """Whether the authenticator knows its user from now on."""
        self._send("setUserVerified", isUserVerified=is_verified)

    def passkeys(self) -> list[dict[str, Any]]:
        """What the authenticator keeps, its private keys too."""
        found: list[dict[str, Any]] = self._send("getCredentials")["credentials"]
        return found

    def replace(self, passkey: dict[str, Any]) -> None:
        """Has the authenticator keep this in place of what it keeps by the same id."""
        self._send("removeCredential", credentialId=passkey["credentialId"])
        self._send("addCredential", credential=passkey)

    def _send(self, command: str, **parameters: object) -> Any:
        asked = {"authenticatorId": self._authenticator, **parameters}
        return self._devtools.send(f"WebAuthn.{command}", asked)


class _Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>A site</title>")

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def site() -> Iterator[str]:
    """The origin of a site whose pages are empty."""
    server = HTTPServer(("127.0.0.1", 0), _Empty)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def browser(url: str) -> Iterator[Browser]:
    """One that runs, and has gone to a page."""
    with sync_playwright() as playwright:
        # Chromium's sandbox does not work for root, as whom tests may run; the pages are ours.
        chromium = playwright.chromium.launch(executable_path=EXECUTABLE, chromium_sandbox=False)
        try:
            page = chromium.new_page()
            page.goto(url)
            yield Browser(page)
        finally:
            chromium.close()
