"""A local Fabric with the lakehouses of the shipped workspace, whose notebooks are simulated."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from fabric_assets import FabricResource, notebook_asset
from fabric_assets.local import ServedFabric, serve_in_thread
from tests.conftest import resource

EXIT_VALUE = {"row_count": 99, "columns": ["said"], "rows_inserted": 1}


@dataclass(frozen=True)
class Lake:
    """A local Fabric and its folder; its notebook ``LoadDimX`` completes at once."""

    fabric: ServedFabric
    home: Path

    def table(self, name: str, lakehouse: str = "Curated") -> Path:
        """The folder of a table."""
        return self.home / "onelake" / "Local" / f"{lakehouse}.Lakehouse" / "Tables" / name

    def resource(self) -> FabricResource:
        return resource(self.fabric, local_home=str(self.home))

    def materialize(
        self, assets: list[Any], instance: dg.DagsterInstance | None = None, **options: Any
    ) -> dg.ExecuteInProcessResult:
        """Materialize in this process; a failure is a result."""
        return dg.materialize(
            assets,
            resources={"fabric": self.resource()},
            instance=instance,
            raise_on_error=False,
            **options,
        )


@pytest.fixture(scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    home = tmp_path_factory.mktemp("lake") / "home"
    script = {"notebooks": ["LoadDimX"], "job_instances": [{"exit_value": json.dumps(EXIT_VALUE)}]}
    with serve_in_thread(home, script=script, with_sample=True) as fabric:
        yield Lake(fabric, home)


@pytest.fixture
def lake(_served: Lake) -> Lake:
    """One server for all tests of a module: each writes tables of its own."""
    return _served


def dim_x(**options: Any) -> dg.AssetsDefinition:
    """An asset that is loaded by ``LoadDimX``."""
    return notebook_asset("DimX", notebook="LoadDimX", **options)


def known(result: dg.ExecuteInProcessResult, node: str = "DimX") -> dict[str, Any]:
    """Metadata of the materialization."""
    (event,) = result.asset_materializations_for_node(node)
    return {key: value.value for key, value in event.metadata.items()}


def log_lines(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """What the run's log says beside Dagster's events."""
    return [record.user_message for record in instance.all_logs(run_id) if record.dagster_event is None]
