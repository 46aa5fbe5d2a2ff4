"""Prepares SQL text for the parser: splits it into statements, fills holes, maps what only Fabric knows."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from fabric_assets.lineage.tables import DEFAULT_LAKEHOUSE, THIS_WORKSPACE
from fabric_assets.lineage.values import Const, Text, Unknown
from fabric_assets.lineage.words import words

_HOLE = re.compile(r"zzhole(\d+)zz", re.IGNORECASE)
_PIECE = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`[^`]*`|\[[^\]\n]*\]|;|[^-/'\"`;\[]+|.",
    re.DOTALL,
)
_TSQL_PIECE = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\"|\[[^\]]*\]|[A-Za-z_@#][\w@#$]*|[();]|\s+|.", re.DOTALL
)
_COMMENT = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)
_LAKE_VIEW = re.compile(
    r"\ACREATE\s+(?:OR\s+REPLACE\s+)?MATERIALIZED\s+LAKE\s+VIEW\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    r"(?P<name>(?:`[^`]*`|[\w.])+)(?P<clauses>.*?)\bAS\s*(?P<query>[(]?\s*(?:SELECT|WITH|FROM)\b.*)\Z",
    re.IGNORECASE | re.DOTALL,
)
_NESTED = r"\((?:[^()]|\([^()]*\))*\)"
_TSQL_BULK = re.compile(
    rf"OPENROWSET\s*\(\s*BULK\s*N?('[^']*')(?:[^()]|{_NESTED})*\)(?:\s*WITH\s*{_NESTED})?", re.IGNORECASE
)
_TSQL_SET = re.compile(r"\ASET\s+(@\w+)\s*([-+*/]?)=\s*", re.IGNORECASE)
_TSQL_TOP = re.compile(r"\A(DELETE|UPDATE|INSERT)\s+TOP\s*\([^)]*\)(?:\s*PERCENT\b)?", re.IGNORECASE)
_TSQL_HINT = re.compile(
    r"\A((?:INSERT|MERGE|UPDATE|DELETE)\s+(?:INTO\s+|FROM\s+)?(?:\[[^\]]*\]|[\w.#@])+)\s+WITH\s*\([^()]*\)",
    re.IGNORECASE,
)
_TSQL_DELETE_FROM = re.compile(r"\ADELETE\s+FROM\s+((?:\[[^\]]*\]|[\w.#])+)\s+FROM\b", re.IGNORECASE)
_TSQL_CONDITION = re.compile(r"\A(?:IF|WHILE)\b(.*)\Z", re.IGNORECASE | re.DOTALL)
_CREATE_COLUMNS = re.compile(
    r"\A(CREATE\s+(?:OR\s+REPLACE\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:\[[^\]]*\]|`[^`]*`|[\w.])+)\s*\(",
    re.IGNORECASE,
)
_TSQL_CLONE = re.compile(
    r"(?P<head>\ACREATE\s+TABLE\s+\S+)\s+AS\s+CLONE\s+OF\s+(?P<source>\S+).*", re.I | re.S
)
_BEFORE_TABLE = re.compile(
    r"(?:\b(?:FROM|JOIN|INTO|UPDATE|TABLE|USING|EXISTS|VIEW|OVERWRITE|AS|SELECT|BY|ON|WHERE|AND|OR|IN|SET|VALUES)|"
    r"[,(=.<>+*/-])\s*\Z",
    re.IGNORECASE,
)
_STARTERS = words("""
    SELECT INSERT UPDATE DELETE MERGE CREATE DROP TRUNCATE ALTER EXEC EXECUTE DECLARE SET IF PRINT COPY
    GO BEGIN END WHILE RETURN WITH USE THROW RAISERROR COMMIT ROLLBACK ELSE
""")
# After these words a starter goes on with the same statement.
_CONTINUING = words("""
    AS UNION ALL EXCEPT INTERSECT THEN OR REPLACE FOR EXISTS IN ON INTO NOT MATCHED WHEN AND
