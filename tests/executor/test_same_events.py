"""The same jobs have the same events under ``fabric_executor`` and under Dagster's own executors."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterEventType, EventLogEntry

from fabric_assets.executor import fabric_executor
from tests.executor import running
from tests.executor.graphs import many

BOTH = ("one_process", "multiprocess")

# How a step comes to be executed differs, and who tells of it.
OF_AN_EXECUTOR = {
    DagsterEventType.ENGINE_EVENT,
    DagsterEventType.LOGS_CAPTURED,
    DagsterEventType.STEP_WORKER_STARTING,
    DagsterEventType.STEP_WORKER_STARTED,
    DagsterEventType.RESOURCE_INIT_STARTED,
    DagsterEventType.RESOURCE_INIT_SUCCESS,
    # Told by Dagster before the run.
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
}


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    overrides = {"telemetry": {"enabled": False}, "python_logs": {"python_log_level": "INFO"}}
    folder = str(tmp_path_factory.mktemp("dagster"))
    with dg.instance_for_test(temp_dir=folder, overrides=overrides) as made:
        yield made


def run(
    instance: dg.DagsterInstance, job: str, executor: str, **options: Any
) -> tuple[str, dict[str | None, list[str]]]:
    """Run a job; its id, and its events for each step."""
    reconstructable = dg.build_reconstructable_job(
        "tests.executor.graphs", "build_job", reconstructable_args=(job, executor)
    )
    with dg.execute_job(reconstructable, instance, raise_on_error=False, **options) as result:
        run_id = result.run_id
    return run_id, by_step(instance.all_logs(run_id))


def by_step(entries: Iterable[EventLogEntry]) -> dict[str | None, list[str]]:
    """What does not depend on the executor, for each step; under ``None``: what is told of the run."""
    told: dict[str | None, list[str]] = {}
    for entry in entries:
        if entry.dagster_event is None or entry.dagster_event.event_type not in OF_AN_EXECUTOR:
            told.setdefault(entry.step_key, []).append(describe(entry))
    return {step: in_comparable_order(events) for step, events in told.items()}


def in_comparable_order(events: list[str]) -> list[str]:
    """Events as they came, but sorted where Dagster has sets: partitions, hooks (after the step's end), the run."""
    grouped = itertools.groupby(events, lambda event: event.startswith("ASSET_MATERIALIZATION "))
    events = [event for is_set, group in grouped for event in (sorted(group) if is_set else group)]
    ends = [n for n, event in enumerate(events) if event.startswith(("STEP_SUCCESS", "STEP_FAILURE"))]
    end = ends[0] + 1 if ends else len(events) if any(event.startswith("STEP_") for event in events) else 0
    return events[:end] + sorted(events[end:])


def describe(entry: EventLogEntry) -> str:
    event = entry.dagster_event
    if event is None:
        return f"{entry.level} {entry.user_message.split(' using ')[0].split(' at: ')[0].split(' file: ')[0]}"
    words: list[Any] = [event.event_type_value]
    data: Any = event.event_specific_data
    match event.event_type:
        case DagsterEventType.STEP_OUTPUT:
            words += [data.step_output_handle, data.type_check_data.success]
        case DagsterEventType.STEP_FAILURE:
            words += [error_classes(data.error), data.user_failure_data and data.user_failure_data.label]
            words += [data.error_source]
        case DagsterEventType.STEP_UP_FOR_RETRY:
            words += [error_classes(data.error), data.seconds_to_wait]
        case DagsterEventType.ASSET_MATERIALIZATION:
            words += [event.asset_key, event.partition, sorted(event.materialization.metadata)]
        case DagsterEventType.ASSET_OBSERVATION:
            words += [event.asset_key, event.asset_observation_data.asset_observation.description]
        case DagsterEventType.ASSET_CHECK_EVALUATION:
            words += [data.asset_check_key, data.passed, data.severity]
        case DagsterEventType.HOOK_COMPLETED | DagsterEventType.HOOK_SKIPPED | DagsterEventType.HOOK_ERRORED:
            words.append(event.message)
    return " ".join(map(str, words))


def error_classes(error: Any) -> list[str]:
    return [error.cls_name, *error_classes(error.cause)] if error else []


def both(instance: dg.DagsterInstance, job: str, **options: Any) -> dict[str | None, list[str]]:
    """Run a job under both executors, and see that their events agree."""
    (_, ours), (_, theirs) = (run(instance, job, executor, **options) for executor in BOTH)
    assert differences(ours, theirs) == {}
    return ours


def differences(
    ours: dict[str | None, list[str]], theirs: dict[str | None, list[str]]
) -> dict[str | None, Any]:
    """The steps whose events differ."""
    return {
        step: (ours.get(step), theirs.get(step))
        for step in {*ours, *theirs}
        if ours.get(step) != theirs.get(step)
    }


def types(events: list[str]) -> list[str]:
    return [word for word, *_ in map(str.split, events) if word.isupper()]


def test_values_pass_between_coroutines_threads_and_ops(instance: dg.DagsterInstance) -> None:
    events = both(instance, "values")

    # A line of a captured logger is told once, by the step that wrote it.
    lines = Counter(line for step in events.values() for line in step if "a captured line" in line)
    assert lines == {f"20 a captured line of {step}": 1 for step in ("top", "left", "right")}
    assert "20 a captured line of right" in events["right"]

    assert "PIPELINE_SUCCESS" in events[None]
    assert types(events["bottom"])[-1] == "STEP_SUCCESS"
    assert {"graph_backed.times_two", "graph_backed.add_one", "leaf_1", "sync_generator"} < set(events)


def test_a_failed_step_fails_what_depends_on_it_and_nothing_else(instance: dg.DagsterInstance) -> None:
    events = both(instance, "failures")

    assert "PIPELINE_FAILURE" in events[None]
    assert types(events["top"])[-1] == "STEP_SUCCESS"
    assert types(events["after_broken"]) == types(events["far_after_broken"]) == []
    for step in ("broken", "failed_on_purpose", "wrong_type", "returns_twice", "cancels_itself"):
        assert types(events[step])[-1] == "STEP_FAILURE", events[step]


def test_steps_are_retried_after_their_delay(instance: dg.DagsterInstance) -> None:
    events = both(instance, "retries")

    assert types(events["second_try"]).count("STEP_UP_FOR_RETRY") == 1
    assert types(events["after_retries"])[-1] == "STEP_SUCCESS"
    assert types(events["never_succeeds"])[-1] == "STEP_FAILURE"


def test_outputs_that_are_not_produced_skip_what_needs_them(instance: dg.DagsterInstance) -> None:
    events = both(instance, "outputs")

    assert types(events["after_maybe"]) == ["STEP_SKIPPED"]
    assert "PIPELINE_SUCCESS" in events[None]


def test_a_part_of_a_multi_asset_can_be_materialized(instance: dg.DagsterInstance) -> None:
    events = both(instance, "outputs", asset_selection=[dg.AssetKey("two")])

    (materialization,) = (event for event in events["several"] if event.startswith("ASSET_MATERIALIZATION"))
    assert "two" in materialization


def test_only_a_blocking_check_that_fails_blocks(instance: dg.DagsterInstance) -> None:
    events = both(instance, "checks")

    assert "after_checked" not in events or "STEP_SUCCESS" not in types(events["after_checked"])
    assert sum(event.startswith("ASSET_CHECK_EVALUATION ") for step in events.values() for event in step) == 3


def test_one_partition_and_a_range_of_partitions(instance: dg.DagsterInstance) -> None:
    events = both(instance, "partitions", tags={"dagster/partition": "b"})
    assert "20 partitions ['b']" in events["partitioned"]

    events = both(
        instance,
        "partitions",
        tags={"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "c"},
    )
    assert "20 partitions ['a', 'b', 'c']" in events["after_partitioned"]
    assert types(events["partitioned"]).count("ASSET_MATERIALIZATION") == 3


def test_dynamic_outputs_and_hooks(instance: dg.DagsterInstance) -> None:
    events = both(instance, "ops")

    assert {f"work_on[part_{number}]" for number in range(3)} < set(events)
    assert types(events["total"]).count("HOOK_ERRORED") == 1
    assert "20 hook saw broken_op fail: this op is broken" in events["broken_op"]


def test_a_failed_run_is_executed_again_from_failure(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    again = {}
    for executor in BOTH:
        folder = tmp_path / executor
        folder.mkdir()
        config = {"resources": {"marker": {"config": {"folder": str(folder)}}}}
        run_id, first = run(instance, "reexecution", executor, run_config=config)
        assert types(first["fails_once"])[-1] == "STEP_FAILURE"
        options = dg.ReexecutionOptions.from_failure(run_id, instance)
        _, again[executor] = run(
            instance, "reexecution", executor, run_config=config, reexecution_options=options
        )

    assert again["one_process"] == again["multiprocess"]
    assert types(again["one_process"]["after_fails_once"])[-1] == "STEP_SUCCESS"
    assert "expensive" not in again["one_process"]


def last(events: list[str]) -> str:
    return ([word for word in types(events) if word.startswith("STEP_")] or ["NOT_STARTED"])[-1]


def test_twenty_steps(instance: dg.DagsterInstance) -> None:
    events = both(instance, "twenty")

    assert Counter(last(told) for step, told in events.items() if step) == {"STEP_SUCCESS": 20}


def test_five_hundred_steps() -> None:
    # Beside Dagster's in-process executor: the multiprocess one takes a process for each step, a second of CPU each.
    job = running.job(many(500))
    told = []
    for executor in (fabric_executor, dg.in_process_executor):
        with dg.DagsterInstance.ephemeral() as instance:
            told.append(by_step(running.run(instance, job.with_executor_def(executor)).entries))
    ours, theirs = told

    assert differences(ours, theirs) == {}
    assert Counter(last(told) for step, told in ours.items() if step) == {
        "STEP_SUCCESS": 439,
        "STEP_FAILURE": 36,
        "NOT_STARTED": 25,
    }
