"""Job instances over HTTP: starting, reading, listing, cancelling; sessions."""

import asyncio
import re
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from local_api import Api

from fabric_assets.local.execution import ExecutionError, ExecutionResult, NotebookExecution

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?")
JOB_INSTANCE_FIELDS = {
    "id", "itemId", "jobType", "invokeType", "status", "rootActivityId", "startTimeUtc", "endTimeUtc", "failureReason",
    "exitValue",
}  # fmt: skip
LONG = {"notebooks": ["Long"], "job_instances": [{"never_ends": True}]}


class RecordingEngine:
    """An engine that keeps what it is asked to execute and completes at once."""

    def __init__(self, result: ExecutionResult | Exception | None = None) -> None:
        self.executions: list[NotebookExecution] = []
        self.result = result or ExecutionResult("7")
        self.closed = False

    async def execute(self, execution: NotebookExecution, on_started: Callable[[], None]) -> ExecutionResult:
        self.executions.append(execution)
        on_started()
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    async def aclose(self) -> None:
        self.closed = True


class TestStart:
    @pytest.mark.parametrize(
        "path",
        [
            pytest.param("{item}/jobs/instances?jobType=RunNotebook", id="type-in-query"),
            pytest.param("{item}/jobs/RunNotebook/instances", id="type-in-path"),
            pytest.param("{notebook}/jobs/execute/instances?beta=false", id="notebook-route"),
            pytest.param("{item}/JOBS/Instances?JobType=runnotebook", id="without-case"),
        ],
    )
    def test_every_route_starts_a_job_instance(self, api: Api, path: str) -> None:
        answer = api.post(path.format(item=api.item("Orders"), notebook=api.notebook("Orders")))

        assert (answer.status_code, answer.content) == (202, b"")
        assert answer.headers["Retry-After"] == "60"
        uuid.UUID(answer.headers["RequestId"])
        location = answer.headers["Location"]
        assert location.startswith(f"{api.root}/v1{api.item('Orders')}/jobs/instances/")
        assert api.wait(location)["status"] == "Completed"

    def test_a_completed_job_instance_has_all_fields(self, api: Api) -> None:
        answer = api.get(api.start("Orders"))
        body = api.wait(str(answer.url))

        assert set(body) == JOB_INSTANCE_FIELDS
        assert (body["jobType"], body["invokeType"], body["status"]) == ("RunNotebook", "Manual", "Completed")
        assert body["itemId"] == api.ids()["Orders"]
        assert TIME.fullmatch(body["startTimeUtc"])
        assert TIME.fullmatch(body["endTimeUtc"])
        assert "Retry-After" not in api.get(str(answer.url)).headers

    def test_a_running_job_instance_has_no_end_and_says_when_to_read_again(
        self, serve: Callable[..., Api]
    ) -> None:
        api = serve(script=LONG)
        url = api.start("Long")
        body = api.until(url, lambda body: body["status"] == "InProgress")

        assert body["endTimeUtc"] is None
        assert api.get(url).headers["Retry-After"] == "29"

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            pytest.param("", "InvalidParameter", id="none"),
            pytest.param("?jobType=Pipeline", "InvalidJobType", id="of-another-item-type"),
            pytest.param("?jobType=RunNotebook&foo=1", "InvalidParameter", id="unknown-parameter"),
            pytest.param("?jobType=RunNotebook&jobType=RunNotebook", "InvalidParameter", id="twice"),
        ],
    )
    def test_a_wrong_job_type_is_refused(self, shared_api: Api, query: str, code: str) -> None:
        assert shared_api.error("POST", f"{shared_api.item('Orders')}/jobs/instances{query}")[:2] == (
            400,
            code,
        )
        assert shared_api.fabric.started == ()

    def test_the_notebook_route_wants_beta_false(self, shared_api: Api) -> None:
        path = f"{shared_api.notebook('Orders')}/jobs/execute/instances"
        assert shared_api.error("POST", path)[1] == "InvalidParameter"
        assert shared_api.error("POST", f"{path}?beta=true")[1] == "InvalidParameter"

    def test_an_unknown_item_and_workspace_are_refused(self, shared_api: Api) -> None:
        unknown = uuid.uuid4()
        start = "jobs/instances?jobType=RunNotebook"
        assert shared_api.error("POST", f"{shared_api.workspace}/items/{unknown}/{start}")[:2] == (
            404,
            "ItemNotFound",
        )
        status, code, message = shared_api.error("POST", f"/workspaces/{unknown}/items/{unknown}/{start}")
        assert (status, code) == (404, "WorkspaceNotFound")
        assert "'Local'" in message

    def test_several_job_instances_of_a_notebook_run_side_by_side(self, serve: Callable[..., Api]) -> None:
        api = serve(script=LONG)
        urls = [api.start("Long") for _ in range(3)]
        for url in urls:
            api.until(url, lambda body: body["status"] == "InProgress")


