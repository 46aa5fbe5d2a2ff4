"""Names that Spark SQL computes: ``IDENTIFIER(...)``, with parameter markers and session variables."""

import re
from collections.abc import Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from fabric_assets.lineage.session import Session
from fabric_assets.lineage.values import Const, Text

_IDENTIFIER = re.compile(r"\bIDENTIFIER\s*\(((?:[^()'\"]|'[^']*'|\"[^\"]*\"|\([^()]*\))*)\)", re.IGNORECASE)
_VARIABLE = re.compile(
    r"(?:DECLARE\s+(?:OR\s+REPLACE\s+)?(?:VARIABLE\s+)?(?P<name>\w+)\b[^'\"]*?(?:DEFAULT|=)"
    r"|SET\s+VAR(?:IABLE)?\s+(?P<set>\w+)\s*=)\s*(?P<quote>['\"])(?P<value>[^'\"]*)(?P=quote)\s*",
    re.IGNORECASE,
)


class _NotKnownError(Exception):
    """The name is only known when the notebook runs; the text completes 'it depends on'."""


def note_variable(session: Session, statement: str) -> None:
    """Note the text that a statement gives to a session variable."""
    match = _VARIABLE.fullmatch(statement)
    if match:
        session.set(_key(match["name"] or match["set"]), Const(match["value"]))


def with_identifiers(session: Session, text: str, parameters: Mapping[str, Const | Text]) -> str:
    """The text with plain names in place of ``IDENTIFIER(...)``.

    Args:
        session: has the variables, and takes what is not known.
        text: a statement.
        parameters: values of parameter markers, by name in lower case.
    """

    def name(match: re.Match[str]) -> str:
        try:
            tree = sqlglot.parse_one(f"SELECT {match[1]}", read="spark")
            expressions = tree.expressions
            return _text(session, expressions[0] if len(expressions) == 1 else None, parameters)
        except (SqlglotError, RecursionError):
            return match[0]
        except _NotKnownError as reason:
            return session.holes.add(str(reason))

    return _IDENTIFIER.sub(name, text)


def _text(session: Session, node: exp.Expr | None, parameters: Mapping[str, Const | Text]) -> str:
    if isinstance(node, exp.Literal):
        return node.name
    if isinstance(node, exp.Paren):
        return _text(session, node.this, parameters)
    if isinstance(node, exp.DPipe | exp.Add):
        return _text(session, node.left, parameters) + _text(session, node.right, parameters)
    if isinstance(node, exp.Concat):
        return "".join(_text(session, part, parameters) for part in node.expressions)
    if isinstance(node, exp.Placeholder):
        value = parameters.get(node.name.lower())
        if value is not None:
            return next(session.holes.renderings(value))
        raise _NotKnownError(f"the parameter marker :{node.name}, whose value is not known here")
    if isinstance(node, exp.Column):
        known = session.settings.get(_key(node.name))
        if isinstance(known, Const):
            return str(known.value)
        raise _NotKnownError(f"the session variable {node.name}, whose value is not known here")
    raise _NotKnownError("IDENTIFIER() of a value that is only known when the notebook runs")


def _key(name: str) -> str:
    return f"variable {name.lower()}"
