"""The code location: assets, resource, executor, jobs, schedule, sensor."""

import os
from collections.abc import Sequence
from typing import Any

import dagster as dg

from fabric_assets import assets, warehouse
from fabric_assets.connection import WORKSPACE_VARIABLE
from fabric_assets.executor import fabric_executor
from fabric_assets.notices import build_notice_sensors
from fabric_assets.resource import FabricResource
from fabric_assets.schedules import build_daily_schedule
from fabric_assets.sensors.notebooks import build_notebook_sensor
from fabric_assets.sensors.pipelines import build_pipeline_sensor

dimensions = dg.load_assets_from_modules([assets])
is_shipped_workspace = not os.environ.get(WORKSPACE_VARIABLE)
around: Sequence[Any] = dg.load_assets_from_modules([warehouse]) if is_shipped_workspace else []

load_dimensions = dg.define_asset_job(
    "load_dimensions",
    selection=dg.AssetSelection.groups("dimensions"),
    description="Loads all dimensions, in parallel.",
)
load_warehouse = dg.define_asset_job(
    "load_warehouse",
    selection=dg.AssetSelection.groups("dimensions", warehouse.GROUP),
    description="Everything, from the ingest of sales to the semantic model of the report.",
)

defs = dg.Definitions(
    assets=[*dimensions, *around],
    asset_checks=warehouse.fact_sales_checks if is_shipped_workspace else [],
    resources={"fabric": FabricResource()},
    executor=fabric_executor,
    jobs=[load_dimensions, load_warehouse] if is_shipped_workspace else [load_dimensions],
    schedules=[build_daily_schedule(load_dimensions)],
    sensors=[
        build_notebook_sensor([*dimensions, *around]),
        *([build_pipeline_sensor(around)] if is_shipped_workspace else []),
        *build_notice_sensors(),
    ],
)
