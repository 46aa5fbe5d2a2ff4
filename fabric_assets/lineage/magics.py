"""Turns the text of a Python cell into a syntax tree, with the magics that matter as calls."""

import ast
import json
import re
import warnings
from functools import lru_cache
from typing import Any

RUN_CALL = "__run_notebook__"
SQL_CALL = "__run_sql__"
UNKNOWN_CALL = "__unknown__"

_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|\'\'\'(?:[^\\]|\\.)*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|'
    r"#[^\n]*|[([{]|[)\]}]|\\\n|\n|[^\"'#()\[\]{}\\\n]+|.",
    re.DOTALL,
)
_RUN = re.compile(r"%run\s+(?P<rest>.+)")
_SQL = re.compile(r"%(?P<kind>sql|tsql)\s+(?P<rest>.+)")
_ASSIGNED_MAGIC = re.compile(r"(?P<name>\s*\w[\w, ]*=\s*)(?P<magic>[%!].*)")
_ASSIGNED = re.compile(r"^\s*([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)\s*(?::[^=\n]+)?=(?!=)", re.MULTILINE)


class CellSyntaxError(Exception):
    """A Python cell that does not parse; ``line`` counts from 1 within the cell."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


@lru_cache(maxsize=1024)
def parse_cell(source: str) -> ast.Module:
    """The syntax tree of a Python cell; it must not be changed.

    Raises:
        CellSyntaxError: the cell is not Python.
    """
    text = source
    if "%" in text or "!" in text or "?" in text:
        text = _without_magics(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        raise CellSyntaxError(error.lineno or 1, error.msg) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise CellSyntaxError(1, f"it cannot be parsed ({type(error).__name__})") from error


def assigned_names(source: str) -> set[str]:
    """Names that a cell which does not parse seems to assign."""
    names: set[str] = set()
    for match in _ASSIGNED.finditer(source):
        names.update(name.strip() for name in match[1].split(","))
    return names


def run_target(rest: str) -> tuple[str, dict[str, Any] | None]:
    """Name and parameters of ``%run Name {"parameter": 1}``; the parameters are ``None`` if they are not plain."""
    rest = rest.strip()
    quoted = re.match(r"([\"'])(.*?)\1\s*(.*)", rest, re.DOTALL)
    if quoted:
        name, arguments = quoted[2], quoted[3]
    else:
        match = re.match(r"([^{$]+?)\s*(?=[{$]|\Z)(.*)", rest, re.DOTALL)
        name, arguments = (match[1], match[2]) if match else (rest, "")
    arguments = arguments.strip()
    if not arguments:
        return name.strip(), {}
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(arguments)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, dict):
            return name.strip(), {str(key): item for key, item in value.items()}
    return name.strip(), None


def run_names(source: str) -> list[str]:
    """Names of the notebooks that a cell includes with ``%run``."""
    starts = _statement_lines(source)
    names = []
    for number, line in enumerate(source.split("\n")):
        match = _RUN.match(line.strip())
        if match and number in starts:
            names.append(run_target(match["rest"])[0])
    return names


def _without_magics(source: str) -> str:
    starts = _statement_lines(source)
    lines = source.split("\n")
    for number, line in enumerate(lines):
        if number not in starts:
            continue
        stripped = line.lstrip()
        indent = line[: len(line) - len(stripped)]
        if stripped.startswith("%"):
            lines[number] = indent + _magic_call(stripped)
        elif stripped.startswith(("!", "?")) or (stripped.rstrip().endswith("?") and "#" not in stripped):
            lines[number] = indent + "pass"
        else:
            assigned = _ASSIGNED_MAGIC.fullmatch(line)
            if assigned:
                sql = _SQL.match(assigned["magic"])
                lines[number] = assigned["name"] + (_sql_call(sql) if sql else f"{UNKNOWN_CALL}()")
    return "\n".join(lines)


def _magic_call(text: str) -> str:
    run = _RUN.match(text)
    if run:
        return f"{RUN_CALL}({run['rest'].strip()!r})"
    sql = _SQL.match(text)
    if sql:
        return _sql_call(sql)
    timed = re.match(r"%(?:time|timeit)\s+(.*)", text)
    if timed:
        return timed[1] or "pass"
    return "pass"


def _sql_call(match: re.Match[str]) -> str:
    return f"{SQL_CALL}({match['kind']!r}, {match['rest'].strip()!r})"


def _statement_lines(source: str) -> set[int]:
    """Numbers (from 0) of the lines that do not continue a text or a bracket."""
    starts = {0}
    depth = line = 0
    for match in _TOKEN.finditer(source):
        piece = match[0]
        if piece in "([{":
            depth += 1
        elif piece in ")]}":
            depth = max(depth - 1, 0)
        elif piece == "\n":
            line += 1
            if depth == 0:
                starts.add(line)
        else:
            line += piece.count("\n")
    return starts
