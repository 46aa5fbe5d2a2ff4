"""Notes reads and writes of tables by their names and paths."""

from typing import TYPE_CHECKING, Any

from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.possibilities import options_of
from fabric_assets.lineage.tables import Table
from fabric_assets.lineage.values import Const, DeltaTableValue, Items, Unknown

if TYPE_CHECKING:
    from fabric_assets.lineage.interpreter import Interpreter

_TARGETS = (
    "path",
    "target",
    "table_or_uri",
    "where",
    "root_path",
    "table",
    "destination",
    "root",
    "fname",
    "excel_writer",
)


def write_target(
    interpreter: "Interpreter", name: str, frame: Frame, arguments: list[Any], keywords: dict[str, Any]
) -> None:
    """Note that a function or method writes to the path that is its first argument or its ``target``."""
    target = next((keywords[key] for key in _TARGETS if key in keywords), arguments[0] if arguments else None)
    if target is None:
        return
    mode = keywords.get("mode")
    replaces = isinstance(mode, Const) and mode.value == "overwrite" and "predicate" not in keywords
    for _, option in options_of(target):
        if isinstance(option, DeltaTableValue):
            for table in option.targets:
                interpreter.session.write(table, frame, replaces=replaces)
            return
    is_delta = "delta" in name.lower()
    if is_delta or not isinstance(target, Unknown):
        write_path(interpreter, target, name, frame, replaces=replaces, quiet=not is_delta)


def read_table(interpreter: "Interpreter", name: Any, what: str) -> Frame:
    """Note that the table of that name is read."""
    session = interpreter.session
    found = session.tables_named(name, what=what, quiet=bool(session.mute_reads))
    return session.read_all(found) if found else Frame()


def read_path(interpreter: "Interpreter", path: Any, what: str, *, quiet: bool = False) -> Frame:
    """Note that the table below a path is read, if it is one."""
    session = interpreter.session
    quiet = quiet or bool(session.mute_reads)
    frames = []
    for _, option in options_of(path):
        for entry in option.items if isinstance(option, Items) else [option]:
            found = session.tables_named(entry, what=what, is_path=True, quiet=quiet)
            frames.append(session.read_all(found) if found else Frame())
    return Frame.union(frames) if frames else Frame()


def write_table(
    interpreter: "Interpreter", name: Any, what: str, frame: Frame, *, replaces: bool = False
) -> None:
    """Note that the table of that name is written."""
    session = interpreter.session
    for found in session.tables_named(name, what=what):
        if isinstance(found, Table):
            session.write(found, frame, replaces=replaces)


def write_path(
    interpreter: "Interpreter",
    path: Any,
    what: str,
    frame: Frame,
    *,
    replaces: bool = False,
    quiet: bool = False,
) -> None:
    """Note that the table below a path is written, if it is one."""
    session = interpreter.session
    for found in session.tables_named(path, what=what, is_path=True, quiet=quiet):
        if isinstance(found, Table):
            session.write(found, frame, replaces=replaces)


def drop_path(interpreter: "Interpreter", path: Any, what: str) -> None:
    """Note that the table below a path is dropped, if it is one."""
    session = interpreter.session
    catalog = session.resolver.catalog
    for found in session.tables_named(path, what=what, is_path=True, quiet=True):
        # Where there are schemas, a folder directly below Tables is one of them and no table.
        if isinstance(found, Table) and (
            found.schema or not catalog.has_schemas(found.workspace, found.lakehouse)
        ):
            session.drop(found)
