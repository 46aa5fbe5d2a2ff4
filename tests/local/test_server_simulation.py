"""The simulation: each switch of a script, through real HTTP and mostly with a clock that the test turns."""

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from local_api import Api

from fabric_assets.local.clock import ManualClock
from fabric_assets.local.errors import LocalFabricError
from fabric_assets.local.script import Fault, Script, Service, SimulatedJobInstance, load_script

Timed = Callable[..., tuple[Api, ManualClock]]


@pytest.fixture
def timed(serve: Callable[..., Api]) -> Timed:
    """Serve a script with the notebooks ``A`` and ``B`` on a clock that stands still."""

    def start(**script: Any) -> tuple[Api, ManualClock]:
        clock = ManualClock()
        return serve(script={"notebooks": ["A", "B"], **script}, clock=clock), clock

    return start


def status(api: Api, url: str) -> str:
    return str(api.get_json(url)["status"])


class TestJobInstances:
    def test_durations_and_exit_value(self, timed: Timed) -> None:
        api, clock = timed(job_instances=[{"queued_seconds": 5, "run_seconds": 10, "exit_value": "x"}])
        url = api.start("A")
        seen = [status(api, url)]
        for seconds in (4.9, 0.1, 9.9, 0.1):
            clock.advance(seconds)
            seen.append(status(api, url))
        assert seen == ["NotStarted", "NotStarted", "InProgress", "InProgress", "Completed"]
        body = api.get_json(url)
        assert (body["startTimeUtc"], body["endTimeUtc"]) == ("2026-01-01T00:00:00", "2026-01-01T00:00:15")
        assert body["exitValue"] == "x"

    def test_a_long_advance_ends_everything_at_its_own_time(self, timed: Timed) -> None:
        api, clock = timed(job_instances=[{"queued_seconds": 1, "run_seconds": 2}])
        url = api.start("A")
        clock.advance(3600)
        assert api.get_json(url)["endTimeUtc"] == "2026-01-01T00:00:03"

    def test_the_nth_start_of_a_notebook(self, timed: Timed) -> None:
        rules = [{"notebook": "a", "nth": 2, "status": "Failed"}, {"notebook": "*", "exit_value": "ok"}]
        api, clock = timed(job_instances=rules)
        urls = [api.start(name) for name in ("A", "B", "A", "A", "B")]
        clock.advance(0)
        assert [status(api, url) for url in urls] == [
            "Completed",
            "Completed",
            "Failed",
            "Completed",
            "Completed",
        ]

    def test_durations_in_a_range_follow_the_seed(self, serve: Callable[..., Api], tmp_path: Path) -> None:
        def ends(seed: int, home: str) -> list[str]:
            clock = ManualClock()
            script = {"notebooks": ["A"], "seed": seed, "job_instances": [{"run_seconds": [1, 100]}]}
            api = serve(tmp_path / home, script=script, clock=clock)
            urls = [api.start("A") for _ in range(3)]
            clock.advance(100)
            return [api.get_json(url)["endTimeUtc"] for url in urls]

        first = ends(1, "first")
        assert len(set(first)) == 3
        assert ends(1, "again") == first
        assert ends(2, "other") != first

    @pytest.mark.parametrize("name", ["Cancelled", "Deduped", "Paused by a future service"])
    def test_any_final_status(self, timed: Timed, name: str) -> None:
        api, clock = timed(job_instances=[{"status": name}])
        url = api.start("A")
        clock.advance(0)
        body = api.get_json(url)
        assert (body["status"], body["failureReason"]) == (name, None)
        assert body["endTimeUtc"] is not None

    def test_a_failure_has_fabrics_text_or_ones_own(self, timed: Timed) -> None:
        own = {"errorCode": "Boom", "message": "no such table"}
        rules = [{"notebook": "A", "status": "Failed"}, {"status": "Failed", "failure_reason": own}]
        api, clock = timed(job_instances=rules)
        urls = [api.start("A"), api.start("B")]
        clock.advance(0)
        reasons = [api.get_json(url)["failureReason"] for url in urls]
        assert reasons[0]["errorCode"] == "JobInstanceStatusFailed"
        assert reasons[0]["message"] == "Job instance failed without detail error"
        assert {key: reasons[1][key] for key in own} == own

    def test_statuses_in_between(self, timed: Timed) -> None:
        steps = [{"status": "Warming"}, {"status": "InProgress", "after_seconds": 5}]
        api, clock = timed(job_instances=[{"run_seconds": 10, "statuses": steps}])
        url = api.start("A")
        seen = []
        for seconds in (0, 5, 5):
            clock.advance(seconds)
            seen.append(status(api, url))
        assert seen == ["Warming", "InProgress", "Completed"]

    def test_a_session_takes_its_time_unless_it_is_shared(self, timed: Timed) -> None:
        api, clock = timed(job_instances=[{"session_start_seconds": 120, "run_seconds": 10}])
        options = {"highConcurrencyModeOptions": {"enabled": True, "sessionTag": "t"}}
        body = {"executionData": {"compute": "Spark", "computeConfiguration": options}}
        route = f"{api.notebook('A')}/jobs/execute/instances?beta=false"
        first, second = (api.post(route, json=body).headers["Location"] for _ in range(2))
        clock.advance(10)
        assert (status(api, first), status(api, second)) == ("InProgress", "Completed")
        clock.advance(120)
        assert status(api, first) == "Completed"

    def test_beyond_the_capacity_an_accepted_job_instance_fails(self, timed: Timed) -> None:
        api, clock = timed(capacity=1, job_instances=[{"run_seconds": 10}])
        first, second = api.start("A"), api.start("B")
        clock.advance(0)
        body = api.get_json(second)
        assert (status(api, first), body["status"]) == ("InProgress", "Failed")
        assert body["failureReason"]["message"].startswith("[TooManyRequestsForCapacity]")
        assert "HTTP status code: 430" in body["failureReason"]["message"]
        clock.advance(10)
        third = api.start("B")
        clock.advance(10)
        assert status(api, third) == "Completed"

    def test_notebooks_can_be_counted_instead_of_named(self, serve: Callable[..., Api]) -> None:
        api = serve(script={"notebooks": 1000, "service": {"page_size": 1000}})
        ids = api.ids()
        assert len(ids) == len(set(ids.values())) == 1000
        assert api.wait(api.start("Notebook_1000"))["status"] == "Completed"


