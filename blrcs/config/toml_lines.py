"""The line of every key in a TOML document, which ``tomllib`` does not tell.

TOML 1.0.0. The document is known to be valid, so the scanner only follows its structure: what it
would do with an invalid one is undefined, save that it ends.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from blrcs.config.key_path import KeyPath

# A string's backslashes and quotes must not end it, so strings come first, long ones before short.
_TOKEN = re.compile(
    r'''(?P<string>"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')'''
    r"|(?P<skip>[ \t\r]+|\#[^\n]*)"
    r"|(?P<mark>[\n\[\]{},=.])"
    r"|(?P<bare>[^\s\[\]{},=.\"'\#]+)",
    re.DOTALL,
)


class _Token(NamedTuple):
    text: str
    line: int
    mark: bool


def lines_of_keys(document: str) -> Mapping[KeyPath, int]:
    """The line, counted from 1, on which each key, table and list element is first named."""
    scan = _Scan(document)
    scan.document()
    return scan.lines


def _tokens(document: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(document):
        text = match[0]
        if match.lastgroup != "skip":
            yield _Token(text, line, match.lastgroup == "mark")
        line += text.count("\n")
    yield _Token("\n", line, mark=True)


class _Scan:
    def __init__(self, document: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._last_element: dict[KeyPath, int] = {}
        self._tokens = list(_tokens(document))
        self._at = 0

    def document(self) -> None:
        table: KeyPath = ()
        while self._at < len(self._tokens):
            if self._take("\n"):
                continue
            if self._is("["):
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> KeyPath:
        self._at += 1
        element = self._take("[")
        line = self._tokens[self._at].line
        *outer, last = self._key()
        path: KeyPath = ()
        for part in outer:
            path = self._inside((*path, part))
            self._note(path, line)
        path = (*path, last)
        if element:
            self._note(path, line)
            self._last_element[path] = self._last_element.get(path, -1) + 1
            path = self._inside(path)
        self._note(path, line)
        self._at += 2 if element else 1
        return path

    def _inside(self, path: KeyPath) -> KeyPath:
        """The path itself or, for a list of tables, its latest element."""
        index = self._last_element.get(path)
        return path if index is None else (*path, index)

    def _pair(self, table: KeyPath) -> None:
        line = self._tokens[self._at].line
        path = table
        for part in self._key():
            path = (*path, part)
            self._note(path, line)
        self._at += 1
        self._value(path)

    def _key(self) -> list[str]:
        parts: list[str] = []
        while not parts or self._take("."):
            text = self._tokens[self._at].text
            self._at += 1
            parts.append(_unquote(text) if text[0] in "\"'" else text)
        return parts

    def _value(self, path: KeyPath) -> None:
        if self._take("["):
            self._list(path)
        elif self._take("{"):
            while not self._take("}"):
                if not (self._take(",") or self._take("\n")):
                    self._pair(path)
        else:
            while not self._tokens[self._at].mark or self._tokens[self._at].text == ".":
                self._at += 1

    def _list(self, path: KeyPath) -> None:
        index = 0
        while not self._take("]"):
            if self._take(","):
                index += 1
            elif not self._take("\n"):
                self._note((*path, index), self._tokens[self._at].line)
                self._value((*path, index))

    def _note(self, path: KeyPath, line: int) -> None:
        self.lines.setdefault(path, line)

    def _is(self, mark: str) -> bool:
        token = self._tokens[self._at]
        return token.mark and token.text == mark

    def _take(self, mark: str) -> bool:
        taken = self._is(mark)
        self._at += taken
        return taken


def _unquote(text: str) -> str:
    return next(iter(tomllib.loads(f"{text} = 0")))