class TestRequestBody:
    def test_generic_parameters_become_python_values(self, api: Api) -> None:
        parameters = {
            "text": {"value": "ä", "type": "string"},
            "number": {"value": 10, "type": "int"},
            "number_as_text": {"value": "10", "type": "int"},
            "share": {"value": 1, "type": "float"},
            "recreate": {"value": True, "type": "bool"},
        }
        api.start("Orders", {"executionData": {"parameters": parameters}})

        (started,) = api.fabric.started
        assert started.parameters == {
            "text": "ä",
            "number": 10,
            "number_as_text": 10,
            "share": 1.0,
            "recreate": True,
        }
        assert isinstance(started.parameters["share"], float)

    def test_notebook_route_parameters_become_python_values(self, api: Api) -> None:
        guid = str(uuid.uuid4())
        parameters = [
            {"name": "text", "value": "x", "type": "Text"},
            {"name": "number", "value": 3, "type": "Integer"},
            {"name": "share", "value": 0.5, "type": "Number"},
            {"name": "flag", "value": "false", "type": "Boolean"},
            {"name": "day", "value": "2026-01-31T00:00:00Z", "type": "DateTime"},
            {"name": "key", "value": guid, "type": "Guid"},
            {"name": "any", "value": 1, "type": "Automatic"},
        ]
        answer = api.post(
            f"{api.notebook('Orders')}/jobs/execute/instances?beta=false", json={"parameters": parameters}
        )

        assert answer.status_code == 202
        (started,) = api.fabric.started
        assert started.parameters == {
            "text": "x",
            "number": 3,
            "share": 0.5,
            "flag": False,
            "day": "2026-01-31T00:00:00Z",
            "key": guid,
            "any": 1,
        }

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            pytest.param(
                {"parameters": {"n": {"value": 1, "type": "Integer"}}}, "string, int, float, bool", id="type"
            ),
            pytest.param({"parameters": {"n": {"value": "x", "type": "int"}}}, "is no int", id="value"),
            pytest.param(
                {"parameters": {"n": {"value": True, "type": "int"}}}, "is no int", id="bool-as-int"
            ),
            pytest.param({"parameters": {"n": {"type": "int"}}}, "value is missing", id="no-value"),
            pytest.param({"parameters": {"n": 1}}, "must be an object", id="no-object"),
            pytest.param({"parameters": {"n n": {"value": 1, "type": "int"}}}, "variable", id="no-variable"),
            pytest.param(
                {"parameters": {"n": {"value": 1, "type": "int"}, "N": {"value": 2, "type": "int"}}},
                "twice",
                id="same-without-case",
            ),
            pytest.param({"parametres": {}}, "unknown field 'parametres'", id="unknown-field"),
            pytest.param(
                {"configuration": {"lakehouse": {}}}, "unknown field 'lakehouse'", id="unknown-setting"
            ),
        ],
    )
    def test_a_wrong_generic_body_is_refused_with_the_reason(
        self, shared_api: Api, data: Any, message: str
    ) -> None:
        path = f"{shared_api.item('Orders')}/jobs/RunNotebook/instances"
        status, code, text = shared_api.error("POST", path, json={"executionData": data})
        assert (status, code) == (400, "InvalidInput")
        assert message in text

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            pytest.param(
                {"parameters": [{"name": "n", "value": 1, "type": "int"}]}, "InvalidInput", id="generic-type"
            ),
            pytest.param({"parameters": {"n": 1}}, "InvalidInput", id="no-list"),
            pytest.param({"executionData": {}}, "InvalidInput", id="no-compute"),
            pytest.param({"executionData": {"compute": "GPU"}}, "InvalidInput", id="unknown-compute"),
            pytest.param(
                {"executionData": {"compute": "Jupyter"}}, "ComputeTypeMismatch", id="other-compute"
            ),
            pytest.param(
                {"executionData": {"compute": "Spark", "computeConfiguration": {"numCores": 2}}},
                "InvalidInput",
                id="setting-of-another-compute",
            ),
        ],
    )
    def test_a_wrong_notebook_body_is_refused(self, shared_api: Api, body: Any, code: str) -> None:
        path = f"{shared_api.notebook('Orders')}/jobs/execute/instances?beta=false"
        assert shared_api.error("POST", path, json=body)[:2] == (400, code)

    def test_a_parameter_list_on_the_generic_route_is_not_available_for_notebooks(
        self, shared_api: Api
    ) -> None:
        body = {"parameters": [{"name": "n", "value": 1, "type": "Integer"}]}
        path = f"{shared_api.item('Orders')}/jobs/RunNotebook/instances"
        assert shared_api.error("POST", path, json=body)[1] == "FeatureNotAvailable"

    def test_what_is_no_json_is_refused(self, shared_api: Api) -> None:
        path = f"{shared_api.item('Orders')}/jobs/RunNotebook/instances"
        assert shared_api.error("POST", path, content=b"{")[1] == "InvalidInput"
        assert shared_api.error("POST", path, json=[1])[1] == "InvalidInput"


