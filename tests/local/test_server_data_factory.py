"""Azure Data Factory's pipeline runs over HTTP."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from local_api import Api, NoEngine

from fabric_assets.local.clock import ManualClock
from fabric_assets.local.script import Fault

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-00000000000a"
FACTORY = f"{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.DataFactory/factories"
SCRIPT = {"factories": [{"name": "Ingest", "pipelines": ["Daily", "Hourly"]}]}
VERSION = {"api-version": "2018-06-01"}
ALWAYS = {"lastUpdatedAfter": "2000-01-01T00:00:00Z", "lastUpdatedBefore": "2100-01-01T00:00:00Z"}

Timed = Callable[..., tuple[Api, ManualClock]]


@pytest.fixture
def timed(serve: Callable[..., Api]) -> Timed:
    """Serve the factory ``Ingest`` on a clock that stands still."""

    def start(**script: Any) -> tuple[Api, ManualClock]:
        clock = ManualClock()
        return serve(script={**SCRIPT, **script}, clock=clock), clock

    return start


def post(api: Api, path: str, body: Any = None, **query: str) -> Any:
    answer = api.post(f"{api.root}{FACTORY}/{path}", params={**VERSION, **query}, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json() if answer.content else None


def create(api: Api, pipeline: str = "Daily", body: Any = None, **query: str) -> str:
    run_id: str = post(api, f"Ingest/pipelines/{pipeline}/createRun", body, **query)["runId"]
    return run_id


def read(api: Api, run_id: str) -> dict[str, Any]:
    answer = api.get(f"{api.root}{FACTORY}/Ingest/pipelineruns/{run_id}", params=VERSION)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def error(api: Api, method: str, path: str, **request: Any) -> tuple[int, str, str]:
    request = {"params": VERSION, **request}
    answer = api.request(method, f"{api.root}{FACTORY}/{path}", **request)
    body = answer.json()["error"]
    return answer.status_code, body["code"], body["message"]


class TestRuns:
    def test_from_queued_to_its_end(self, timed: Timed) -> None:
        api, clock = timed(pipeline_runs=[{"queued_seconds": 5, "run_seconds": 10}])
        run_id = create(api, body={"day": "2026-01-31", "tables": ["a"]})
        seen = []
        for seconds in (0, 5, 10):
            clock.advance(seconds)
            seen.append(read(api, run_id))
        assert [run["status"] for run in seen] == ["Queued", "InProgress", "Succeeded"]
        assert [run["lastUpdated"][-3:] for run in seen] == ["00Z", "05Z", "15Z"]
        ended = seen[-1]
        assert (ended["runStart"], ended["runEnd"]) == ("2026-01-01T00:00:05Z", "2026-01-01T00:00:15Z")
        assert (ended["durationInMs"], seen[1]["runEnd"], seen[1]["durationInMs"]) == (10_000, None, None)
        assert ended["parameters"] == {"day": "2026-01-31", "tables": ["a"]}
        assert (ended["pipelineName"], ended["runGroupId"]) == ("Daily", run_id)
        assert ended["invokedBy"] == {"id": run_id, "name": "Manual", "invokedByType": "Manual"}

    def test_a_failure_names_its_activity(self, timed: Timed) -> None:
        activities = [
            {"name": "Look", "type": "Lookup", "output": {"count": 3}},
            {"name": "Copy", "status": "Failed", "error": {"errorCode": "2200", "message": "no such file"}},
        ]
        rule = {"run_seconds": 10, "status": "Failed", "activities": activities}
        api, clock = timed(pipeline_runs=[rule])
        run_id = create(api)
        clock.advance(4)
        (running,) = post(api, f"Ingest/pipelineruns/{run_id}/queryActivityruns", ALWAYS)["value"]
        assert (running["activityName"], running["status"]) == ("Look", "InProgress")
        clock.advance(6)
        assert read(api, run_id)["message"] == "Operation on target Copy failed: no such file"
        look, copy = post(api, f"Ingest/pipelineruns/{run_id}/queryActivityruns", ALWAYS)["value"]
        assert (look["status"], look["output"], look["durationInMs"]) == ("Succeeded", {"count": 3}, 5000)
        assert (copy["status"], copy["error"]["errorCode"]) == ("Failed", "2200")

    def test_cancel(self, timed: Timed) -> None:
        api, clock = timed(
            pipeline_runs=[{"never_ends": True, "activities": [{"name": "Copy"}]}],
            service={"cancel_seconds": 3},
        )
        run_id = create(api)
        clock.advance(1)
        post(api, f"Ingest/pipelineruns/{run_id}/cancel", isRecursive="true")
        assert read(api, run_id)["status"] == "Canceling"
        clock.advance(3)
        assert (read(api, run_id)["status"], read(api, run_id)["runEnd"]) == (
            "Cancelled",
            "2026-01-01T00:00:04Z",
        )
        (copy,) = post(api, f"Ingest/pipelineruns/{run_id}/queryActivityruns", ALWAYS)["value"]
        assert copy["status"] == "Cancelled"
        status, _, message = error(api, "POST", f"Ingest/pipelineruns/{run_id}/cancel")
        assert (status, "it ended as Cancelled" in message) == (400, True)

    def test_a_recovery_belongs_to_the_group_of_the_first_run(self, timed: Timed) -> None:
        api, clock = timed(pipeline_runs=[{"nth": 1, "status": "Failed"}])
        first = create(api, body={"day": "x"})
        clock.advance(1)
        second = create(api, referencePipelineRunId=first, isRecovery="true")
        assert (read(api, first)["status"], read(api, second)["status"]) == ("Failed", "Succeeded")
        assert (read(api, second)["runGroupId"], read(api, second)["parameters"]) == (first, {"day": "x"})
        assert (read(api, first)["isLatest"], read(api, second)["isLatest"]) == (False, True)
        query = {**VERSION, "referencePipelineRunId": "none"}
        assert error(api, "POST", "Ingest/pipelines/Daily/createRun", params=query)[1] == (
            "ReferencedPipelineRunNotValid"
        )

    def test_reads_may_not_know_it_yet_and_lag_behind(self, timed: Timed) -> None:
        api, clock = timed(service={"unseen_seconds": 2, "lag_seconds": 5})
        run_id = create(api)
        assert error(api, "GET", f"Ingest/pipelineruns/{run_id}")[0] == 404
        clock.advance(2)
        assert read(api, run_id)["status"] == "Queued"
        clock.advance(3)
        assert read(api, run_id)["status"] == "Succeeded"


class TestQuery:
    def test_by_time_pipeline_and_status(self, timed: Timed) -> None:
        api, clock = timed(pipeline_runs=[{"pipeline": "Hourly", "status": "Failed", "trigger": "Nightly"}])
        daily = create(api)
        clock.advance(60)
        hourly = create(api, "hourly")

        def ids(*filters: Any, after: str = "2026-01-01T00:00:00Z") -> list[str]:
            body = {**ALWAYS, "lastUpdatedAfter": after, "filters": list(filters)}
            return [run["runId"] for run in post(api, "Ingest/queryPipelineRuns", body)["value"]]

        assert ids() == [hourly, daily]
        assert ids(after="2026-01-01T00:00:01Z") == [hourly]
        assert ids({"operand": "PipelineName", "operator": "Equals", "values": ["Daily"]}) == [daily]
        assert ids({"operand": "Status", "operator": "In", "values": ["Failed", "Cancelled"]}) == [hourly]
        assert ids({"operand": "Status", "operator": "NotEquals", "values": ["Failed"]}) == [daily]
        assert read(api, hourly)["invokedBy"]["invokedByType"] == "ScheduleTrigger"
        assert read(api, hourly)["pipelineName"] == "Hourly"

    def test_pages_and_order(self, timed: Timed) -> None:
        api, clock = timed(service={"page_size": 2})
        created = []
        for _ in range(5):
            created.append(create(api))
            clock.advance(1)
        body: dict[str, Any] = {**ALWAYS, "orderBy": [{"orderBy": "RunStart", "order": "ASC"}]}
        seen: list[str] = []
        while True:
            page = post(api, "Ingest/queryPipelineRuns", body)
            seen += [run["runId"] for run in page["value"]]
            if "continuationToken" not in page:
                break
            body["continuationToken"] = page["continuationToken"]
        assert seen == created

    def test_bad_queries_are_refused(self, timed: Timed) -> None:
        api, _ = timed()
        path = "Ingest/queryPipelineRuns"
        create(api)
        bad_filter = {"operand": "Color", "operator": "Equals", "values": ["red"]}
        for body in ({}, {**ALWAYS, "filters": [bad_filter]}, {**ALWAYS, "continuationToken": "x"}):
            assert error(api, "POST", path, json=body)[0] == 400


class TestErrors:
    def test_unknown_names(self, timed: Timed) -> None:
        api, _ = timed()
        status, code, message = error(api, "POST", "Nowhere/pipelines/Daily/createRun")
        assert (status, code) == (404, "ResourceNotFound")
        assert "'Microsoft.DataFactory/factories/nowhere' under resource group 'rg'" in message
        status, code, message = error(api, "POST", "Ingest/pipelines/Weekly/createRun")
        assert (status, code) == (404, "PipelineNotFound")
        assert "which has Daily, Hourly" in message
        assert error(api, "GET", "Ingest/pipelineruns/none")[0] == 404

    def test_the_version_of_the_api_is_needed(self, timed: Timed) -> None:
        api, _ = timed()
        path = "Ingest/pipelines/Daily/createRun"
        assert error(api, "POST", path, params={})[1] == "MissingApiVersionParameter"
        assert error(api, "POST", path, params={"api-version": "1"})[1] == "InvalidApiVersionParameter"

    def test_tokens_are_checked_in_azures_words(self, timed: Timed) -> None:
        api, _ = timed()
        headers = {"Authorization": "Bearer nobody"}
        found = error(api, "POST", "Ingest/pipelines/Daily/createRun", headers=headers)
        assert found[:2] == (401, "InvalidAuthenticationToken")

    def test_no_rights_and_throttling_come_from_faults(self, timed: Timed) -> None:
        api, _ = timed()
        forbidden = {"error": {"code": "AuthorizationFailed", "message": "no rights"}}
        api.fabric.add_fault(Fault(path="*/createRun*", status=403, body=forbidden))
        api.fabric.add_fault(Fault(path="*/createRun*", status=429, headers={"Retry-After": "7"}))
        path = "Ingest/pipelines/Daily/createRun"
        assert error(api, "POST", path)[:2] == (403, "AuthorizationFailed")
        throttled = api.post(f"{api.root}{FACTORY}/{path}", params=VERSION)
        assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "7")
        create(api)


class TestFiles:
    def test_a_factory_is_a_folder(self, serve: Callable[..., Api], tmp_path: Path) -> None:
        folder = tmp_path / "home" / "factories" / "Ingest"
        folder.mkdir(parents=True)
        (folder / "Daily.json").write_text(json.dumps({"run_seconds": 2, "status": "Failed", "message": "x"}))

        api = serve(engine=NoEngine(), clock=(clock := ManualClock()))
        run_id = create(api, "daily")
        clock.advance(2)
        assert (read(api, run_id)["status"], read(api, run_id)["message"]) == ("Failed", "x")
        (folder / "Daily.json").write_text(json.dumps({"seconds": 2}))
        status, _, message = error(api, "POST", "Ingest/pipelines/Daily/createRun")
        assert status == 400
        assert "Daily.json has an unknown field 'seconds'" in message
