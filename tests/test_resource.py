"""The resource: settings from fields and environment, and a token that nobody sees."""

from pathlib import Path

import dagster as dg
import pytest

from fabric_assets import DataFactoryResource, FabricResource, notebook_asset
from fabric_assets.client.errors import FabricConfigError
from fabric_assets.client.fabric_client import DEFAULT_API_URL
from fabric_assets.connection import Connection
from fabric_assets.local import ServedFabric
from tests.conftest import Simulate, resource

TOKEN = "eyJ-very-secret"


def connection(fabric: FabricResource) -> Connection:
    found = fabric.connection()
    assert found is not None
    return found


def test_fields_of_the_resource_stand_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABRIC_WORKSPACE_ID", "from environment")
    monkeypatch.setenv("FABRIC_API_URL", "https://environment.example/v1")
    monkeypatch.setenv("FABRIC_ACCESS_TOKEN", "environment-token")

    from_environment = connection(FabricResource())
    from_fields = connection(
        FabricResource(workspace="Sales", api_url="https://field.example/v1", access_token=TOKEN)
    )

    assert from_environment == Connection(
        "https://environment.example/v1",
        "from environment",
        "environment variable FABRIC_WORKSPACE_ID",
        "environment-token",
    )
    assert from_fields == Connection(
        "https://field.example/v1", "Sales", "the resource's field `workspace`", TOKEN
    )


def test_only_a_workspace_is_needed_for_the_real_fabric(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABRIC_WORKSPACE_ID", "Sales")

    found = connection(FabricResource())

    assert (found.api_url, found.access_token, found.is_local) == (DEFAULT_API_URL, None, False)


def test_an_api_url_without_workspace_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABRIC_API_URL", "https://api.fabric.microsoft.com/v1")

    with pytest.raises(FabricConfigError, match="FABRIC_WORKSPACE_ID"):
        FabricResource().connection()


@pytest.mark.parametrize(
    ("field", "variable", "expected"),
    [(None, None, "AquaVilla_LoadDimX"), (None, "Load_", "Load_DimX"), ("Run", "Load_", "RunDimX")],
)
def test_the_notebook_prefix(
    field: str | None, variable: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable:
        monkeypatch.setenv("FABRIC_NOTEBOOK_PREFIX", variable)

    assert FabricResource(notebook_prefix=field).notebook_name("{prefix}DimX") == expected


def test_the_token_is_in_no_repr_and_no_config_that_dagster_stores() -> None:
    fabric = FabricResource(workspace="Sales", access_token=TOKEN)
    config = fabric.get_resource_definition().config_schema.default_value

    assert config["workspace"] == "Sales"
    assert TOKEN not in str(config)
    assert TOKEN not in repr(fabric) + str(fabric) + repr(connection(fabric))
    assert connection(fabric).access_token == TOKEN


@pytest.mark.parametrize(
    ("kind", "field", "meant"),
    [
        (FabricResource, "wrokspace", "workspace"),
        (FabricResource, "acces_token", "access_token"),
        (DataFactoryResource, "acces_token", "access_token"),
        (DataFactoryResource, "factroy", "factory"),
    ],
)
def test_a_field_that_is_not_there_is_refused_and_its_value_not_shown(
    kind: type[dg.ConfigurableResource], field: str, meant: str
) -> None:
    with pytest.raises(
        FabricConfigError, match=f"{kind.__name__} has no field '{field}'; did you mean '{meant}'"
    ) as no:
        kind(**{field: TOKEN})

    assert TOKEN not in str(no.value)


def test_the_token_is_in_no_event_log_or_metadata(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"], job_instances=[{"nth": 1, "status": "Failed"}, {}])
    asset = notebook_asset("DimX", notebook="LoadDimX", retry_interval_seconds=0)

    with dg.instance_for_test() as instance:
        result = dg.materialize([asset], resources={"fabric": resource(fabric)}, instance=instance)
        stored = "".join(
            path.read_bytes().decode("latin-1")
            for path in Path(instance.root_directory).rglob("*")
            if path.is_file()
        )

    assert result.success
    assert "fabric/job_instance_id" in stored
    assert fabric.token not in stored


def test_a_token_from_an_environment_variable_is_read_where_it_is_used(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    fabric: ServedFabric = simulate(notebooks=["LoadDimX"])
    monkeypatch.setenv("MY_TOKEN", fabric.token)
    with_variable = FabricResource(
        workspace="Local", api_url=fabric.url, access_token=dg.EnvVar("MY_TOKEN"), poll_seconds=0.02
    )

    result = dg.materialize(
        [notebook_asset("DimX", notebook="LoadDimX")], resources={"fabric": with_variable}
    )

    assert result.success


def test_wrong_tokens_fail_at_once_and_say_what_is_needed(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"])
    wrong = FabricResource(workspace=fabric.workspace_id, api_url=fabric.url, access_token="wrong")

    result = dg.materialize(
        [notebook_asset("DimX", notebook="LoadDimX", retry=3)],
        resources={"fabric": wrong},
        raise_on_error=False,
    )

    (event,) = [e for e in result.all_events if e.event_type_value == "STEP_FAILURE"]
    text = event.step_failure_data.user_failure_data.description
    assert "FABRIC_ACCESS_TOKEN" in text
    assert fabric.started == ()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"request_timeout_seconds": 0}, "greater than 0"),
        ({"poll_seconds": -1}, "greater than 0"),
        ({"patience_seconds": "long"}, "valid number"),
    ],
)
def test_limits_are_checked(fields: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FabricResource(**fields)