class TestExecution:
    def test_the_engine_gets_everything_about_the_notebook(self, serve: Callable[..., Api]) -> None:
        engine = RecordingEngine()
        api = serve(engine=engine)
        for name in ("Orders", "Helpers"):
            api.post(f"{api.workspace}/notebooks", json={"displayName": name}).raise_for_status()
        lakehouse = api.post(f"{api.workspace}/lakehouses", json={"displayName": "Base"}).json()
        configuration = {
            "defaultLakehouse": {"name": "base"},
            "conf": {"spark.x": "1"},
            "useStarterPool": True,
        }
        parameters = {"n": {"value": 1, "type": "int"}}
        body = api.wait(
            api.start("Orders", {"executionData": {"parameters": parameters, "configuration": configuration}})
        )

        assert (body["status"], body["exitValue"]) == ("Completed", "7")
        (execution,) = engine.executions
        assert (execution.notebook, execution.workspace) == ("Orders", "Local")
        assert execution.job_instance_id == body["id"]
        assert execution.source.read_text().startswith("# Fabric notebook source")
        assert execution.parameters == {"n": 1}
        assert execution.spark_conf == {"spark.x": "1"}
        assert set(execution.notebooks) == set(execution.notebook_ids) == {"Orders", "Helpers"}
        assert execution.default_lakehouse is not None
        assert execution.default_lakehouse.item_id == lakehouse["id"]
        assert execution.lakehouses == (execution.default_lakehouse,)
        assert (execution.home.lakehouse("Local", "Base") / "Files").is_dir()

    def test_an_unknown_default_lakehouse_is_refused_with_the_known_ones(
        self, serve: Callable[..., Api]
    ) -> None:
        api = serve(engine=RecordingEngine())
        api.post(f"{api.workspace}/notebooks", json={"displayName": "Orders"})
        api.post(f"{api.workspace}/lakehouses", json={"displayName": "Base"})
        body = {"executionData": {"configuration": {"defaultLakehouse": {"name": "Bass"}}}}
        status, code, message = api.error(
            "POST", f"{api.item('Orders')}/jobs/RunNotebook/instances", json=body
        )
        assert (status, code) == (404, "EntityNotFound")
        assert "'Base'" in message

    def test_a_failed_notebook_has_a_failure_reason(self, serve: Callable[..., Api]) -> None:
        api = serve(
            engine=RecordingEngine(ExecutionResult(error=ExecutionError("CellFailed", "ValueError: no")))
        )
        api.post(f"{api.workspace}/notebooks", json={"displayName": "Orders"})
        body = api.wait(api.start("Orders"))

        assert body["status"] == "Failed"
        assert set(body["failureReason"]) == {"requestId", "errorCode", "message", "isRetriable"}
        assert (body["failureReason"]["errorCode"], body["failureReason"]["message"]) == (
            "CellFailed",
            "ValueError: no",
        )

    def test_a_fault_of_the_engine_fails_one_job_instance_and_not_the_server(
        self, serve: Callable[..., Api]
    ) -> None:
        engine = RecordingEngine(RuntimeError("boom"))
        api = serve(engine=engine)
        api.post(f"{api.workspace}/notebooks", json={"displayName": "Orders"})
        body = api.wait(api.start("Orders"))
        assert body["failureReason"]["errorCode"] == "LocalEngineError"
        assert "RuntimeError: boom" in body["failureReason"]["message"]

        engine.result = ExecutionResult()
        assert api.wait(api.start("Orders"))["status"] == "Completed"

    def test_notebooks_beyond_the_kernels_wait_as_not_started(self, serve: Callable[..., Api]) -> None:
        release = asyncio.Event()

        class WaitingEngine(RecordingEngine):
            async def execute(
                self, execution: NotebookExecution, on_started: Callable[[], None]
            ) -> ExecutionResult:
                result = await super().execute(execution, on_started)
                await release.wait()
                return result

        engine = WaitingEngine()
        api = serve(engine=engine, max_kernels=1)
        api.post(f"{api.workspace}/notebooks", json={"displayName": "Orders"})
        first, second = api.start("Orders"), api.start("Orders")
        api.until(first, lambda body: body["status"] == "InProgress")
        assert api.get_json(second)["status"] == "NotStarted"

        api.post(f"{first}/cancel").raise_for_status()
        assert api.wait(first)["status"] == "Cancelled"
        api.until(second, lambda body: body["status"] == "InProgress")
        api.post(f"{second}/cancel").raise_for_status()
        assert api.wait(second)["status"] == "Cancelled"


