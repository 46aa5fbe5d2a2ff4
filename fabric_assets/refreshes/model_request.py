"""The request for a semantic model's refresh, some of whose values are known only when an asset is materialized."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import dagster as dg

from fabric_assets.arguments import Argument, Fixed, PartitionEdge, PartitionKey

_TYPES = ("full", "clearValues", "calculate", "dataOnly", "automatic", "defragment")
_COMMIT_MODES = ("transactional", "partialBatch")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SHORTEST_TIMEOUT_SECONDS = 60
_LONGEST_TIMEOUT_SECONDS = 24 * 3600 - 1
"""Power BI's own limit is a day, all its attempts included."""


@dataclass(frozen=True, kw_only=True)
class ModelRefreshRequest:
    """What ``semantic_model_refresh`` was asked for; see there for the attributes."""

    refresh_type: str | Argument
    commit_mode: str
    objects: Sequence[Mapping[str, str | Argument] | str]
    max_parallelism: int | None
    retry_count: int | None
    apply_refresh_policy: bool | None
    effective_date: date | str | Argument | None

    @property
    def arguments(self) -> dict[str, Argument]:
        """What has a value only when the asset is materialized, by the name under which the value is given back."""
        found: dict[str, Any] = {"refresh_type": self.refresh_type, "effective_date": self.effective_date}
        for index, entry in enumerate(self.objects):
            if isinstance(entry, Mapping):
                found |= {_part(index, name): value for name, value in entry.items()}
        return {
            name: value
            for name, value in found.items()
            if value is not None and not isinstance(value, str | date | Fixed)
        }

    def problems(self, backfill_policy: dg.BackfillPolicy | None) -> Iterable[str | None]:
        """What cannot work."""
        if backfill_policy is not None and backfill_policy.max_partitions_per_run != 1:
            yield self._several_partitions()
        if isinstance(self.refresh_type, str):
            yield _unknown("refresh_type", self.refresh_type, _TYPES)
        yield _unknown("commit_mode", self.commit_mode, _COMMIT_MODES)
        yield _too_small("max_parallelism", self.max_parallelism, 1)
        yield _too_small("retry_count", self.retry_count, 0)
        if isinstance(self.effective_date, str) and not _DATE.fullmatch(self.effective_date):
            yield f"effective_date must look like 2024-05-31, it is {self.effective_date!r}"
        if isinstance(self.objects, str | Mapping):
            yield "objects must be a list"
            return
        for entry in self.objects:
            good = isinstance(entry, str) or (
                isinstance(entry, Mapping) and "table" in entry and set(entry) <= {"table", "partition"}
            )
            if not good or not all([entry] if isinstance(entry, str) else entry.values()):
                yield f"each of objects is a table's name or {{'table': ..., 'partition': ...}}, not {entry!r}"

    def _several_partitions(self) -> str | None:
        """Why one refresh cannot stand for several partitions: it would refresh the first or the last of them."""
        entries = [entry for entry in self.objects if isinstance(entry, Mapping)]
        if not any(isinstance(part, PartitionKey | PartitionEdge) for e in entries for part in e.values()):
            return None
        return (
            "objects take a partition from the asset's partition, of which this backfill_policy gives several to one "
            "refresh: all but one would be left as they are. Leave backfill_policy out (a refresh for each partition), "
            "or name the tables without partitions"
        )

    def body(self, values: Mapping[str, Any], timeout_seconds: float | None) -> dict[str, Any]:
        """The request, with Power BI's names.

        Args:
            values: values of ``arguments``.
            timeout_seconds: the limit that Power BI is to keep as well; ``None``: its own of five hours.
        """
        refresh_type = str(values.get("refresh_type", _plain(self.refresh_type)))
        day = values.get("effective_date", _plain(self.effective_date))
        body: dict[str, Any] = {
            "type": _spelled(refresh_type, _TYPES),
            "commitMode": _spelled(self.commit_mode, _COMMIT_MODES),
        }
        if self.objects:
            body["objects"] = [
                {"table": entry}
                if isinstance(entry, str)
                else {name: values.get(_part(index, name), _plain(value)) for name, value in entry.items()}
                for index, entry in enumerate(self.objects)
            ]
        if self.max_parallelism is not None:
            body["maxParallelism"] = self.max_parallelism
        if self.retry_count is not None:
            body["retryCount"] = self.retry_count
        if self.apply_refresh_policy is not None:
            body["applyRefreshPolicy"] = self.apply_refresh_policy
        if day is not None:
            body["effectiveDate"] = _day(day)
        if timeout_seconds is not None:
            body["timeout"] = _timeout(timeout_seconds)
        return body


def _part(index: int, name: str) -> str:
    return f"objects_{index}_{name}"


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Fixed) else value


def _day(value: object) -> str:
    if isinstance(value, datetime):
        value = value.date()
    return value.isoformat() if isinstance(value, date) else str(value)


def _timeout(seconds: float) -> str:
    whole = min(max(math.ceil(seconds), _SHORTEST_TIMEOUT_SECONDS), _LONGEST_TIMEOUT_SECONDS)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def _spelled(value: str, known: Sequence[str]) -> str:
    """As Power BI spells it; what it may know and we do not is left alone."""
    return next((word for word in known if word.casefold() == value.casefold()), value)


def _unknown(name: str, value: object, known: Sequence[str]) -> str | None:
    if isinstance(value, str) and value.casefold() in {word.casefold() for word in known}:
        return None
    return f"{name} is {value!r}, but must be one of {', '.join(known)}"


def _too_small(name: str, value: object, least: int) -> str | None:
    if value is None or (type(value) is int and value >= least):
        return None
    return f"{name} must be a whole number from {least}, it is {value!r}"
