"""The code location: assets, resource, executor, job, schedule, sensor."""

import sys

import dagster as dg

from fabric_assets import assets
from fabric_assets.resource import FabricResource
from fabric_assets.schedules import build_daily_schedule
from fabric_assets.sensors import build_notebook_sensor

dimensions = dg.load_assets_from_modules([assets])

load_dimensions = dg.define_asset_job(
    "load_dimensions",
    selection=dg.AssetSelection.groups("dimensions"),
    description="Loads all dimensions, in parallel.",
)

# A step only waits for Fabric, so there can be more of them than cores. Forking from a process that has everything
# imported spares each step a second of CPU.
step_processes = dg.multiprocess_executor.configured(
    {
        "max_concurrent": 16,
        "start_method": {"spawn": {}}
        if sys.platform == "win32"
        else {"forkserver": {"preload_modules": ["fabric_assets.definitions"]}},
    }
)

defs = dg.Definitions(
    assets=dimensions,
    resources={"fabric": FabricResource()},
    executor=step_processes,
    jobs=[load_dimensions],
    schedules=[build_daily_schedule(load_dimensions)],
    sensors=[build_notebook_sensor(dimensions)],
)
