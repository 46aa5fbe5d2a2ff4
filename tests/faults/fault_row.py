"""One fault, what is expected of it, and the comparison: through a real asset and real HTTP."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import pytest

from fabric_assets.instance_ledger import InstanceLedger
from fabric_assets.local import ServedFabric
from fabric_assets.local.script import Fault
from tests.conftest import Simulate
from tests.faults.harness import (
    NOTEBOOK,
    READ,
    START,
    effective,
    in_background,
    load,
    materialize,
    running,
    start_outside,
    starts,
)

HTML = "<html><body>The service is unavailable.</body></html>"
SHORT = {"run_seconds": 0.5}
NEVER_ENDS = {"never_ends": True}


@dataclass(frozen=True)
class Row:
    """One fault.

    Attributes:
        id: what goes wrong.
        faults: requests that go wrong.
        job_instances: what becomes of job instances.
        service: how the service answers.
        capacity: how many notebooks run at once.
        asset: options of the asset.
        fields: fields of the resource.
        outside: job instances of the same notebook that somebody else started before.
        meanwhile: done beside the run, once a job instance has been started.
        fails: words of the failure; none if the asset is materialized.
        posts: starts that were sent by us.
        started: job instances that they made.
        left: job instances of ours that are left running.
        said: words to how many lines of the run's log have them.
        pipelines: whether it is provoked for a pipeline too.
    """

    id: str
    faults: Sequence[Mapping[str, Any]] = ()
    job_instances: Sequence[Mapping[str, Any]] = (SHORT,)
    service: Mapping[str, Any] = field(default_factory=dict)
    capacity: int | None = None
    asset: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    outside: int = 0
    meanwhile: Callable[[ServedFabric], None] | None = None
    fails: Sequence[str] = ()
    posts: int = 1
    started: int = 1
    left: int = 0
    said: Mapping[str, int] = field(default_factory=dict)
    pipelines: bool = False


def for_items(rows: Sequence[Row]) -> list[Any]:
    """Each row for a notebook, and those that say so for a pipeline: parameters ``row`` and ``item_type``."""
    return [
        *(pytest.param(row, "Notebook", id=row.id) for row in rows),
        *(pytest.param(row, "DataPipeline", id=f"pipeline: {row.id}") for row in rows if row.pipelines),
    ]


def on_start(**fault: Any) -> tuple[dict[str, Any], ...]:
    return ({"method": "POST", "path": START, **fault},)


def on_read(**fault: Any) -> tuple[dict[str, Any], ...]:
    return ({"method": "GET", "path": READ, **fault},)


def check(
    simulate: Simulate, row: Row, caplog: pytest.LogCaptureFixture, item_type: str = "Notebook"
) -> None:
    """Provoke the fault while the asset is materialized, and compare what became of it with the row."""
    caplog.set_level(logging.DEBUG)
    fabric = simulate(
        items=[{"type": item_type, "name": NOTEBOOK}],
        job_instances=row.job_instances,
        service=row.service,
        capacity=row.capacity,
    )
    for _ in range(row.outside):
        start_outside(fabric)
    theirs = {started.id for started in fabric.started}
    for fault in row.faults:
        fabric.add_fault(Fault(**fault))
    if row.meanwhile is not None:
        meanwhile = in_background(lambda: row.meanwhile(fabric))

    with dg.DagsterInstance.ephemeral() as instance:
        result = materialize(load(item_type=item_type, **row.asset), fabric, instance, **row.fields)
        events = instance.all_logs(result.run_id)
        ledger = InstanceLedger(instance, result.dagster_run, "DimX", dg.AssetKey("DimX"), None)
        claims = {f"fabric_assets/job_instance/{started.id}" for started in fabric.started}
        notes = dict(instance.daemon_cursor_storage.get_cursor_values({ledger.key, *claims}))
    if row.meanwhile is not None:
        meanwhile.join()

    lines = [event.user_message for event in events if event.dagster_event is None]
    log = "\n".join(lines)
    assert {words: len([line for line in lines if words in line]) for words in row.said} == row.said, log
    failures = [e.step_failure_data for e in result.all_events if e.event_type_value == "STEP_FAILURE"]
    text = "\n".join(
        (failed.user_failure_data.description or "") for failed in failures if failed.user_failure_data
    )
    assert result.success is not bool(row.fails), text
    if item_type == "DataPipeline":
        assert "notebook" not in text + log
        text = text.replace("pipeline", "notebook")
    assert [words for words in row.fails if words not in text] == [], text
    assert ledger.key in notes
    ours = [started.id for started in fabric.started if started.id not in theirs]
    if row.posts:
        assert len(starts(fabric)) - row.outside == row.posts, log
        assert len(ours) == row.started, log
    assert running(fabric) == row.left, log
    if result.success:
        (event,) = result.asset_materializations_for_node("DimX")
        loaded_by = event.metadata["fabric/job_instance_id"].value
        assert [job_instance for job_instance in effective(fabric) if job_instance in ours] == [loaded_by]
        assert event.metadata["fabric/duration_seconds"].value >= 0
    shown = [caplog.text, json.dumps(notes), *(str(event) for event in events), *(repr(f) for f in failures)]
    assert [text for text in shown if fabric.token in text] == []
