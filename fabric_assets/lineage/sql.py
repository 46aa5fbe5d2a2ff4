"""SQL statements: which tables they read and write, what views they make."""

import logging
import re
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.session import MAX_SQL_CHARACTERS, BudgetExceededError, Session
from fabric_assets.lineage.sql_statements import SqlContext, StatementRunner
from fabric_assets.lineage.sql_text import (
    is_too_deep,
    plain_create,
    prepared,
    split_statements,
    without_comment,
)
from fabric_assets.lineage.values import Const, Text, compatible, options_of, reason_of

# Dialects that know more words of the same language.
_WIDER_DIALECTS = {"spark": "databricks", "tsql": "fabric"}

# Statements that neither read nor write data of tables.
_HARMLESS = re.compile(
    r"(?:DESC|DESCRIBE|SHOW|SET(?!\s+@\w+\s*[-+*/]?=)|RESET|OPTIMIZE|VACUUM|ANALYZE|REFRESH|EXPLAIN|GRANT|REVOKE|DENY|"
    r"PRINT|COMMENT|MSCK|UNCACHE|CLEAR|LIST|ADD|GENERATE|FSCK|RETURN|RAISERROR|THROW|BEGIN\s+TRAN\w*|COMMIT|ROLLBACK|"
    r"UPDATE\s+STATISTICS|REORG|PRAGMA|LOAD|INSTALL|CHECKPOINT|KILL|WAITFOR|(?:BEGIN|END)\s*(?:TRY|CATCH)?\s*\Z|ELSE\s*\Z)\b",
    re.IGNORECASE,
)
_PROCEDURE = re.compile(
    r"(?:CREATE|ALTER)\s+(?:OR\s+(?:ALTER|REPLACE)\s+)?(?:PROC|PROCEDURE|FUNCTION|TRIGGER)\b",
    re.IGNORECASE,
)
_RESTORE = re.compile(r"RESTORE\s+(?:TABLE\s+)?(\S+)\s+TO\b", re.IGNORECASE)


class _Silent(logging.Filter):
    """Drops sqlglot's warnings: what it cannot read is reported as a gap."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR


logging.getLogger("sqlglot").addFilter(_Silent())


def run_sql(session: Session, value: object, context: SqlContext, line: int | None = None) -> Frame:
    """Note what a SQL text reads and writes.

    Args:
        session: takes the notes.
        value: abstract value of the text.
        context: dialect and names around it.
        line: number of the text's first line if it is a cell of its own.

    Returns:
        The result of its last query.
    """
    frames = []
    for guard, option in options_of(value):
        if not compatible(guard, session.branches.items()):
            continue
        if isinstance(option, Text) or (isinstance(option, Const) and isinstance(option.value, str)):
            frames.append(_run_text(session, option, context, line))
        else:
            session.gap(f"the SQL text depends on {reason_of(option)}")
    return Frame.union(frames) if frames else Frame()


def _run_text(session: Session, value: Const | Text, context: SqlContext, line: int | None) -> Frame:
    attempts = list(session.holes.renderings(value))
    session.sql_characters += len(attempts[0])
    if session.sql_characters > MAX_SQL_CHARACTERS:
        raise BudgetExceededError("the notebook holds too much SQL text; the analysis was stopped")
    scripts = [split_statements(_with_holes(session, text), context.dialect) for text in attempts]
    frame = Frame()
    for number, (offset, statement) in enumerate(scripts[0]):
        lead, statement = without_comment(statement)
        if line is not None:
            session.line = line + offset + lead
        others = [script[number][1] for script in scripts[1:] if len(script) == len(scripts[0])]
        frame = _run_statement(session, [statement, *(without_comment(o)[1] for o in others)], context)
    return frame


def _with_holes(session: Session, text: str) -> str:
    """The text with identifiers for ``${name}``, which Spark takes from its configuration."""
    if "${" not in text:
        return text
    return re.sub(
        r"\$\{([^}\n]*)\}", lambda match: session.holes.add(f"the Spark setting {match[1]!r}"), text
    )


def _run_statement(session: Session, attempts: list[str], context: SqlContext) -> Frame:
    statement = attempts[0]
    if not statement or _HARMLESS.match(statement):
        return Frame()
    runner = StatementRunner(session, context, lambda text: _run_text(session, Const(text), context, None))
    restore = _RESTORE.match(statement)
    if restore:
        runner.write_named(restore[1])
        return Frame()
    if _PROCEDURE.match(statement):
        return Frame()  # defined, not executed
    failure = "the text is not SQL that can be read"
    if is_too_deep(statement):
        session.gap(
            f"the SQL statement {session.readable(statement)} is too long or nested too deeply to be read"
        )
        return Frame()
    created = plain_create(statement)
    for text in [*attempts, created] if created else attempts:
        try:
            nodes = _parsed(prepared(text, context.dialect), context.dialect)
        except SqlglotError as error:
            if text is statement:
                failure = _short(error)
            continue
        except RecursionError:
            failure = "the statement is nested too deeply"
            break
        try:
            return runner.run_all(nodes)
        except RecursionError:
            failure = "the statement is nested too deeply"
            break
    session.gap(f"the SQL statement {session.readable(statement)} cannot be read: {failure}")
    return Frame()


@lru_cache(maxsize=256)
def _parsed(text: str, dialect: str) -> tuple[exp.Expr | None, ...]:
    try:
        return tuple(sqlglot.parse(text, read=dialect))
    except SqlglotError:
        if dialect not in _WIDER_DIALECTS:
            raise
        try:
            return tuple(sqlglot.parse(text, read=_WIDER_DIALECTS[dialect]))
        except SqlglotError:
            pass
        raise


def _short(error: SqlglotError) -> str:
    text = re.sub(r"\x1b\[\d*m", "", str(error)).strip().split("\n")[0]
    return text.rstrip(".")
