"""Reads SQL as far as needed here: tokens, and where a statement ends."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
    |(?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<string>[rR]?'(?:[^'\\]|\\.|'')*(?:'|\Z)|[rR]?"(?:[^"\\]|\\.|"")*(?:"|\Z))
    |(?P<quoted>`(?:[^`]|``)*(?:`|\Z))
    |(?P<number>\d[\w.]*)
    |(?P<word>[^\W\d]\w*)
    |(?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def word_set(words: str) -> frozenset[str]:
    """The words between the spaces of a text."""
    return frozenset(words.split())


RESERVED = word_set(
    "ALL ANTI AS CROSS DISTINCT EXCEPT EXISTS EXTENDED FORMATTED FROM FULL FUNCTION GROUP HAVING IF INNER INTERSECT "
    "INTO IS JOIN LATERAL LEFT LIKE LIMIT NATURAL NOT NULL ON ONLY OR ORDER OUTER PARTITION PIVOT RIGHT SELECT SEMI "
    "SET TABLE TABLESAMPLE UNION UNPIVOT USING VALUES VIEW WHEN WHERE WINDOW WITH"
)
"""Words that are no names where a table may be named."""


@dataclass(frozen=True)
class Token:
    """A piece of SQL: ``kind`` is space, comment, string, quoted (an identifier), number, word or sign."""

    kind: str
    text: str

    @property
    def is_name(self) -> bool:
        """Whether it may be (a part of) a name."""
        return self.kind in ("word", "quoted")

    @property
    def name(self) -> str:
        """The name without its quotes."""
        return self.text[1:-1].replace("``", "`") if self.kind == "quoted" else self.text


def tokens_of(sql: str) -> Iterator[Token]:
    """All tokens; their texts joined are the SQL again."""
    for match in _TOKEN.finditer(sql):
        yield Token(match.lastgroup or "sign", match.group())


def split_statements(sql: str) -> list[str]:
    """The statements between semicolons, without empty ones."""
    statements: list[list[Token]] = [[]]
    for token in tokens_of(sql):
        if token.kind == "sign" and token.text == ";":
            statements.append([])
        else:
            statements[-1].append(token)
    is_code = [any(token.kind not in ("space", "comment") for token in statement) for statement in statements]
    texts = ["".join(token.text for token in statement).strip() for statement in statements]
    return [text for text, kept in zip(texts, is_code, strict=True) if kept]


def quoted(name: str) -> str:
    """The name as SQL, in back quotes if it needs them."""
    is_plain = name.isascii() and name.replace("_", "a").isalnum() and not name[0].isdigit()
    return name if is_plain and name.upper() not in RESERVED else "`" + name.replace("`", "``") + "`"


def string_value(literal: str) -> str:
    """What a string literal means."""
    text = literal[1:].removesuffix(literal[0]) if literal[0] in "'\"" else literal
    return text.replace("\\" + literal[0], literal[0]).replace("\\\\", "\\")


def string_literal(value: str) -> str:
    """A value as a string literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
