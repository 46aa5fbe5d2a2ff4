"""Calls and attributes: finds out what is called and hands it to the module that knows it."""

import ast
import builtins
import re
from typing import Any

from fabric_assets.lineage import library_calls, spark_calls
from fabric_assets.lineage.classes import construct, member
from fabric_assets.lineage.collection_calls import collection_method
from fabric_assets.lineage.columns import Column
from fabric_assets.lineage.config import LookupRule, WriterRule
from fabric_assets.lineage.foreign_calls import WRITES, may_touch_tables
from fabric_assets.lineage.frame_calls import column_method, frame_attribute, frame_method, is_frame_method
from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.functions import call_function, parameter_names
from fabric_assets.lineage.inheritance import super_attribute, superclass
from fabric_assets.lineage.interpreter import Interpreter
from fabric_assets.lineage.ipython_calls import run_magic, shell_call
from fabric_assets.lineage.magics import RUN_CALL, SQL_CALL
from fabric_assets.lineage.objects import attribute_of
from fabric_assets.lineage.paths import joined_path, path_attribute
from fabric_assets.lineage.plain import text_of
from fabric_assets.lineage.possibilities import map_options, options_of
from fabric_assets.lineage.python_calls import call_builtin
from fabric_assets.lineage.regular_expressions import Match, Pattern, expression, match_method
from fabric_assets.lineage.spark_io import reader_method, table_writer_method, writer_method
from fabric_assets.lineage.sql_connections import connection_method, written
from fabric_assets.lineage.storage import read_path
from fabric_assets.lineage.strings import format_method, text_method
from fabric_assets.lineage.tables import UnresolvedNameError
from fabric_assets.lineage.templates import substituted
from fabric_assets.lineage.values import (
    Bound,
    ClassValue,
    Const,
    Decorated,
    DeltaBuilder,
    DeltaTableValue,
    Function,
    Instance,
    Items,
    Lib,
    Mapping,
    OneOf,
    Partial,
    Reader,
    SqlConnection,
    Super,
    TableWriter,
    Template,
    Text,
    Unknown,
    Writer,
    concatenate,
    unwrapped,
)
from fabric_assets.lineage.widgets import outer_value
from fabric_assets.lineage.words import words

_NOTEBOOK_BUILTINS = words("""
    display displayHTML dbutils exit quit reload_ext __unknown__ help
""")
_BUILTIN_NAMES = frozenset(dir(builtins))


def attribute(interpreter: Interpreter, owner: Any, name: str) -> Any:
    """The attribute of a value (one possibility)."""
    if isinstance(owner, Lib):
        if owner.name == "notebookutils.runtime" and name == "context":
            return library_calls.runtime_context(interpreter)
        if name == "sep" and owner.name in ("os", "os.path"):
            return Const("/")
        return spark_calls.lib_attribute(owner, name)
    if name in ("__name__", "__qualname__") and isinstance(owner, Function | Decorated | ClassValue):
        named = owner.original if isinstance(owner, Decorated) else owner
        return Const(named.name) if named is not None else Unknown()
    if isinstance(owner, Super):
        return super_attribute(interpreter, owner, name)
    if isinstance(owner, Instance | ClassValue):
        found = attribute_of(interpreter, owner, name)
        if found is not None:
            return found
        if isinstance(owner, Instance) and name == "spark":
            return Lib("spark")
        return spark_calls.unknown_attribute(owner, name)
    if isinstance(owner, Frame):
        return frame_attribute(owner, name)
    if isinstance(owner, Unknown | Bound):
        return spark_calls.unknown_attribute(owner, name)
    if isinstance(owner, Mapping) and owner.is_record and name in owner.entries:
        return owner.entries[name]
    if isinstance(owner, Template) and name == "template":
        return owner.text
    if isinstance(owner, Const | Text):
        part = path_attribute(owner, name)
        return Bound(owner, name) if part is None else part
    return Bound(owner, name)


