"""The ledger of job control, kept in the Dagster instance's own storage: SQLite at home, Postgres in production."""

import json
from collections.abc import Collection

import dagster as dg

_KEY_PREFIX = "fabric_assets/job_instance/"


class InstanceLedger:
    """Notes about job instances in a Dagster instance.

    One small entry a job instance, in the key-value store that Dagster keeps for its daemons; a step's own events
    are many times larger.
    """

    def __init__(self, instance: dg.DagsterInstance, *, run_id: str | None = None) -> None:
        self._instance = instance
        self._run_id = run_id

    def record_started(self, job_instance_id: str, asset: str) -> None:
        """Note that this job instance was started for ``asset``."""
        entry = json.dumps({"asset": asset, "run_id": self._run_id})
        self._instance.daemon_cursor_storage.set_cursor_values({_key(job_instance_id): entry})

    def started_here(self, job_instance_ids: Collection[str]) -> set[str]:
        """Those of the given job instances that were started by runs of this Dagster instance."""
        if not job_instance_ids:
            return set()
        keys = {_key(job_instance_id): job_instance_id for job_instance_id in job_instance_ids}
        found = self._instance.daemon_cursor_storage.get_cursor_values(set(keys))
        return {keys[key] for key in found}


def _key(job_instance_id: str) -> str:
    return _KEY_PREFIX + job_instance_id
