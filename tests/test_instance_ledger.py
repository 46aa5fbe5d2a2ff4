"""What the ledger leaves to be taken over, seen from other runs of the same asset."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

import dagster as dg
import pytest

from fabric_assets import notebook_asset
from fabric_assets.instance_ledger import InstanceLedger
from fabric_assets.jobs.ledger import Attempt
from tests.conftest import Simulate, materialize

KEY = dg.AssetKey(["sales", "DimX"])
STEP_KEY = "sales__DimX"


def ledger(instance: dg.DagsterInstance, run: dg.DagsterRun) -> InstanceLedger:
    return InstanceLedger(instance, run, STEP_KEY, KEY, None)


def reexecution(of: dg.DagsterRun, tags: Mapping[str, str] | None = None) -> dg.DagsterRun:
    root = of.root_run_id or of.run_id
    return dg.DagsterRun(
        "job", run_id=str(uuid.uuid4()), root_run_id=root, parent_run_id=of.run_id, tags=tags
    )


@pytest.mark.parametrize(
    ("tags", "taken_over"),
    [
        pytest.param({}, False, id="all steps"),
        pytest.param({"dagster/is_resume_retry": "true"}, True, id="from failure"),
        pytest.param({"dagster/is_asset_resume_retry": "true"}, True, id="from asset failure"),
    ],
)
def test_a_success_is_taken_over_only_by_a_run_that_was_planned_without_it(
    simulate: Simulate, tags: Mapping[str, str], taken_over: bool
) -> None:
    fabric = simulate(notebooks=["LoadDimX"])
    with dg.DagsterInstance.ephemeral() as instance:
        first = materialize(notebook_asset(KEY, notebook="LoadDimX"), fabric, instance=instance).dagster_run
        left_open = ledger(instance, reexecution(first, tags)).left_open()

    assert (left_open is not None) == taken_over
    assert left_open is None or left_open.job_instance_id == fabric.started[0].id


@pytest.mark.parametrize(
    ("status", "taken_over"), [(None, True), ("Completed", True), ("Failed", False), ("Refused", False)]
)
def test_what_a_dead_process_left_is_taken_over_in_its_run_and_in_re_executions(
    status: str | None, taken_over: bool
) -> None:
    attempt = Attempt(datetime.now(UTC), "some id", status)
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.DagsterRun("job", run_id=str(uuid.uuid4()))
        ledger(instance, run).write(attempt)

        expected = attempt if taken_over else None
        assert ledger(instance, run).left_open() == expected
        assert ledger(instance, reexecution(run)).left_open() == expected
        assert ledger(instance, dg.DagsterRun("job", run_id=str(uuid.uuid4()))).left_open() is None


def test_a_claimed_job_instance_belongs_to_somebody_whoever_asks() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.DagsterRun("job", run_id=str(uuid.uuid4()))
        ledger(instance, run).write(Attempt(datetime.now(UTC), "some id"))

        assert ledger(instance, run).claimed(["some id", "another"]) == {"some id"}
        other_run = dg.DagsterRun("job", run_id=str(uuid.uuid4()))
        assert ledger(instance, other_run).claimed(["some id", "another"]) == {"some id"}
        other_partition = InstanceLedger(instance, run, STEP_KEY, KEY, "2026-01-01")
        assert other_partition.claimed(["some id"]) == {"some id"}
