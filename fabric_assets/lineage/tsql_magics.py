"""T-SQL in notebooks of other languages: ``%%tsql -artifact Sales -type Warehouse`` and ``x = %tsql SELECT ...``."""

import re

from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.session import Session
from fabric_assets.lineage.sql import run_sql
from fabric_assets.lineage.sql_tables import SqlContext

_OPTION = re.compile(r"\s*-{1,2}(\w+)(?:\s+(?!-)(\"[^\"]*\"|'[^']*'|\S+))?")
_FLAGS = ("session",)  # options without a value


def magic_options(text: str) -> tuple[dict[str, str], str]:
    """The options at the start of a magic's text, and the rest of it."""
    options: dict[str, str] = {}
    position = 0
    while match := _OPTION.match(text, position):
        name = match[1].lower()
        flag = name in _FLAGS
        options[name] = "" if flag else (match[2] or "").strip("\"'")
        position = match.end(1) if flag else match.end()
    return options, text[position:].strip()


def run_tsql(session: Session, options: dict[str, str], text: object, line: int | None = None) -> Frame:
    """Note what T-SQL reads and writes in the item and workspace that the magic names.

    Args:
        session: takes the notes.
        options: of the magic.
        text: abstract value of the statements.
        line: number of the text's first line if it is a cell of its own.
    """
    kind = options.get("type", "").lower()
    context = SqlContext("tsql", options.get("artifact", ""), "warehouse" in kind if kind else None)
    resolver = session.resolver
    if not options.get("artifact") and not options.get("workspace"):
        return run_sql(session, text, context, line)
    # The item is one of the notebook's own workspace, wherever its default lakehouse may lie.
    with resolver.inside(resolver.catalog.workspace(options.get("workspace", ""))):
        return run_sql(session, text, context, line)
