"""Judges a table by what is in it now: rows at all, and keys."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import dagster as dg

from fabric_assets.resource import FabricResource
from fabric_assets.tables.commit_time import last_change_at
from fabric_assets.tables.delta_log import TableState, has_rows
from fabric_assets.tables.errors import TableError
from fabric_assets.tables.history import Verdict
from fabric_assets.tables.key_scan import Key, KeyFindings, scan_keys
from fabric_assets.tables.metadata import ROW_COUNT, TABLE_NAME, TABLE_VERSION, read_table
from fabric_assets.tables.names import LakehouseTable
from fabric_assets.tables.table_location import TableLocation

_NAMES_IN_A_MESSAGE = 5


@dataclass(frozen=True)
class ContentRules:
    """What is checked.

    Attributes:
        keys: columns of each key.
        examples: how many duplicates to show.
        scan_memory_mb: memory for the values of a key, in MiB.
        scan_timeout_seconds: longest time for reading keys.
        freshness: longest time since the last change.
    """

    keys: Sequence[Key]
    examples: int
    scan_memory_mb: int
    scan_timeout_seconds: float
    freshness: timedelta | None


class TableContent:
    """One table, read once for all of its checks.

    Args:
        fabric: the resource.
        table: the table.
        rules: what is checked.
        asset: name of the asset, for messages.
        workspace: workspace of the asset's notebook; ``None``: the resource's.
    """

    def __init__(
        self,
        fabric: FabricResource,
        table: LakehouseTable,
        rules: ContentRules,
        *,
        asset: str,
        workspace: str | None,
    ) -> None:
        self._fabric = fabric
        self._table = table
        self._rules = rules
        self._asset = asset
        self._workspace = workspace

    def not_empty(self) -> Verdict:
        """Whether it has rows."""
        return self._judged(self._not_empty)

    def unique_keys(self) -> Verdict:
        """Whether its keys are unique and never null."""
        return self._judged(self._unique_keys)

    def fresh(self) -> Verdict:
        """Whether its data was changed lately."""
        return self._judged(self._fresh)

    def _judged(self, judge: Callable[[], Verdict]) -> Verdict:
        try:
            verdict = judge()
        except TableError as error:
            return Verdict(False, f"asset {self._asset}: {error}", {TABLE_NAME: str(self._table)})
        state = self._state
        known: dict[str, Any] = {TABLE_NAME: str(self._table), TABLE_VERSION: state.version}
        if state.row_count is not None:
            known[ROW_COUNT] = dg.MetadataValue.int(state.row_count)
        return replace(verdict, metadata={**known, **verdict.metadata})

    @cached_property
    def _read(self) -> tuple[TableLocation, TableState] | TableError:
        try:
            return read_table(self._fabric, self._table, asset=self._asset, workspace=self._workspace)
        except TableError as error:
            return error

    @property
    def _location(self) -> TableLocation:
        if isinstance(self._read, TableError):
            raise self._read
        return self._read[0]

    @property
    def _state(self) -> TableState:
        if isinstance(self._read, TableError):
            raise self._read
        return self._read[1]

    def _not_empty(self) -> Verdict:
        state = self._state
        if state.row_count is not None:
            passed = state.row_count > 0
            return Verdict(passed, f"{state.row_count:,} rows." if passed else "The table is empty.", {})
        passed = has_rows(self._location, state.version)
        return Verdict(passed, "The table has rows." if passed else "The table is empty.", {})

    def _fresh(self) -> Verdict:
        assert self._rules.freshness is not None  # noqa: S101 -- it is why this check is there
        changed = last_change_at(self._location, self._state.version)
        if changed is None:
            raise TableError(
                f"table {self._table}: when it was last changed is not known: the commits that tell it are gone "
                "from its Delta log, or their writer did not note the time."
            )
        age = datetime.now(UTC) - changed
        evidence = {
            "fabric/table_changed": dg.MetadataValue.timestamp(changed),
            "fabric/longest_age_seconds": self._rules.freshness.total_seconds(),
        }
        passed = age <= self._rules.freshness
        limit = "" if passed else f", longer ago than {_in_words(self._rules.freshness)}"
        when = f"{changed:%Y-%m-%d %H:%M} UTC, {_in_words(age)} ago"
        return Verdict(passed, f"Its data was last changed at {when}{limit}.", evidence)

    def _unique_keys(self) -> Verdict:
        keys = [self._columns(key) for key in self._rules.keys]
        findings = scan_keys(
            self._location,
            self._state.version,
            keys,
            examples=self._rules.examples,
            memory_mb=self._rules.scan_memory_mb,
            timeout_seconds=self._rules.scan_timeout_seconds,
        )
        wrong = [found for found in findings if not found.ok]
        if not wrong:
            return Verdict(True, f"Unique and never null: {'; '.join(', '.join(key) for key in keys)}.", {})
        return Verdict(
            False, "\n".join(line for found in wrong for line in _problems(found)), _evidence(wrong)
        )

    def _columns(self, key: Key) -> Key:
        """The columns as the table writes them: Spark takes them in any case."""
        names = [column.name for column in self._state.columns]
        by_lower = {name.lower(): name for name in names}
        unknown = [column for column in key if column not in names and column.lower() not in by_lower]
        if unknown:
            close = difflib.get_close_matches(unknown[0].lower(), by_lower, n=_NAMES_IN_A_MESSAGE, cutoff=0.5)
            shown = [by_lower[name] for name in close] or names[:_NAMES_IN_A_MESSAGE]
            raise TableError(
                f"table {self._table} has no column {', '.join(map(repr, unknown))}, which the check's `keys` name. "
                f"{'Nearest' if close else 'It has'}: {', '.join(shown) or 'no column at all'}."
            )
        return tuple(column if column in names else by_lower[column.lower()] for column in key)


def _in_words(time: timedelta) -> str:
    seconds = max(0.0, time.total_seconds())
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.0f} seconds"


def _problems(found: KeyFindings) -> list[str]:
    key = ", ".join(found.key)
    problems = [f"{column} is null in {count:,} rows." for column, count in found.nulls.items()]
    if found.duplicates:
        values = "value occurs" if found.duplicates == 1 else "values occur"
        problems.append(f"{found.duplicates:,} {values} more than once in {key}.")
    return problems


def _evidence(wrong: Sequence[KeyFindings]) -> dict[str, Any]:
    evidence: dict[str, Any] = {
        "fabric/duplicate_keys": sum(found.duplicates for found in wrong),
        "fabric/null_keys": sum(sum(found.nulls.values()) for found in wrong),
    }
    for found in wrong:
        if found.examples:
            name = "fabric/duplicates" if len(wrong) == 1 else f"fabric/duplicates_of_{'_'.join(found.key)}"
            evidence[name] = dg.MetadataValue.json([dict(example) for example in found.examples])
    return evidence
