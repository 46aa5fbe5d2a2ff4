"""What a notebook says with dagster-pipes, and what becomes of it in Dagster."""

import json
import logging
import threading
from typing import Any

import dagster as dg
import pytest
from dagster_pipes import PipesContext, PipesUnityCatalogVolumesMessageWriter

from fabric_assets import ComputeSettings, notebook_asset
from fabric_assets.pipes.settings import PARAMETER, PipesFiles
from tests.pipes.conftest import Studio, failed, known, log_lines, talk


def report(pipes: PipesContext) -> str | None:
    pipes.log.info("loading")
    pipes.log.warning("odd rows")
    pipes.log.log(25, "in between")
    pipes.log.debug("first line\nsecond line")
    pipes.report_asset_materialization({"rows": 7, "page": {"raw_value": "https://x.y", "type": "url"}})
    pipes.report_custom_message({"seen": [1, 2]})
    pipes.close()
    return json.dumps({"row_count": 7})


def test_log_lines_and_metadata_arrive_in_one_materialization(studio: Studio) -> None:
    studio.engine.speak = report
    with dg.DagsterInstance.ephemeral() as instance:
        result = studio.materialize(talk(), instance=instance)
        lines = log_lines(instance, result.run_id)
        warnings = log_lines(instance, result.run_id, logging.WARNING)

    assert result.success
    told = known(result)
    assert (told["rows"], told["page"], told["dagster/row_count"]) == (7, "https://x.y", 7)
    assert told["fabric/custom_messages"] == [{"seen": [1, 2]}]
    assert told["fabric/parameters"] == {}
    assert {"loading", "in between", "first line\nsecond line"} <= set(lines)
    assert warnings == ["odd rows"]


def test_the_notebook_learns_about_the_step(studio: Studio) -> None:
    seen: dict[str, Any] = {}

    def speak(pipes: PipesContext) -> None:
        seen.update(asset=pipes.asset_key, partition=pipes.partition_key, run=pipes.run_id)

    studio.engine.speak = speak
    by_day = talk(partitions_def=dg.StaticPartitionsDefinition(["north", "south"]), arguments={"deep": True})

    result = studio.materialize(by_day, partition_key="south")

    assert seen == {"asset": "Talk", "partition": "south", "run": result.run_id}
    assert studio.engine.parameters[0]["deep"] is True


def test_what_the_notebook_says_arrives_while_it_runs(studio: Studio) -> None:
    heard = threading.Event()

    def speak(pipes: PipesContext) -> None:
        pipes.log.info("half way")
        assert heard.wait(60), "the line never arrived"
        pipes.close()

    def listen(entry: dg.EventLogEntry, _cursor: str) -> None:
        if entry.user_message == "half way":
            heard.set()

    studio.engine.speak = speak
    with dg.instance_for_test() as instance:
        watched = threading.Thread(target=watch, args=(instance, listen, heard), daemon=True)
        watched.start()
        result = studio.materialize(talk(), instance=instance)
        watched.join(10)
    assert result.success


def watch(instance: dg.DagsterInstance, listen: Any, heard: threading.Event) -> None:
    """Look at the log of the one run until the line is there."""
    while not heard.wait(0.05):
        for run in instance.get_runs():
            for entry in instance.all_logs(run.run_id):
                listen(entry, "")


def test_declared_checks_get_their_results_and_others_a_warning(studio: Studio) -> None:
    def speak(pipes: PipesContext) -> str:
        pipes.report_asset_check("keys", passed=False, severity="WARN", metadata={"double": 3})
        pipes.report_asset_check("surprise", passed=True)
        pipes.close()
        return json.dumps({"checks": {"rows": True}})

    studio.engine.speak = speak
    checks = [dg.AssetCheckSpec(name, asset="Talk") for name in ("keys", "rows", "silent")]
    with dg.DagsterInstance.ephemeral() as instance:
        result = studio.materialize(talk(check_specs=checks), instance=instance)
        (warning,) = log_lines(instance, result.run_id, logging.WARNING)

    evaluations = {e.check_name: e for e in result.get_asset_check_evaluations()}
    assert {name: e.passed for name, e in evaluations.items()} == {
        "keys": False,
        "rows": True,
        "silent": False,
    }
    assert evaluations["keys"].severity is dg.AssetCheckSeverity.WARN
    assert evaluations["keys"].metadata["double"].value == 3
    assert "check 'surprise' of asset Talk (passed), which is not declared" in warning