class TestService:
    def test_retry_after_values(self, timed: Timed) -> None:
        service = {"retry_after_start": 7, "retry_after_running": [20, 3]}
        api, clock = timed(job_instances=[{"never_ends": True}], service=service)
        answer = api.post(f"{api.item('A')}/jobs/RunNotebook/instances")
        assert answer.headers["Retry-After"] == "7"
        seen = []
        for seconds in (0, 19, 1, 50):
            clock.advance(seconds)
            seen.append(api.get(answer.headers["Location"]).headers["Retry-After"])
        assert seen == ["20", "20", "3", "3"]

    def test_no_retry_after_while_it_runs(self, timed: Timed) -> None:
        api, _ = timed(job_instances=[{"never_ends": True}], service={"retry_after_running": []})
        assert "Retry-After" not in api.get(api.start("A")).headers

    def test_first_reads_answer_404(self, timed: Timed) -> None:
        api, clock = timed(service={"unseen_seconds": 3})
        url = api.start("A")
        clock.advance(2.9)
        assert api.error("GET", url)[:2] == (404, "EntityNotFound")
        assert api.get_json(f"{api.item('A')}/jobs/instances")["value"] == []
        assert api.get_json(f"{api.workspace}/spark/livySessions")["value"] == []
        clock.advance(0.1)
        assert status(api, url) == "Completed"
        assert len(api.get_json(f"{api.item('A')}/jobs/instances")["value"]) == 1

    def test_first_reads_show_a_job_that_was_not_found(self, timed: Timed) -> None:
        api, clock = timed(service={"unseen_seconds": 3, "unseen_as": "RequestExecutionFailed"})
        url = api.start("A")
        body = api.get_json(url)
        assert (body["status"], body["endTimeUtc"]) == ("Failed", None)
        assert body["failureReason"]["errorCode"] == "RequestExecutionFailed"
        assert "NotFound" in body["failureReason"]["message"]
        clock.advance(3)
        assert status(api, url) == "Completed"

    def test_the_shown_status_lags_behind(self, timed: Timed) -> None:
        api, clock = timed(job_instances=[{"run_seconds": 10}], service={"lag_seconds": 100})
        url = api.start("A")
        clock.advance(50)
        assert status(api, url) == "NotStarted"
        clock.advance(55)
        body = api.get(url)
        assert (body.json()["status"], body.json()["endTimeUtc"]) == ("InProgress", None)
        assert "Retry-After" not in body.headers
        clock.advance(5)
        assert api.get_json(url)["endTimeUtc"] == "2026-01-01T00:00:10"

    def test_a_cancel_takes_time_and_may_show_no_end(self, timed: Timed) -> None:
        service = {"cancel_seconds": 5, "end_time_on_cancel": False}
        api, clock = timed(job_instances=[{"never_ends": True}], service=service)
        url = api.start("A")
        clock.advance(1)
        assert api.post(f"{url}/cancel").status_code == 202
        clock.advance(4)
        assert status(api, url) == "InProgress"
        clock.advance(1)
        body = api.get_json(url)
        assert (body["status"], body["endTimeUtc"]) == ("Cancelled", None)
        assert api.error("POST", f"{url}/cancel")[1] == "JobAlreadyCompleted"

    def test_a_job_instance_that_ends_before_the_cancel_completes(self, timed: Timed) -> None:
        api, clock = timed(job_instances=[{"run_seconds": 2}], service={"cancel_seconds": 5})
        url = api.start("A")
        api.post(f"{url}/cancel").raise_for_status()
        clock.advance(10)
        assert status(api, url) == "Completed"

    @pytest.mark.parametrize(
        ("location", "expected"),
        [
            pytest.param("instance", "{root}/v1{item}/jobs/instances/{id}", id="instance"),
            pytest.param("collection", "{root}/v1{item}/jobs/instances?jobType=RunNotebook", id="collection"),
            pytest.param("missing", None, id="missing"),
            pytest.param("foreign", "https://other.example/v1{item}/jobs/instances/{id}", id="foreign"),
        ],
    )
    def test_location(self, timed: Timed, location: str, expected: str | None) -> None:
        api, _ = timed(service={"location": location, "foreign_host": "other.example"})
        item = api.item("A")
        found = api.post(f"{item}/jobs/RunNotebook/instances").headers.get("Location")
        wanted = expected and expected.format(root=api.root, item=item, id=api.fabric.started[0].id)
        assert found == wanted

    def test_x_ms_job_id(self, timed: Timed) -> None:
        api, _ = timed(service={"x_ms_job_id": True})
        answer = api.post(f"{api.item('A')}/jobs/RunNotebook/instances")
        assert answer.headers["x-ms-job-id"] == api.fabric.started[0].id

    def test_older_services_show_no_exit_value_at_the_top(self, timed: Timed) -> None:
        api, _ = timed(service={"exit_value_at_top": False})
        assert "exitValue" not in api.get_json(api.start("A"))

    def test_a_quota_for_jobs_and_one_for_the_rest(self, timed: Timed) -> None:
        api, clock = timed(service={"calls_per_minute": 3})
        url = api.start("A")  # one call of each kind
        clock.advance(10)
        assert status(api, url) == "Completed"
        assert status(api, url) == "Completed"
        answer = api.get(url)
        assert (answer.status_code, answer.json()["errorCode"]) == (429, "TooManyRequestsForJobs")
        assert (answer.headers["Retry-After"], answer.json()["isRetriable"]) == ("50", True)
        assert api.get(api.workspace).status_code == api.get(api.workspace).status_code == 200
        assert api.error("GET", api.workspace)[:2] == (429, "RequestBlocked")
        clock.advance(50)
        assert api.get(url).status_code == 200

    def test_a_token_expires(self, timed: Timed) -> None:
        api, clock = timed(service={"token_seconds": 100})
        assert api.get("/workspaces").status_code == 200
        clock.advance(100)
        assert api.error("GET", "/workspaces")[:2] == (401, "TokenExpired")
        new = {"Authorization": f"Bearer {api.fabric.new_token()}"}
        assert api.get("/workspaces", headers=new).status_code == 200
        clock.advance(100)
        assert api.error("GET", "/workspaces", headers=new)[1] == "TokenExpired"

    def test_long_running_operations_take_time(self, timed: Timed) -> None:
        api, clock = timed(service={"long_running": True, "operation_seconds": 30})
        answer = api.post(f"{api.workspace}/notebooks", json={"displayName": "New"})
        url = answer.headers["Location"]
        state = api.get(url)
        assert state.json()["status"] == "Running"
        assert (state.headers["Retry-After"], state.headers["Location"]) == ("20", url)
        assert api.error("GET", f"{url}/result")[1] == "OperationNotCompleted"
        clock.advance(30)
        assert api.get_json(url)["status"] == "Succeeded"
        assert api.get_json(f"{url}/result")["displayName"] == "New"


