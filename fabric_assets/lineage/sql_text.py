"""Prepares SQL text for the parser: splits it into statements, fills holes, maps what only Fabric knows."""

import re
from collections.abc import Iterator, Sequence

from fabric_assets.lineage.tables import DEFAULT_LAKEHOUSE, THIS_WORKSPACE
from fabric_assets.lineage.tsql_text import TSQL_PIECE, prepared_tsql, split_tsql
from fabric_assets.lineage.values import Const, Text, Unknown

_HOLE = re.compile(r"zzhole(\d+)zz", re.IGNORECASE)
_PIECE = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`[^`]*`|\[[^\]\n]*\]|;|[^-/'\"`;\[]+|.",
    re.DOTALL,
)
_COMMENT = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)
_LAKE_VIEW = re.compile(
    r"\ACREATE\s+(?:OR\s+REPLACE\s+)?MATERIALIZED\s+LAKE\s+VIEW\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    r"(?P<name>(?:`[^`]*`|[\w.])+)(?P<clauses>.*?)\bAS\s*(?P<query>[(]?\s*(?:SELECT|WITH|FROM)\b.*)\Z",
    re.IGNORECASE | re.DOTALL,
)
# The version of a clone's source, and what comes after it.
_CLONE_VERSION = re.compile(
    r"(?P<head>\ACREATE\s+(?:OR\s+REPLACE\s+)?TABLE\b.*?\bCLONE\s+(?:`[^`]*`|[\w.])+)\s+"
    r"(?:(?:FOR\s+)?(?:VERSION|TIMESTAMP|SYSTEM_VERSION|SYSTEM_TIME)\s+AS\s+OF|LOCATION|TBLPROPERTIES)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_SPARK_WORDS = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), replacement)
    for pattern, replacement in (
        (r"\AREPLACE\s+TABLE\b", "CREATE OR REPLACE TABLE"),
        (r"\ACREATE\s+OR\s+REFRESH\b", "CREATE OR REPLACE"),
        (r"\AMERGE\s+WITH\s+SCHEMA\s+EVOLUTION\b", "MERGE"),
        (r"\ATABLE\s+(?=\S)", "SELECT * FROM "),
        (r"\AINSERT\s+WITH\s+SCHEMA\s+EVOLUTION\b", "INSERT"),
        (r"\A(INSERT\s+INTO)\s+TABLE\b", r"\1"),
        (r"\A(INSERT\s.*\S\s)\s*TABLE\s+((?:`[^`]*`|[\w.])+)\s*\Z", r"\1SELECT * FROM \2"),
        (
            r"\b(IN|FROM|JOIN|EXISTS|USING|UNION|ALL|EXCEPT|INTERSECT)\s*\(\s*TABLE\s+((?:`[^`]*`|[\w.])+)\s*\)",
            r"\1 (SELECT * FROM \2)",
        ),
        (r"\AINSERT\s+OVERWRITE\s+(?:LOCAL\s+)?DIRECTORY\b.*?(?=\b(?:SELECT|WITH|FROM)\b)", ""),
        (r"\A(CREATE\s.*?)\bDEEP\s+CLONE\b", r"\1CLONE"),
        (r"\AALTER\s+VIEW\s+((?:`[^`]*`|[\w.])+)\s+AS\b", r"CREATE OR REPLACE VIEW \1 AS"),
        (r"\ADROP\s+MATERIALIZED\s+LAKE\s+VIEW\b", "DROP VIEW"),
        (r"\ASET\s+VAR(?:IABLE)?\s+(?:\w+|\([^()]*\))\s*=", "SELECT "),
    )
)
_CREATE_COLUMNS = re.compile(
    r"\A(CREATE\s+(?:OR\s+REPLACE\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:\[[^\]]*\]|`[^`]*`|[\w.])+)\s*\(",
    re.IGNORECASE,
)
_BEFORE_TABLE = re.compile(
    r"(?:\b(?:FROM|JOIN|INTO|UPDATE|TABLE|USING|EXISTS|VIEW|OVERWRITE|AS|SELECT|BY|ON|WHERE|AND|OR|IN|SET|VALUES)|"
    r"[,(=.<>+*/-])\s*\Z",
    re.IGNORECASE,
)
MAX_NESTING = 120
MAX_STATEMENT = 100_000  # characters
_CASE = re.compile(r"\bCASE\b", re.IGNORECASE)
_CHAIN = re.compile(rf"(?:(?:\bNOT\b|[-+~])\s*){{{MAX_NESTING}}}", re.IGNORECASE)


