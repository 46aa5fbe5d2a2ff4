"""Names of lakehouse tables, as people write them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import dagster as dg

TABLE_METADATA = "fabric/table"
"""Definition metadata of an asset: the table that it is."""

_PART = re.compile(r"`((?:[^`]|``)+)`|([^.`]+)")
_PLAIN = re.compile(r"[^.`]+")
_ONELAKE = r"onelake\.(?:dfs|blob)\.fabric\.microsoft\.com"
_ADDRESSES = (
    re.compile(rf"abfss?://([^@/]+)@{_ONELAKE}/([^/]+)/Tables/(.+)", re.IGNORECASE),
    re.compile(rf"https://{_ONELAKE}/([^/]+)/([^/]+)/Tables/(.+)", re.IGNORECASE),
)
_SUFFIX = ".lakehouse"
_HOW = "Write Lakehouse.table, Lakehouse.schema.table, Workspace.Lakehouse.schema.table or the table's ABFS path."


@dataclass(frozen=True)
class LakehouseTable:
    """A table of a lakehouse.

    Example::

        LakehouseTable("dim_customer", lakehouse="Curated", schema="sales")

    Args:
        table: name of the table.
        lakehouse: display name or GUID of the lakehouse.
        schema: ``None`` and ``dbo`` mean the default schema, or a lakehouse without schemas.
        workspace: display name or GUID; ``None``: the workspace of the asset's notebook.
    """

    table: str
    lakehouse: str
    schema: str | None = None
    workspace: str | None = None

    def __post_init__(self) -> None:
        for part in ("table", "lakehouse", "schema", "workspace"):
            value = getattr(self, part)
            if value is None and part in {"schema", "workspace"}:
                continue
            if (
                not isinstance(value, str)
                or not value.strip()
                or set(value) & set("/\\")
                or value in {".", ".."}
            ):
                raise ValueError(f"{value!r} cannot be the {part} of a table. {_HOW}")

    def __str__(self) -> str:
        """The name that ``parse`` reads."""
        schema = self.schema or ("dbo" if self.workspace else None)
        parts = [self.workspace, self.lakehouse, schema, self.table]
        return ".".join(_quoted(part) for part in parts if part)

    @classmethod
    def parse(cls, text: str) -> "LakehouseTable":
        """From a name with two to four parts (such as ``Lakehouse.table``) or a path of OneLake.

        Parts that hold dots stand between backticks, as in Spark SQL.

        Raises:
            ValueError: it is neither.
        """
        if "://" in text:
            return cls._parse_address(text)
        parts = []
        position = 0
        while match := _PART.match(text, position):
            parts.append(match[1].replace("``", "`") if match[1] else match[2].strip())
            position = match.end() + 1
            if match.end() == len(text) or text[match.end()] != ".":
                break
        if position != len(text) + 1 or not 2 <= len(parts) <= 4:
            raise ValueError(f"{text!r} is no name of a lakehouse table. {_HOW}")
        *front, table = parts
        workspace = front.pop(0) if len(front) == 3 else None
        lakehouse, schema = front if len(front) == 2 else (front[0], None)
        return cls(table, _without_suffix(lakehouse), schema, workspace)

    @classmethod
    def _parse_address(cls, text: str) -> "LakehouseTable":
        for pattern in _ADDRESSES:
            if match := pattern.fullmatch(text.strip().rstrip("/")):
                workspace, lakehouse, path = (unquote(group) for group in match.groups())
                *schema, table = path.split("/")
                if len(schema) <= 1:
                    return cls(table, _without_suffix(lakehouse), schema[0] if schema else None, workspace)
        raise ValueError(
            f"{text!r} is no path of a lakehouse table in OneLake. It looks like "
            "abfss://workspace@onelake.dfs.fabric.microsoft.com/Name.Lakehouse/Tables/schema/table"
        )


def table_of(metadata: Mapping[str, Any]) -> LakehouseTable | None:
    """The table that an asset names in its definition metadata (``fabric/table``), ``None`` if it names none.

    Raises:
        ValueError: what it names is no name of a table.
    """
    value = metadata.get(TABLE_METADATA)
    if value is None:
        return None
    text = getattr(value, "value", value)
    if not isinstance(text, str):
        raise ValueError(f"the metadata {TABLE_METADATA} must be text, it is {text!r}. {_HOW}")  # noqa: TRY004
    return LakehouseTable.parse(text)


def table_definition(table: LakehouseTable | str | None, asset: str) -> dict[str, str]:
    """Definition metadata of an asset that is this table.

    Raises:
        dagster.DagsterInvalidDefinitionError: it is no name of a table.
    """
    if table is None:
        return {}
    try:
        name = str(LakehouseTable.parse(table) if isinstance(table, str) else table)
    except ValueError as error:
        raise dg.DagsterInvalidDefinitionError(f"asset {asset}: table: {error}") from error
    return {TABLE_METADATA: name, "dagster/table_name": name}


def _quoted(part: str) -> str:
    if _PLAIN.fullmatch(part) and part == part.strip():
        return part
    return "`" + part.replace("`", "``") + "`"


def _without_suffix(lakehouse: str) -> str:
    return lakehouse[: -len(_SUFFIX)] if lakehouse.lower().endswith(_SUFFIX) else lakehouse
