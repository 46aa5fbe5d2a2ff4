"""The part of the YAML about tables: which checks of them are made."""

from datetime import timedelta
from typing import Annotated, Any, Literal

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from fabric_assets.tables.history import RowCountBounds

_Column = Annotated[str, StringConstraints(min_length=1)]
CheckName = Literal["not_empty", "keys", "row_count", "columns", "freshness_hours"]

# What `build_table_checks` calls them.
_ARGUMENTS = {"columns": "schema", "freshness_hours": "freshness"}


class TableChecks(BaseModel):
    """Ready-made asset checks of the tables that notebooks write.

    Attributes:
        not_empty: the table has at least one row.
        keys: columns that are unique together and never null; or several such keys, each a list of columns.
        row_count: how far the row count may be from that of the materializations before, as a share such as ``0.2``;
            or ``fewer`` and ``more``.
        columns: ``unchanged``: columns and types are as at the materialization before; ``widened``: there may be new
            columns and wider types.
        freshness_hours: longest time since the table's data was last changed.
        blocking: whether a failed check keeps the assets downstream from being materialized in this run; or the keys of
            the checks that do.
        severity: ``error``, or ``warn``, which blocks nothing.
        examples: how many duplicate keys a result shows, with their values; 0: none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    not_empty: bool = True
    keys: list[_Column] | list[list[_Column]] = Field(default=[])
    row_count: Annotated[float, Field(ge=0)] | RowCountBounds | None = None
    columns: Literal["unchanged", "widened"] | None = None
    freshness_hours: float | None = Field(default=None, gt=0)
    blocking: bool | list[CheckName] = False
    severity: Literal["error", "warn"] = "error"
    examples: int = Field(default=5, ge=0)

    @property
    def need_table(self) -> bool:
        """Whether one of the checks reads the table, so that its name must be known."""
        return self.not_empty or bool(self.keys) or self.freshness_hours is not None

    def options(self) -> dict[str, Any]:
        """The keyword arguments of ``build_table_checks``."""
        blocking: Any = self.blocking
        if not isinstance(blocking, bool):
            blocking = {_ARGUMENTS.get(name, name) for name in blocking}
        return {
            "not_empty": self.not_empty,
            "keys": self.keys,
            "row_count": self.row_count,
            "schema": self.columns,
            "freshness": None if self.freshness_hours is None else timedelta(hours=self.freshness_hours),
            "blocking": blocking,
            "severity": dg.AssetCheckSeverity[self.severity.upper()],
            "examples": self.examples,
        }
