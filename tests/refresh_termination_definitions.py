"""Jobs of one refresh each that never ends, for the tests of termination."""

import os

import dagster as dg

from fabric_assets import FabricResource, fabric_executor, semantic_model_refresh, sql_endpoint_refresh

defs = dg.Definitions(
    assets=[
        sql_endpoint_refresh("Sql", lakehouse="Curated", timeout_seconds=None),
        semantic_model_refresh("Model", semantic_model="Sales", timeout_seconds=None),
    ],
    jobs=[dg.define_asset_job("load", selection=os.environ["SELECTION"])],
    resources={"fabric": FabricResource(poll_seconds=0.05)},
    executor={"in_process": dg.in_process_executor, "one_process": fabric_executor}[os.environ["EXECUTOR"]],
)
