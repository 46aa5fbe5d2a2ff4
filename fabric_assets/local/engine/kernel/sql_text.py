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