def test_each_table_of_a_notebook_gets_its_own_metadata(studio: Studio) -> None:
    def speak(pipes: PipesContext) -> None:
        pipes.report_asset_materialization({"rows": 1}, asset_key="sales/a", data_version="v1")
        pipes.report_asset_check("full", passed=True, asset_key="sales/a")
        with pytest.raises(Exception, match="multiple assets"):
            pipes.report_asset_materialization({"rows": 3})
        pipes.close()

    studio.engine.speak = speak
    tables = [dg.AssetSpec(["sales", "a"]), dg.AssetSpec(["sales", "b"])]
    both = notebook_asset(
        "load",
        retry=0,
        notebook="Talk",
        tables=tables,
        pipes=PipesFiles(lakehouse="Curated"),
        check_specs=[dg.AssetCheckSpec("full", asset=dg.AssetKey(["sales", "a"]))],
    )

    result = studio.materialize(both)

    told = {m.asset_key.to_user_string(): m for m in result.asset_materializations_for_node("load")}
    assert told["sales/a"].metadata["rows"].value == 1
    assert told["sales/a"].tags["dagster/data_version"] == "v1"
    assert "rows" not in told["sales/b"].metadata
    assert [e.passed for e in result.get_asset_check_evaluations()] == [True]


def test_what_had_arrived_before_a_failure_is_kept(studio: Studio) -> None:
    def speak(pipes: PipesContext) -> None:
        pipes.log.error("the source is empty")
        pipes.report_asset_materialization({"rows": 0})
        raise RuntimeError("boom")

    studio.engine.speak = speak
    with dg.DagsterInstance.ephemeral() as instance:
        result = studio.materialize(talk(), instance=instance)
        errors = log_lines(instance, result.run_id, logging.ERROR)

    assert not result.success
    assert errors == ["the source is empty"]
    assert failed(result).metadata["rows"].value == 0
    assert "boom" in failed(result).description
    assert not result.asset_materializations_for_node("Talk")


def test_an_exception_in_the_notebook_is_in_the_log_with_its_stack(studio: Studio) -> None:
    def speak(pipes: PipesContext) -> None:
        with pipes:
            raise ValueError("no such column")

    studio.engine.speak = speak
    with dg.DagsterInstance.ephemeral() as instance:
        result = studio.materialize(talk(), instance=instance)
        events = [e.dagster_event for e in instance.all_logs(result.run_id) if e.dagster_event]

    (said,) = [e.engine_event_data.error for e in events if e.is_engine_event and e.engine_event_data.error]
    assert "no such column" in said.message


def test_a_retry_reads_its_own_messages(studio: Studio) -> None:
    def speak(pipes: PipesContext) -> None:
        attempt = len(studio.engine.parameters)
        pipes.log.info(f"attempt {attempt}")
        pipes.report_asset_materialization({"attempt": attempt})
        if attempt == 1:
            raise RuntimeError("once")
        pipes.close()

    studio.engine.speak = speak
    with dg.DagsterInstance.ephemeral() as instance:
        result = studio.materialize(talk(retry=1, retry_interval_seconds=0), instance=instance)
        lines = log_lines(instance, result.run_id)

    assert known(result)["attempt"] == 2
    assert [line for line in lines if line.startswith("attempt")] == ["attempt 1", "attempt 2"]


@pytest.mark.parametrize("keep", [False, True])
def test_files_are_removed_unless_they_are_to_be_kept(studio: Studio, keep: bool) -> None:
    studio.materialize(talk(PipesFiles(lakehouse="Curated", keep=keep)))

    assert len(list(studio.folder.iterdir())) == keep


def test_what_is_no_message_is_a_warning_and_is_kept(studio: Studio) -> None:
    def speak(pipes: PipesContext) -> None:
        with studio.messages_file.open("ab") as file:
            file.write(b'not json\n{"method": "dance", "params": {}}\n[1]\n\xff\xfe\n\n')
            file.write(b'{"method": "log", "params": {"message": 1}}\n')
            file.write(b'{"method": "log", "params": {"message": "' + b"x" * 2_000_000 + b'"}}\n')
        pipes.report_asset_materialization({"rows": 1})
        pipes.close()

    studio.engine.speak = speak
    with dg.DagsterInstance.ephemeral() as instance:
        result = studio.materialize(talk(), instance=instance)
        warnings = log_lines(instance, result.run_id, logging.WARNING)

    assert known(result)["rows"] == 1
    assert [warning.split(" of the notebook")[0] for warning in warnings[:-1]] == [
        f"message {number}" for number in range(2, 8)
    ]
    assert "not json" in warnings[0]
    assert "Unknown message method: dance" in warnings[1]
    assert "is longer than" in warnings[5]
    assert f"they are kept in {studio.messages_file}" in warnings[-1]


