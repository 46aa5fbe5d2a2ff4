"""Ready-made checks, in the run of their asset and by themselves, against the local Fabric over real HTTP."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from fabric_assets import RowCountBounds, build_table_checks, fabric_executor, notebook_asset
from tests.executor.running import run
from tests.tables.conftest import Lake, dim_x
from tests.tables.delta_tables import change_times, drop_statistics, need_features, rewrite_log, write

Results = dict[str, dg.AssetCheckEvaluation]

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def table(lake: Lake, request: pytest.FixtureRequest) -> Path:
    """The folder of a table of this test alone, ``Curated.<its name>``."""
    return lake.table("t" + "".join(c if c.isalnum() else "_" for c in request.node.name))


def results(result: dg.ExecuteInProcessResult) -> Results:
    return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}


def by_themselves(lake: Lake, assets: Sequence[Any], instance: dg.DagsterInstance | None = None) -> Results:
    result = lake.materialize(list(assets), instance, selection=dg.AssetSelection.all_asset_checks())
    assert result.success
    assert not result.get_asset_materialization_events()
    return results(result)


def text(evaluation: dg.AssetCheckEvaluation) -> str:
    return evaluation.description or ""


def values(evaluation: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {key: entry.value for key, entry in evaluation.metadata.items()}


def named(table: Path) -> dg.AssetsDefinition:
    return dim_x(table=f"Curated.{table.name}")


def test_all_checks_pass_in_the_run_of_their_asset(
    lake: Lake, table: Path, instance: dg.DagsterInstance
) -> None:
    write(table, id=[1, 2], code=["a", "b"])
    asset = named(table)
    checks = build_table_checks(
        [asset],
        keys=[["id"], ["code", "id"]],
        row_count=0.2,
        schema="unchanged",
        freshness=timedelta(days=1),
    )

    result = lake.materialize([asset, *checks], instance)

    assert result.success
    found = results(result)
    assert {name: evaluation.passed for name, evaluation in found.items()} == {
        "table_not_empty": True,
        "unique_keys": True,
        "row_count_in_bounds": True,
        "column_schema_change": True,
        "table_fresh": True,
    }
    assert text(found["table_not_empty"]) == "2 rows."
    assert values(found["unique_keys"])["fabric/table_version"] == 0


def test_checks_see_the_table_as_it_is_when_they_run_by_themselves(lake: Lake, table: Path) -> None:
    write(table, id=[1, 1, None], part=["a", "a", "b"])
    asset = named(table)
    checks = build_table_checks([asset], keys=["ID", "part"], severity=WARN)

    found = by_themselves(lake, [asset, *checks])

    keys = found["unique_keys"]
    assert (keys.passed, keys.severity) == (False, WARN)
    assert text(keys) == "id is null in 1 rows.\n1 value occurs more than once in id, part."
    told = values(keys)
    assert told["fabric/duplicates"] == [{"id": 1, "part": "a", "rows": 2}]
    assert (told["fabric/duplicate_keys"], told["fabric/null_keys"]) == (1, 1)
    assert found["table_not_empty"].passed


def test_values_of_keys_are_not_shown_if_they_must_not_be(lake: Lake, table: Path) -> None:
    write(table, mail=["ada@example.com", "ada@example.com"])
    asset = named(table)

    found = by_themselves(lake, [asset, *build_table_checks([asset], keys=["mail"], examples=0)])

    assert not found["unique_keys"].passed
    assert "ada" not in f"{text(found['unique_keys'])} {values(found['unique_keys'])}"


@pytest.mark.parametrize("statistics", [True, False], ids=["statistics", "no-statistics"])
@pytest.mark.parametrize("ids", [[], [1]], ids=["empty", "not-empty"])
def test_an_empty_table_is_found(lake: Lake, table: Path, ids: list[int], statistics: bool) -> None:
    write(table, id=ids)
    if not statistics:
        drop_statistics(table)
    asset = named(table)

    found = by_themselves(lake, [asset, *build_table_checks([asset])])["table_not_empty"]

    assert found.passed is bool(ids)
    assert ids or text(found) == "The table is empty."


def test_checks_of_a_table_that_is_not_there_fail_with_what_to_do(lake: Lake) -> None:
    asset = dim_x(table="Curated.nowhere")

    found = by_themselves(lake, [asset, *build_table_checks([asset], keys=["id"])])

    for name in ("table_not_empty", "unique_keys"):
        assert not found[name].passed
        assert text(found[name]).startswith("asset DimX: table Curated.nowhere: there is no Delta table in ")
        assert "Check the name" in text(found[name])


def test_a_check_of_a_log_that_is_newer_than_the_reader_fails_with_what_to_do(
    lake: Lake, table: Path
) -> None:
    need_features(write(table, id=[1]), "timeMachine")
    asset = named(table)

    found = by_themselves(lake, [asset, *build_table_checks([asset])])["table_not_empty"]

    assert not found.passed
    assert f"asset DimX: table Curated.{table.name}: it needs a newer Delta reader" in text(found)


def test_an_unknown_key_column_fails_one_check_and_names_the_nearest(lake: Lake, table: Path) -> None:
    write(table, customer_key=[1], name=["a"])
    asset = named(table)

    found = by_themselves(lake, [asset, *build_table_checks([asset], keys=["customer_id"])])

    assert found["table_not_empty"].passed
    assert text(found["unique_keys"]) == (
        f"asset DimX: table Curated.{table.name} has no column 'customer_id', which the check's `keys` name. "
        "Nearest: customer_key."
    )


def test_a_table_that_nobody_here_loads_can_be_checked(lake: Lake, table: Path) -> None:
    write(table, id=[1, 1])
    orders = dg.AssetSpec("orders", metadata={"fabric/table": f"Curated.{table.name}"})

    found = by_themselves(lake, [orders, *build_table_checks([orders], keys=["id"])])

    assert {name: evaluation.passed for name, evaluation in found.items()} == {
        "table_not_empty": True,
        "unique_keys": False,
    }


@pytest.mark.parametrize("executor", ["in-process", "fabric"])
def test_only_a_check_that_blocks_keeps_the_assets_downstream(
    lake: Lake, table: Path, instance: dg.DagsterInstance, executor: str
) -> None:
    write(table, id=[1, 1])
    asset = named(table)
    after = notebook_asset("After", notebook="LoadDimX", deps=[asset])

    def loaded(**options: Any) -> set[str]:
        definitions = dg.Definitions(
            assets=[asset, after],
            asset_checks=build_table_checks([asset], keys=["id"], **options),
            resources={"fabric": lake.resource()},
            executor=fabric_executor if executor == "fabric" else dg.in_process_executor,
        )
        ran = run(instance, definitions.resolve_implicit_global_asset_job_def())
        assert len(ran.events(dg.DagsterEventType.ASSET_CHECK_EVALUATION)) == 2
        events = ran.events(dg.DagsterEventType.ASSET_MATERIALIZATION)
        return {entry.get_dagster_event().asset_key.to_user_string() for entry in events}

    assert loaded() == {"DimX", "After"}
    assert loaded(blocking={"not_empty"}) == {"DimX", "After"}
    assert loaded(blocking=True, severity={"keys": WARN}) == {"DimX", "After"}
    assert loaded(blocking={"keys"}) == {"DimX"}


def test_a_column_that_is_gone_is_found_at_the_materialization_after(
    lake: Lake, table: Path, instance: dg.DagsterInstance
) -> None:
    asset = named(table)
    checks = build_table_checks([asset], schema="widened", blocking=True)

    def load(**columns: list[Any]) -> dg.AssetCheckEvaluation:
        write(table, **columns)
        return results(lake.materialize([asset, *checks], instance))["column_schema_change"]

    assert load(id=[1]).passed
    assert load(id=[1], code=["a"]).passed
    gone = load(id=[1])
    assert (gone.passed, text(gone)) == (False, "Column code (string) is gone.")


@pytest.mark.parametrize("blocking", [False, True], ids=["not-blocking", "blocking"])
def test_a_new_column_is_a_change(
    lake: Lake, table: Path, instance: dg.DagsterInstance, blocking: bool
) -> None:
    asset = named(table)
    checks = build_table_checks([asset], not_empty=False, schema="unchanged", blocking=blocking)

    def load(**columns: list[Any]) -> dg.AssetCheckEvaluation:
        write(table, **columns)
        return results(lake.materialize([asset, *checks], instance))["column_schema_change"]

    assert load(id=[1]).passed
    changed = load(id=[1], code=["a"])
    assert (changed.passed, changed.severity) == (False, ERROR)
    assert "code" in text(changed)


def test_a_table_that_shrinks_is_found(lake: Lake, table: Path, instance: dg.DagsterInstance) -> None:
    asset = named(table)
    bounds = RowCountBounds(fewer=0.1, more=None, at_least=2)
    checks = build_table_checks([asset], row_count=bounds)

    def load(rows: int) -> bool:
        write(table, id=range(rows))
        return results(lake.materialize([asset, *checks], instance))["row_count_in_bounds"].passed

    assert [load(rows) for rows in (10, 10, 50, 5)] == [True, True, True, False]
    assert not by_themselves(lake, [asset, *checks], instance)["row_count_in_bounds"].passed


def test_data_that_was_not_changed_lately_is_found(lake: Lake, table: Path) -> None:
    write(table, id=[1])
    change_times(table, timedelta(days=3, hours=1))
    asset = named(table)

    def found(freshness: timedelta) -> dg.AssetCheckEvaluation:
        return by_themselves(lake, [asset, *build_table_checks([asset], freshness=freshness)])["table_fresh"]

    assert found(timedelta(days=4)).passed
    stale = found(timedelta(days=3))
    assert not stale.passed
    assert text(stale).endswith("UTC, 3.04 days ago, longer ago than 3 days.")
    assert values(stale)["fabric/longest_age_seconds"] == 3 * 86400


def test_data_of_unknown_age_is_not_fresh(lake: Lake, table: Path) -> None:
    write(table, id=[1])
    rewrite_log(table, lambda action: action.pop("commitInfo", None))
    asset = named(table)

    found = by_themselves(lake, [asset, *build_table_checks([asset], freshness=timedelta(days=1))])

    assert "when it was last changed is not known" in text(found["table_fresh"])


def test_one_check_can_be_run_alone(lake: Lake, table: Path) -> None:
    write(table, id=[1])
    asset = named(table)
    checks = build_table_checks([asset], keys=["id"])
    only = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("DimX"), "unique_keys"))

    assert set(results(lake.materialize([asset, *checks], selection=only))) == {"unique_keys"}


def test_several_assets_have_checks_each(lake: Lake, table: Path) -> None:
    write(table, id=[1])
    assets = [
        notebook_asset(["dim", name], notebook="LoadDimX", table=f"Curated.{table.name}") for name in "ab"
    ]

    result = lake.materialize(
        [*assets, *build_table_checks(assets, keys=["id"], freshness=timedelta(1), schema="unchanged")]
    )

    keys = {(e.asset_key.path[-1], e.check_name) for e in result.get_asset_check_evaluations()}
    assert len(keys) == 8
    assert result.success


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param({"keys": "id"}, "keys must be columns", id="keys-text"),
        pytest.param({"keys": ["id", ["a"]]}, "keys must be columns", id="keys-mixed"),
        pytest.param({"keys": ["id", "ID"]}, "keys must be columns", id="keys-twice"),
        pytest.param({"keys": [[]]}, "keys must be columns", id="keys-empty"),
        pytest.param({"schema": "same"}, "schema must be 'unchanged', 'widened'", id="schema"),
        pytest.param({"freshness": timedelta(0)}, "freshness must be a positive timedelta", id="freshness"),
        pytest.param({"row_count": -1}, "row_count: fewer must be a share", id="row-count"),
        pytest.param({"row_count": "5 %"}, "row_count must be RowCountBounds", id="row-count-text"),
        pytest.param({"not_empty": False}, "no check is asked for", id="nothing"),
        pytest.param(
            {"blocking": {"keys"}}, "blocking names 'keys'; the checks asked for are", id="blocking"
        ),
        pytest.param({"blocking": "not_empty"}, "blocking names 'not_empty'", id="blocking-text"),
        pytest.param({"severity": {"key": WARN}}, "severity names 'key'", id="severity"),
        pytest.param({"examples": -1}, "examples must be a whole number from 0", id="examples"),
        pytest.param({"scan_memory_mb": 1}, "scan_memory_mb must be a whole number from 64", id="memory"),
        pytest.param({"scan_timeout_seconds": 0}, "scan_timeout_seconds must be a number", id="timeout"),
    ],
)
def test_what_cannot_work_is_refused_at_definition(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=problem):
        build_table_checks([dim_x(table="Curated.x")], **options)


@pytest.mark.parametrize(
    ("assets", "problem"),
    [
        pytest.param([dim_x()], "asset DimX names no table, which is read for not_empty", id="no-table"),
        pytest.param(
            [dg.AssetSpec("a", metadata={"fabric/table": "a"})], "asset a: 'a' is no name", id="no-name"
        ),
        pytest.param(["DimX"], "is no asset definition", id="key"),
        pytest.param([], "give it a list of assets", id="none"),
        pytest.param(dim_x(table="A.b"), "give it a list of assets", id="no-list"),
    ],
)
def test_an_asset_without_a_table_is_refused_at_definition(assets: Any, problem: str) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=problem):
        build_table_checks(assets)


def test_history_needs_no_table() -> None:
    assert build_table_checks([dim_x()], not_empty=False, row_count=0.5, schema="widened")
