"""Spark's connector to warehouses and SQL endpoints: ``synapsesql`` and its options."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from fabric_assets.lineage.arguments import text_value
from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.possibilities import options_of
from fabric_assets.lineage.sql import run_sql
from fabric_assets.lineage.sql_tables import SqlContext
from fabric_assets.lineage.tables import HOME, UnresolvedNameError
from fabric_assets.lineage.values import Const, Lib, Reader, Unknown, Writer, reason_of

if TYPE_CHECKING:
    from fabric_assets.lineage.interpreter import Interpreter

_Connection = TypeVar("_Connection", Reader, Writer)


def with_option(owner: _Connection, name: Any, value: Any) -> _Connection:
    """The reader or writer after an option of the connector; as it is after any other."""
    key = name.name.rpartition(".")[2] if isinstance(name, Lib) else text_value(name)
    if key.lower() == "workspaceid":
        return replace(owner, workspace=value)
    if key.lower() == "databasename":
        return replace(owner, database=value)
    return owner


def synapsesql(interpreter: "Interpreter", owner: Reader | Writer, name: Any) -> Frame:
    """Note what ``synapsesql`` reads or writes.

    Args:
        interpreter: takes the notes.
        owner: ``spark.read`` or ``df.write`` with their options.
        name: a table, by its name of three parts, or a query.
    """
    session = interpreter.session
    places = []
    for what, value in (("workspace", owner.workspace), ("database", owner.database)):
        if value is None or (isinstance(value, Unknown) and value.stands_for):
            places.append("")
        elif isinstance(value, Const):
            places.append(str(value.value))
        else:
            session.gap(f"synapsesql: the {what} depends on {reason_of(value)}")
            return Frame()
    workspace = session.resolver.catalog.workspace(places[0]) if places[0] else HOME
    frames = []
    for _, option in options_of(name):
        text = text_value(option).strip()
        if not text:
            reason = reason_of(option) if isinstance(option, Unknown) else Unknown().reason
            session.gap(f"synapsesql: the table name depends on {reason}")
            continue
        with session.resolver.inside(workspace):
            if " " in text and isinstance(owner, Reader):
                frames.append(run_sql(session, option, SqlContext("tsql", places[1])))
                continue
            try:
                table = session.resolver.tsql_table(text, places[1])
            except UnresolvedNameError as error:
                session.gap(f"synapsesql: {text!r}: {error}")
                continue
        if isinstance(owner, Reader):
            frames.append(session.read(table))
        else:
            session.write(table, owner.frame)
    return Frame.union(frames) if frames else Frame()
