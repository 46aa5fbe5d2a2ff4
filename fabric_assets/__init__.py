"""Microsoft Fabric notebooks as Dagster assets.

Names are imported when they are first used: the local Fabric and its kernels are parts of this package too, and must
not pay for importing Dagster.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fabric_assets.arguments import (
        config_field,
        exit_value_of,
        fixed,
        partition_end,
        partition_key,
        partition_start,
    )
    from fabric_assets.asset_factory import notebook_asset
    from fabric_assets.client.compute import ComputeSettings
    from fabric_assets.component import FabricWorkspaceComponent
    from fabric_assets.data_factory.assets import adf_pipeline_asset
    from fabric_assets.data_factory.resource import DataFactoryResource
    from fabric_assets.executor import fabric_executor
    from fabric_assets.item_assets import item_job_asset, pipeline_asset
    from fabric_assets.notices import build_notice_sensors
    from fabric_assets.pipes import PipesFiles
    from fabric_assets.refreshes.assets import semantic_model_refresh, sql_endpoint_refresh
    from fabric_assets.resource import FabricResource
    from fabric_assets.schedules import build_daily_schedule
    from fabric_assets.sensors.notebooks import build_notebook_sensor
    from fabric_assets.sensors.pipelines import build_pipeline_sensor
    from fabric_assets.tables.checks import build_table_checks
    from fabric_assets.tables.history import RowCountBounds
    from fabric_assets.tables.names import LakehouseTable
    from fabric_assets.translator import NotebookData, NotebookTranslator

__all__ = [
    "ComputeSettings",
    "DataFactoryResource",
    "FabricResource",
    "FabricWorkspaceComponent",
    "LakehouseTable",
    "NotebookData",
    "NotebookTranslator",
    "PipesFiles",
    "RowCountBounds",
    "adf_pipeline_asset",
    "build_daily_schedule",
    "build_notebook_sensor",
    "build_notice_sensors",
    "build_pipeline_sensor",
    "build_table_checks",
    "config_field",
    "exit_value_of",
    "fabric_executor",
    "fixed",
    "item_job_asset",
    "notebook_asset",
    "partition_end",
    "partition_key",
    "partition_start",
    "pipeline_asset",
    "semantic_model_refresh",
    "sql_endpoint_refresh",
]

_MODULES = {
    "ComputeSettings": "client.compute",
    "DataFactoryResource": "data_factory.resource",
    "FabricResource": "resource",
    "FabricWorkspaceComponent": "component",
    "LakehouseTable": "tables.names",
    "NotebookData": "translator",
    "NotebookTranslator": "translator",
    "PipesFiles": "pipes",
    "RowCountBounds": "tables.history",
    "adf_pipeline_asset": "data_factory.assets",
    "build_daily_schedule": "schedules",
    "build_notebook_sensor": "sensors.notebooks",
    "build_notice_sensors": "notices",
    "build_pipeline_sensor": "sensors.pipelines",
    "build_table_checks": "tables.checks",
    "config_field": "arguments",
    "exit_value_of": "arguments",
    "fabric_executor": "executor",
    "fixed": "arguments",
    "item_job_asset": "item_assets",
    "notebook_asset": "asset_factory",
    "partition_end": "arguments",
    "partition_key": "arguments",
    "partition_start": "arguments",
    "pipeline_asset": "item_assets",
    "semantic_model_refresh": "refreshes.assets",
    "sql_endpoint_refresh": "refreshes.assets",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
