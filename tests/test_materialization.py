"""Exit values, checks and failures in Dagster's terms."""

import json

import dagster as dg
import pytest

from fabric_assets.client.errors import FabricConfigError, JobInstanceFailedError
from fabric_assets.client.models import JobInstance
from fabric_assets.materialization import check_results, exit_value_metadata, failure


def test_entries_of_a_json_exit_value_become_metadata() -> None:
    metadata = exit_value_metadata(
        json.dumps({"rows_inserted": 3, "ratio": 0.5, "ok": True, "note": "ü", "none": None, "list": [1, 2]})
    )

    assert metadata == {
        "rows_inserted": 3,
        "ratio": 0.5,
        "ok": True,
        "note": "ü",
        "none": dg.MetadataValue.null(),
        "list": dg.MetadataValue.json([1, 2]),
    }


def test_row_count_and_columns_become_dagsters_own_metadata() -> None:
    metadata = exit_value_metadata(
        json.dumps(
            {"row_count": 12, "columns": [{"name": "id", "type": "bigint", "description": "key"}, "name"]}
        )
    )

    assert metadata["dagster/row_count"].value == 12
    assert metadata["dagster/column_schema"].value == dg.TableSchema(
        columns=[dg.TableColumn("id", "bigint", description="key"), dg.TableColumn("name")]
    )
    assert set(metadata) == {"dagster/row_count", "dagster/column_schema"}


@pytest.mark.parametrize(
    ("exit_value", "expected"),
    [
        pytest.param(None, {}, id="none"),
        pytest.param("", {}, id="empty"),
        pytest.param("done", {}, id="text"),
        pytest.param("[1]", {}, id="array"),
        pytest.param('{"row_count": "many"}', {"row_count": "many"}, id="row-count-is-text"),
        pytest.param('{"row_count": true}', {"row_count": True}, id="row-count-is-bool"),
        pytest.param('{"columns": 3}', {"columns": 3}, id="columns-is-number"),
        pytest.param('{"columns": [1]}', {"columns": dg.MetadataValue.json([1])}, id="columns-of-numbers"),
        pytest.param("[" * 100_000, {}, id="nested-too-deep"),
    ],
)
def test_other_exit_values_do_no_harm(exit_value: str | None, expected: dict) -> None:
    assert exit_value_metadata(exit_value) == expected


def test_long_texts_are_cut() -> None:
    assert len(exit_value_metadata(json.dumps({"log": "x" * 50_000}))["log"]) == 10_000


def spec(name: str) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(name, asset="DimX")


@pytest.mark.parametrize("severity", ["WARN", "warn"])
def test_checks_are_read_from_the_exit_value(severity: str) -> None:
    exit_value = json.dumps(
        {
            "checks": {
                "a": True,
                "b": {"passed": False, "severity": severity, "description": "2 nulls", "metadata": {"n": 2}},
            }
        }
    )

    a, b = check_results(exit_value, [spec("a"), spec("b")])

    assert (a.check_name, a.passed) == ("a", True)
    assert (b.passed, b.severity, b.description) == (False, dg.AssetCheckSeverity.WARN, "2 nulls")
    assert b.metadata["n"].value == 2


@pytest.mark.parametrize("exit_value", [None, "{}", '{"checks": [1]}', '{"checks": {"A": true}}'])
def test_a_check_that_is_not_reported_fails(exit_value: str | None) -> None:
    (result,) = check_results(exit_value, [spec("a")])

    assert not result.passed
    assert "reports no check 'a'" in (result.description or "")


@pytest.mark.parametrize(
    ("reported", "shown"),
    [
        pytest.param("yes", '"yes"', id="text"),
        pytest.param(1, "1", id="number"),
        pytest.param(None, "null", id="null"),
        pytest.param({"passed": "true"}, '{"passed": "true"}', id="text-as-passed"),
        pytest.param({"description": "fine"}, '{"description": "fine"}', id="without-passed"),
        pytest.param("x" * 1000, '"' + "x" * 99, id="long"),
    ],
)
def test_a_check_that_is_reported_as_no_boolean_fails_and_says_so(reported: object, shown: str) -> None:
    (result,) = check_results(json.dumps({"checks": {"a": reported}}), [spec("a")])

    assert not result.passed
    expected = f"reports {shown} for check 'a', which is no boolean and no object with one as `passed`"
    assert expected in (result.description or "")


def test_a_failed_job_instance_becomes_a_failure_that_may_be_retried() -> None:
    job_instance = JobInstance(id="j1", item_id="n1", job_type="RunNotebook", status="Failed")
    error = JobInstanceFailedError(
        "notebook 'X' failed",
        job_instance=job_instance,
        url="https://fabric/x",
        error_code="E1",
        request_id="r1",
    )

    result = failure(error)

    assert result.allow_retries
    assert {key: value.value for key, value in result.metadata.items()} == {
        "fabric/error_code": "E1",
        "fabric/request_id": "r1",
        "fabric/job_instance_id": "j1",
        "fabric/status": "Failed",
        "fabric/job_instance_url": "https://fabric/x",
    }


def test_what_a_retry_cannot_mend_is_not_retried() -> None:
    assert not failure(FabricConfigError("no such notebook")).allow_retries
