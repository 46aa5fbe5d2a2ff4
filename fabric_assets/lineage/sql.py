"""SQL statements: which tables they read and write, what views they make."""

import logging
import re
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.possibilities import compatible, options_of
from fabric_assets.lineage.session import MAX_SQL_CHARACTERS, BudgetExceededError, Session
from fabric_assets.lineage.sql_identifiers import note_variable, with_identifiers
from fabric_assets.lineage.sql_routines import Routine, routine_of
from fabric_assets.lineage.sql_statements import StatementRunner
from fabric_assets.lineage.sql_tables import SqlContext
from fabric_assets.lineage.sql_text import (
    is_too_deep,
    plain_create,
    prepared,
    split_statements,
    without_comment,
)
from fabric_assets.lineage.sql_variables import Variables
from fabric_assets.lineage.tables import Table
from fabric_assets.lineage.values import Const, Text, Unknown, reason_of

MAX_SQL_DEPTH = 5  # of dynamic SQL in dynamic SQL
MAX_ROUTINES = 20  # that call each other

# Dialects that know more words of the same language.
_WIDER_DIALECTS = {"spark": "databricks", "tsql": "fabric"}

# Statements that neither read nor write data of tables.
_HARMLESS = re.compile(
    r"(?:DESC|DESCRIBE|SHOW|SET(?!\s+@\w+\s*[-+*/]?=|\s+VAR(?:IABLE)?\s[\s\S]*\bSELECT\b)|RESET|OPTIMIZE|VACUUM|"
    r"ANALYZE|REFRESH(?!\s+MATERIALIZED)|EXPLAIN|GRANT|REVOKE|DENY|PRINT|COMMENT|MSCK|UNCACHE|CLEAR|LIST|ADD|GENERATE|FSCK|RETURN|RAISERROR|THROW|BEGIN\s+TRAN\w*|COMMIT|ROLLBACK|"
    r"UPDATE\s+STATISTICS|(?:CREATE|ALTER|DROP)\s+(?:STATISTICS|USER|ROLE|LOGIN|SECURITY|SEQUENCE|SYNONYM|TYPE|INDEX)|"
    r"BREAK|CONTINUE|GOTO|OPEN|FETCH|CLOSE|DEALLOCATE|REORG|PRAGMA|LOAD|INSTALL|CHECKPOINT|KILL|WAITFOR|(?:BEGIN|END)\s*(?:TRY|CATCH)?\s*\Z|ELSE\s*\Z)\b",
    re.IGNORECASE,
)
_DEFINITION = re.compile(
    r"(?:CREATE|ALTER)\s+(?:OR\s+(?:ALTER|REPLACE)\s+)?(?:PROC|PROCEDURE|FUNCTION|TRIGGER)\b", re.IGNORECASE
)
_RETURN = re.compile(r"\s*RETURN\b", re.IGNORECASE)
_INSERT_EXEC = re.compile(
    r"INSERT\s+(?:INTO\s+)?((?:\[[^\]]*\]|[\w.#@])+)\s*(?:\([^()]*\)\s*)?(?=EXEC(?:UTE)?\b)", re.IGNORECASE
)
_OUTPUT = re.compile(
    r"(\A(?:INSERT|UPDATE|DELETE|MERGE)\b.*?)\bOUTPUT\s+[^;()']*?\bINTO\s+((?:\[[^\]]*\]|[\w.#@])+)(?:\s*\([^()]*\))?",
    re.IGNORECASE | re.DOTALL,
)
_MOVED = re.compile(r"ALTER\s+(?:SCHEMA|TABLE)\b.*\b(?:TRANSFER|SWITCH)\b", re.IGNORECASE | re.DOTALL)
_EXECUTED = re.compile(r"EXEC(?:UTE)?\s*\((?P<text>.*)\)\s*\Z", re.IGNORECASE | re.DOTALL)
_SETTING = re.compile(r"SET\s+`?(?P<name>[\w.]+)`?\s*=(?P<value>[^=\n]*)", re.IGNORECASE)
# Statements that write a table and read none that they name.
_RENEWED = re.compile(
    r"RESTORE\s+(?:TABLE\s+)?(\S+)\s+TO\b|REFRESH\s+MATERIALIZED\s+LAKE\s+VIEW\s+((?:`[^`]*`|[\w.])+)",
    re.IGNORECASE,
)


_ALTERED_VIEW = re.compile(r"ALTER\s+VIEW\s+((?:`[^`]*`|[\w.])+)\s+AS\b", re.IGNORECASE)


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


def _run_text(
    session: Session,
    value: Const | Text,
    context: SqlContext,
    line: int | None,
    variables: Variables | None = None,
) -> Frame:
    attempts = list(session.holes.renderings(value))
    session.sql_characters += len(attempts[0])
    if session.sql_characters > MAX_SQL_CHARACTERS:
        raise BudgetExceededError("the notebook holds too much SQL text; the analysis was stopped")
    scripts = [split_statements(text, context.dialect) for text in attempts]
    if variables is None:
        variables = Variables(attempts[0] if context.dialect == "tsql" else "")
    frame = Frame()
    for number, (offset, statement) in enumerate(scripts[0]):
        lead, statement = without_comment(statement)
        if line is not None:
            session.line = line + offset + lead
        others = [script[number][1] for script in scripts[1:] if len(script) == len(scripts[0])]
        renderings = [
            _with_names(session, text, context)
            for text in (statement, *(without_comment(other)[1] for other in others))
        ]
        frame = _run_statement(session, renderings, context, variables)
    return frame


