"""JSON Schema (draft 2020-12) for the data of records.

A schema is written by whoever may create a collection and judges what everybody else writes, so it
must not be able to reach anything, nor to take any time it likes: it refers to its own parts alone,
and never to itself, so that it is a tree of so many parts at most; and its patterns are matched by
an engine whose time grows with the text alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

import jsonschema_rs
import orjson

from blrcs.domain.errors import FailedPreconditionError, InvalidArgumentError
from blrcs.domain.field_path import Document, Path
from blrcs.records.schema_pattern import PatternCosts, pattern_options

FIELD = "collection.json_schema"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
MAX_PARTS = 10_000
MAX_DEPTH = 64
MAX_WORK = 1 << 28
"""Parts of a schema times octets of a document: in the worst case each part judges each octet."""
MASK = "the value"
MAX_SHOWN = 500
MAX_DOCUMENT_BYTES = 1 << 22
"""No document has more, as text."""

REFUSED = frozenset(
    {"$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor"}
)
"""Other ways to refer to something than by ``#/...``."""
DATA = frozenset({"const", "default", "enum", "examples"})
"""Keywords whose values are data, whatever they look like."""
UNEVALUATED = frozenset({"unevaluatedProperties", "unevaluatedItems"})
IN_PLACE = frozenset(
    {"$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "contains"}
)
"""What judges the same value as the schema that it is in, or says which items were judged."""
JUDGED_ANEW = 4
"""Beside one of UNEVALUATED those are judged again, to find what they have left: so many times, and
in each other so many times as often."""


class JsonSchema:
    """Implements the DocumentSchema port.

    Args:
        validator: What judges documents.
        parts: How many parts it has, each pattern as many as it costs.
    """

    def __init__(self, validator: jsonschema_rs.Draft202012Validator, parts: int) -> None:
        self._validator = validator
        self._max_bytes = MAX_WORK // parts
        self._may_be_too_much = self._max_bytes < MAX_DOCUMENT_BYTES

    def check(self, document: Document, *, field: str, secrets: Sequence[Path] = ()) -> None:
        """See the port."""
        if type(document) is not dict:
            document = dict(document)
        if self._may_be_too_much and len(orjson.dumps(document)) > self._max_bytes:
            raise InvalidArgumentError(
                field,
                f"has more than the {self._max_bytes} bytes that a schema of this size judges",
                reason="SCHEMA_TOO_LARGE",
            )
        try:
            # Ends at the first violation; its iterator gathers all of them before it gives one.
            self._validator.validate(document)
        except jsonschema_rs.ValidationError as error:
            raise _violation(error, field, secrets) from None


class OutgrownSchema:
    """Implements the DocumentSchema port: a stored schema that would not be accepted any more.

    Nothing is judged by it, and nothing that it should judge is written.

    Args:
        problem: Why it would not be accepted.
    """

    def __init__(self, problem: str) -> None:
        self._problem = problem

    def check(self, document: Document, *, field: str, secrets: Sequence[Path] = ()) -> NoReturn:
        """See the port."""
        del document, field, secrets
        raise FailedPreconditionError(
            "SCHEMA_OUTGROWN",
            f"the collection's json_schema {self._problem}: it has to be made smaller or simpler "
            "before records are written",
        )


class JsonSchemas:
    """Implements the DocumentSchemas port."""

    def compile(self, text: str) -> JsonSchema:
        """See the port."""
        try:
            schema = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise _refusal("is not JSON") from None
        if not isinstance(schema, dict):
            raise _refusal("is not a JSON object")
        if schema.get("$schema", DRAFT) != DRAFT:
            raise _refusal(f"is of another draft than {DRAFT}")
        parts = _Tree(schema).measure()
        try:
            validator = jsonschema_rs.Draft202012Validator(
                schema,
                mask=MASK,
                offline=True,
                pattern_options=pattern_options(),
            )
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            raise _refusal(str(error).partition("\n")[0][:MAX_SHOWN]) from None
        return JsonSchema(validator, parts)

    def stored(self, text: str) -> JsonSchema | OutgrownSchema:
        """See the port."""
        try:
            return self.compile(text)
        except InvalidArgumentError as error:
            return OutgrownSchema(error.description)


class _Tree:
    """A schema with every reference replaced by what it refers to."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._measures: dict[int, tuple[int, int, int]] = {}
        self._patterns = PatternCosts()
        self._open: set[int] = set()

    def measure(self) -> int:
        """How many parts it has, each pattern counted as many as it costs.

        Raises:
            InvalidArgumentError: It has no end, or is too large or too deep.
        """
        parts, depth, of_patterns = self._measure(self._root)
        if parts > MAX_PARTS:
            raise _refusal(f"has more than {MAX_PARTS} parts, counted wherever it refers to them")
        if depth > MAX_DEPTH:
            raise _refusal(f"is more than {MAX_DEPTH} levels deep")
        return parts + of_patterns

    def _measure(self, node: Any) -> tuple[int, int, int]:
        """Parts, levels and what patterns cost, its references followed. Each is looked at once."""
        if not isinstance(node, dict | list):
            return 1, 0, 0
        known = self._measures.get(id(node))
        if known is not None:
            return known
        if id(node) in self._open:
            raise _refusal("refers to itself")
        # What waits for its parts is as deep as the schema is so far.
        if len(self._open) > MAX_DEPTH:
            raise _refusal(f"is more than {MAX_DEPTH} levels deep")
        self._open.add(id(node))
        below = [(times, *self._measure(each)) for each, times in self._below(node)]
        self._open.discard(id(node))
        parts = 1 + sum(times * each for times, each, _, _ in below) + _data_parts(node)
        depth = 1 + max((each for _, _, each, _ in below), default=0)
        cost = sum(times * each for times, _, _, each in below) + self._cost_of_patterns(node)
        self._measures[id(node)] = parts, depth, cost
        return parts, depth, cost

    def _cost_of_patterns(self, node: dict[str, Any] | list[Any]) -> int:
        """In parts, beside the one that each pattern is anyway."""
        if isinstance(node, list):
            return 0
        named = node.get("patternProperties")
        patterns = [node.get("pattern"), *(named if isinstance(named, dict) else ())]
        try:
            return sum(self._patterns.parts(each) - 1 for each in patterns if isinstance(each, str))
        except ValueError as error:
            raise _refusal(str(error)) from None

    def _below(self, node: dict[str, Any] | list[Any]) -> Iterator[tuple[Any, int]]:
        """What is in it, and how many times as often as it is that judged."""
        if isinstance(node, list):
            yield from ((each, 1) for each in node)
            return
        anew = 1 if UNEVALUATED.isdisjoint(node) else JUDGED_ANEW
        for keyword, value in node.items():
            # Of these names, members of ``properties`` are objects or bools.
            if keyword in REFUSED and isinstance(value, str | bool):
                raise _refusal(f"has {keyword}, which is not supported")
            if keyword == "$ref" and isinstance(value, str):
                yield self._target(value), anew
            elif keyword not in DATA or isinstance(value, dict):
                yield value, anew if keyword in IN_PLACE else 1

    def _target(self, reference: str) -> Any:
        if reference != "#" and not reference.startswith("#/"):
            raise _refusal("refers to something else than its own parts: $ref has to begin with #/")
        found: Any = self._root
        for token in reference[2:].split("/") if len(reference) > 1 else ():
            name = _unescaped(token)
            if isinstance(found, dict) and name in found:
                found = found[name]
            elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            else:
                raise _refusal(f"refers to {reference[:80]!r}, which is not there")
        return found


def _data_parts(node: dict[str, Any] | list[Any]) -> int:
    """How many values documents are compared with."""
    if isinstance(node, list):
        return 0
    waiting = [value for name, value in node.items() if name in DATA and isinstance(value, list)]
    parts = 0
    while waiting:
        value = waiting.pop()
        parts += 1
        if isinstance(value, dict | list):
            waiting.extend(value.values() if isinstance(value, dict) else value)
    return parts


def _violation(
    error: jsonschema_rs.ValidationError, field: str, secrets: Sequence[Path]
) -> InvalidArgumentError:
    path, problem = tuple(error.instance_path), error.message[:MAX_SHOWN]
    for secret in secrets:
        # The names of what lies within are a part of the secret.
        if path[: len(secret)] == secret:
            path, problem = secret, "a secret does not meet the schema"
    place = ".".join([field, *map(str, path)])[:MAX_SHOWN]
    return InvalidArgumentError(place, problem, reason="SCHEMA_VIOLATION")


def _unescaped(token: str) -> str:
    """A token of a JSON pointer in a URI's fragment (RFC 6901, section 6)."""
    if "%" in token:
        raise _refusal("has a $ref with %, which is not supported")
    return token.replace("~1", "/").replace("~0", "~")


def _refusal(problem: str) -> InvalidArgumentError:
    return InvalidArgumentError(FIELD, problem, reason="SCHEMA_INVALID")