class TestList:
    def test_newest_first_in_pages(self, serve: Callable[..., Api]) -> None:
        api = serve(script={"notebooks": ["Orders"], "service": {"page_size": 2}})
        urls = [api.start("Orders") for _ in range(5)]
        for url in urls:
            api.wait(url)

        seen: list[str] = []
        next_page = f"{api.workspace}/items/{api.ids()['Orders']}/jobs/instances"
        while next_page:
            page = api.get_json(next_page)
            seen += [entry["id"] for entry in page["value"]]
            assert len(page["value"]) <= 2
            next_page = page.get("continuationUri", "")
        assert seen == [url.rpartition("/")[2] for url in reversed(urls)]

    def test_all_active_and_the_last_hundred_completed(self, serve: Callable[..., Api]) -> None:
        script = {
            "notebooks": ["Orders"],
            "job_instances": [{"nth": 1, "never_ends": True}],
            "service": {"page_size": 1000},
        }
        api = serve(script=script)
        path = f"{api.item('Orders')}/jobs"
        for _ in range(105):
            last = api.post(f"{path}/RunNotebook/instances").headers["Location"]
        api.wait(last)
        listed = api.get_json(f"{path}/instances")["value"]
        assert [entry["status"] for entry in listed] == ["Completed"] * 100 + ["InProgress"]

    def test_a_foreign_token_is_refused(self, shared_api: Api) -> None:
        path = f"{shared_api.item('Orders')}/jobs/instances"
        assert shared_api.error("GET", f"{path}?continuationToken=%%")[1] == "InvalidParameter"
        assert shared_api.error("GET", f"{path}?continuationToken=MQ==")[1] == "InvalidParameter"


