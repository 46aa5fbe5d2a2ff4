"""The code location: assets, resource, executor, job, schedule, sensor."""

import dagster as dg

from fabric_assets import assets
from fabric_assets.executor import fabric_executor
from fabric_assets.resource import FabricResource
from fabric_assets.schedules import build_daily_schedule
from fabric_assets.sensors import build_notebook_sensor

dimensions = dg.load_assets_from_modules([assets])

load_dimensions = dg.define_asset_job(
    "load_dimensions",
    selection=dg.AssetSelection.groups("dimensions"),
    description="Loads all dimensions, in parallel.",
)

defs = dg.Definitions(
    assets=dimensions,
    resources={"fabric": FabricResource()},
    executor=fabric_executor,
    jobs=[load_dimensions],
    schedules=[build_daily_schedule(load_dimensions)],
    sensors=[build_notebook_sensor(dimensions)],
)
