"""Methods of dataframes and columns, of Spark, pandas, Polars and DuckDB."""

from typing import TYPE_CHECKING, Any

from fabric_assets.lineage.arguments import text_value
from fabric_assets.lineage.columns import Column, column, column_named, expression, selected
from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.local_rows import listed_rows, rows_after
from fabric_assets.lineage.possibilities import options_of
from fabric_assets.lineage.storage import write_table, write_target
from fabric_assets.lineage.values import Bound, Const, Items, Lib, Mapping, TableWriter, Unknown, Writer
from fabric_assets.lineage.words import words
from fabric_assets.lineage.work import spend

if TYPE_CHECKING:
    from fabric_assets.lineage.interpreter import Interpreter

_VIEW_METHODS = words("""
    createOrReplaceTempView createTempView createGlobalTempView createOrReplaceGlobalTempView
    registerTempTable
""")


_SAME_FRAME = words("""
    filter where distinct dropDuplicates drop_duplicates orderBy sort limit cache persist unpersist
    repartition coalesce hint checkpoint localCheckpoint sample dropna fillna na replace observe
    withWatermark sortWithinPartitions repartitionByRange tail head collect lazy unique drop_nulls
    fill_null fill_nan clone rechunk shuffle to_arrow collect_async slice copy reset_index query
    drop_duplicates sort_values
""")


TO_FRAME = words("""
    toPandas to_pandas toDF to_pyarrow_table to_pyarrow_dataset to_polars pl arrow df fetchdf
""")


FRAME_SIGNS = frozenset(
    {"write", "writeStream", "writeTo", "toPandas", "withColumn", "withColumnRenamed"}
    | {"write_delta", "sink_delta", "write_deltalake", "to_lakehouse_table"}
    | _VIEW_METHODS
)


def is_frame_method(name: str) -> bool:
    """Whether a method whose name tells of writing is one that dataframes have."""
    return name.startswith(("to_", "write", "sink_", "save", "merge"))


def frame_attribute(frame: Frame, name: str) -> Any:
    """The attribute of a dataframe."""
    if name in ("write", "writeStream"):
        return Writer(frame, streaming=name == "writeStream")
    if name in ("sparkSession", "sql_ctx"):
        return Lib("spark")
    if name == "columns":
        return Items([Const(known) for known, _ in frame.columns], complete=frame.closed)
    if name in ("na", "stat", "rdd"):
        return frame
    return Bound(frame, name)