class TestRead:
    def test_an_unknown_job_instance_is_not_found(self, shared_api: Api) -> None:
        path = f"{shared_api.item('Orders')}/jobs/instances/{uuid.uuid4()}"
        assert shared_api.error("GET", path)[:2] == (404, "EntityNotFound")
        assert shared_api.error("POST", f"{path}/cancel")[:2] == (404, "EntityNotFound")

    def test_a_job_instance_belongs_to_one_item(self, api: Api) -> None:
        url = api.start("Orders")
        other = url.replace(api.ids()["Orders"], api.ids()["Customers"])
        assert api.error("GET", other)[:2] == (404, "EntityNotFound")

    def test_ids_match_without_case(self, api: Api) -> None:
        assert api.get(api.start("Orders").upper().replace("HTTP://", "http://")).status_code == 200

    def test_the_notebook_route_adds_exit_value_and_links(self, serve: Callable[..., Api]) -> None:
        api = serve(script={"notebooks": ["Orders"], "job_instances": [{"exit_value": "42"}]})
        url = api.start("Orders")
        api.wait(url)
        path = f"{api.notebook('Orders')}/jobs/execute/instances/{url.rpartition('/')[2]}"
        body = api.get_json(f"{path}?beta=true")

        properties = body["properties"]
        assert (properties["exitValue"], properties["compute"]) == ("42", "Spark")
        details = properties["computeDetails"]
        uuid.UUID(details["livyId"])
        assert {"activityDetails", "sparkUiUrl", "driverLogUrl"} <= set(details["monitoringInfo"])
        page = httpx.get(details["monitoringInfo"]["executionSnapshotUrl"])
        assert page.status_code == 200
        assert "Completed" in page.text
        assert api.error("GET", path)[1] == "InvalidParameter"

    def test_a_python_notebook_has_jupyter_details(self, serve: Callable[..., Api]) -> None:
        api = serve()
        source = api.fabric.requests  # the server runs; now the folder changes
        assert source == ()
        api.post(
            f"{api.workspace}/notebooks", json={"displayName": "Py", "definition": _jupyter_definition()}
        )
        url = api.start("Py")
        api.wait(url)
        path = f"{api.notebook('Py')}/jobs/execute/instances/{url.rpartition('/')[2]}?beta=true"
        properties = api.get_json(path)["properties"]
        assert properties["compute"] == "Jupyter"
        assert "executionSnapshotUrl" in properties["computeDetails"]["monitoringInfo"]
        (session,) = api.get_json(f"{api.workspace}/spark/livySessions")["value"]
        assert session["jobType"] == "JupyterSession"

    def test_reading_changes_nothing(self, serve: Callable[..., Api]) -> None:
        api = serve(script=LONG)
        url = api.start("Long")
        api.until(url, lambda body: body["status"] == "InProgress")
        assert len({api.get(url).text for _ in range(5)}) == 1


class TestCancel:
    def test_a_cancel_is_accepted_and_takes_effect(self, serve: Callable[..., Api]) -> None:
        api = serve(script=LONG)
        url = api.start("Long")
        answer = api.post(f"{url}/cancel")

        assert (answer.status_code, answer.headers["Location"], answer.headers["Retry-After"]) == (
            202,
            url,
            "60",
        )
        body = api.wait(url)
        assert (body["status"], body["failureReason"]) == ("Cancelled", None)
        assert body["endTimeUtc"] is not None

    def test_a_cancel_after_the_end_is_refused(self, api: Api) -> None:
        url = api.start("Orders")
        api.wait(url)
        status, code, message = api.error("POST", f"{url}/cancel")
        assert (status, code) == (400, "JobAlreadyCompleted")
        assert "Completed" in message


