"""Rows of dataframes that notebooks make of literals, such as a list of the tables to load."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.values import Const, Instance, Items, Mapping, Unknown
from fabric_assets.lineage.words import words

# These leave the rows as they are, others may not.
_KEEPING = words("""
    cache persist unpersist repartition coalesce checkpoint localCheckpoint orderBy sort sort_values lazy
    clone copy rechunk toPandas to_pandas to_polars reset_index
""")
_LISTS = words("collect toLocalIterator itertuples to_dicts iter_rows rows")


def frame_of_rows(frame: Frame, data: Any, names: Any) -> Frame:
    """The dataframe with the rows that ``createDataFrame(data, names)`` or ``pandas.DataFrame`` gives it.

    Args:
        frame: what else is known of it.
        data: list of dictionaries, tuples or lists, or a dictionary of columns.
        names: names of the columns if the data has none; a schema as text will do.
    """
    columns = _names(names)
    rows: list[Any] | None = None
    if isinstance(data, Mapping) and data.complete:
        rows = _of_columns(data)
    elif isinstance(data, Items) and data.complete:
        rows = [_row(entry, columns) for entry in data.items]
    if not rows or None in rows:
        return frame
    return replace(frame, rows=Items(rows))


def _of_columns(data: Mapping) -> list[Any] | None:
    lists = list(data.entries.values())
    if not all(isinstance(entry, Items) and entry.complete for entry in lists):
        return None
    names = list(data.entries)
    values = zip(*(entry.items for entry in lists), strict=False)
    return [Mapping(dict(zip(names, row, strict=True)), is_record=True) for row in values]


def _row(entry: Any, columns: list[str]) -> Mapping | None:
    if isinstance(entry, Mapping):
        return Mapping(dict(entry.entries), entry.complete, is_record=True)
    if isinstance(entry, Instance) and entry.cls is not None and entry.cls.fields.names:
        return Mapping(dict(entry.attributes), is_record=True)
    if isinstance(entry, Items) and entry.complete and len(entry.items) == len(columns):
        return Mapping(dict(zip(columns, entry.items, strict=True)), is_record=True)
    return None


def _names(value: Any) -> list[str]:
    if isinstance(value, Items):
        return [str(item.value) for item in value.items if isinstance(item, Const)]
    if isinstance(value, Const) and isinstance(value.value, str):
        parts: Iterable[str] = re.sub(r"\([^)]*\)|<[^>]*>", "", value.value).split(",")
        return [re.split(r"[\s:]", part.strip())[0].strip("`") for part in parts]
    return []


def rows_after(frame: Frame, method: str) -> Frame:
    """The dataframe after a method that keeps its columns: its rows are only known if it keeps them as well."""
    return frame if frame.rows is None or method in _KEEPING else replace(frame, rows=None)


def listed_rows(frame: Frame, method: str, arguments: list[Any], keywords: dict[str, Any]) -> Any | None:
    """The rows that a method of the dataframe gives, ``None`` if it gives none or they are not known."""
    if not isinstance(frame.rows, Items):
        return None
    rows = list(frame.rows.items)
    if method == "iterrows":
        return Items([Items([Const(number), row], kind="tuple") for number, row in enumerate(rows)])
    if method == "to_dict":
        orient = keywords.get("orient", arguments[0] if arguments else Unknown())
        return Items(rows) if isinstance(orient, Const) and orient.value == "records" else None
    if method in ("iter_rows", "rows"):
        named = keywords.get("named")
        return Items(rows) if isinstance(named, Const) and named.value is True else None
    return Items(rows) if method in _LISTS else None