class Holes:
    """The unknown parts of texts, as identifiers that the parser takes."""

    def __init__(self) -> None:
        self._reasons: list[str] = []

    def add(self, reason: str) -> str:
        """An identifier that stands for an unknown part."""
        self._reasons.append(reason)
        return f"zzhole{len(self._reasons) - 1}zz"

    def reason(self, text: str) -> str | None:
        """Why the text is not known, ``None`` if it has no hole."""
        if THIS_WORKSPACE in text or DEFAULT_LAKEHOUSE in text:
            return "the workspace or lakehouse in which the notebook runs"
        match = _HOLE.search(text)
        if match is None:
            return None
        number = int(match[1])
        return self._reasons[number] if number < len(self._reasons) else Unknown().reason

    @staticmethod
    def hidden(text: str) -> str:
        """The text with ``{...}`` in place of its holes."""
        return re.sub(
            f"{_HOLE.pattern}|{THIS_WORKSPACE}|{DEFAULT_LAKEHOUSE}", "{...}", text, flags=re.IGNORECASE
        )

    def renderings(self, value: Const | Text) -> Iterator[str]:
        """The text with identifiers for its holes, in the ways in which a statement may need them."""
        parts: Sequence[str | Unknown] = value.parts if isinstance(value, Text) else (str(value.value),)
        unknown = [(i, part) for i, part in enumerate(parts) if isinstance(part, Unknown)]
        names = {i: part.stands_for or self.add(part.reason) for i, part in unknown}
        yield _joined(parts, names, assign=False, blank=False)
        if names:
            yield _joined(parts, names, assign=True, blank=False)
            yield _joined(parts, names, assign=False, blank=True)
            yield _joined(parts, names, assign=True, blank=True)


def _joined(parts: Sequence[str | Unknown], names: dict[int, str], *, assign: bool, blank: bool) -> str:
    text = ""
    for position, part in enumerate(parts):
        if isinstance(part, str):
            text += part
            continue
        name = names[position]
        following = parts[position + 1] if position + 1 < len(parts) else ""
        alone = (not text or text[-1].isspace()) and (
            not isinstance(following, str) or not following or following[0].isspace() or following[0] in ";)"
        )
        if assign and re.search(r"\bSET\s*\Z", text[-40:], re.IGNORECASE):
            name = f"{name} = {name}"
        elif blank and alone and not _BEFORE_TABLE.search(text[-40:]):
            name = " "
        text += name
    return text


def split_statements(text: str, dialect: str) -> list[tuple[int, str]]:
    """The statements of a script, each with the number of lines before it.

    Args:
        text: the script.
        dialect: ``tsql`` scripts need no semicolons between statements.
    """
    return split_tsql(text) if dialect == "tsql" else _split_at_semicolons(text)


def without_comment(statement: str) -> tuple[int, str]:
    """The statement without comments and blanks before it, and how many lines they had."""
    match = _COMMENT.match(statement)
    end = match.end() if match else 0
    return statement.count("\n", 0, end), statement[end:].rstrip()


def _split_at_semicolons(text: str) -> list[tuple[int, str]]:
    statements: list[tuple[int, str]] = []
    start = line = 0
    for match in _PIECE.finditer(text):
        if match[0] == ";":
            statements.append((line, text[start : match.start()]))
            line += text.count("\n", start, match.end())
            start = match.end()
    statements.append((line, text[start:]))
    return [(number, statement) for number, statement in statements if statement.strip()]


def prepared(statement: str, dialect: str) -> str:
    """The statement in words that the parser knows."""
    if dialect == "spark":
        lake_view = _LAKE_VIEW.match(statement)
        if lake_view:
            return f"CREATE OR REPLACE VIEW {lake_view['name']} AS {lake_view['query']}"
        statement = _CLONE_VERSION.sub(r"\g<head>", statement)
        for pattern, replacement in _SPARK_WORDS:
            statement = pattern.sub(replacement, statement)
        return statement
    return prepared_tsql(statement) if dialect == "tsql" else statement


def is_too_deep(statement: str) -> bool:
    """Whether a statement is so deeply nested, or so long, that parsing it could exhaust the stack or never end."""
    if len(statement) > MAX_STATEMENT or _CHAIN.search(statement):
        return True
    if statement.count("(") + len(_CASE.findall(statement)) <= MAX_NESTING:
        return False
    depth = 0
    for match in TSQL_PIECE.finditer(statement):
        piece = match[0].upper()
        if piece in ("(", "CASE"):
            depth += 1
        elif piece in (")", "END"):
            depth -= 1
        if depth > MAX_NESTING:
            return True
    return False


def plain_create(statement: str) -> str | None:
    """A ``CREATE TABLE`` with columns that the parser does not know, without them; ``None`` for all else."""
    match = _CREATE_COLUMNS.match(statement)
    if match is None or re.search(r"\bSELECT\b", statement, re.IGNORECASE):
        return None
    return f"{match[1]} (x INT)"