def _run_dynamic(session: Session, value: object, context: SqlContext, variables: Variables) -> None:
    """Run the text of a dynamic statement."""
    session.step()
    if session.sql_depth >= MAX_SQL_DEPTH or not isinstance(value, Const | Text):
        session.gap(f"the text of the dynamic SQL depends on {reason_of(value)}")
        return
    session.sql_depth += 1
    try:
        _run_text(session, value, context, None, variables)
    finally:
        session.sql_depth -= 1


def run_routine(session: Session, table: Table, routine: Routine, values: dict[str, Any]) -> Frame:
    """Note what a call of a procedure or function, or a read of a view, does.

    Args:
        session: takes the notes.
        table: identity of the routine or view.
        routine: its source.
        values: the values of its parameters, by name with ``@`` in lower case.

    Returns:
        The result of its last query.
    """
    if table in session.followed or len(session.followed) >= MAX_ROUTINES:
        session.gap(f"the {routine.kind} {routine.name} calls itself; this is not followed")
        return Frame()
    session.followed.append(table)
    session.inside.append(routine.name)
    returned = _RETURN.match(routine.body) if routine.kind == "function" else None
    body = routine.body[returned.end() :] if returned else routine.body
    try:
        context = SqlContext("tsql", table.lakehouse, is_warehouse=True)
        with session.resolver.inside(table.workspace):
            frame = _run_text(session, Const(body), context, None, Variables(body, values))
    finally:
        session.inside.pop()
        session.followed.pop()
    return frame.opaque() if routine.has_columns else frame


def _with_names(session: Session, text: str, context: SqlContext) -> str:
    """The text with names for ``${name}``, which Spark takes from its configuration, and ``IDENTIFIER(...)``."""
    if context.dialect == "spark" and "identifier" in text.lower():
        text = with_identifiers(session, text, dict(context.parameters))
    if "${" not in text:
        return text

    def value(match: re.Match[str]) -> str:
        known = session.settings.get(match[1].strip())
        if isinstance(known, Const):
            return str(known.value)
        return session.holes.add(f"the Spark setting {match[1]!r}")

    return re.sub(r"\$\{([^}\n]*)\}", value, text)


def _run_statement(session: Session, attempts: list[str], context: SqlContext, variables: Variables) -> Frame:
    statement = attempts[0]
    setting = _SETTING.fullmatch(statement) if context.dialect == "spark" else None
    if setting:
        session.set(setting["name"], Const(setting["value"].strip()))
    elif context.dialect == "spark":
        note_variable(session, statement)
    if not statement or _HARMLESS.match(statement):
        return Frame()

    def run_dynamic(text: object) -> None:
        _run_dynamic(session, text, context, variables)

    executed = _EXECUTED.match(statement) if context.dialect == "tsql" else None
    if executed:
        run_dynamic(_evaluated(executed["text"], variables))
        return Frame()
    runner = StatementRunner(session, context, variables, run_dynamic)
    renewed = _RENEWED.match(statement)
    if renewed:
        runner.write_named(renewed[1] or renewed[2])
        return Frame()
    if _DEFINITION.match(statement):  # defined, not executed
        routine = routine_of(statement) if context.dialect == "tsql" else None
        table = runner.routine_table(routine.name) if routine is not None else None
        if routine is not None and table is not None:
            session.created[table] = routine
        return Frame()
    into = _INSERT_EXEC.match(statement) if context.dialect == "tsql" else None
    if into:
        runner.write_named(into[1])
        return _run_statement(session, [statement[into.end() :]], context, variables)
    output = _OUTPUT.match(statement) if context.dialect == "tsql" else None
    if output:
        runner.write_named(output[2])
        rest = output[1] + statement[output.end() :]
        return _run_statement(session, [rest], context, variables)
    if context.dialect == "tsql" and _MOVED.match(statement):
        session.gap(f"the SQL statement {session.readable(statement)} moves a table; this is not followed")
        return Frame()
    failure = "the text is not SQL that can be read"
    if is_too_deep(statement):
        session.gap(
            f"the SQL statement {session.readable(statement)} is too long or nested too deeply to be read"
        )
        return Frame()
    altered = _ALTERED_VIEW.match(statement) if context.dialect == "spark" else None
    if altered and session.views_named(altered[1]) is not None:
        attempts = [f"CREATE OR REPLACE TEMPORARY VIEW {altered[1]} AS {statement[altered.end() :]}"]
    created = plain_create(statement)
    for text in [*attempts, created] if created else attempts:
        session.step(40 + (len(text) >> 1))  # as long as this takes, whether it was parsed before or not
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


def _evaluated(expression: str, variables: Variables) -> object:
    """The value of a T-SQL expression."""
    try:
        (node,) = _parsed(f"SELECT {expression}", "tsql")
    except (SqlglotError, RecursionError, ValueError):
        return Unknown("an expression that cannot be read")
    expressions = node.expressions if node is not None else []
    return variables.value(expressions[0]) if len(expressions) == 1 else Unknown()


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
