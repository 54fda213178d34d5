"""Reading small documents from servers of others, and from no others than those.

Whoever can have a server fetch something must not reach what only the server can: neither an inner
address nor what a redirect leads to (OWASP API7:2023). So the host is one of a list, all its
addresses are public ones, the connection goes to one of those that were looked at, whatever the
name means a moment later, and a redirect is a failure. The system's proxies are not used.
"""

import contextlib
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from blrcs_native.encoding.strict_json import read_object

MAX_BYTES = 256 * 1024
CHUNK_BYTES = 16 * 1024
MAX_PROBLEM = 300
"""Characters of what is told of a failure."""
TIMEOUT_S = 10.0
HTTPS_PORT = 443
OK = 200
ACCEPTED = "application/json, application/jwk-set+json"

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=(\d{1,9})(?:$|[,\s])")
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")

Resolve = Callable[[str, int], Collection[str]]
"""The addresses of a host."""


class EgressError(Exception):
    """A document cannot be had. Its text is one line for a log."""


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON object, and for how long it may be kept; None where that is not said."""

    members: Mapping[str, Any]
    max_age_s: int | None


def addresses_of(host: str, port: int) -> Collection[str]:
    """What the system's resolver says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """What may be reached.

    Attributes:
        hosts: Names of hosts, in lower case.
        ca_file: Authorities to trust instead of the system's.
        allow_private: Inner addresses may be reached as well.
    """

    hosts: Collection[str]
    ca_file: Path | None = None
    allow_private: bool = False
    timeout_s: float = TIMEOUT_S
    resolve: Resolve = field(default=addresses_of, repr=False)

    def fetch(self, url: str) -> Document:
        """Reads a JSON object. Blocks, for ``timeout_s`` and the resolver's time at the most.

        Raises:
            EgressError: It must not be reached, or cannot be, or is no JSON object of 256 KiB or
                less in a reply with status 200.
        """
        parts = self._checked(url)
        host, port = parts.hostname or "", parts.port or HTTPS_PORT
        try:
            return self._read(parts, host, port, self._addresses_of(host, port))
        except (OSError, HTTPException, ValueError, EgressError) as error:
            # Whoever writes the document chooses the URL, and what is said of it.
            problem = " ".join(str(error).split()) or type(error).__name__
            raise EgressError(f"{url[:200]!r}: {problem[:MAX_PROBLEM]}") from error

    def _checked(self, url: str) -> SplitResult:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise EgressError(f"{url[:200]!r} is no URL") from error
        if parts.scheme != "https" or parts.username is not None or parts.password is not None:
            raise EgressError(f"{url[:200]!r} is not an https URL without a user")
        if parts.hostname not in self.hosts or port == 0:
            raise EgressError(f"{parts.hostname!r} is no host that may be reached (allowed_hosts)")
        return parts

    def _addresses_of(self, host: str, port: int) -> list[str]:
        addresses = list(dict.fromkeys(self.resolve(host, port)))
        if not addresses:
            raise EgressError(f"{host} has no address")
        if not self.allow_private:
            for address in addresses:
                if not is_public(address):
                    raise EgressError(
                        f"{host} is at {address}, which is no public address: those are for "
                        "allow_private_addresses"
                    )
        return addresses

    def _connected(self, addresses: Sequence[str], port: int) -> socket.socket:
        """A connection to the first address that can be reached."""
        *others, last = addresses
        timeout_s = self.timeout_s / len(addresses)
        for address in others:
            with contextlib.suppress(OSError):
                return socket.create_connection((address, port), timeout_s)
        return socket.create_connection((last, port), timeout_s)

    def _read(self, parts: SplitResult, host: str, port: int, addresses: Sequence[str]) -> Document:
        context = ssl.create_default_context(cafile=self.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        connection = HTTPSConnection(host, port, timeout=self.timeout_s, context=context)
        plain = self._connected(addresses, port)
        plain.settimeout(self.timeout_s)
        tls = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        # A peer that sends an octet now and then never lets a read time out.
        end = threading.Timer(self.timeout_s, _cut_off, [tls])
        end.daemon = True
        end.start()
        try:
            tls.do_handshake()
            connection.sock = tls
            target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
            headers = {"Accept": ACCEPTED, "Accept-Encoding": "identity", "User-Agent": "blrcs"}
            connection.request("GET", target, headers=headers)
            with connection.getresponse() as reply:
                return _document(reply)
        finally:
            end.cancel()
            connection.close()
            tls.close()


def is_public(address: str) -> bool:
    """Whether an address leads out, also where it has another one within it."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.sixtofour is not None or parsed.teredo is not None or parsed.is_site_local:
            return False
        if parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        elif parsed in _TRANSLATED:
            parsed = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


def _cut_off(connection: ssl.SSLSocket) -> None:
    # Below TLS, whose state another thread uses.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _document(reply: HTTPResponse) -> Document:
    if reply.status != OK:
        raise EgressError(f"answers {reply.status}; redirects are not followed")
    if reply.headers.get("Content-Encoding", "identity") != "identity":
        raise EgressError("sends compressed what was asked for as it is")
    content = bytearray()
    while chunk := reply.read(CHUNK_BYTES):
        content += chunk
        if len(content) > MAX_BYTES:
            raise EgressError(f"sends more than {MAX_BYTES} bytes")
    if reply.length:
        raise EgressError("breaks off")
    members = read_object(bytes(content))
    if members is None:
        raise EgressError("sends no JSON object")
    told = _MAX_AGE.search(reply.headers.get("Cache-Control", "").lower())
    return Document(members, None if told is None else int(told[1]))