def call(
    interpreter: Interpreter, function: Any, arguments: list[Any], keywords: dict[str, Any], node: ast.Call
) -> Any:
    """The value of a call, its accesses noted."""
    config = interpreter.session.config
    name = _called_name(node) if config.lookups or config.writers else ""
    lookups = [rule for rule in config.lookups if _matches(rule.call, name)]
    for lookup in lookups:
        _read_lookups(interpreter, lookup, arguments, keywords)
    writers = [rule for rule in config.writers if _matches(rule.call, name)]
    if writers:
        for writer in writers:
            _write_declared(interpreter, writer, function, arguments, keywords)
        return Unknown()
    interpreter.session.mute_reads += bool(lookups)
    try:
        if isinstance(function, OneOf):
            return map_options(
                lambda option: _dispatch(interpreter, option, arguments, keywords, bool(lookups)),
                [function],
                interpreter.session.branches,
            )
        return _dispatch(interpreter, function, arguments, keywords, bool(lookups))
    finally:
        interpreter.session.mute_reads -= bool(lookups)


def invoke(interpreter: Interpreter, function: Any, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """The value of a call that a library makes, such as that of a callback."""
    return _dispatch(interpreter, function, arguments, keywords, declared=False)


def _dispatch(
    interpreter: Interpreter, function: Any, arguments: list[Any], keywords: dict[str, Any], declared: bool
) -> Any:
    own = interpreter.called(function, arguments, keywords)
    if own is not None:
        return own
    if isinstance(function, Decorated) and function.original is not None:
        count = interpreter.followed[function.original.node]
        result = _dispatch(interpreter, function.function, arguments, keywords, declared)
        if interpreter.followed[function.original.node] > count:
            return result
        # How the decorator calls the function was not seen.
        return _dispatch(interpreter, function.original, arguments, keywords, declared)
    if isinstance(function, Partial):
        arguments = [*function.arguments, *arguments]
        keywords = {**dict(function.keywords), **keywords}
        return _dispatch(interpreter, function.function, arguments, keywords, declared)
    if isinstance(function, Function):
        return call_function(interpreter, function, arguments, keywords)
    if isinstance(function, ClassValue):
        return construct(interpreter, function, arguments, keywords)
    if isinstance(function, Bound):
        return _method(interpreter, function, arguments, keywords)
    if isinstance(function, Lib):
        return _library(interpreter, function.name, arguments, keywords, declared)
    if isinstance(function, Instance) and function.cls is not None:
        method = member(interpreter, function, "__call__")
        if method is not None:
            return _dispatch(interpreter, method, arguments, keywords, declared)
    if isinstance(function, OneOf):
        return map_options(
            lambda option: _dispatch(interpreter, option, arguments, keywords, declared),
            [function],
            interpreter.session.branches,
        )
    return library_calls.opaque_call(interpreter, arguments, keywords)


def _method(interpreter: Interpreter, function: Bound, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    owner, name = unwrapped(function.owner), function.name
    if isinstance(owner, Instance) and owner.cls is not None and name == "start":  # of a thread
        body = member(interpreter, owner, "run")
        if body is not None:
            return _dispatch(interpreter, body, [], {}, declared=True)
    if isinstance(owner, Pattern):
        return expression(name, [Const(owner.text), *arguments]) if not keywords else Unknown()
    if isinstance(owner, Match):
        return match_method(owner, name, arguments)
    if isinstance(owner, Template):
        return substituted(owner, name, arguments, keywords)
    if isinstance(owner, Const | Text):
        if isinstance(owner, Text) or isinstance(owner.value, str):
            if name in ("glob", "rglob"):  # of a path: the files of a table
                read_path(interpreter, joined_path(owner, *arguments[:1]), name, quiet=True)
                return Unknown()
            if name in ("format", "format_map") and isinstance(owner, Text):
                return _format_text(owner, arguments, keywords)
            parts = [*arguments, *keywords.values()]
            names = list(keywords)
            count = len(arguments)
            return map_options(
                lambda *values: text_method(
                    owner, name, values[:count], dict(zip(names, values[count:], strict=True))
                ),
                parts,
                interpreter.session.branches,
            )
        return Unknown()
    if isinstance(owner, Items | Mapping):
        return collection_method(interpreter, owner, name, arguments, keywords)
    added = _added_method(interpreter, owner, name)
    if added is not None:
        return _dispatch(interpreter, added, [owner, *arguments], keywords, declared=True)
    if isinstance(owner, Bound) and owner.name in ("read", "readStream"):
        return reader_method(interpreter, Reader(), name, arguments, keywords)
    if isinstance(owner, Frame) and name in library_calls.TABLE_WRITES:  # of a writer that something made
        return writer_method(interpreter, Writer(owner), name, arguments, keywords)
    if isinstance(owner, Frame):
        if WRITES.search(name) and not is_frame_method(name):
            interpreter.session.gap(
                f"what the method `{name}` of a dataframe does is not known here; if it writes tables, declare it "
                "in `writers`"
            )
        if name in ("to_sql", "write_database"):
            return written(interpreter, owner, arguments, keywords)
        return frame_method(interpreter, owner, name, arguments, keywords)
    if isinstance(owner, Reader):
        return reader_method(interpreter, owner, name, arguments, keywords)
    if isinstance(owner, Writer):
        return writer_method(interpreter, owner, name, arguments, keywords)
    if isinstance(owner, TableWriter):
        return table_writer_method(interpreter, owner, name, arguments)
    if isinstance(owner, DeltaTableValue):
        return spark_calls.delta_method(interpreter, owner, name, arguments, keywords)
    if isinstance(owner, DeltaBuilder):
        return spark_calls.builder_method(interpreter, owner, name, arguments)
    if isinstance(owner, SqlConnection):
        return connection_method(interpreter, owner, name, arguments, keywords)
    if isinstance(owner, Column):
        return column_method(owner, name, arguments, keywords)
    if isinstance(owner, Lib):
        return _library(interpreter, f"{owner.name}.{name}", arguments, keywords, declared=True)
    return library_calls.unknown_method(interpreter, name, arguments, keywords)


def _added_method(interpreter: Interpreter, owner: Any, name: str) -> Any | None:
    """What the notebook itself has added under that name to the class of a library's object."""
    added = interpreter.session.added_methods
    if not added:
        return None
    kinds = ("DataFrame", "LazyFrame") if isinstance(owner, Frame) else ()
    if isinstance(owner, Writer):
        kinds = ("DataFrameWriter", "DataStreamWriter")
    elif isinstance(owner, Reader):
        kinds = ("DataFrameReader", "DataStreamReader")
    return next((added[kind, name] for kind in kinds if (kind, name) in added), None)


def _format_text(owner: Text, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    formatted = (
        part if isinstance(part, Unknown) else format_method(Const(part), arguments, keywords)
        for part in owner.parts
    )
    return concatenate(text_of(part) for part in formatted)


def _library(
    interpreter: Interpreter, name: str, arguments: list[Any], keywords: dict[str, Any], declared: bool
) -> Any:
    top, _, rest = name.partition(".")
    if name == f"builtins.{RUN_CALL}":
        target = arguments[0].value if arguments and isinstance(arguments[0], Const) else ""
        interpreter.run_notebook(interpreter, str(target))
        return Const(None)
    if name == f"builtins.{SQL_CALL}":
        return run_magic(interpreter, arguments[0].value, arguments[1], None)
    if top == "builtins":
        if rest == "get_ipython":
            return Lib("ipython")
        if rest.startswith(("dbutils.notebook.", "dbutils.fs.")):  # of Databricks, with the same functions
            same = f"notebookutils.{rest.removeprefix('dbutils.')}"
            return library_calls.call_library(interpreter, same, arguments, keywords)
        if rest in _NOTEBOOK_BUILTINS:
            return Unknown()
        if rest.startswith("dbutils.widgets."):
            given = outer_value(interpreter, name, arguments, keywords)
            return Unknown() if given is None else given
        if "." not in rest and rest not in _BUILTIN_NAMES and not declared:
            if not _star_imported(interpreter):
                interpreter.session.gap(
                    f"`{rest}` is not defined in this notebook nor in those that it runs; "
                    "if it writes tables, declare it in `writers`"
                )
            return library_calls.opaque_call(interpreter, arguments, keywords)
        if rest == "super":
            return superclass(interpreter, arguments)
        return call_builtin(interpreter, rest, arguments, keywords)
    if top == "ipython":
        return shell_call(interpreter, rest, arguments)
    if top == "spark":
        return spark_calls.session_call(interpreter, rest, arguments, keywords)
    own_session = spark_calls.session_method(name)
    if own_session:
        return spark_calls.session_call(interpreter, own_session, arguments, keywords)
    result = library_calls.call_library(interpreter, name, arguments, keywords)
    if not declared and may_touch_tables(name, arguments, keywords):
        interpreter.session.gap(
            f"what `{name}` reads and writes is not known here; if it writes tables, declare it in `writers`"
        )
    return result


def _star_imported(interpreter: Interpreter) -> bool:
    return any(name.startswith("*") for name in interpreter.scope.root().names)


def _called_name(node: ast.Call) -> str:
    parts: list[str] = []
    current: ast.expr = node.func
    while isinstance(current, ast.Attribute):
        parts.append(current.attr)
        current = current.value
    if isinstance(current, ast.Name):
        parts.append(current.id)
    return ".".join(reversed(parts))


def _matches(rule: str, name: str) -> bool:
    return bool(name) and (name == rule or name.endswith("." + rule))


def _write_declared(
    interpreter: Interpreter, rule: WriterRule, function: Any, arguments: list[Any], keywords: dict[str, Any]
) -> None:
    values = {**parameter_names(interpreter, function, arguments), **keywords}
    session = interpreter.session
    needed = set(re.findall(r"\{(\w+)[^}]*\}", rule.table))
    missing = sorted(needed - set(values))
    if missing:
        session.gap(
            f"`writers`: the call of {rule.call} has no argument {missing[0]!r}, which {rule.table!r} needs"
        )
        return
    names = sorted(needed)
    table = map_options(
        lambda *options: format_method(Const(rule.table), [], dict(zip(names, options, strict=True))),
        [values[name] for name in names],
        session.branches,
    )
    frames = [v for value in values.values() for _, v in options_of(value) if isinstance(v, Frame)]
    is_path = "/" in rule.table
    for found in session.tables_named(table, what=f"the table that {rule.call} writes", is_path=is_path):
        if not isinstance(found, Frame):
            session.write(found, Frame.union(frames) if frames else None)


def _read_lookups(
    interpreter: Interpreter, rule: LookupRule, arguments: list[Any], keywords: dict[str, Any]
) -> None:
    session = interpreter.session
    frames = [
        v for value in [*arguments, *keywords.values()] for _, v in options_of(value) if isinstance(v, Frame)
    ]
    pattern = re.compile(rule.column)
    for frame in frames:
        for name, _ in frame.columns:
            match = pattern.fullmatch(name)
            if match is None:
                continue
            groups = {key: value for key, value in match.groupdict().items() if value is not None}
            try:
                table = rule.table.format(**groups)
            except (KeyError, IndexError, ValueError):
                session.gap(
                    f"`lookups`: {rule.table!r} cannot be filled from {rule.column!r} for column {name!r}"
                )
                continue
            try:
                found = session.resolver.path(table) if "/" in table else session.resolver.table(table)
            except UnresolvedNameError as error:
                session.gap(f"`lookups`: {table!r}: {error}")
                continue
            session.read(found)
        if not frame.closed:
            session.gap(
                f"not all columns that {rule.call} gets are known, so tables that it looks up may be missing"
            )
    if not frames:
        session.gap(
            f"the dataframe that {rule.call} gets is not known, so the tables that it looks up are not either"
        )
