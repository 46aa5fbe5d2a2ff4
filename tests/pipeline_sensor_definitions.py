"""A pipeline of Data Factory that keeps its trigger, and a notebook that follows it: as a user writes it down."""

import dagster as dg

from fabric_assets import FabricResource, notebook_asset
from fabric_assets.data_factory.resource import DataFactoryResource
from fabric_assets.sensors.pipelines import build_pipeline_sensor
from tests.data_factories import ingest

RUNNING = dg.DefaultSensorStatus.RUNNING

raw = ingest()
fact = notebook_asset(
    "FactSales",
    notebook="LoadFactSales",
    deps=[raw],
    automation_condition=dg.AutomationCondition.eager(),
)

defs = dg.Definitions(
    assets=[raw, fact],
    sensors=[
        build_pipeline_sensor([raw], minimum_interval_seconds=1, default_status=RUNNING),
        dg.AutomationConditionSensorDefinition(
            "automation", target="*", minimum_interval_seconds=1, default_status=RUNNING
        ),
    ],
    resources={"fabric": FabricResource(poll_seconds=0.05), "data_factory": DataFactoryResource()},
)
