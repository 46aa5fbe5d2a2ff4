"""The ledger of job control, kept in the Dagster instance's own storage: SQLite at home, Postgres in production."""

import json
from collections.abc import Collection
from datetime import datetime

import dagster as dg

from fabric_assets.client.models import COMPLETED
from fabric_assets.jobs.ledger import Attempt

_CLAIM = "fabric_assets/job_instance/"
_ATTEMPT = "fabric_assets/attempt/"
_FROM_FAILURE = {"dagster/is_resume_retry", "dagster/is_asset_resume_retry"}


class InstanceLedger:
    """The notes of one asset, or one partition of it, in one run and what is re-executed from it.

    Two small entries a job instance, in the key-value store that Dagster keeps for its daemons; a step's own events
    are many times larger.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        run: dg.DagsterRun,
        step_key: str,
        asset_key: dg.AssetKey,
        partition: str | None,
    ) -> None:
        self._instance = instance
        self._run = run
        self._step_key = step_key
        # A re-execution shares its root run, a new materialization has one of its own.
        root_run_id = run.root_run_id or run.run_id
        self._claimed: str | None = None
        self._owner = json.dumps([asset_key.to_user_string(), partition, root_run_id])

    def left_open(self) -> Attempt | None:
        """See ``Ledger``. An end that is no success, or whose step succeeded, leaves nothing to be taken over."""
        text = self._values({_ATTEMPT + self._owner}).get(_ATTEMPT + self._owner)
        if text is None:
            return None
        data = json.loads(text)
        attempt = Attempt(
            datetime.fromisoformat(data["intended_at"]), data["job_instance_id"], data["status"]
        )
        if attempt.status is None:
            return attempt
        if attempt.status == COMPLETED and not self._succeeded_in(data["run_id"]):
            return attempt
        return None

    def write(self, attempt: Attempt) -> None:
        """See ``Ledger``."""
        entry = {
            "intended_at": attempt.intended_at.isoformat(),
            "job_instance_id": attempt.job_instance_id,
            "status": attempt.status,
            "run_id": self._run.run_id,
        }
        storage = self._instance.daemon_cursor_storage
        # One after the other: Dagster's SQLite storage loses new keys that are set together with old ones.
        storage.set_cursor_values({_ATTEMPT + self._owner: json.dumps(entry)})
        if attempt.job_instance_id is not None and attempt.job_instance_id != self._claimed:
            storage.set_cursor_values({_CLAIM + attempt.job_instance_id: self._owner})
            self._claimed = attempt.job_instance_id

    def claimed(self, job_instance_ids: Collection[str]) -> set[str]:
        """See ``Ledger``."""
        return set(claims(self._instance, job_instance_ids))

    def _succeeded_in(self, run_id: str) -> bool:
        """Whether our step had succeeded in that run, so that this run repeats it on purpose."""
        if run_id == self._run.run_id:
            return False
        if run_id == self._run.parent_run_id and not _FROM_FAILURE.isdisjoint(self._run.tags):
            # It had not when this run was planned. It may have since: a step's process can outlive its run worker.
            return False
        stats = self._instance.get_run_step_stats(run_id, [self._step_key])
        return any(step.status is not None and step.status.value == "SUCCESS" for step in stats)

    def _values(self, keys: set[str]) -> dict[str, str]:
        return dict(self._instance.daemon_cursor_storage.get_cursor_values(keys))


def claims(instance: dg.DagsterInstance, job_instance_ids: Collection[str]) -> dict[str, str]:
    """Those of the given job instances that runs of this Dagster instance started, each with its owner."""
    if not job_instance_ids:
        return {}
    keys = {_CLAIM + job_instance_id for job_instance_id in job_instance_ids}
    found = instance.daemon_cursor_storage.get_cursor_values(keys)
    return {key.removeprefix(_CLAIM): owner for key, owner in found.items()}
