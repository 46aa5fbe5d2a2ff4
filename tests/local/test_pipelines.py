"""Data pipelines of a folder, executed over HTTP."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from local_api import DEADLINE_SECONDS, Api
from pipeline_home import (
    ScriptedEngine,
    activity,
    expression,
    notebook,
    write_notebook,
    write_pipeline,
)

from fabric_assets.local.clock import ManualClock

ENGINE_ID = "10000000-0000-4000-8000-000000000001"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    for name in ("A", "B", "C", "FailA", "Never"):
        write_notebook(home, name)
    return home


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def run(serve: Callable[..., Api], home: Path, engine: ScriptedEngine) -> Callable[..., dict[str, Any]]:
    """Run the pipeline ``Main`` of the given activities to its end; returns the job instance."""

    def start(*activities: Any, given: Any = None, **properties: Any) -> dict[str, Any]:
        write_pipeline(home, "Main", *activities, **properties)
        api = serve(home, engine=engine)
        body = None if given is None else {"executionData": {"parameters": given}}
        return api.wait(api.start_job("Main", "Pipeline", body))

    return start


Run = Callable[..., dict[str, Any]]


def message(job_instance: dict[str, Any]) -> str:
    assert job_instance["status"] == "Failed", job_instance
    return str(job_instance["failureReason"]["message"])


class TestOrder:
    def test_activities_follow_their_dependencies(self, run: Run, engine: ScriptedEngine) -> None:
        done = run(notebook("C", "B"), notebook("B", "A"), notebook("A"))
        assert (done["status"], done["failureReason"]) == ("Completed", None)
        assert engine.names == ["A", "B", "C"]
        assert "exitValue" not in done

    def test_a_failure_skips_what_follows_and_fails_the_job_instance(
        self, run: Run, engine: ScriptedEngine
    ) -> None:
        failed = run(notebook("FailA"), notebook("B", "FailA"))
        assert engine.names == ["FailA"]
        assert failed["failureReason"]["errorCode"] == "NotebookExecutionFailed"
        assert message(failed).startswith("Operation on target FailA failed: Notebook 'FailA' (job instance ")
        assert message(failed).endswith("ended as Failed: no such table")

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            pytest.param("Failed", ["FailA", "B"], id="failed"),
            pytest.param("Completed", ["FailA", "B"], id="completed"),
            pytest.param("Skipped", ["FailA"], id="skipped"),
        ],
    )
    def test_conditions(self, run: Run, engine: ScriptedEngine, condition: str, expected: list[str]) -> None:
        done = run(notebook("FailA"), notebook("B", f"FailA:{condition}"))
        assert engine.names == expected
        # What is handled is no failure: the last activities count.
        assert done["status"] == ("Failed" if condition == "Skipped" else "Completed")

    def test_a_skipped_activity_can_be_waited_for(self, run: Run, engine: ScriptedEngine) -> None:
        run(notebook("A"), notebook("B", "A:Failed"), notebook("C", "B:Skipped"))
        assert engine.names == ["A", "C"]

    def test_inactive_activities_are_passed_over(self, run: Run, engine: ScriptedEngine) -> None:
        inactive = {**activity("Mail", "Office365Outlook", "A"), "state": "Inactive"}
        assert run(notebook("A"), inactive, notebook("B", "Mail"))["status"] == "Completed"
        assert engine.names == ["A", "B"]


class TestValues:
    def test_parameters_with_defaults_and_expressions(self, run: Run, engine: ScriptedEngine) -> None:
        done = run(
            notebook(
                "A",
                day=expression("@pipeline().parameters.day"),
                path="Files/@{pipeline().parameters.env}/in",
                n=5,
            ),
            given={"DAY": "2026-01-31", "other": 1},
            parameters={"day": {"type": "string"}, "env": {"type": "string", "defaultValue": "prod"}},
        )
        assert done["status"] == "Completed"
        assert engine.executed[0] == ("A", {"day": "2026-01-31", "path": "Files/prod/in", "n": 5})

    def test_an_exit_value_goes_to_the_next_notebook(self, run: Run, engine: ScriptedEngine) -> None:
        path = "@json(activity('A').output.result.exitValue).path"
        assert run(notebook("A", path="x.csv"), notebook("B", "A", path=path))["status"] == "Completed"
        assert engine.executed[1] == ("B", {"path": "x.csv"})

    def test_variables(self, run: Run, engine: ScriptedEngine) -> None:
        run(
            activity("Set", "SetVariable", variableName="state", value="@concat(variables('state'), '!')"),
            notebook("A", "Set", state="@variables('state')"),
            variables={"state": {"type": "String", "defaultValue": "new"}},
        )
        assert engine.executed == [("A", {"state": "new!"})]

    def test_an_expression_that_cannot_be_evaluated(self, run: Run) -> None:
        failed = run(notebook("A", day="@pipeline().parameters.month"))
        assert "Operation on target A failed: The expression" in message(failed)
        assert "'month' does not exist" in message(failed)


class TestContainers:
    @pytest.mark.parametrize(("full", "expected"), [(True, ["A"]), (False, ["B"])])
    def test_if_condition(self, run: Run, engine: ScriptedEngine, full: bool, expected: list[str]) -> None:
        branch = activity(
            "If full",
            "IfCondition",
            expression=expression("@equals(variables('full'), true)"),
            ifTrueActivities=[notebook("A")],
            ifFalseActivities=[notebook("B")],
        )
        assert run(branch, variables={"full": {"defaultValue": full}})["status"] == "Completed"
        assert engine.names == expected

    def test_for_each(self, run: Run, engine: ScriptedEngine) -> None:
        tables = [{"name": "orders"}, {"name": "dates"}]
        loop = activity(
            "Each",
            "ForEach",
            isSequential=True,
            items=expression('@createArray(json(\'{"name": "orders"}\'), json(\'{"name": "dates"}\'))'),
            activities=[
                notebook("A", table="@item().name"),
                notebook("B", "A", made="@activity('A').output.result.exitValue"),
            ],
        )
        assert run(loop)["status"] == "Completed"
        assert engine.names == ["A", "B", "A", "B"]
        assert [json.loads(made["made"])["table"] for name, made in engine.executed if name == "B"] == [
            table["name"] for table in tables
        ]

    def test_a_failure_inside_is_named_with_its_path(self, run: Run) -> None:
        loop = activity("Each", "ForEach", items=[1, 2], activities=[notebook("FailA")])
        text = message(run(loop))
        assert "Operation on target Each failed: 2 of 2 items failed" in text
        assert "Operation on target FailA failed: Notebook 'FailA'" in text

    def test_a_condition_that_is_none(self, run: Run) -> None:
        branch = activity("If", "IfCondition", expression="yes", ifTrueActivities=[])
        assert "its expression gives 'yes', not true or false" in message(run(branch))


class TestOthers:
    def test_wait_takes_the_clocks_time(
        self, serve: Callable[..., Api], home: Path, engine: ScriptedEngine
    ) -> None:
        write_pipeline(
            home, "Main", activity("Pause", "Wait", waitTimeInSeconds=3600), notebook("A", "Pause")
        )
        api = serve(home, engine=engine, clock=(clock := ManualClock()))
        url = api.start_job("Main", "Pipeline")
        clock.advance(3599)
        assert (api.get_json(url)["status"], engine.names) == ("InProgress", [])
        clock.advance(1)
        assert api.wait(url)["endTimeUtc"].startswith("2026-01-01T01:00:00")
        assert engine.names == ["A"]

    def test_fail(self, run: Run) -> None:
        failed = run(activity("Stop", "Fail", message="no @{variables('what')}", errorCode="E42"),
                     variables={"what": {"defaultValue": "files"}})  # fmt: skip
        assert message(failed) == "Operation on target Stop failed: no files"
        assert failed["failureReason"]["errorCode"] == "E42"

    def test_an_unknown_type_fails_by_name(self, run: Run) -> None:
        text = message(run(activity("Mail", "Office365Outlook")))
        assert "Operation on target Mail failed: the local Fabric does not execute activities of type" in text
        assert "Office365Outlook; it executes Copy, ExecutePipeline, Fail, ForEach" in text

    def test_another_pipeline(self, run: Run, home: Path, engine: ScriptedEngine) -> None:
        write_pipeline(
            home,
            "Child",
            notebook("A", day="@pipeline().parameters.day"),
            logical_id=ENGINE_ID,
            parameters={"day": {"type": "string"}},
        )
        invoke = activity(
            "Run child",
            "InvokePipeline",
            operationType="InvokeFabricPipeline",
            pipelineId=ENGINE_ID,
            workspaceId="00000000-0000-0000-0000-000000000000",
            waitOnCompletion=True,
            parameters={"day": "@concat('2026', '-01')"},
        )
        old = activity(
            "Old",
            "ExecutePipeline",
            "Run child",
            pipeline={"referenceName": "Child"},
            parameters={"day": "x"},
        )
        assert run(invoke, old)["status"] == "Completed"
        assert engine.executed == [("A", {"day": "2026-01"}), ("A", {"day": "x"})]

    def test_a_pipeline_that_invokes_itself_ends(self, run: Run) -> None:
        failed = run(activity("Again", "InvokePipeline", pipelineName="Main"))
        assert "Pipelines invoke each other more than 16 deep" in message(failed)

    def test_a_missing_notebook_shows_the_nearest(self, run: Run) -> None:
        assert "The Notebook 'FailB' was not found in workspace 'Local'; nearest: 'FailA'" in (
            message(run(notebook("X", run="FailB")))
        )


class TestPolicy:
    def test_retries(self, run: Run, engine: ScriptedEngine) -> None:
        engine.failures_left["A"] = 2
        policy = {"retry": 2, "retryIntervalInSeconds": 0}
        assert run(notebook("A", policy=policy))["status"] == "Completed"
        assert engine.names == ["A", "A", "A"]

    def test_a_time_out_cancels_the_notebook(self, run: Run, engine: ScriptedEngine) -> None:
        failed = run(notebook("Never", policy={"timeout": "0.00:00:01"}))
        assert (
            message(failed) == "Operation on target Never failed: it did not end within its time-out of 1 s"
        )
        assert engine.cancelled == ["Never"]


class TestCancel:
    def test_it_cancels_what_runs_below(
        self, serve: Callable[..., Api], home: Path, engine: ScriptedEngine
    ) -> None:
        write_pipeline(home, "Child", notebook("Never"))
        write_pipeline(
            home, "Main", activity("Run", "InvokePipeline", pipelineName="Child"), notebook("A", "Run")
        )
        api = serve(home, engine=engine)
        url = api.start_job("Main", "Pipeline")
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not engine.names:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert api.post(f"{url}/cancel").status_code == 202
        assert api.wait(url)["status"] == "Cancelled"
        assert (engine.names, engine.cancelled) == (["Never"], ["Never"])
        for name in ("Child", "Never"):
            (child,) = api.get_json(f"{api.item(name)}/jobs/instances")["value"]
            assert child["status"] == "Cancelled"


class TestDefinitions:
    @pytest.mark.parametrize(
        ("activities", "reason"),
        [
            pytest.param(
                [notebook("A", "X")], "activity 'A' depends on 'X', which is not there", id="missing"
            ),
            pytest.param(
                [notebook("A", "B"), notebook("B", "A")], "'A', 'B' depend on each other", id="circle"
            ),
            pytest.param([notebook("A"), notebook("A")], "two activities have the same name", id="twice"),
            pytest.param([{"name": "A"}], "each activity needs the texts 'name' and 'type'", id="no-type"),
            pytest.param(
                [notebook("A", policy={"timeout": "1h"})], "the policy of activity 'A'", id="policy"
            ),
            pytest.param([notebook("A", "A:Maybe")], "dependency condition 'Maybe'", id="condition"),
        ],
    )
    def test_a_bad_one_fails_before_anything_runs(
        self, run: Run, engine: ScriptedEngine, activities: list[Any], reason: str
    ) -> None:
        failed = run(*activities)
        assert message(failed).startswith("Pipeline 'Main': ")
        assert reason in message(failed)
        assert engine.names == []

    def test_a_parameter_without_a_value(self, run: Run) -> None:
        failed = run(notebook("A"), parameters={"day": {"type": "string"}})
        assert "its parameter 'day' has no default value, and none was given" in message(failed)
