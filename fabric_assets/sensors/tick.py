"""One tick of a sensor that reports completions: what it remembers, which of them are news, and its time budget."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from fabric_assets.client.models import JobInstance
from fabric_assets.instance_ledger import claims
from fabric_assets.sensors.cursor import OVERLAP, Cursor, Position, decide

_TICK_SECONDS = 40.0
"""Dagster ends a tick after 60 s; what is left is for the next one."""


class CompletionTick:
    """What one tick has found so far.

    Args:
        context: the sensor's.
        lookback: completions older than this are skipped.
        most_events: more are left for the next tick.

    Attributes:
        next_item: which item comes first in the next tick.
        events: what is to be reported.
        looks: how many times a service was asked.
        left_out: how many items had no turn.
        failure: why the last one of them failed.
    """

    def __init__(self, context: dg.SensorEvaluationContext, *, lookback: timedelta, most_events: int) -> None:
        self.context = context
        self.now = datetime.now(UTC)
        cursor = Cursor.from_text(context.cursor)
        self.next_item = cursor.next_item
        self.events: list[dg.AssetMaterialization] = []
        self.looks = 0
        self.left_out = 0
        self.failure: Exception | None = None
        self._failures = 0
        self._positions: dict[str, Position] = dict(cursor.positions)
        self._lookback = lookback
        self._most_events = most_events
        self._give_up_at = time.monotonic() + _TICK_SECONDS

    @property
    def is_over(self) -> bool:
        """Whether there is no time left to look at more."""
        return time.monotonic() > self._give_up_at

    def since(self, keys: Sequence[dg.AssetKey]) -> datetime:
        """The moment from which completions can be news for any of the assets."""
        known = [self._positions[k].until for key in keys if (k := key.to_user_string()) in self._positions]
        return max(min(known, default=self.now), self.now - self._lookback) - OVERLAP

    def news(
        self, key: dg.AssetKey, completed: Sequence[JobInstance], *, listed_until: datetime | None = None
    ) -> tuple[JobInstance, ...]:
        """Those of an asset's completions that are to be reported now, oldest first. They are remembered.

        Args:
            key: key of the asset.
            completed: what was listed, oldest first.
            listed_until: see ``decide``.
        """
        name = key.to_user_string()
        decision = decide(
            completed,
            self._positions.get(name),
            now=self.now,
            lookback=self._lookback,
            at_most=self._most_events - len(self.events),
            ours=claims(self.context.instance, [j.id for j in completed]),
            listed_until=listed_until,
        )
        self._positions[name] = decision.position
        if decision.skipped:
            hours = self._lookback.total_seconds() / 3600
            self.context.log.info(
                f"{name}: {decision.skipped} completions older than {hours:g} hours are not reported"
            )
        return decision.report

    def failed(self, what: str, error: Exception) -> None:
        """A service did not say what it was asked."""
        self._failures += 1
        self.failure = error
        self.context.log.warning(f"{what}: {str(error) or 'no answer in time'}")

    def result(self) -> dg.SensorResult:
        """What the sensor returns.

        Raises:
            FabricError: nothing could be seen at all.
            TimeoutError: likewise.
        """
        cursor = Cursor(self._positions, self.next_item).to_text()
        if self.failure is None or self._failures < self.looks:
            return dg.SensorResult(asset_events=self.events, cursor=cursor)
        if not self.left_out:
            raise self.failure
        # After an exception Dagster keeps the old cursor, and the others would never have their turn.
        return dg.SensorResult(
            skip_reason=f"none of {self.looks} could be seen, the next tick goes on with others: {self.failure}",
            cursor=cursor,
        )
