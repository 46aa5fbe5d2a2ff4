"""A simulated data factory over real HTTP: the resource for it, and what its runs look like from outside."""

from typing import Any

import dagster as dg
import httpx

from fabric_assets.client.auth import StaticToken
from fabric_assets.client.data_factory_client import DataFactoryClient
from fabric_assets.client.data_factory_models import Factory
from fabric_assets.data_factory.assets import adf_pipeline_asset
from fabric_assets.data_factory.resource import DataFactoryResource
from fabric_assets.local import ServedFabric

FACTORY = Factory("00000000-0000-0000-0000-00000000000a", "rg-data", "adf-sales")
FACTORIES = [{"name": "adf-sales", "pipelines": ["Ingest", "Ingest_Orders", "Copy"]}]


def arm_url(fabric: ServedFabric) -> str:
    return fabric.url.removesuffix("/v1")


def client_of(fabric: ServedFabric, **options: Any) -> DataFactoryClient:
    return DataFactoryClient(arm_url(fabric), StaticToken(fabric.token), FACTORY, **options)


def data_factory(fabric: ServedFabric, **fields: Any) -> DataFactoryResource:
    settings = {
        "subscription_id": FACTORY.subscription_id,
        "resource_group": FACTORY.resource_group,
        "factory": FACTORY.name,
        "arm_url": arm_url(fabric),
        "access_token": fabric.token,
        "poll_seconds": 0.02,
        "cancel_timeout_seconds": 10.0,
    }
    return DataFactoryResource(**{**settings, **fields})


def ingest(**options: Any) -> dg.AssetsDefinition:
    return adf_pipeline_asset(
        "Raw", pipeline="Ingest", **{"retry": 0, "retry_interval_seconds": 0, **options}
    )


def materialize(
    asset: dg.AssetsDefinition, fabric: ServedFabric, *, fields: dict[str, Any] | None = None, **options: Any
) -> dg.ExecuteInProcessResult:
    """Materialize in this process; a failure is a result, not an exception."""
    resources = {"data_factory": data_factory(fabric, **(fields or {}))}
    return dg.materialize([asset], resources=resources, raise_on_error=False, **options)


def runs(fabric: ServedFabric) -> list[dict[str, Any]]:
    """Every pipeline run of the factory, as the service shows it."""
    window = {"lastUpdatedAfter": "2000-01-01T00:00:00Z", "lastUpdatedBefore": "2100-01-01T00:00:00Z"}
    return list(_post(fabric, "queryPipelineRuns", window).json()["value"])


def start_outside_dagster(
    fabric: ServedFabric, pipeline: str = "Ingest", parameters: dict[str, Any] | None = None
) -> str:
    """Start a run as Data Factory Studio would, or a trigger if the script says so; returns its id."""
    return str(_post(fabric, f"pipelines/{pipeline}/createRun", parameters or {}).json()["runId"])


def _post(fabric: ServedFabric, path: str, body: dict[str, Any]) -> httpx.Response:
    response = httpx.post(
        f"{arm_url(fabric)}{FACTORY.resource_id}/{path}",
        params={"api-version": "2018-06-01"},
        headers={"Authorization": f"Bearer {fabric.token}"},
        json=body,
    )
    assert response.status_code == 200, response.text
    return response
