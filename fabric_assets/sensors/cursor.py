"""How far the completions of each notebook have been seen, and which of them are news."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg

from fabric_assets.client.models import JobInstance
from fabric_assets.jobs.completions import ended

OVERLAP = timedelta(minutes=10)
"""Fabric shows an end up to 100 s late, so a later job instance can be seen to end before an earlier one."""

_FORMAT = "positions.1"


@dataclass(frozen=True)
class Position:
    """How far the completions of one asset have been seen.

    Attributes:
        until: the newest end that was seen, or the moment up to which there was none, UTC.
        seen: ids of job instances that ended within ``OVERLAP`` before it.
    """

    until: datetime
    seen: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Cursor:
    """The sensor's memory: a position for each asset key, and which item comes first in the next tick."""

    positions: dict[str, Position]
    next_item: int = 0

    @classmethod
    def from_text(cls, text: str | None) -> "Cursor":
        """Read a stored cursor.

        Raises:
            dagster.DagsterInvalidInvocationError: the text is no cursor of this sensor.
        """
        if not text:
            return cls({})
        try:
            data = json.loads(text)
            positions = {
                key: Position(datetime.fromisoformat(entry["until"]), frozenset(entry["seen"]))
                for key, entry in data[_FORMAT].items()
            }
            return cls(positions, int(data["next"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise dg.DagsterInvalidInvocationError(
                f"the sensor's cursor cannot be read ({error!r}). Reset it on the sensor's page in the UI: it then "
                "starts from now."
            ) from error

    def to_text(self) -> str:
        """For Dagster to store."""
        assets = {
            key: {"until": position.until.isoformat(), "seen": sorted(position.seen)}
            for key, position in self.positions.items()
        }
        return json.dumps({_FORMAT: assets, "next": self.next_item})


@dataclass(frozen=True)
class Decision:
    """What to report of one notebook's completions.

    Attributes:
        report: job instances to report, oldest first.
        skipped: how many ended too long ago to be reported.
        position: what to remember.
    """

    report: tuple[JobInstance, ...]
    skipped: int
    position: Position


def decide(
    completed: Sequence[JobInstance],
    position: Position | None,
    *,
    now: datetime,
    lookback: timedelta,
    at_most: int,
    ours: Collection[str],
    listed_until: datetime | None = None,
) -> Decision:
    """Which completions are new and not ours.

    Args:
        completed: completed job instances, oldest first.
        position: how far they were seen; ``None`` for the first time: then only those that end from now on count.
        now: UTC.
        lookback: completions older than this are not reported any more.
        at_most: how many to report; the rest is left for the next tick.
        ours: ids of job instances that Dagster started: their runs report them.
        listed_until: the moment of the list by the service's clock, for a service that is asked from a moment on: the
            next list begins there. ``None``: the list is always the whole one.
    """
    if position is None:
        position = Position(now)
        since, seen = now, {j.id for j in completed if (ended(j) or now) <= now}
    else:
        since, seen = position.until - OVERLAP, set(position.seen)
    report: list[JobInstance] = []
    skipped = 0
    until = position.until
    for job_instance in completed:
        moment = ended(job_instance) or now
        if moment < since or job_instance.id in seen:
            continue
        if job_instance.id not in ours:
            if moment < now - lookback:
                skipped += 1
            elif len(report) == at_most:
                break
            else:
                report.append(job_instance)
        seen.add(job_instance.id)
        until = max(until, moment)
    else:
        until = max(until, listed_until or until)
    remembered = frozenset(j.id for j in completed if j.id in seen and (ended(j) or now) >= until - OVERLAP)
    return Decision(tuple(report), skipped, Position(until, remembered))