""")

# Words that go on with a statement of this kind.
_CONTINUATIONS = {
    "INSERT": ("SELECT", "WITH", "EXEC", "EXECUTE"),
    "WITH": ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"),
    "CREATE": ("SELECT", "WITH"),
    "UPDATE": ("SET",),
    "ALTER": ("SET", "ALTER", "DROP"),
    "COPY": ("WITH",),
    "DECLARE": ("WITH",),
    "EXEC": ("WITH",),
    "EXECUTE": ("WITH",),
}
_CONTROL = ("IF", "WHILE", "BEGIN", "END", "ELSE")  # the next statement may follow at once

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
    return _split_tsql(text) if dialect == "tsql" else _split_at_semicolons(text)


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


def _split_tsql(text: str) -> list[tuple[int, str]]:
    starts = [0]
    depth = cases = 0
    previous = word = ""
    line_start, in_routine = True, False
    for match in _TSQL_PIECE.finditer(text):
        piece = match[0]
        if piece.isspace() or piece.startswith(("--", "/*")):
            line_start = line_start or "\n" in piece
            continue
        upper = piece.upper()
        if upper == "GO" and line_start:
            starts += [match.start(), match.end()]
            depth = cases = 0
            previous = word = ""
            line_start, in_routine = True, False
            continue
        depth = max(depth + (piece == "(") - (piece == ")"), 0)
        if depth == 0 and not in_routine:
            if piece == ";":
                starts.append(match.end())
                previous = word = ""
                cases, line_start = 0, True
                continue
            if upper == "CASE":
                cases += 1
            elif cases and upper in ("END", "ELSE"):
                cases -= upper == "END"
            elif upper in _STARTERS and _begins(upper, previous, word, line_start):
                starts.append(match.start())
                word = upper
            elif not word or (word == "WITH" and upper in ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE")):
                word = upper
            if upper in ("PROC", "PROCEDURE", "FUNCTION", "TRIGGER") and previous in ("CREATE", "ALTER"):
                in_routine = True  # a routine reaches to the next GO
        previous, line_start = upper, False
    starts.append(len(text))
    statements = []
    for begin, end in pairwise(starts):
        statement = text[begin:end].strip().rstrip("; \n")
        if statement and statement.upper() != "GO":
            lead = len(text[begin:end]) - len(text[begin:end].lstrip())
            statements.append((text.count("\n", 0, begin + lead), statement))
    return statements


def _begins(starter: str, previous: str, statement: str, line_start: bool) -> bool:
    """Whether a word that can begin a statement does so, after what came before it."""
    if not previous:
        return False  # it is the first word anyway
    if statement in _CONTROL:
        return previous not in _CONTINUING and (starter, previous) != ("SET", "UPDATE")
    if starter in ("END", "ELSE", "BEGIN"):
        return True
    if starter == "WITH":
        return False  # a CTE needs a semicolon before it
    return line_start and not _continues(starter, previous, statement)


def _continues(word: str, previous: str, statement: str) -> bool:
    if previous in _CONTINUING or (
        word == "IF" and previous in ("TABLE", "VIEW", "SCHEMA", "PROCEDURE", "PROC")
    ):
        return True
    return word in _CONTINUATIONS.get(statement, ()) and not (word == "WITH" and previous == ";")


def prepared(statement: str, dialect: str) -> str:
    """The statement in words that the parser knows."""
    if dialect == "spark":
        lake_view = _LAKE_VIEW.match(statement)
        if lake_view:
            return f"CREATE OR REPLACE VIEW {lake_view['name']} AS {lake_view['query']}"
        statement = re.sub(r"\AREPLACE\s+TABLE\b", "CREATE OR REPLACE TABLE", statement, flags=re.IGNORECASE)
        statement = re.sub(r"\ACREATE\s+OR\s+REFRESH\b", "CREATE OR REPLACE", statement, flags=re.IGNORECASE)
        statement = re.sub(r"\AMERGE\s+WITH\s+SCHEMA\s+EVOLUTION\b", "MERGE", statement, flags=re.IGNORECASE)
        statement = re.sub(r"\ATABLE\s+(?=\S)", "SELECT * FROM ", statement, flags=re.IGNORECASE)
        statement = re.sub(
            r"\AINSERT\s+WITH\s+SCHEMA\s+EVOLUTION\b", "INSERT", statement, flags=re.IGNORECASE
        )
        return re.sub(r"\A(INSERT\s+INTO)\s+TABLE\b", r"\1", statement, flags=re.IGNORECASE)
    if dialect == "tsql":
        statement = _TSQL_CLONE.sub(r"\g<head> CLONE \g<source>", statement)
        statement = _TSQL_SET.sub(_selected, statement)
        statement = _TSQL_TOP.sub(r"\1", statement)
        statement = _TSQL_HINT.sub(r"\1", statement)
        statement = _TSQL_DELETE_FROM.sub(r"DELETE \1 FROM", statement)
        condition = _TSQL_CONDITION.match(statement)
        if condition:
            return f"SELECT CASE WHEN {condition[1]} THEN 1 END"
        return _TSQL_BULK.sub(r"openrowset(\1)", statement)
    return statement


def _selected(match: re.Match[str]) -> str:
    name, operator = match.groups()
    return f"SELECT {name} = {f'{name} {operator} ' if operator else ''}"


def is_too_deep(statement: str) -> bool:
    """Whether a statement is so deeply nested, or so long, that parsing it could exhaust the stack or never end."""
    if len(statement) > MAX_STATEMENT or _CHAIN.search(statement):
        return True
    if statement.count("(") + len(_CASE.findall(statement)) <= MAX_NESTING:
        return False
    depth = 0
    for match in _TSQL_PIECE.finditer(statement):
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
