"""Procedures, functions and views of warehouses, by the source that their item's folder or a notebook holds."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fabric_assets.lineage.sql_text import without_comment
from fabric_assets.lineage.tables import HOME, Table, split_name
from fabric_assets.lineage.tsql_text import TSQL_PIECE, split_tsql
from fabric_assets.lineage.values import Const, Unknown

Kind = Literal["procedure", "function", "view"]

_NAME = r"(?:\[[^\]]*\]|\"[^\"]*\"|[\w$#])+(?:\s*\.\s*(?:\[[^\]]*\]|\"[^\"]*\"|[\w$#])+)*"
_HEADER = re.compile(
    r"\b(?:CREATE|ALTER)\s+(?:OR\s+(?:ALTER|REPLACE)\s+)?(?P<kind>PROC(?:EDURE)?|FUNCTION|VIEW)\s+"
    rf"(?P<name>{_NAME})",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class SqlFile:
    """A ``.sql`` file of a warehouse or SQL database.

    Attributes:
        store: name of the warehouse or database.
        path: where the file lies below the workspace's folder.
        text: its content.
        workspace: see ``Table``.
        has_views: its views are seen through; those that a notebook creates are tables that it writes.
    """

    store: str
    path: str
    text: str
    workspace: str = HOME
    has_views: bool = True


@dataclass(frozen=True)
class Routine:
    """A procedure, function or view.

    Attributes:
        kind: which of them it is.
        name: as its source writes it.
        body: the statements of a procedure or function, the query of a view.
        parameters: names with ``@``, in lower case, with the text that is their default.
        has_columns: it is a view that gives its columns names of its own.
    """

    kind: Kind
    name: str
    body: str
    parameters: tuple[tuple[str, str | None], ...] = ()
    has_columns: bool = False

    def arguments(self, positional: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the parameters in a call with these arguments."""
        values: dict[str, Any] = {}
        for position, (name, default) in enumerate(self.parameters):
            values[name] = (
                Const(default)
                if default is not None
                else Unknown(f"the parameter {name} of {self.kind} {self.name}")
            )
            if position < len(positional):
                values[name] = positional[position]
        return {**values, **named}


def routine_of(statement: str) -> Routine | None:
    """The routine or view that a statement creates, ``None`` if it creates none."""
    match = _HEADER.match(statement)
    if match is None:
        return None
    word = match["kind"].lower()
    kind: Kind = "view" if word == "view" else "function" if word == "function" else "procedure"
    parameters: list[tuple[str, str | None]] = []
    previous, depth, has_columns, returns = "", 0, False, False
    for piece in TSQL_PIECE.finditer(statement, match.end()):
        text = piece[0]
        if text.isspace() or text.startswith(("--", "/*")):
            continue
        upper = text.upper()
        depth += (text == "(") - (text == ")")
        has_columns = has_columns or (kind == "view" and text == "(")
        returns = returns or upper == "RETURNS"
        if text.startswith("@") and not returns:
            parameters.append((text.lower(), None))
        elif text.startswith("'") and previous in ("=", "N") and parameters and not returns:
            parameters[-1] = (parameters[-1][0], text[1:-1].replace("''", "'"))
        if depth == 0 and upper == "AS" and previous != "EXECUTE" and not previous.startswith("@"):
            return Routine(kind, match["name"], statement[piece.end() :], tuple(parameters), has_columns)
        if depth == 0 and kind == "function" and upper in ("BEGIN", "RETURN"):
            return Routine(kind, match["name"], statement[piece.start() :], tuple(parameters))
        previous = upper
    return None


def _routines_in(script: str) -> list[Routine]:
    """The routines and views that a script creates."""
    found = (routine_of(without_comment(statement)[1]) for _, statement in split_tsql(script))
    return [routine for routine in found if routine is not None]


class Routines:
    """The routines and views of a workspace's warehouses. A file is read closely when something of it is used.

    Args:
        files: sources, as the items' folders hold them.
    """

    def __init__(self, files: Iterable[SqlFile] = ()) -> None:
        self._files = tuple(files)
        # Comments and dynamic SQL may name routines as well, so that several files may be meant.
        self._index: dict[tuple[str, ...], list[SqlFile]] = {}
        self._parsed: dict[str, dict[tuple[str, ...], Routine]] = {}
        for file in self._files:
            for match in _HEADER.finditer(file.text):
                if match["kind"].upper() == "VIEW" and not file.has_views:
                    continue
                key = (file.workspace, file.store.lower(), *_key(match["name"]))
                self._index.setdefault(key, []).append(file)

    @property
    def sources(self) -> list[tuple[str, str, str]]:
        """What results may depend on: workspace, store and text of each file."""
        return [(file.workspace, file.store, file.text) for file in self._files]

    def find(self, table: Table) -> Routine | None:
        """The routine or view of that name."""
        key = (table.schema or "dbo", table.name)
        for file in self._index.get((table.workspace, table.lakehouse, *key), ()):
            if key in self._in(file):
                return self._in(file)[key]
        return None

    def _in(self, file: SqlFile) -> dict[tuple[str, ...], Routine]:
        if file.path not in self._parsed:
            found = _routines_in(file.text)
            wanted = (one for one in found if file.has_views or one.kind != "view")
            self._parsed[file.path] = {_key(one.name): one for one in wanted}
        return self._parsed[file.path]


def _key(name: str) -> tuple[str, str]:
    """Schema and name in lower case."""
    parts = [part.strip().lower() for part in split_name(re.sub(r"\s*\.\s*", ".", name))] or [""]
    return (parts[-2] or "dbo" if len(parts) > 1 else "dbo", parts[-1])
