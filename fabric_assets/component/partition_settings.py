"""The part of the YAML about partitions: which there are, and how a backfill of them is cut into runs."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self

import dagster as dg
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

_Text = Annotated[str, StringConstraints(min_length=1)]
# What a YAML reader other than Dagster's makes of a date without quotes.
_Date = Annotated[str, BeforeValidator(lambda value: value.isoformat() if isinstance(value, date) else value)]

_WINDOWS = {"start_date", "end_date", "timezone", "end_offset"}
_OFFSETS = {"minute_offset", "hour_offset"}
_FIELDS = {
    "hourly": {*_WINDOWS, "minute_offset"},
    "daily": {*_WINDOWS, *_OFFSETS},
    "weekly": {*_WINDOWS, *_OFFSETS, "day_offset"},
    "monthly": {*_WINDOWS, *_OFFSETS, "day_offset"},
    "time_window": {*_WINDOWS, "fmt", "cron_schedule"},
    "static": {"partition_keys"},
    "dynamic": {"name"},
}
_REQUIRED = {
    "time_window": ("start_date", "fmt", "cron_schedule"),
    "static": ("partition_keys",),
    "dynamic": ("name",),
}
_KINDS: Mapping[str, Callable[..., dg.PartitionsDefinition]] = {
    "hourly": dg.HourlyPartitionsDefinition,
    "daily": dg.DailyPartitionsDefinition,
    "weekly": dg.WeeklyPartitionsDefinition,
    "monthly": dg.MonthlyPartitionsDefinition,
    "time_window": dg.TimeWindowPartitionsDefinition,
    "static": dg.StaticPartitionsDefinition,
    "dynamic": dg.DynamicPartitionsDefinition,
}


class PartitionSettings(BaseModel):
    """Partitions of an asset, as Dagster's own YAML has them; ``monthly``, ``dynamic`` and ``end_offset`` are added.

    Attributes:
        type: ``hourly``, ``daily``, ``weekly``, ``monthly``, ``time_window`` (any cron schedule), ``static`` or
            ``dynamic``.
        start_date: begin of the first partition, such as ``2026-01-01``; for ``hourly`` with the time:
            ``2026-01-01-00:00``; for ``time_window`` in the format ``fmt``.
        end_date: end of the last partition; unset: there is none.
        timezone: such as ``Europe/Berlin``; unset: UTC.
        minute_offset: minutes after the full hour at which a partition begins.
        hour_offset: hours after midnight at which it begins.
        day_offset: day at which it begins: of a week from 0 (Sunday), of a month from 1.
        end_offset: how many partitions there are beyond those that have ended; 1: the current one as well.
        fmt: format of the keys, for ``time_window``, such as ``%Y-%m-%d``.
        cron_schedule: when partitions begin, for ``time_window``.
        partition_keys: the keys, for ``static``.
        name: name under which Dagster keeps the keys, for ``dynamic``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["hourly", "daily", "weekly", "monthly", "time_window", "static", "dynamic"]
    start_date: _Date | None = None
    end_date: _Date | None = None
    timezone: _Text | None = None
    minute_offset: int | None = Field(default=None, ge=0, le=59)
    hour_offset: int | None = Field(default=None, ge=0, le=23)
    day_offset: int | None = Field(default=None, ge=0, le=31)
    end_offset: int | None = None
    fmt: _Text | None = None
    cron_schedule: _Text | None = None
    partition_keys: list[_Text] | None = Field(default=None, min_length=1)
    name: _Text | None = None

    @model_validator(mode="after")
    def _as_dagster_has_it(self) -> Self:
        given = self._given()
        if others := sorted(given.keys() - _FIELDS[self.type]):
            raise ValueError(
                f"`type: {self.type}` has no {others[0]!r}; it has {', '.join(sorted(_FIELDS[self.type]))}"
            )
        for name in _REQUIRED.get(self.type, ("start_date",)):
            if name not in given:
                raise ValueError(f"`type: {self.type}` needs `{name}`")
        try:
            self.definition()
        except (ValueError, LookupError, dg.DagsterError) as error:
            raise ValueError(str(error.args[0] if error.args else error)) from error
        return self

    def definition(self) -> dg.PartitionsDefinition:
        """The partitions as Dagster has them."""
        given = self._given()
        if self.type == "time_window":
            given["start"], given["end"] = given.pop("start_date"), given.pop("end_date", None)
        return _KINDS[self.type](**given)

    def _given(self) -> dict[str, Any]:
        return self.model_dump(exclude={"type"}, exclude_none=True)


class BackfillSettings(BaseModel):
    """How a backfill is cut into runs, as Dagster's own YAML has it.

    Attributes:
        type: ``single_run``: one run for all its partitions; ``multi_run``: several.
        max_partitions_per_run: how many partitions one run has at most, for ``multi_run``; unset: 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["single_run", "multi_run"]
    max_partitions_per_run: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one_or_more_runs(self) -> Self:
        if self.type == "single_run" and self.max_partitions_per_run is not None:
            raise ValueError("`type: single_run` has no 'max_partitions_per_run'")
        return self

    def policy(self) -> dg.BackfillPolicy:
        """The policy as Dagster has it."""
        if self.type == "single_run":
            return dg.BackfillPolicy.single_run()
        return dg.BackfillPolicy.multi_run(self.max_partitions_per_run or 1)