def frame_method(
    interpreter: "Interpreter", frame: Frame, name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """The value of a method call on a dataframe of Spark, pandas, Polars or DuckDB."""
    first = arguments[0] if arguments else next(iter(keywords.values()), Unknown())
    rows = listed_rows(frame, name, arguments, keywords)
    if rows is not None:
        return rows
    if name in _VIEW_METHODS:
        for _, option in options_of(first):
            if text_value(option):
                interpreter.session.views[text_value(option).lower()] = frame
        return Const(None)
    if name == "writeTo":
        return TableWriter(frame, first)
    if name == "mergeInto":
        write_table(interpreter, first, "df.mergeInto", frame.opaque())
        return Unknown()
    if name in ("select", "selectExpr", "with_columns", "agg"):
        if name == "selectExpr":
            return selected(
                frame, [expression(option) for value in arguments for _, option in options_of(value)], {}
            )
        if name == "agg":
            return frame.opaque()
        return selected(frame, arguments, keywords, adds=name == "with_columns")
    if name in (
        "withColumn",
        "withColumns",
        "withColumnRenamed",
        "drop",
        "rename",
        "alias",
        "toDF",
        "assign",
    ):
        return _with_columns(frame, name, arguments, keywords)
    if name == "transform" and arguments:
        return interpreter.invoke(first, [frame, *arguments[1:]])
    if name in (
        "foreachBatch",
        "foreachPartition",
        "foreach",
        "pipe",
        "mapInPandas",
        "applyInPandas",
        "map_batches",
    ):
        result = interpreter.invoke(first, [frame if name != "foreach" else Unknown("a row"), *arguments[1:]])
        return result if name == "pipe" else frame.opaque()
    if name in ("apply", "map", "map_rows", "applymap") and arguments:
        rows = frame.rows.items if isinstance(frame.rows, Items) else [Unknown("a row")]
        for row in rows[:300]:
            interpreter.invoke(first, [row, *arguments[1:]])
        return frame.opaque()
    if name in ("to_table", "to_lakehouse_table") and (arguments or "name" in keywords):
        first = keywords.get("name", first)
        replaces = (
            text_value(keywords.get("mode", arguments[1] if len(arguments) > 1 else None)) == "overwrite"
        )
        write_table(interpreter, first, name, frame, replaces=replaces)
        return Const(None)
    if name.startswith(("to_", "write_", "sink_", "save")) and name not in TO_FRAME | {"to_arrow"}:
        write_target(interpreter, name, frame, arguments, keywords)
        return frame
    others = [v for value in [*arguments, *keywords.values()] for v in frames_in(value)]
    if name in ("union", "unionAll", "unionByName") and others:
        return Frame.union([frame, *others])
    if name in ("join", "crossJoin", "merge", "join_asof") and others:
        return Frame.union([frame, *others])
    if (
        name in ("intersect", "exceptAll", "subtract", "intersectAll")
        or name in _SAME_FRAME
        or name in TO_FRAME
    ):
        return rows_after(frame, name)
    if name in (
        "count",
        "isEmpty",
        "is_empty",
        "show",
        "printSchema",
        "explain",
        "display",
        "first",
        "take",
        "toLocalIterator",
        "item",
    ):
        return Unknown()
    if others:
        return frame.opaque(*others)
    return frame.opaque()


def frames_in(value: Any) -> list[Frame]:
    """The dataframes that a value is or holds."""
    found: list[Frame] = []
    seen: set[int] = set()
    rest = [value]
    while rest:
        for _, option in options_of(rest.pop()):
            if isinstance(option, Frame):
                found.append(option)
            elif isinstance(option, Items | Mapping) and id(option) not in seen:
                seen.add(id(option))
                parts = option.items if isinstance(option, Items) else list(option.entries.values())
                spend(len(parts) >> 3)
                rest += reversed(parts)
    return found


def _with_columns(frame: Frame, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Frame:
    if name == "alias" and arguments:
        return Frame(
            frame.tables, frame.columns, frame.base, frame.closed, text_value(arguments[0]), frame.inputs
        )
    if name == "withColumn" and len(arguments) == 2 and text_value(arguments[0]):
        value = arguments[1]
        sources = value.sources(frame) if isinstance(value, Column) else None
        return frame.with_column(text_value(arguments[0]), sources)
    if name == "withColumns" and arguments and isinstance(arguments[0], Mapping) and arguments[0].complete:
        for key, value in arguments[0].entries.items():
            frame = frame.with_column(str(key), value.sources(frame) if isinstance(value, Column) else None)
        return frame
    if (
        name == "withColumnRenamed"
        and len(arguments) == 2
        and text_value(arguments[0])
        and text_value(arguments[1])
    ):
        return _renamed(frame, {text_value(arguments[0]): text_value(arguments[1])})
    if name == "rename":
        names = keywords.get("columns", arguments[0] if arguments else None)
        if (
            isinstance(names, Mapping)
            and names.complete
            and all(text_value(v) for v in names.entries.values())
        ):
            return _renamed(frame, {str(key): text_value(value) for key, value in names.entries.items()})
        return frame.opaque()
    if name == "drop":
        names = [text_value(option) for value in arguments for _, option in options_of(value)]
        columns = tuple((known, s) for known, s in frame.columns if known not in names)
        return Frame(frame.tables, columns, frame.base, frame.closed, frame.alias, frame.inputs)
    if name == "assign":
        for key, value in keywords.items():
            frame = frame.with_column(
                key, column(value).sources(frame) if isinstance(value, Column) else None
            )
        return frame
    if name == "toDF" and not arguments:
        return frame
    return frame.opaque()


def _renamed(frame: Frame, names: dict[str, str]) -> Frame:
    for old, new in names.items():
        sources = frame.column(old)
        columns = tuple((known, s) for known, s in frame.columns if known.lower() != old.lower())
        frame = Frame(frame.tables, columns, frame.base, frame.closed, frame.alias, frame.inputs)
        frame = frame.with_column(new, sources)
    return frame


def column_method(owner: Column, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Column:
    """The value of a method call on a column expression."""
    if name in ("alias", "name") and arguments:
        return owner.renamed(text_value(arguments[0]) or None)
    if name in ("cast", "astype", "desc", "asc", "strip_chars", "desc_nulls_last", "asc_nulls_first"):
        return owner
    columns = [part for part in [*arguments, *keywords.values()] if isinstance(part, Column)]
    unknown = any(isinstance(part, Unknown) for part in [*arguments, *keywords.values()])
    if unknown:
        return Column(owner.name, None)
    return Column.of(owner, *columns, name=owner.name)


def frame_column(frame: Frame, name: str) -> Column:
    """The column ``df.name``."""
    return column_named(frame, name)
