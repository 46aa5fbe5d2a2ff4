"""Prepares T-SQL for the parser: splits scripts into statements, maps what the parser does not know."""

import re
from itertools import pairwise

from fabric_assets.lineage.words import words

TSQL_PIECE = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\"|\[[^\]]*\]|[A-Za-z_@#][\w@#$]*|[();]|\s+|.", re.DOTALL
)
_NESTED = r"\((?:[^()]|\([^()]*\))*\)"
_BULK = re.compile(
    rf"OPENROWSET\s*\(\s*BULK\s*N?('[^']*')(?:[^()]|{_NESTED})*\)(?:\s*WITH\s*{_NESTED})?", re.IGNORECASE
)
_SET = re.compile(r"\ASET\s+(@\w+)\s*([-+*/]?)=\s*", re.IGNORECASE)
_TOP = re.compile(r"\A(DELETE|UPDATE|INSERT)\s+TOP\s*\([^)]*\)(?:\s*PERCENT\b)?", re.IGNORECASE)
_HINT = re.compile(
    r"\A((?:INSERT|MERGE|UPDATE|DELETE)\s+(?:INTO\s+|FROM\s+)?(?:\[[^\]]*\]|[\w.#@])+)\s+WITH\s*\([^()]*\)",
    re.IGNORECASE,
)
_DELETE_FROM = re.compile(r"\ADELETE\s+FROM\s+((?:\[[^\]]*\]|[\w.#])+)\s+FROM\b", re.IGNORECASE)
_CONDITION = re.compile(r"\A(?:IF|WHILE)\b(.*)\Z", re.IGNORECASE | re.DOTALL)
_CLONE = re.compile(r"(?P<head>\ACREATE\s+TABLE\s+\S+)\s+AS\s+CLONE\s+OF\s+(?P<source>\S+).*", re.I | re.S)

_NAME = r"(?:\[[^\]]*\]|[\w.#@])+"
_WORDS = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), replacement)
    for pattern, replacement in (
        (rf"\bOPTION\s*{_NESTED}\s*\Z", ""),
        (r"\AALTER\s+VIEW\b", "CREATE OR ALTER VIEW"),
        (rf"\A(COPY\s+INTO\s+{_NAME})\s*\([^()]*\)", r"\1"),
        (rf"\A(CREATE\s+TABLE\s+{_NAME})\s+WITH\s*{_NESTED}\s*(?=AS\b)", r"\1 "),
        (r"\ADECLARE\s+@?\w+\s+(?:\w+\s+)*CURSOR\b.*?\bFOR\s+(?=SELECT\b|WITH\b)", ""),
        (r"\A(EXEC(?:UTE)?\b.*?)\s+WITH\s+(?:RECOMPILE|RESULT\s+SETS)\b.*\Z", r"\1"),
        (r"(?<![\w'#])##(?=\w)", "#"),
        (r"\btempdb\.\w*\.(?=#)", ""),
    )
)
_STARTERS = words("""
    SELECT INSERT UPDATE DELETE MERGE CREATE DROP TRUNCATE ALTER EXEC EXECUTE DECLARE SET IF PRINT COPY
    GO BEGIN END WHILE RETURN WITH USE THROW RAISERROR COMMIT ROLLBACK ELSE BREAK CONTINUE GOTO OPEN FETCH
    CLOSE DEALLOCATE
""")
# After these words a starter goes on with the same statement.
_CONTINUING = words("""
    AS UNION ALL EXCEPT INTERSECT THEN OR REPLACE FOR EXISTS IN ON INTO NOT MATCHED WHEN AND ROW ROWS
""")

# Where a statement stands after one of its words.
_STAGES = {
    **{("WITH", verb): verb for verb in ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE")},
    **{("INSERT", word): word for word in ("SELECT", "VALUES", "DEFAULT", "EXEC", "EXECUTE")},
    ("UPDATE", "SET"): "UPDATE SET",
    ("CREATE", "AS"): "CREATE AS",
    ("CREATE AS", "SELECT"): "SELECT",
    ("CREATE AS", "CLONE"): "CLONE",
}

# Words that go on with a statement at this stage.
_CONTINUATIONS = {
    "INSERT": ("SELECT", "WITH", "EXEC", "EXECUTE"),
    "WITH": ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"),
    "CREATE AS": ("SELECT",),
    "UPDATE": ("SET",),
    "ALTER": ("SET", "ALTER", "DROP"),
    "COPY": ("WITH",),
    "DECLARE": ("WITH",),
    "EXEC": ("WITH",),
    "EXECUTE": ("WITH",),
}
_CONTROL = ("IF", "WHILE", "BEGIN", "END", "ELSE")  # the next statement may follow at once


def split_tsql(text: str) -> list[tuple[int, str]]:
    """The statements of a script, each with the number of lines before it; they need no semicolons."""
    starts = [0]
    depth = cases = 0
    previous = word = ""
    line_start, in_routine = True, False
    for match in TSQL_PIECE.finditer(text):
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
            else:
                word = _STAGES.get((word, upper), word) if word else upper
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
    if (starter, previous) == ("SET", "UPDATE"):
        return False
    if statement in _CONTROL:
        return previous not in _CONTINUING
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


def prepared_tsql(statement: str) -> str:
    """The statement in words that the parser knows."""
    for pattern, replacement in _WORDS:
        statement = pattern.sub(replacement, statement)
    statement = _CLONE.sub(r"\g<head> CLONE \g<source>", statement)
    statement = _SET.sub(_selected, statement)
    statement = _TOP.sub(r"\1", statement)
    statement = _HINT.sub(r"\1", statement)
    statement = _DELETE_FROM.sub(r"DELETE \1 FROM", statement)
    condition = _CONDITION.match(statement)
    if condition:
        return f"SELECT CASE WHEN {condition[1]} THEN 1 END"
    return _BULK.sub(r"openrowset(\1)", statement)


def _selected(match: re.Match[str]) -> str:
    name, operator = match.groups()
    return f"SELECT {name} = {f'{name} {operator} ' if operator else ''}"