class TestFaults:
    def test_a_status_with_headers_and_json(self, timed: Timed) -> None:
        fault = {
            "method": "POST",
            "path": "*/jobs/*",
            "skip": 1,
            "times": 2,
            "status": 503,
            "headers": {"Retry-After": "4"},
            "body": {"errorCode": "ServerBusy", "message": "later"},
        }
        api, _ = timed(faults=[fault])
        path = f"{api.item('A')}/jobs/RunNotebook/instances"
        answers = [api.post(path) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [202, 503, 503, 202]
        assert (answers[1].headers["Retry-After"], answers[1].json()["errorCode"]) == ("4", "ServerBusy")
        uuid.UUID(answers[1].headers["RequestId"])
        assert len(api.fabric.started) == 2

    def test_a_gateway_that_answers_html(self, timed: Timed) -> None:
        api, _ = timed(faults=[{"status": 502, "body": "<html>Bad gateway</html>"}])
        answer = api.get("/workspaces")
        assert (answer.status_code, answer.text) == (502, "<html>Bad gateway</html>")
        assert answer.headers["Content-Type"].startswith("text/html")

    def test_a_connection_that_breaks_before_the_service_sees_the_request(self, timed: Timed) -> None:
        api, _ = timed(faults=[{"method": "POST", "drop": "before"}])
        path = f"{api.item('A')}/jobs/RunNotebook/instances"
        with pytest.raises(httpx.RemoteProtocolError):
            api.post(path)
        assert api.fabric.started == ()
        assert api.post(path).status_code == 202

    def test_a_connection_that_breaks_after_the_service_did_its_work(self, timed: Timed) -> None:
        api, _ = timed(faults=[{"method": "POST", "drop": "after"}])
        with pytest.raises(httpx.RemoteProtocolError):
            api.post(f"{api.item('A')}/jobs/RunNotebook/instances")
        assert len(api.fabric.started) == 1
        assert api.fabric.requests[-1].status is None

    def test_a_delay(self, serve: Callable[..., Api]) -> None:
        api = serve(script={"faults": [{"delay_seconds": 1}]})
        with pytest.raises(httpx.ReadTimeout):
            api.get("/workspaces", timeout=0.1)
        assert api.get("/workspaces").status_code == 200

    def test_a_share_of_requests_goes_wrong_as_the_seed_says(
        self, serve: Callable[..., Api], tmp_path: Path
    ) -> None:
        def answers(seed: int, home: str) -> list[int]:
            fault = {"status": 500, "skip": 10, "rate": 0.3, "times": 20}
            api = serve(tmp_path / home, script={"seed": seed, "faults": [fault]})
            seen = [api.get("/workspaces").status_code for _ in range(120)]
            assert [record.fault for record in api.fabric.requests] == [status == 500 for status in seen]
            return seen

        first = answers(1, "first")
        assert first[:10] == [200] * 10
        assert first.count(500) == 20
        assert first[10:30].count(500) < 20
        assert answers(1, "again") == first
        assert answers(2, "other") != first

    def test_faults_can_be_added_while_it_runs(self, api: Api) -> None:
        api.fabric.add_fault(Fault(path="/v1/workspaces?*", status=500, times=None))
        assert api.get("/workspaces").status_code == 200
        assert api.get("/workspaces?roles=Admin").status_code == 500


class TestLog:
    def test_it_tells_every_request_and_every_start(self, api: Api) -> None:
        item = api.item("Orders")
        api.post(
            f"{item}/jobs/instances?jobType=RunNotebook",
            json={"executionData": {"parameters": {"n": {"value": 1, "type": "int"}}}},
        )
        httpx.get(f"{api.fabric.url}/workspaces", verify=False)
        log = api.get_json(f"{api.root}/simulation/log")

        assert [(entry["method"], entry["status"], entry["authorized"]) for entry in log["requests"]] == [
            ("GET", 200, True),
            ("POST", 202, True),
            ("GET", 401, False),
            ("GET", None, True),  # this one itself
        ]
        assert log["requests"][1]["path"] == f"/v1{item}/jobs/instances?jobType=RunNotebook"
        (started,) = log["jobInstances"]
        assert (started["item_name"], started["parameters"]) == ("Orders", {"n": 1})

    def test_a_real_engine_has_none(self, serve: Callable[..., Api]) -> None:
        class NoEngine:
            async def aclose(self) -> None:
                pass

        api = serve(engine=NoEngine())
        assert api.error("GET", f"{api.root}/simulation/log")[:2] == (404, "EndpointNotFound")


class TestScript:
    def test_from_json_file(self, tmp_path: Path) -> None:
        file = tmp_path / "script.json"
        file.write_text(
            json.dumps({"job_instances": [{"run_seconds": [1, 2]}], "service": {"location": "missing"}})
        )
        assert load_script(file) == Script(
            job_instances=(SimulatedJobInstance(run_seconds=(1.0, 2.0)),), service=Service(location="missing")
        )

    @pytest.mark.parametrize(
        ("script", "message"),
        [
            pytest.param({"notebook": []}, "script has an unknown field 'notebook'", id="unknown-field"),
            pytest.param(
                {"job_instances": [{}, {"runs": 1}]},
                "script.job_instances[1] has an unknown field",
                id="place",
            ),
            pytest.param({"capacity": "two"}, 'script.capacity is "two"', id="type"),
            pytest.param({"capacity": True}, "script.capacity is true", id="bool-as-number"),
            pytest.param({"service": {"location": "here"}}, "one of 'instance'", id="literal"),
            pytest.param({"job_instances": [{"run_seconds": [1, 2, 3]}]}, "float or tuple", id="range"),
            pytest.param({"job_instances": [{"run_seconds": -1}]}, "-1", id="negative"),
            pytest.param(
                {"job_instances": [{"statuses": [{}]}]}, "needs the field 'status'", id="missing-field"
            ),
            pytest.param({"faults": {}}, "a list", id="no-list"),
            pytest.param({"faults": [{"rate": 5}]}, "rate of a fault is 5.0, but must be", id="rate"),
        ],
    )
    def test_what_a_script_does_not_know_is_refused(self, script: Any, message: str) -> None:
        with pytest.raises(LocalFabricError) as raised:
            load_script(script)
        assert message in str(raised.value)

    def test_an_unreadable_file_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(LocalFabricError, match="cannot be read"):
            load_script(tmp_path / "missing.json")
        (tmp_path / "bad.json").write_text("{")
        with pytest.raises(LocalFabricError, match=r"bad\.json"):
            load_script(tmp_path / "bad.json")


def test_real_time_runs_too(serve: Callable[..., Api]) -> None:
    api = serve(script={"notebooks": ["A"], "job_instances": [{"queued_seconds": 0.05, "run_seconds": 0.05}]})
    began = time.monotonic()
    assert api.wait(api.start("A"))["status"] == "Completed"
    assert time.monotonic() - began >= 0.1
