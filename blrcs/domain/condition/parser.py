"""Reads conditions: CEL's grammar, without macros over lists, maps, messages and bytes.

expression = or ["?" or ":" expression]
or         = and {"||" and}
and        = relation {"&&" relation}
relation   = sum {("==" | "!=" | "<" | "<=" | ">" | ">=" | "in") sum}
sum        = product {("+" | "-") product}
product    = unary {("*" | "/" | "%") unary}
unary      = {"!"} member | {"-"} member
member     = primary {"." name ["(" list ")"] | "[" expression "]"}
primary    = literal | name ["(" list ")"] | "(" expression ")" | "[" list "]"

The source is https://github.com/google/cel-spec, doc/langdef.md.
"""

from blrcs.domain.condition.lexer import Token, refusal, tokens
from blrcs.domain.condition.syntax import Expression, Literal, Operation, Select, Type, Variable

MAX_CHARACTERS = 1024
MAX_COST = 100
"""Of parts: each is worked out once at most, so that this bounds what a condition costs."""
MAX_DEPTH = 24

INT_LIMIT = 2**63

_BINARY = (
    ("||",),
    ("&&",),
    ("==", "!=", "<", "<=", ">", ">=", "in"),
    ("+", "-"),
    ("*", "/", "%"),
)
"""From what binds most loosely on."""

_CONSTANTS = {
    "true": Literal(value=True, type=Type.BOOL),
    "false": Literal(value=False, type=Type.BOOL),
    "null": Literal(value=None, type=Type.NULL),
}
_RESERVED = frozenset(
    (
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    )
)


def parse_condition(text: str) -> Expression:
    """Reads a condition; what its names and types are is not looked at.

    Raises:
        InvalidArgumentError: It is none, or has more than ``MAX_CHARACTERS``, ``MAX_COST`` or
            ``MAX_DEPTH``. It says where.
    """
    if len(text) > MAX_CHARACTERS:
        raise refusal(f"is longer than {MAX_CHARACTERS} characters")
    parser = _Parser(list(tokens(text)))
    expression = parser.expression()
    parser.require_end()
    return expression


class _Parser:
    """One pass over the words. Each method reads what the grammar calls by its name."""

    def __init__(self, words: list[Token]) -> None:
        self._words = words
        self._next = 0
        self._depth = 0
        self._cost = 0

    def require_end(self) -> None:
        if self._word.kind != "end":
            raise self._unexpected()

    def expression(self) -> Expression:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise refusal(f"is more than {MAX_DEPTH} deep", self._word.start)
        found = self._binary(0)
        if self._take("?"):
            chosen = self._binary(0)
            self._require(":")
            found = self._operation("?:", found, chosen, self.expression())
        self._depth -= 1
        return found

    def _binary(self, level: int) -> Expression:
        if level == len(_BINARY):
            return self._unary()
        found = self._binary(level + 1)
        while self._word.kind in {"sign", "name"} and self._word.text in _BINARY[level]:
            name = self._advance().text
            found = self._operation(name, found, self._binary(level + 1))
        return found

    def _unary(self) -> Expression:
        for sign in ("!", "-"):
            count = 0
            while self._take(sign):
                count += 1
            if count:
                break
        else:
            return self._member()
        if sign == "-" and self._word.kind in {"int", "double"}:
            # The least integer has no positive twin.
            count -= 1
            found = self._members(self._number("-"))
        else:
            found = self._member()
        for _ in range(count):
            found = self._operation("-x" if sign == "-" else "!", found)
        return found

    def _member(self) -> Expression:
        return self._members(self._primary())

    def _members(self, found: Expression) -> Expression:
        while True:
            if self._take("."):
                name = self._name()
                if self._take("("):
                    found = self._operation(f".{name}", found, *self._list(")"))
                else:
                    found = self._select(found, name)
            elif self._take("["):
                found = self._operation("[]", found, self.expression())
                self._require("]")
            else:
                return found

    def _primary(self) -> Expression:
        word = self._word
        if word.kind in {"int", "double"}:
            return self._number("")
        if word.kind == "string":
            return self._counted(Literal(self._advance().text, Type.STRING))
        if self._take("("):
            found = self.expression()
            self._require(")")
            return found
        if self._take("["):
            return self._operation("[...]", *self._list("]"))
        return self._named(word)

    def _named(self, word: Token) -> Expression:
        name = self._name()
        if name in _CONSTANTS:
            return self._counted(_CONSTANTS[name])
        if not self._take("("):
            return self._counted(Variable(name))
        given = self._list(")")
        return self._has(given, word) if name == "has" else self._operation(name, *given)

    def _has(self, given: list[Expression], word: Token) -> Expression:
        if len(given) != 1 or not isinstance(given[0], Select) or given[0].asks:
            raise refusal("asks has() about something else than a field", word.start)
        return Select(given[0].operand, given[0].field, asks=True)

    def _list(self, end: str) -> list[Expression]:
        found: list[Expression] = []
        while not self._take(end):
            if found:
                self._require(",")
                if end == "]" and self._take(end):
                    break
            found.append(self.expression())
        return found

    def _number(self, sign: str) -> Expression:
        word = self._advance()
        if word.kind == "double":
            return self._counted(Literal(float(sign + word.text), Type.DOUBLE))
        number = int(sign + word.text, 16 if word.text.startswith("0x") else 10)
        if not -INT_LIMIT <= number < INT_LIMIT:
            raise refusal("has an integer of more than 64 bits", word.start)
        return self._counted(Literal(number, Type.INT))

    def _name(self) -> str:
        word = self._word
        if word.kind != "name" or word.text in _RESERVED or word.text == "in":
            raise self._unexpected()
        return self._advance().text

    def _select(self, operand: Expression, field: str) -> Expression:
        if isinstance(operand, Variable) and "." not in operand.name and operand.name != "now":
            return Variable(f"{operand.name}.{field}")
        return self._counted(Select(operand, field))

    def _operation(self, name: str, *operands: Expression) -> Expression:
        return self._counted(Operation(name, operands))

    def _counted(self, found: Expression) -> Expression:
        self._cost += 1
        if self._cost > MAX_COST:
            raise refusal(f"has more than {MAX_COST} parts")
        return found

    @property
    def _word(self) -> Token:
        return self._words[self._next]

    def _advance(self) -> Token:
        word = self._words[self._next]
        self._next += 1
        return word

    def _take(self, sign: str) -> bool:
        if self._word.kind == "sign" and self._word.text == sign:
            self._next += 1
            return True
        return False

    def _require(self, sign: str) -> None:
        if not self._take(sign):
            raise refusal(f"lacks {sign}", self._word.start)

    def _unexpected(self) -> Exception:
        word = self._word
        if word.kind == "end":
            return refusal("ends too early", word.start)
        return refusal(f"has {word.text[:32]!r} where it does not belong", word.start)
