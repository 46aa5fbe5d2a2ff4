"""``fabric-assets doctor``: each thing that can be wrong is told, with how to mend it."""

import base64
import importlib.util
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from fabric_assets import cli
from fabric_assets.local import ServedFabric
from tests.commands.conftest import Place, checks, wait_for
from tests.conftest import Simulate

SAMPLE = """
assets = [
    notebook_asset("DimCalendar", notebook="{prefix}DimCalendar", arguments={"recreate": False}),
    notebook_asset("DimCustomer", notebook="{prefix}DimCustomer", arguments={"recreate": False}),
]
"""


def token(**claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{payload}.c2lnbmF0dXJl"


def create(fabric: ServedFabric, name: str, text: str) -> None:
    """Create a notebook from its source in Git's format."""
    part = {
        "path": "notebook-content.py",
        "payload": base64.b64encode(text.encode()).decode(),
        "payloadType": "InlineBase64",
    }
    with httpx.Client(base_url=fabric.url, headers={"Authorization": f"Bearer {fabric.token}"}) as api:
        body = {"displayName": name, "definition": {"format": "FabricGitSource", "parts": [part]}}
        answer = api.post(f"/workspaces/{fabric.workspace_id}/notebooks", json=body)
        assert answer.status_code == 201, answer.text


def notebook(*, parameters: str | None = None, lakehouse: str | None = None) -> str:
    """A notebook's source with a parameters cell and a default lakehouse, if there are to be any."""
    dependencies = {"lakehouse": {"default_lakehouse_name": lakehouse}} if lakehouse else {}
    metadata = json.dumps(
        {"kernel_info": {"name": "synapse_pyspark"}, "dependencies": dependencies}, indent=2
    )
    lines = ["# Fabric notebook source", "", "# METADATA ********************", ""]
    lines += [f"# META {line}" for line in metadata.splitlines()]
    if parameters is not None:
        lines += ["", "# PARAMETERS CELL ********************", "", parameters]
    lines += ["", "# CELL ********************", "", "print(1)", ""]
    return "\n".join(lines)


def test_all_is_right(simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    place.use(simulate(with_sample=True))
    place.define(SAMPLE)
    place.dagster_home()

    found = checks(capfd)

    assert {check["status"] for check in found.values()} == {"ok"}
    assert list(found) == [
        "versions",
        "code location",
        "Dagster instance",
        "configuration",
        "service",
        "credentials",
        "workspace",
        "role",
        "capacity",
        "asset DimCalendar",
        "asset DimCustomer",
        "quota",
    ]
    assert "environment variable FABRIC_WORKSPACE_ID" in found["configuration"]["message"]
    assert "takes recreate, default lakehouse 'Base'" in found["asset DimCustomer"]["message"]


def test_it_is_told_in_plain_lines_where_there_is_no_terminal(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    place.use(simulate(with_sample=True))
    place.define(SAMPLE)

    assert cli.main(["doctor"]) == 0

    said = capfd.readouterr()
    assert "ok: asset DimCalendar: notebook 'AquaVilla_LoadDimCalendar'" in said.out
    assert "warning: Dagster instance: DAGSTER_HOME is not set" in said.out
    assert "  fix: Set DAGSTER_HOME to an absolute folder." in said.out
    assert said.err == "11 ok, 1 warning\n"


def test_no_code_location_is_a_warning(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    place.use(simulate())
    found = checks(capfd)
    assert found["code location"]["status"] == "warning"
    assert "--module" in found["code location"]["fix"]


def test_a_code_location_that_fails_is_told_with_its_place(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    place.use(simulate())
    place.define("assets = []\nraise KeyError('FACTOR')")
    found = checks(capfd, exit_code=1)
    assert "KeyError: 'FACTOR'" in found["code location"]["message"]
    assert ", line 6)" in found["code location"]["message"]
    assert found["workspace"]["status"] == "ok"


def test_a_workspace_name_that_nearly_fits(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    place.use(simulate())
    place.define(SAMPLE)
    found = checks(capfd, "--workspace", "Locale", exit_code=1)
    assert "Nearest: 'Local' (" in found["workspace"]["message"]
    assert "--workspace" in found["workspace"]["fix"]
    assert {found[name]["status"] for name in ("role", "capacity", "notebooks")} == {"skipped"}
    assert found["quota"]["status"] == "ok"


@pytest.mark.parametrize(
    ("url", "what", "fix"),
    [
        pytest.param(
            "https://fabric.invalid/v1", "fabric.invalid does not answer", "check the address", id="no host"
        ),
        pytest.param(
            "http://127.0.0.1:9/v1", "does not answer: ConnectError", "FABRIC_API_URL", id="nobody there"
        ),
        pytest.param("http://192.0.2.1/v1", "plain http", "FABRIC_API_URL", id="in the open"),
        pytest.param("api.fabric.microsoft.com", "must look like", "FABRIC_API_URL", id="no url"),
    ],
)
def test_an_address_that_does_not_answer(
    place: Place, capfd: pytest.CaptureFixture[str], url: str, what: str, fix: str
) -> None:
    place.set(FABRIC_API_URL=url, FABRIC_WORKSPACE_ID="Sales", FABRIC_ACCESS_TOKEN="secret-token")
    place.define(SAMPLE)
    found = checks(capfd, exit_code=1)
    assert what in found["service"]["message"]
    assert fix in found["service"]["fix"]
    for name in ("credentials", "workspace", "role", "capacity", "quota", "notebooks"):
        assert found[name]["status"] == "skipped"
    assert "secret-token" not in json.dumps(found)


def test_an_address_without_a_workspace(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    place.set(FABRIC_API_URL="https://fabric.invalid/v1")
    found = checks(capfd, exit_code=1)
    assert "no workspace is" in found["configuration"]["message"]
    assert found["service"]["status"] == "skipped"


@pytest.mark.parametrize(
    ("claims", "status", "what"),
    [
        pytest.param(
            {"upn": "ada@example.com", "oid": "o-1", "exp": 3600}, "ok", "for user ada@example.com", id="user"
        ),
        pytest.param(
            {"appid": "a-1", "idtyp": "app", "exp": 3600},
            "ok",
            "for service principal a-1 (app id a-1)",
            id="app",
        ),
        pytest.param({"upn": "ada@example.com", "exp": 300}, "warning", "in 5 minutes", id="soon"),
        pytest.param({"upn": "ada@example.com", "exp": -60}, "problem", "the token expired at", id="expired"),
        pytest.param(
            {"aud": "https://graph.microsoft.com", "exp": 3600},
            "problem",
            "not for Fabric",
            id="other audience",
        ),
    ],
)
def test_for_whom_a_token_is_and_how_long(
    simulate: Simulate,
    place: Place,
    capfd: pytest.CaptureFixture[str],
    claims: dict[str, Any],
    status: str,
    what: str,
) -> None:
    given = token(**{**claims, "exp": time.time() + claims["exp"] + 5})
    place.use(simulate())
    place.set(FABRIC_ACCESS_TOKEN=given)

    # The local Fabric takes no token but its own: after what the token says, it is refused.
    assert cli.main(["doctor", "--json"]) == 1

    said = capfd.readouterr().out
    first, *others = [check for check in json.loads(said)["checks"] if check["name"] == "credentials"]
    assert first["status"] == status
    assert what in first["message"]
    assert [check["status"] for check in others] == ([] if status == "problem" else ["problem"])
    assert given not in said


def test_a_token_that_is_refused(simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    place.use(simulate())
    place.set(FABRIC_ACCESS_TOKEN="not-the-one")
    assert cli.main(["doctor", "--json"]) == 1
    said = capfd.readouterr().out
    refused = [check for check in json.loads(said)["checks"] if check["status"] == "problem"]
    assert [check["name"] for check in refused] == ["credentials"]
    assert "FABRIC_ACCESS_TOKEN" in refused[0]["fix"]
    assert "not-the-one" not in said


def test_no_credentials_at_all(simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    place.use(simulate())
    # What the chain asks next is a host of this machine where nobody is.
    place.set(
        FABRIC_ACCESS_TOKEN="",
        AZURE_TOKEN_CREDENTIALS="EnvironmentCredential",
        AZURE_CLIENT_ID="",
        AZURE_TENANT_ID="",
    )
    found = checks(capfd, exit_code=1)
    assert "azure-identity tried: EnvironmentCredential: " in found["credentials"]["message"]
    assert "AZURE_CLIENT_ID" in found["credentials"]["fix"]


def test_the_quota_is_used_up(simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    refusal = {"path": "*/livySessions*", "status": 429, "headers": {"Retry-After": "0"}, "times": 1}
    place.use(simulate(faults=[refusal]))
    found = checks(capfd)
    assert found["quota"]["status"] == "warning"
    assert "quota_share" in found["quota"]["fix"]


def test_what_this_identity_may_not_do(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    body = {"errorCode": "InsufficientPrivileges", "message": "no", "requestId": "r-1"}
    place.use(simulate(faults=[{"path": "*/items*", "status": 403, "body": body, "times": None}]))
    found = checks(capfd, exit_code=1)
    assert "InsufficientPrivileges" in found["role"]["message"]
    assert "Contributor" in found["role"]["fix"]


@pytest.mark.parametrize(
    ("source", "arguments", "status", "what"),
    [
        pytest.param(notebook(parameters="day = ''"), {"day": "x"}, "ok", "takes day", id="good"),
        pytest.param(notebook(parameters="day = ''"), {}, "ok", "keep their defaults", id="none given"),
        pytest.param(notebook(), {}, "ok", "takes no arguments", id="no cell needed"),
        pytest.param(notebook(), {"day": "x"}, "warning", "no parameters cell", id="no cell"),
        pytest.param(notebook(parameters="Day = ''"), {"day": "x"}, "problem", "is written 'Day'", id="case"),
        pytest.param(
            notebook(parameters="days = ''"), {"dayz": "x"}, "problem", "did you mean 'days'?", id="spelling"
        ),
        pytest.param(notebook(parameters="n = 1"), {"day": "x"}, "problem", "which has n", id="missing"),
        pytest.param(notebook(parameters="n = 1"), {"n": "x"}, "warning", "sent as str", id="type"),
        pytest.param(notebook(parameters="n: int = None"), {"n": 2}, "ok", "takes n", id="annotated"),
        pytest.param(notebook(parameters="n = 1"), {"n": 0.5}, "ok", "takes n", id="number"),
        pytest.param(notebook(parameters="n = = 1"), {"n": 1}, "warning", "no valid Python", id="broken"),
        pytest.param(notebook(lakehouse="Base"), {}, "ok", "default lakehouse 'Base'", id="lakehouse"),
        pytest.param(
            notebook(lakehouse="Gold"), {}, "problem", "'Gold' (no id) is not in workspace", id="no lakehouse"
        ),
    ],
)
def test_what_a_notebook_takes(
    simulate: Simulate,
    place: Place,
    capfd: pytest.CaptureFixture[str],
    source: str,
    arguments: dict[str, Any],
    status: str,
    what: str,
) -> None:
    fabric = simulate(with_sample=True)
    create(fabric, "Load_Days", source)
    place.use(fabric)
    place.define(f"assets = [notebook_asset('Days', notebook='Load_Days', arguments={arguments!r})]")
    found = checks(capfd, exit_code=int(status == "problem"))
    assert found["asset Days"]["status"] == status, found["asset Days"]
    assert what in found["asset Days"]["message"]
    assert bool(found["asset Days"]["fix"]) == (status != "ok")


def test_a_notebook_that_is_not_there(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    place.use(simulate(notebooks=["Load_Days"]))
    place.define("assets = [notebook_asset('Days', notebook='Load_Day')]")
    found = checks(capfd, exit_code=1)
    assert "Nearest: 'Load_Days'" in found["asset Days"]["message"]
    assert "asset Days" in found["asset Days"]["message"]


def test_only_so_many_notebooks_are_read(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    fabric = simulate(notebooks=103)
    place.use(fabric)
    place.define("assets = [notebook_asset(f'A{n:04}', notebook=f'Notebook_{n:04}') for n in range(1, 105)]")
    found = checks(capfd, exit_code=1)
    assert "only the first 100 were read" in found["notebooks"]["message"]
    assert "3 of 4 are there" in found["notebooks"]["message"]
    assert "asset A0103" not in found
    assert found["asset A0104"]["status"] == "problem"
    assert "notebooks" not in checks(capfd, "--all", exit_code=1)


def test_the_local_extra_is_not_installed(
    place: Place, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "uvicorn" else installed(name, *rest)
    )
    place.define(SAMPLE)
    found = checks(capfd, exit_code=1)
    assert "misses the packages uvicorn" in found["local Fabric"]["message"]
    assert "fabric_assets[local]" in found["local Fabric"]["fix"]
    assert {found[name]["status"] for name in ("local engine", "service", "quota")} == {"skipped"}


def test_a_local_folder_that_cannot_be_written(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    (place.root / "file").write_text("")
    place.set(FABRIC_LOCAL_HOME=str(place.root / "file" / "home"))
    found = checks(capfd, exit_code=1)
    assert found["local folder"]["status"] == "problem"
    assert "FABRIC_LOCAL_HOME" in found["local folder"]["message"]


def test_the_local_fabric_and_its_engine(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    from fabric_assets.local.process import stop

    place.define(SAMPLE)
    try:
        found = checks(capfd)
    finally:
        stop(Path(".fabric_local"))
    assert "Spark (pysail) starts" in found["local engine"]["message"]
    assert "was started in" in found["local server"]["message"]
    assert found["asset DimCalendar"]["status"] == "ok"


ITEMS = """
from fabric_assets import adf_pipeline_asset, item_job_asset, pipeline_asset
from fabric_assets import semantic_model_refresh, sql_endpoint_refresh
assets = [
    pipeline_asset("Raw", pipeline="Ingest"),
    pipeline_asset("Raw2", pipeline="Ingets"),
    item_job_asset("Copied", item="Copy", item_type="CopyJob", job_type="Execute"),
    item_job_asset("Copied2", item="Ingest", item_type="CopyJob", job_type="Execute"),
    sql_endpoint_refresh("Sql", lakehouse="Curated"),
    sql_endpoint_refresh("Sql2", lakehouse="Curatd"),
    semantic_model_refresh("Model", semantic_model="Sales"),
    semantic_model_refresh("Model2", semantic_model="Sales", workspace="Elsewhere"),
    notebook_asset("Orders", notebook="Orders", table="Curated.orders"),
    notebook_asset("Orders2", notebook="Orders", table="Raw.orders"),
    adf_pipeline_asset("Stock", pipeline="Daily"),
    adf_pipeline_asset("Stock2", pipeline="Dayly"),
]
"""


def test_items_and_pipelines_of_other_assets(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    items = [
        ("DataPipeline", "Ingest"),
        ("CopyJob", "Copy"),
        ("Lakehouse", "Curated"),
        ("SemanticModel", "Sales"),
    ]
    fabric = simulate(
        notebooks=["Orders"],
        items=[{"type": kind, "name": name} for kind, name in items],
        factories=[{"name": "Ingest", "pipelines": ["Daily"]}],
    )
    place.use(fabric)
    arm_url = fabric.url.removesuffix("/v1")
    place.define(
        ITEMS,
        data_factory=f"subscription_id='s', resource_group='g', factory='Ingest', arm_url='{arm_url}', "
        f"access_token='{fabric.token}'",
    )

    found = checks(capfd, exit_code=1)

    status = {name: check["status"] for name, check in found.items()}
    for asset in ("Raw", "Copied", "Sql", "Model", "Stock"):
        assert status[f"asset {asset}"] == "ok", found[f"asset {asset}"]
    for asset in ("Raw2", "Copied2", "Sql2", "Model2", "Orders2: table", "Stock2"):
        assert status[f"asset {asset}"] == "problem", found
    assert "asset Orders: table" not in status
    assert "Nearest: 'Ingest'" in found["asset Raw2"]["message"]
    assert "there is no CopyJob 'Ingest'" in found["asset Copied2"]["message"]
    assert "workspace 'Elsewhere'" in found["asset Model2"]["message"]
    assert "Nearest: 'Daily'" in found["asset Stock2"]["message"]
    assert fabric.token not in str(found)


def test_a_data_factory_that_is_configured_by_half(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    place.use(simulate())
    place.set(FABRIC_ADF_SUBSCRIPTION_ID="s")
    place.define(
        "from fabric_assets import adf_pipeline_asset\nassets = [adf_pipeline_asset('Stock', pipeline='Daily')]",
        data_factory="",
    )
    found = checks(capfd, exit_code=1)
    assert "FABRIC_ADF_RESOURCE_GROUP" in found["Data Factory"]["message"]
    assert found["asset Stock"]["status"] == "skipped"


def test_variables_of_a_file_are_told_and_count(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    fabric = simulate()
    (place.root / ".env").write_text(
        f"FABRIC_API_URL={fabric.url}\nFABRIC_ACCESS_TOKEN={fabric.token}\nFABRIC_WORKSPACE_ID=Local\n"
    )
    found = checks(capfd)
    assert found[".env"]["message"] == "sets FABRIC_ACCESS_TOKEN, FABRIC_API_URL, FABRIC_WORKSPACE_ID"
    assert found["workspace"]["status"] == "ok"


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        pytest.param(["--module", "nowhere.py"], "there is no such file", id="no file"),
        pytest.param(["--contract", "--timeout", "0"], "must be more than 0", id="no time"),
    ],
)
def test_wrong_arguments(
    place: Place, capfd: pytest.CaptureFixture[str], arguments: list[str], what: str
) -> None:
    assert cli.main(["doctor", *arguments]) == 2
    assert what in capfd.readouterr().err


def test_it_can_be_interrupted(simulate: Simulate, place: Place) -> None:
    fabric = simulate(faults=[{"path": "*/items*", "delay_seconds": 600, "times": None}])
    place.use(fabric)
    process = place.start("doctor")
    wait_for("asked", lambda: any("/items" in request.path for request in fabric.requests))
    process.send_signal(2)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.endswith("fabric-assets: interrupted\n")
    assert "Traceback" not in said