def test_a_notebook_that_says_nothing_is_told_where_it_should_have_written(studio: Studio) -> None:
    def speak(pipes: PipesContext) -> None:
        studio.messages_file.unlink()

    studio.engine.speak = speak
    with dg.DagsterInstance.ephemeral() as instance:
        result = studio.materialize(talk(), instance=instance)
        (warning,) = log_lines(instance, result.run_id, logging.WARNING)

    assert result.success
    assert "did not receive any messages" in warning
    assert f'`{PARAMETER} = "{{}}"`' in warning


def test_messages_in_chunks_arrive(studio: Studio) -> None:
    studio.engine.speak = report
    studio.engine.writer = lambda: PipesUnityCatalogVolumesMessageWriter(interval=0)

    result = studio.materialize(talk(PipesFiles(lakehouse="Curated", chunks=True)))

    assert known(result)["rows"] == 7
    assert not list(studio.folder.iterdir())


def test_output_that_the_notebook_sends_is_logged(studio: Studio) -> None:
    def speak(pipes: PipesContext) -> None:
        pipes.log_external_stream("stdout", "printed\n")
        pipes.close()

    studio.engine.speak = speak
    with dg.DagsterInstance.ephemeral() as instance:
        result = studio.materialize(talk(), instance=instance)

        assert "stdout: printed" in log_lines(instance, result.run_id)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param({"pipes": True}, "asset Talk: pipes: no lakehouse is configured", id="no lakehouse"),
        pytest.param(
            {
                "pipes": PipesFiles(lakehouse="Base"),
                "compute": ComputeSettings(default_lakehouse="Curated"),
            },
            "and that is 'Curated' by the compute settings, not 'Base'",
            id="another default lakehouse",
        ),
        pytest.param({"pipes": PipesFiles(lakehouse="X", folder="../up")}, "`folder` must be", id="folder"),
        pytest.param({"pipes": PipesFiles(lakehouse="X", mount="here")}, "`mount` must be", id="mount"),
        pytest.param({"pipes": PipesFiles(workspace="X")}, "but no `lakehouse`", id="workspace alone"),
        pytest.param({"pipes": PipesFiles(lakehouse="X", poll_seconds=0)}, "`poll_seconds` must", id="poll"),
        pytest.param(
            {"pipes": PipesFiles(lakehouse="X"), "arguments": {"Dagster_Pipes_Params": ""}},
            "is set by `pipes`",
            id="argument",
        ),
    ],
)
def test_what_cannot_work_is_refused_when_the_asset_is_defined(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=problem):
        talk(**options)


def test_a_lakehouse_that_is_not_there_fails_the_asset_by_its_name(studio: Studio) -> None:
    result = studio.materialize(talk(PipesFiles(lakehouse="Curatd")))

    said = failed(result).description
    assert "there is no Lakehouse 'Curatd' (from `pipes` of asset Talk)" in said
    assert "Nearest: 'Curated'" in said
    assert not studio.fabric.started


def test_the_compute_settings_name_the_lakehouse(studio: Studio) -> None:
    studio.engine.speak = report

    result = studio.materialize(talk(True, compute=ComputeSettings(default_lakehouse="Curated")))

    assert known(result)["rows"] == 7


def test_the_folder_of_another_local_fabric_is_not_taken(studio: Studio, tmp_path: Any) -> None:
    other = studio.resource(local_home=str(tmp_path / "other"))

    result = dg.materialize([talk()], resources={"fabric": other}, raise_on_error=False)

    assert "Set FABRIC_LOCAL_HOME" in failed(result).description


def test_one_notebook_speaks_for_a_range_of_partitions(studio: Studio) -> None:
    studio.engine.speak = report
    months = talk(
        partitions_def=dg.MonthlyPartitionsDefinition(start_date="2026-01-01"),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    ends = {"start": "2026-01-01", "end": "2026-03-01"}

    result = studio.materialize(
        months, tags={f"dagster/asset_partition_range_{end}": key for end, key in ends.items()}
    )

    told = result.asset_materializations_for_node("Talk")
    assert sorted(str(event.partition) for event in told) == ["2026-01-01", "2026-02-01", "2026-03-01"]
    assert {event.metadata["rows"].value for event in told} == {7}
