"""Slots of Dagster's pools for the steps of one run, asked for sparingly."""

import time
from collections import defaultdict
from typing import Any

from fabric_assets.executor.dagster_internals import InstanceConcurrencyContext

QUEUED_PER_POOL = 16
"""How many steps of a run stand in a pool's queue at once; the others follow as these get their slots."""

POLL_SECONDS = 1.0
"""How often a pool is looked at while steps wait for it. A slot that this run frees is looked for at once."""


class PoolClaims(InstanceConcurrencyContext):
    """Claims slots as Dagster's class does, at a cost that does not grow with the number of steps that wait.

    Dagster asks for each waiting step by itself, with several queries each time. Here one query a pool sees which of
    the queued steps were given a slot, and only those ask. Steps join the queue one by one, so that those with a slot
    need not wait until all others have joined.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pool_of: dict[str, str] = {}
        self._queued: defaultdict[str, set[str]] = defaultdict(set)
        self._given: set[str] = set()
        self._full: set[str] = set()
        self._next_look = 0.0

    def claim(self, concurrency_key: str, step_key: str, step_priority: int = 0) -> bool:
        """Claim a slot of the pool ``concurrency_key``, or queue for one."""
        queued = self._queued[concurrency_key]
        if step_key in queued:
            if step_key not in self._given:
                return False
            self._pending_timeouts[step_key] = 0.0  # now is the time that Dagster's class would wait for
        elif concurrency_key in self._full or len(queued) >= QUEUED_PER_POOL:
            return False
        claimed = super().claim(concurrency_key, step_key, step_priority)
        self._given.discard(step_key)
        if claimed:
            queued.discard(step_key)
            self._pool_of[step_key] = concurrency_key
        else:
            queued.add(step_key)
            self._full.add(concurrency_key)
        return claimed

    def free_step(self, step_key: str) -> None:
        """Free the slot of a step that has ended."""
        super().free_step(step_key)
        if self._queued.get(self._pool_of.pop(step_key, "")):
            self._next_look = 0.0

    def interval_to_next_pending_claim_check(self) -> float:
        """Seconds until claiming again can make a difference."""
        return max(0.0, self._next_look - time.monotonic())

    def look(self) -> None:
        """See which queued steps were given a slot, if it is time for it. To be called before steps claim again."""
        self._full.clear()
        pools = [pool for pool, steps in self._queued.items() if steps]
        if not pools or self.interval_to_next_pending_claim_check() > 0:
            return
        self._next_look = time.monotonic() + POLL_SECONDS
        for pool in pools:
            info = self._instance.event_log_storage.get_concurrency_info(pool)
            if info.limit is None:  # the pool was removed meanwhile
                self._given |= self._queued[pool]
            self._given.update(
                step.step_key
                for step in info.pending_steps
                if step.run_id == self._run_id and step.assigned_timestamp is not None
            )
