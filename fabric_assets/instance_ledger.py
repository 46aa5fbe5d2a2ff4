"""The ledger of job control, kept in the Dagster instance's own storage: SQLite at home, Postgres in production."""

import hashlib
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

    Args:
        instance: where they are kept.
        run: the run that goes on now.
        step_key: the asset's step in it.
        asset_key: the asset.
        partition: key of the partition.
        tables: the assets that the step materializes, if that is not ``asset_key`` alone.

    Attributes:
        key: of the entry of its latest attempt.

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
        *,
        tables: Collection[dg.AssetKey] = (),
    ) -> None:
        self._instance = instance
        self._run = run
        self._step_key = step_key
        self._materialized = set(tables) or {asset_key}
        # A re-execution shares its root run, a new materialization has one of its own.
        root_run_id = run.root_run_id or run.run_id
        self._claimed: str | None = None
        self._owner = json.dumps([asset_key.to_user_string(), partition, root_run_id])
        # MySQL tells keys apart by their first 64 characters.
        self.key = _ATTEMPT + hashlib.sha256(self._owner.encode()).hexdigest()[:40]

    def left_open(self) -> Attempt | None:
        """See ``Ledger``. A failure, or an outcome that Dagster made use of, leaves nothing to be taken over."""
        text = self._instance.daemon_cursor_storage.get_cursor_values({self.key}).get(self.key)
        if text is None:
            return None
        data = json.loads(text)
        attempt = Attempt(
            datetime.fromisoformat(data["intended_at"]),
            data["job_instance_id"],
            data["status"],
            data.get("stopping", False),
        )
        if attempt.status is None:
            return attempt
        if attempt.status == COMPLETED and not self._is_repeated(data["run_id"]):
            return attempt
        return None

    def left_running(self) -> str | None:
        """The id of a job instance that was started, and that nobody has seen to end."""
        left = self.left_open()
        return left.job_instance_id if left is not None and left.status is None else None

    def write(self, attempt: Attempt) -> None:
        """See ``Ledger``."""
        entry = {
            "owner": self._owner,
            "intended_at": attempt.intended_at.isoformat(),
            "job_instance_id": attempt.job_instance_id,
            "status": attempt.status,
            "stopping": attempt.stopping,
            "run_id": self._run.run_id,
        }
        storage = self._instance.daemon_cursor_storage
        # One after the other: Dagster's SQLite storage loses new keys that are set together with old ones.
        storage.set_cursor_values({self.key: json.dumps(entry)})
        if attempt.job_instance_id is not None and attempt.job_instance_id != self._claimed:
            storage.set_cursor_values({_CLAIM + attempt.job_instance_id: self._owner})
            self._claimed = attempt.job_instance_id

    def claimed(self, job_instance_ids: Collection[str]) -> set[str]:
        """See ``Ledger``."""
        return set(claims(self._instance, job_instance_ids))

    def _is_repeated(self, run_id: str) -> bool:
        """Whether Dagster had the outcome of that run, so that the step is executed again on purpose."""
        if self._blocked_in(run_id):
            return True
        if run_id == self._run.run_id:
            return False
        if run_id == self._run.parent_run_id and not _FROM_FAILURE.isdisjoint(self._run.tags):
            # It had not when this run was planned. It may have since: a step's process can outlive its run worker.
            return False
        stats = self._instance.get_run_step_stats(run_id, [self._step_key])
        return any(step.status is not None and step.status.value == "SUCCESS" for step in stats)

    def _blocked_in(self, run_id: str) -> bool:
        """Whether a blocking check found fault with the outcome."""
        told = self._instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        evaluations = [entry.get_dagster_event().asset_check_evaluation_data for entry in told]
        return any(
            each.asset_key in self._materialized
            and each.blocking
            and not each.passed
            and each.severity is dg.AssetCheckSeverity.ERROR
            for each in evaluations
        )


def claims(instance: dg.DagsterInstance, job_instance_ids: Collection[str]) -> dict[str, str]:
    """Those of the given job instances that runs of this Dagster instance started, each with its owner."""
    if not job_instance_ids:
        return {}
    keys = {_CLAIM + job_instance_id for job_instance_id in job_instance_ids}
    found = instance.daemon_cursor_storage.get_cursor_values(keys)
    return {key.removeprefix(_CLAIM): owner for key, owner in found.items()}