class TestSessions:
    def test_the_workspace_lists_all_sessions_newest_first_in_pages(self, serve: Callable[..., Api]) -> None:
        api = serve(script={"notebooks": ["Orders", "Customers"], "service": {"page_size": 2}})
        urls = [api.start(name) for name in ("Orders", "Customers", "Orders")]
        for url in urls:
            api.wait(url)
        first = api.get_json(f"{api.workspace}/spark/livySessions")
        second = api.get_json(first["continuationUri"])

        assert (second["continuationToken"], second["continuationUri"]) == (None, None)
        sessions = first["value"] + second["value"]
        assert [session["jobInstanceId"] for session in sessions] == [
            url.rpartition("/")[2] for url in urls[::-1]
        ]
        session = sessions[0]
        assert (session["state"], session["itemName"], session["itemType"]) == (
            "Succeeded",
            "Orders",
            "Notebook",
        )
        assert session["item"] == {
            "workspaceId": api.fabric.workspace_id,
            "itemId": api.ids()["Orders"],
            "referenceType": "ById",
        }
        assert session["endDateTime"].endswith("Z")

    def test_an_items_sessions_can_be_listed_and_read(self, api: Api) -> None:
        api.wait(api.start("Orders"))
        api.wait(api.start("Customers"))
        (session,) = api.get_json(f"{api.notebook('Orders')}/livySessions")["value"]
        assert api.get_json(f"{api.notebook('Orders')}/livySessions/{session['livyId']}") == session
        assert api.error("GET", f"{api.notebook('Customers')}/livySessions/{session['livyId']}")[0] == 404

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            pytest.param("beta=true&state=Succeeded", 1, id="state"),
            pytest.param("beta=true&state=Failed", 0, id="other-state"),
            pytest.param("beta=true&submittedDateTime=2999-01-01T00:00:00Z", 0, id="submitted"),
            pytest.param("beta=true&endDateTime=2999-01-01T00:00:00Z", 1, id="ended"),
            pytest.param(f"beta=true&submitter.Id={uuid.uuid4()}", 0, id="submitter"),
        ],
    )
    def test_sessions_can_be_filtered(self, api: Api, query: str, count: int) -> None:
        api.wait(api.start("Orders"))
        assert len(api.get_json(f"{api.workspace}/spark/livySessions?{query}")["value"]) == count

    @pytest.mark.parametrize(
        "query", ["state=Failed", "beta=true&state=x", "beta=true&endDateTime=today", "limit=3"]
    )
    def test_a_wrong_filter_is_refused(self, shared_api: Api, query: str) -> None:
        assert (
            shared_api.error("GET", f"{shared_api.workspace}/spark/livySessions?{query}")[1]
            == "InvalidParameter"
        )

    def test_five_notebooks_share_a_high_concurrency_session_and_a_sixth_opens_another(
        self, serve: Callable[..., Api]
    ) -> None:
        api = serve(script=LONG)
        options = {"highConcurrencyModeOptions": {"enabled": True, "sessionTag": "nightly"}}
        body = {"executionData": {"compute": "Spark", "computeConfiguration": options}}
        route = f"{api.notebook('Long')}/jobs/execute/instances"
        found = []
        for _ in range(6):
            url = api.post(f"{route}?beta=false", json=body).headers["Location"]
            details = api.get_json(f"{route}/{url.rpartition('/')[2]}?beta=true")["properties"][
                "computeDetails"
            ]
            found.append((details["livyId"], details["highConcurrencyModeStatus"]["sessionSource"]))

        assert [source for _, source in found] == ["Created", *["Attached"] * 4, "Created"]
        assert len({livy_id for livy_id, _ in found[:5]}) == 1
        assert found[5][0] != found[0][0]


def _jupyter_definition() -> dict[str, Any]:
    import base64

    source = (
        "# Fabric notebook source\n\n# METADATA ********************\n\n# META {\n"
        '# META   "kernel_info": {"name": "jupyter", "jupyter_kernel_name": "python3.11"}\n# META }\n\n'
        "# CELL ********************\n\nprint(1)\n"
    )
    payload = base64.b64encode(source.encode()).decode()
    return {"parts": [{"path": "notebook-content.py", "payload": payload, "payloadType": "InlineBase64"}]}
