"""Partitions in the YAML: which there are, how a backfill is cut, and how notebooks are told."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster.components.resolved import core_models
from dagster.components.testing import create_defs_folder_sandbox

from fabric_assets import FabricWorkspaceComponent
from fabric_assets.component.partition_settings import BackfillSettings, PartitionSettings
from fabric_assets.local import ServedFabric
from tests.component.places import component, copy_table, definitions, order, shop, specs, write_notebook
from tests.component.test_yaml import refusal
from tests.conftest import Simulate, resource

DAILY = {"type": "daily", "start_date": "2026-01-01", "timezone": "Europe/Berlin"}
MONTHS = dg.MonthlyPartitionsDefinition("2026-01-01", timezone="Europe/Berlin")
MONTHLY = {"type": "monthly", "start_date": "2026-01-01", "timezone": "Europe/Berlin"}


def served(fabric: ServedFabric, **attributes: Any) -> dg.Definitions:
    """The definitions of the component with a resource for the local Fabric."""
    made = dg.build_defs_for_component(component(resource="fabric", **attributes))
    return dg.Definitions.merge(made, dg.Definitions(resources={"fabric": resource(fabric)}))


def run(made: dg.Definitions, partition: str) -> dg.ExecuteInProcessResult:
    job = made.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(partition_key=partition, raise_on_error=False)


def test_a_monthly_fact_gets_its_month_and_the_dimension_has_no_partitions(
    simulate: Simulate, tmp_path: Path
) -> None:
    fabric = simulate(notebooks=["Load_DimStore", "Load_DimDate", "Load_FactSales"])
    arguments = {
        "month": {"partition_key": True},
        "since": {"partition_start": "%Y%m%d"},
        "until": {"partition_end": "%d.%m.%Y"},
        "first": {"partition_start": True},
    }
    made = served(
        fabric,
        source=shop(tmp_path / "w"),
        notebooks={"Load_FactSales": {"partitions": MONTHLY, "arguments": arguments}},
    )

    assert run(made, "2026-02-01").success
    sent = {started.item_name: dict(started.parameters) for started in fabric.started}
    assert sent["Load_FactSales"] == {
        "month": "2026-02-01",
        "since": "20260201",
        "until": "01.03.2026",
        "first": "2026-02-01",
    }
    assert sent["Load_DimStore"] == {}
    assert specs(made)["FactSales"].partitions_def == MONTHS
    assert specs(made)["DimStore"].partitions_def is None


def test_defaults_are_for_all_that_do_not_say_otherwise(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = definitions(
        source=shop(tmp_path / "w"),
        include=["Load_*"],
        defaults={
            "partitions": DAILY,
            "backfill_policy": {"type": "multi_run", "max_partitions_per_run": 7},
            "arguments": {"first": {"partition_start": True}, "last": {"partition_end": True}},
        },
        notebooks={
            "Load_DimStore": {"partitions": False},
            "Load_DimDate": {"partitions": MONTHLY, "backfill_policy": {"type": "single_run"}},
        },
    )
    found = specs(made)
    policies = {
        key: made.resolve_assets_def(dg.AssetKey(key)).backfill_policy for key in found if "/" not in key
    }

    assert found["FactSales"].partitions_def == dg.DailyPartitionsDefinition(
        "2026-01-01", timezone="Europe/Berlin"
    )
    assert found["DimStore"].partitions_def is None
    assert found["DimDate"].partitions_def == MONTHS
    assert policies == {
        "FactSales": dg.BackfillPolicy.multi_run(7),
        "DimDate": dg.BackfillPolicy.single_run(),
        "DimStore": None,
    }
    assert "fabric/arguments" not in found["DimStore"].metadata
    assert not caplog.records


def test_each_table_of_a_notebook_has_its_partitions(simulate: Simulate, tmp_path: Path) -> None:
    fabric = simulate(notebooks=["Load_Both"])
    write_notebook(tmp_path / "w", "Load_Both", copy_table("landing.a", "a"), copy_table("landing.b", "b"))
    made = served(
        fabric,
        source=tmp_path / "w",
        assets="tables",
        defaults={"partitions": DAILY, "arguments": {"day": {"partition_key": True}}},
    )

    result = run(made, "2026-02-01")

    events = result.asset_materializations_for_node("Both")
    assert {(event.asset_key.path[-1], event.partition) for event in events} == {
        ("a", "2026-02-01"),
        ("b", "2026-02-01"),
    }
    assert [dict(started.parameters) for started in fabric.started] == [{"day": "2026-02-01"}]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"type": "hourly", "start_date": "2026-01-01-05:00", "minute_offset": 30},
            dg.HourlyPartitionsDefinition("2026-01-01-05:00", minute_offset=30),
        ),
        (
            {"type": "weekly", "start_date": "2026-01-01", "day_offset": 1, "end_offset": 1},
            dg.WeeklyPartitionsDefinition("2026-01-01", day_offset=1, end_offset=1),
        ),
        (
            {"type": "daily", "start_date": "2026-01-01", "end_date": "2026-02-01", "hour_offset": 6},
            dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-02-01", hour_offset=6),
        ),
        (
            {"type": "time_window", "start_date": "2026", "fmt": "%Y", "cron_schedule": "0 0 1 1 *"},
            dg.TimeWindowPartitionsDefinition(start="2026", fmt="%Y", cron_schedule="0 0 1 1 *"),
        ),
        ({"type": "static", "partition_keys": ["eu", "us"]}, dg.StaticPartitionsDefinition(["eu", "us"])),
        ({"type": "dynamic", "name": "customers"}, dg.DynamicPartitionsDefinition(name="customers")),
    ],
)
def test_every_kind_of_partitions_is_dagsters_own(
    settings: dict[str, Any], expected: dg.PartitionsDefinition
) -> None:
    made = definitions(
        notebooks={"Load_A": {"partitions": settings, "arguments": {"key": {"partition_key": True}}}}
    )

    assert specs(made)["A"].partitions_def == expected


def test_the_syntax_is_that_of_dagsters_own_yaml() -> None:
    kinds = {
        core_models.HourlyPartitionsDefinitionModel: "hourly",
        core_models.DailyPartitionsDefinitionModel: "daily",
        core_models.WeeklyPartitionsDefinitionModel: "weekly",
        core_models.TimeWindowPartitionsDefinitionModel: "time_window",
        core_models.StaticPartitionsDefinitionModel: "static",
    }
    for model, kind in kinds.items():
        assert model.model_fields["type"].default == kind
        assert set(model.model_fields) <= set(PartitionSettings.model_fields)
    assert set(core_models.MultiRunBackfillPolicyModel.model_fields) == set(BackfillSettings.model_fields)


def test_notebooks_that_are_not_told_their_partition_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    definitions(
        source=shop(tmp_path / "w"),
        defaults={"partitions": DAILY, "arguments": {"recreate": False}},
        notebooks={
            "Load_FactSales": {"arguments": {"day": {"partition_key": True}}},
            "Load_DimDate": {"partitions": False},
        },
    )

    (record,) = caplog.records
    assert record.getMessage().startswith(
        "attributes.defaults.partitions: Load_DimStore: no argument tells the notebook which partition"
    )


@pytest.mark.parametrize(("policy", "told"), [("multi_run", True), ("single_run", False)])
def test_a_notebook_that_speaks_can_ask_for_a_single_partition(
    caplog: pytest.LogCaptureFixture, policy: str, told: bool
) -> None:
    definitions(
        defaults={"pipes": True, "compute": {"default_lakehouse": "Curated"}},
        notebooks={"Load_A": {"partitions": DAILY, "backfill_policy": {"type": policy}}},
    )

    assert bool(caplog.records) is not told


def test_a_backfill_in_a_single_run_tells_where_its_partitions_begin_and_end(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["Load_A"])
    made = served(
        fabric,
        defaults={"partitions": DAILY, "backfill_policy": {"type": "single_run"}},
        notebooks={
            "Load_A": {
                "arguments": {"since": {"partition_start": True}, "until": {"partition_end": "%Y%m%d"}}
            }
        },
    )
    job = made.resolve_implicit_global_asset_job_def()
    tags = {
        "dagster/asset_partition_range_start": "2026-02-01",
        "dagster/asset_partition_range_end": "2026-02-03",
    }

    result = job.execute_in_process(tags=tags, raise_on_error=False)

    assert {e.partition for e in result.asset_materializations_for_node("A")} == {
        "2026-02-01",
        "2026-02-02",
        "2026-02-03",
    }
    assert [dict(s.parameters) for s in fabric.started] == [{"since": "2026-02-01", "until": "20260204"}]


def test_partitions_of_post_processing_start_nothing(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["Load_A"])
    with create_defs_folder_sandbox() as sandbox:
        place = sandbox.scaffold_component(component_cls=FabricWorkspaceComponent)
        (place / "defs.yaml").write_text(
            "type: fabric_assets.FabricWorkspaceComponent\n"
            "attributes: {resource: fabric, notebooks: {Load_A: {}}}\n"
            "post_processing:\n"
            "  assets:\n"
            '  - attributes: {partitions_def: {type: daily, start_date: "2026-01-01"}}\n'
        )
        with sandbox.build_all_defs() as made:
            made = dg.Definitions.merge(made, dg.Definitions(resources={"fabric": resource(fabric)}))
            result = run(made, "2026-02-01")

    (event,) = [e for e in result.all_events if e.event_type_value == "STEP_FAILURE"]
    assert "as `partitions` in the YAML" in event.step_failure_data.user_failure_data.description
    assert not fabric.started


def test_differently_partitioned_notebooks_depend_on_each_other_as_dagster_maps_them(tmp_path: Path) -> None:
    arguments = {"arguments": {"first": {"partition_start": True}}}
    made = definitions(
        source=shop(tmp_path / "w"),
        include=["Load_*"],
        notebooks={
            "Load_DimStore": {"partitions": DAILY, **arguments},
            "Load_FactSales": {"partitions": MONTHLY, **arguments},
        },
    )
    graph = made.resolve_asset_graph()
    mapping = graph.get_partition_mapping(dg.AssetKey("FactSales"), dg.AssetKey("DimStore"))

    assert order(made)["FactSales"] == {"DimStore", "DimDate"}
    assert isinstance(mapping, dg.TimeWindowPartitionMapping)


def test_a_job_of_different_partitions_is_refused_and_a_calling_notebook_is_no_job(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings: dict[str, Any] = {
        "source": shop(tmp_path / "w"),
        "defaults": {"arguments": {"key": {"partition_key": True}}},
        "notebooks": {"Load_DimStore": {"partitions": DAILY}, "Load_FactSales": {"partitions": MONTHLY}},
    }
    made = definitions(**settings)

    assert not made.jobs
    assert "notebook Run_All is no job here" in caplog.text
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"jobs\.nightly: Load_DimStore \(Daily"):
        definitions(jobs={"nightly": {"notebooks": ["DimStore", "FactSales"]}}, **settings)
    small = definitions(jobs={"facts": {"notebooks": ["DimDate", "FactSales"]}}, **settings)
    assert small.resolve_job_def("facts").partitions_def == MONTHS


@pytest.mark.parametrize(
    ("text", "line", "key", "what"),
    [
        pytest.param("partitions: {type: dayly}", 5, "X.partitions", "'daily'", id="kind"),
        pytest.param("partitions: {type: monthly}", 5, "X.partitions", "needs `start_date`", id="no-start"),
        pytest.param(
            "partitions: {type: static, start_date: '2026'}",
            5,
            "X.partitions",
            "`type: static` has no 'start_date'; it has partition_keys",
            id="of-another-kind",
        ),
        pytest.param(
            "partitions: {type: daily, start_date: 2026-13-01}", 5, "X.partitions", "2026-13-01", id="date"
        ),
        pytest.param(
            "partitions: {type: daily, start_date: 2026-01-01, timezone: Berlin}",
            5,
            "X.partitions",
            "No time zone found with key Berlin",
            id="timezone",
        ),
        pytest.param(
            "partitions: {type: static, partition_keys: []}", 5, "partition_keys", "at least", id="none"
        ),
        pytest.param(
            "backfill_policy: {type: single_run}", 5, "X.backfill_policy", "no `partitions`", id="policy"
        ),
        pytest.param(
            "arguments: {day: {partition_key: true}}",
            5,
            "X.arguments.day",
            "X has no partitions; give it some with `partitions`",
            id="no-partitions",
        ),
        pytest.param(
            "arguments: {day: {partitionkey: true}}", 5, "X.arguments.day", "Extra inputs", id="unknown-form"
        ),
        pytest.param(
            "arguments: {day: {partition_start: yyyy}}",
            5,
            "X.arguments.day",
            "no format of a time",
            id="format",
        ),
        pytest.param(
            "arguments: {day: {partition_start: true, partition_end: true}}",
            5,
            "X.arguments.day",
            "it must have one of",
            id="two-forms",
        ),
        pytest.param(
            "{partitions: {type: static, partition_keys: [a]}, arguments: {day: {partition_end: '%Y'}}}",
            5,
            "X.arguments.day",
            "no spans of time",
            id="format-of-no-time",
        ),
        pytest.param(
            "{partitions: {type: daily, start_date: 2026-01-01}, backfill_policy: {type: single_run}, "
            "arguments: {day: {partition_key: true}}}",
            5,
            "X",
            "no single partition",
            id="key-of-a-range",
        ),
    ],
)
def test_errors_name_file_line_and_key(tmp_path: Path, text: str, line: int, key: str, what: str) -> None:
    message = refusal(tmp_path, f"  notebooks:\n    X:\n      {text}\n")

    assert f"defs.yaml:{line}" in message or f"defs.yaml:{line - 1}" in message, message
    assert key in message
    assert what in message
