"""URIs that proofs are for (``htu``), in the one form in which they are compared."""

import re

MAX_CHARACTERS = 2048
DEFAULT_PORTS = {"http": "80", "https": "443"}

_URI = re.compile(
    r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9._~!$&'()*+,;=%-]+)(?::([0-9]*))?"
    r"(/[a-z0-9._~!$&'()*+,;=:@/%-]*)?(?:\?[!-~]*)?",
    re.ASCII | re.IGNORECASE,
)
_ENCODED = re.compile(r"%(.{0,2})", re.DOTALL)
_HEX = re.compile(r"[0-9A-Fa-f]{2}")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")


def normal_target(uri: str) -> str | None:
    """An http or https URI without query and fragment (RFC 9449, section 4.3), normalized.

    By RFC 3986, sections 6.2.2 and 6.2.3: case of scheme and host, escapes, dot segments, the
    default port, the empty path. None for what is no such URI, has a user or is longer than
    ``MAX_CHARACTERS``. Takes time linear in the length.
    """
    if len(uri) > MAX_CHARACTERS or not uri.isascii():
        return None
    found = _URI.fullmatch(uri.partition("#")[0])
    if found is None:
        return None
    host, path = _unescaped(found[2]), _unescaped(found[4] or "/")
    if host is None or path is None:
        return None
    scheme = found[1].lower()
    port = (found[3] or "").lstrip("0")
    # Escapes that stay are in capitals in a host too.
    host = _ENCODED.sub(lambda each: each[0].upper(), host.lower())
    at = f":{port}" if port and port != DEFAULT_PORTS[scheme] else ""
    return f"{scheme}://{host}{at}{_without_dots(path)}"


def _unescaped(text: str) -> str | None:
    """With no escape where none is needed, and the others in capitals; None if one is broken."""
    if "%" not in text:
        return text
    if not all(_HEX.fullmatch(digits) for digits in _ENCODED.findall(text)):
        return None
    return _ENCODED.sub(_one_unescaped, text)


def _one_unescaped(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if _UNRESERVED.fullmatch(character) else escape[0].upper()


def _without_dots(path: str) -> str:
    """RFC 3986, section 5.2.4, for a path that begins with a slash."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)
