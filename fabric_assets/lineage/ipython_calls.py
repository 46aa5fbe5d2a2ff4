"""Magics that are called as functions: ``get_ipython().run_line_magic("run", "Helper")``."""

from typing import TYPE_CHECKING, Any

from fabric_assets.lineage.arguments import text_value
from fabric_assets.lineage.sql import run_sql
from fabric_assets.lineage.sql_tables import SqlContext
from fabric_assets.lineage.tsql_magics import magic_options, run_tsql
from fabric_assets.lineage.values import Const, Unknown

if TYPE_CHECKING:
    from fabric_assets.lineage.interpreter import Interpreter


def shell_call(interpreter: "Interpreter", name: str, arguments: list[Any]) -> Any:
    """The value of a method call on the shell that ``get_ipython()`` gives."""
    if name == "magic" and arguments:
        magic, _, line = text_value(arguments[0]).lstrip("%").partition(" ")
        return run_magic(interpreter, magic, Const(line), None)
    if name in ("run_line_magic", "run_cell_magic") and len(arguments) > 1:
        body = arguments[2] if name == "run_cell_magic" and len(arguments) > 2 else None
        return run_magic(interpreter, text_value(arguments[0]), arguments[1], body)
    return Unknown()


def run_magic(interpreter: "Interpreter", name: str, line: Any, body: Any) -> Any:
    """The value of a magic.

    Args:
        interpreter: follows what it runs.
        name: without ``%``.
        line: what stands behind its name.
        body: the rest of the cell if it is a cell magic, else ``None``.
    """
    if name == "run":
        if text_value(line):
            interpreter.run_notebook(interpreter, text_value(line))
        else:
            interpreter.session.gap("%run: the name of the notebook is only known when the notebook runs")
        return Const(None)
    if name == "sql":
        return run_sql(interpreter.session, line if body is None else body, SqlContext())
    if name == "tsql":
        options, statement = magic_options(text_value(line))
        frame = run_tsql(interpreter.session, options, Const(statement) if body is None else body)
        if options.get("bind"):
            interpreter.bind(options["bind"], frame)
        return frame
    return Unknown()
