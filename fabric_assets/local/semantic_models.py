"""Semantic models in a workspace folder: their tables, and the Delta tables that these are made of.

Reads TMDL (``definition/tables/*.tmdl``) and ``model.bim``. Of a table's source it knows Direct Lake's entity
(``schemaName``, ``entityName``) and navigation by name in M (``[Schema="dbo",Item="DimDate"]``); a table that names no
Delta table, such as a calculated one, has nothing to read.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fabric_assets.local.lakehouse import DEFAULT_SCHEMA, Lakehouse, LakehouseTable, nearest
from fabric_assets.local.model_refreshes import ModelTable

_NAME = r"('(?:[^']|'')*'|\"[^\"]*\"|[^\s=]+)"
_TABLE = re.compile(rf"table\s+{_NAME}\s*$")
_PARTITION = re.compile(rf"\s+partition\s+{_NAME}\s*=\s*(\w+)")
_PROPERTY = re.compile(rf"\s+(entityName|schemaName)\s*:\s*{_NAME}\s*$")
_NAVIGATION = re.compile(r'\[\s*Schema\s*=\s*"([^"]*)"\s*,\s*Item\s*=\s*"([^"]*)"\s*\]')


class UnreadableModelError(Exception):
    """A semantic model whose files cannot be read."""


@dataclass(frozen=True)
class Partition:
    """One partition of a model's table; ``entity`` is the Delta table it is made of, if it names one."""

    table: str
    name: str
    schema: str = ""
    entity: str = ""


def read_model(folder: Path) -> list[Partition]:
    """The partitions of all tables of a model.

    Raises:
        UnreadableModelError: a file cannot be read.
    """
    try:
        bim = folder / "model.bim"
        if bim.is_file():
            return list(_of_bim(json.loads(bim.read_text(encoding="utf-8-sig"))))
        files = sorted((folder / "definition" / "tables").glob("*.tmdl"))
        return [partition for file in files for partition in _of_tmdl(file.read_text(encoding="utf-8-sig"))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableModelError(f"its definition cannot be read: {error!r}") from error


def refresh_tables(partitions: list[Partition], lakehouses: list[Lakehouse]) -> tuple[list[ModelTable], int]:
    """Read the Delta tables of partitions; returns what became of each, and how many rows they have together."""
    tables, rows = [], 0
    for partition in partitions:
        table = ModelTable(partition.table, partition.name)
        if partition.entity:
            found = _count(partition, lakehouses)
            if isinstance(found, str):
                table = replace(table, error=found)
            else:
                rows += found
        tables.append(table)
    return tables, rows


def _count(partition: Partition, lakehouses: list[Lakehouse]) -> int | str:
    """The rows of a partition's Delta table, or why they cannot be counted."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    for lakehouse in lakehouses:
        for table in lakehouse.tables():
            if table.is_delta and _is_named(table, partition):
                try:
                    return DeltaTable(str(table.folder)).count()
                except (DeltaError, OSError, ValueError) as error:
                    return (
                        f"Table '{partition.table}': the Delta table '{table.name}' cannot be read: {error}"
                    )
    names = {table.name for lakehouse in lakehouses for table in lakehouse.tables() if table.is_delta}
    return (
        f"Table '{partition.table}': its source, the Delta table '{partition.entity}', does not exist in a lakehouse "
        f"of the workspace; {nearest(partition.entity, names)}."
    )


def _is_named(table: LakehouseTable, partition: Partition) -> bool:
    schema = partition.schema or DEFAULT_SCHEMA
    same_schema = (table.schema or DEFAULT_SCHEMA).casefold() == schema.casefold()
    return same_schema and table.name.casefold() == partition.entity.casefold()


def _of_bim(content: Any) -> Iterator[Partition]:
    for table in content["model"].get("tables", ()):
        for partition in table.get("partitions", ()):
            source = partition.get("source", {})
            expression = source.get("expression", "")
            text = "\n".join(expression) if isinstance(expression, list) else str(expression)
            found = Partition(table["name"], partition["name"])
            if source.get("entityName"):
                found = replace(found, schema=source.get("schemaName") or "", entity=source["entityName"])
            elif named := _NAVIGATION.search(text):
                found = replace(found, schema=named[1], entity=named[2])
            yield found


def _of_tmdl(text: str) -> Iterator[Partition]:
    """The partitions of one file: a table, and below it, indented, what belongs to it."""
    table, current = "", None
    for line in text.splitlines():
        if found := _TABLE.match(line):
            table = _unquoted(found[1])
        elif found := _PARTITION.match(line):
            if current is not None:
                yield current
            current = Partition(table, _unquoted(found[1]))
        elif current is not None and (found := _PROPERTY.match(line)):
            value = _unquoted(found[2])
            current = (
                replace(current, entity=value) if found[1] == "entityName" else replace(current, schema=value)
            )
        elif current is not None and (found := _NAVIGATION.search(line)):
            current = replace(current, schema=found[1], entity=found[2])
    if current is not None:
        yield current


def _unquoted(name: str) -> str:
    if name[:1] == "'":
        return name[1:-1].replace("''", "'")
    return name[1:-1] if name[:1] == '"' else name
