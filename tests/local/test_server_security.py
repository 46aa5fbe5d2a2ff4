"""Who may talk to the local Fabric, and what it gives away."""

import functools
import http.client
import re
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from local_api import Api

from fabric_assets.local import context

GET = functools.partial(
    httpx.get, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
)  # plain http needs no certificates


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({}, id="none"),
        pytest.param({"Authorization": "Bearer wrong"}, id="wrong"),
        pytest.param({"Authorization": "Basic dXNlcjpwYXNz"}, id="other-scheme"),
        pytest.param({"Authorization": "Bearer"}, id="empty"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/workspaces", "/broken-items", "/simulation/log", "/nothing", "/v1"])
def test_every_route_wants_the_token(shared_api: Api, header: dict[str, str], path: str) -> None:
    answer = GET(f"{shared_api.root}{path}", headers=header)
    assert (answer.status_code, answer.json()["errorCode"]) == (401, "InvalidToken")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_only_its_own_host_name_is_answered(shared_api: Api) -> None:
    port = shared_api.root.rpartition(":")[2]
    for host in (f"evil.example:{port}", "127.0.0.1", f"localhost:{port}.evil.example", ""):
        answer = shared_api.get("/workspaces", headers={"Host": host})
        assert (answer.status_code, answer.json()["errorCode"]) == (403, "RequestDenied"), host
    assert shared_api.get("/workspaces", headers={"Host": f"localhost:{port}"}).status_code == 200


def test_web_sites_are_refused(shared_api: Api) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        assert shared_api.error("GET", "/workspaces", headers={"Origin": origin})[:2] == (
            403,
            "RequestDenied",
        )
    assert shared_api.get("/workspaces", headers={"Origin": shared_api.root}).status_code == 200


def test_it_listens_on_loopback_only(shared_api: Api) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1", shared_api.fabric.url)


def test_unknown_routes_and_methods_say_so(shared_api: Api) -> None:
    status, code, message = shared_api.error("GET", "/workspaces/x/Artifacts")
    assert (status, code) == (404, "EndpointNotFound")
    assert "/v1/workspaces/x/Artifacts" in message
    status, code, message = shared_api.error("PUT", f"{shared_api.item('Orders')}")
    assert (status, code) == (405, "MethodNotAllowed")
    assert "DELETE, GET, PATCH" in message


def test_a_body_beyond_the_limit_is_refused(shared_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "MAX_BODY_BYTES", 1000)
    path = f"{shared_api.workspace}/notebooks"
    status, code, _ = shared_api.error("POST", path, content=b'"' + b"x" * 5000 + b'"')
    assert (status, code) == (413, "RequestBodyTooLarge")


class TestPage:
    def link(self, api: Api) -> str:
        url = api.start("Orders")
        api.wait(url)
        path = f"{api.notebook('Orders')}/jobs/execute/instances/{url.rpartition('/')[2]}?beta=true"
        details = api.get_json(path)["properties"]["computeDetails"]
        return str(details["monitoringInfo"]["executionSnapshotUrl"])

    def test_the_link_needs_no_token_but_its_own_key(self, api: Api) -> None:
        link = self.link(api)
        assert GET(link).status_code == 200
        for other in (link[:-1], link.partition("?")[0], f"{link.partition('=')[0]}=ü"):
            answer = GET(other)
            assert answer.status_code == 403
            assert "Orders" not in answer.text

    def test_a_key_opens_one_page_only(self, api: Api) -> None:
        first, second = self.link(api), self.link(api)
        mixed = f"{first.partition('?')[0]}?{second.partition('?')[2]}"
        assert GET(mixed).status_code == 403

    def test_the_executed_notebook_is_shown_without_scripts(self, api: Api, tmp_path: Path) -> None:
        link = self.link(api)
        job_instance_id = link.rpartition("/")[2].partition("?")[0]
        folder = tmp_path / "home" / "job_instances" / job_instance_id
        folder.mkdir(parents=True)
        (folder / "notebook.html").write_text("<h1>executed</h1><script>alert(1)</script>")
        answer = GET(link)
        assert "executed" in answer.text
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "sandbox" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"

    def test_names_are_escaped(self, serve: Callable[..., Api]) -> None:
        name = "<script>alert(1)</script>"
        api = serve(script={"notebooks": [name, "Orders"]})
        url = api.start(name)
        api.wait(url)
        path = f"{api.notebook(name)}/jobs/execute/instances/{url.rpartition('/')[2]}?beta=true"
        link = api.get_json(path)["properties"]["computeDetails"]["monitoringInfo"]["executionSnapshotUrl"]
        assert "<script>" not in GET(link).text

    def test_a_running_page_refreshes_itself(self, serve: Callable[..., Api]) -> None:
        api = serve(script={"notebooks": ["Orders"], "job_instances": [{"never_ends": True}]})
        url = api.start("Orders")
        path = f"{api.notebook('Orders')}/jobs/execute/instances/{url.rpartition('/')[2]}?beta=true"
        link = api.get_json(path)["properties"]["computeDetails"]["monitoringInfo"]["executionSnapshotUrl"]
        assert "Refresh" in GET(link).headers


def test_the_sign_of_life_never_tells_the_token(shared_api: Api) -> None:
    answer = GET(f"{shared_api.root}/alive?nonce=abc")
    assert answer.status_code == 200
    assert shared_api.fabric.token not in answer.text
    assert GET(f"{shared_api.root}/alive").status_code == 400


def test_tokens_and_page_keys_are_in_no_log(
    api: Api, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    link = TestPage().link(api)
    GET(link)
    key = link.rpartition("key=")[2]
    log = api.get(f"{api.root}/simulation/log").text
    own = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith("fabric_assets")
    )
    printed = "".join(capfd.readouterr())
    for secret in (api.fabric.token, key):
        assert secret not in log + own + printed + repr(api.fabric)


def test_secrets_are_readable_for_their_owner_only(api: Api, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert home.stat().st_mode & 0o777 == 0o700
    for name in ("server.json", "state.db", "state.db-wal"):
        assert (home / name).stat().st_mode & 0o777 == 0o600, name


def test_a_path_with_dots_is_no_way_out(shared_api: Api) -> None:
    port = int(shared_api.root.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Authorization": f"Bearer {shared_api.fabric.token}"}
    for path in (
        "/v1/../server.json",
        "/v1/workspaces/..%2f..%2fserver.json",
        "/job-instances/..%2f..%2fserver.json",
    ):
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        assert answer.status in (403, 404), path
        assert shared_api.fabric.token not in answer.read().decode()
    connection.close()
