"""The Forwarded header (RFC 7239)."""

import re

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = re.compile(rf'({_NAME})=(?:({_NAME})|"((?:[^"\\]|\\.)*)")')
_SPACE = re.compile(r"[ \t]*")
_ESCAPED = re.compile(r"\\(.)")


def forwarded_nodes(value: str) -> list[str] | None:
    """The nodes that ``for`` names, the nearest last; empty for an element that names none.

    None for what is no list of elements: one that is malformed may hide others.
    """
    nodes: list[str] = []
    position, size = 0, len(value)
    while True:
        parameters: dict[str, str] = {}
        while True:
            position = _after_space(value, position)
            pair = _PAIR.match(value, position)
            if pair is not None:
                name, token, quoted = pair.groups()
                if name.lower() in parameters:
                    return None
                parameters[name.lower()] = token or _ESCAPED.sub(r"\1", quoted or "")
                position = _after_space(value, pair.end())
            if position == size or value[position] != ";":
                break
            position += 1
        if parameters:
            nodes.append(parameters.get("for", ""))
        if position == size:
            return nodes
        if value[position] != ",":
            return None
        position += 1


def _after_space(value: str, position: int) -> int:
    found = _SPACE.match(value, position)
    return position if found is None else found.end()
