"""Job instances of items that are no notebooks, over HTTP."""

from collections.abc import Callable

import pytest
from local_api import Api, NoEngine

from fabric_assets.local.clock import ManualClock

ITEMS = [
    {"type": "DataPipeline", "name": "Ingest"},
    {"type": "SparkJobDefinition", "name": "Compact"},
    {"type": "Dataflow", "name": "Rates"},
    {"type": "CopyJob", "name": "Copy"},
    {"type": "DataBuildToolJob", "name": "Models"},
    {"type": "Lakehouse", "name": "Base"},
    {"type": "FutureItem", "name": "Later"},
]
LAKEHOUSE_JOBS = ["TableMaintenance", "RefreshMaterializedLakeViews"]
JOBS = [
    ("Ingest", "Pipeline"),
    ("Ingest", "Execute"),
    ("Compact", "sparkjob"),
    ("Rates", "Refresh"),
    ("Rates", "Execute"),
    ("Copy", "CopyJob"),
    ("Models", "Execute"),
    *(("Base", job_type) for job_type in LAKEHOUSE_JOBS),
    ("Later", "AnyJobType"),
]


@pytest.fixture
def api(serve: Callable[..., Api]) -> Api:
    return serve(script={"notebooks": ["Orders"], "items": ITEMS})


class TestSimulated:
    @pytest.mark.parametrize(("name", "job_type"), JOBS)
    @pytest.mark.parametrize("route", ["query", "path"])
    def test_each_job_type_runs_on_both_routes(self, api: Api, name: str, job_type: str, route: str) -> None:
        jobs = f"{api.item(name)}/jobs"
        path = f"{jobs}/instances?jobType={job_type}" if route == "query" else f"{jobs}/{job_type}/instances"
        answer = api.post(path)
        assert answer.status_code == 202
        body = api.wait(answer.headers["Location"])
        assert (body["status"], body["jobType"], body["invokeType"]) == ("Completed", job_type, "Manual")
        assert "exitValue" not in body

    def test_a_pipeline_has_a_route_of_its_own(self, api: Api) -> None:
        pipeline = api.item("Ingest").replace("/items/", "/dataPipelines/")
        answer = api.post(f"{pipeline}/jobs/execute/instances")
        assert api.wait(answer.headers["Location"])["jobType"] == "Execute"
        (listed,) = api.get_json(f"{pipeline}/jobs/execute/instances")["value"]
        assert api.get_json(f"{pipeline}/jobs/execute/instances/{listed['id']}") == listed

    def test_a_job_type_of_another_item_type_is_refused(self, api: Api) -> None:
        status, code, message = api.error(
            "POST", f"{api.item('Ingest')}/jobs/instances?jobType=TableMaintenance"
        )
        assert (status, code) == (400, "InvalidJobType")
        assert "Job types of a DataPipeline: Pipeline, Execute" in message

    def test_parameters_of_a_pipeline_are_any_json(self, api: Api) -> None:
        parameters = {"day": "2026-01-31", "tables": ["a", "b"], "full": True}
        url = api.start_job("Ingest", "Pipeline", {"executionData": {"parameters": parameters}})
        assert api.wait(url)["status"] == "Completed"
        assert api.fabric.started[0].parameters == parameters

    def test_parameters_of_a_pipeline_must_be_an_object(self, api: Api) -> None:
        path = f"{api.item('Ingest')}/jobs/Pipeline/instances"
        body = {"executionData": {"parameters": ["day"]}}
        assert api.error("POST", path, json=body)[1] == "InvalidInput"

    def test_execution_data_of_others_is_kept_as_it_is(self, api: Api) -> None:
        data = {"tableName": "orders", "optimizeSettings": {"vOrder": True}}
        path = f"{api.item('Base')}/jobs/TableMaintenance/instances"
        assert api.post(path, json={"executionData": data}).status_code == 202
        assert api.fabric.started[0].execution_data == data

    def test_only_spark_jobs_have_sessions(self, api: Api) -> None:
        for name, job_type in JOBS:
            api.wait(api.post(f"{api.item(name)}/jobs/{job_type}/instances").headers["Location"])
        (session,) = api.get_json(f"{api.workspace}/spark/livySessions")["value"]
        assert (session["itemName"], session["itemType"]) == ("Compact", "SparkJobDefinition")
        assert (session["jobType"], session["state"]) == ("SparkBatch", "Succeeded")

    def test_the_script_tells_item_types_and_job_types_apart(self, serve: Callable[..., Api]) -> None:
        rules = [
            {"item_type": "DataPipeline", "nth": 1, "status": "Failed"},
            {"job_type": "table*", "exit_value": "ignored", "status": "Cancelled"},
        ]
        api = serve(script={"items": ITEMS, "job_instances": rules})
        base = f"{api.item('Base')}/jobs"
        starts = [
            api.start_job("Ingest", "Pipeline"),
            api.start_job("Ingest", "Pipeline"),
            *(api.post(f"{base}/{job_type}/instances").headers["Location"] for job_type in LAKEHOUSE_JOBS),
        ]
        statuses = [api.wait(url)["status"] for url in starts]
        assert statuses == ["Failed", "Completed", "Cancelled", "Completed"]

    def test_pipelines_need_no_capacity(self, serve: Callable[..., Api]) -> None:
        api = serve(
            script={
                "notebooks": ["Orders"],
                "items": ITEMS,
                "capacity": 1,
                "job_instances": [{"run_seconds": 5}],
            },
            clock=(clock := ManualClock()),
        )
        urls = [
            api.start("Orders"),
            api.start_job("Ingest", "Pipeline"),
            api.start_job("Compact", "sparkjob"),
        ]
        clock.advance(5)
        assert [api.get_json(url)["status"] for url in urls] == ["Completed", "Completed", "Failed"]

    def test_a_schedule_can_be_what_started_it(self, serve: Callable[..., Api]) -> None:
        api = serve(script={"items": ITEMS, "job_instances": [{"invoke_type": "Scheduled"}]})
        assert api.wait(api.start_job("Ingest", "Pipeline"))["invokeType"] == "Scheduled"

    def test_cancel(self, serve: Callable[..., Api]) -> None:
        api = serve(script={"items": ITEMS, "job_instances": [{"never_ends": True}]})
        url = api.start_job("Rates", "Refresh")
        assert api.post(f"{url}/cancel").status_code == 202
        assert api.wait(url)["status"] == "Cancelled"


class TestReal:
    def test_what_cannot_be_executed_fails_and_says_so(self, serve: Callable[..., Api]) -> None:
        api = serve(engine=NoEngine())
        api.post(f"{api.workspace}/lakehouses", json={"displayName": "Base"})
        path = f"{api.item('Base')}/jobs/TableMaintenance/instances"
        body = api.wait(api.post(path).headers["Location"])
        assert (body["status"], body["failureReason"]["errorCode"]) == ("Failed", "NotSupportedLocally")
        assert (
            "does not execute the job type TableMaintenance of a Lakehouse ('Base')"
            in (body["failureReason"]["message"])
        )
        assert "Run this job in Fabric" in body["failureReason"]["message"]


def test_the_other_services_have_addresses_of_their_own(api: Api) -> None:
    assert api.get(f"{api.fabric.power_bi_url}/groups/{api.fabric.workspace_id}/datasets").status_code == 200
    unknown = (
        f"{api.fabric.resource_manager_url}/subscriptions/s/resourceGroups/g/providers/Microsoft.DataFactory"
    )
    answer = api.get(f"{unknown}/factories/f/pipelineruns/r", params={"api-version": "2018-06-01"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ResourceNotFound")
