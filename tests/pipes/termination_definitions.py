"""A job of one notebook that speaks, for the test of termination."""

import os

import dagster as dg

from fabric_assets import FabricResource, fabric_executor, notebook_asset
from fabric_assets.pipes.settings import PipesFiles

executors = {
    "in_process": dg.in_process_executor,
    "one_process": fabric_executor,
}

defs = dg.Definitions(
    assets=[
        notebook_asset("Talk", notebook="Talk", timeout_seconds=None, pipes=PipesFiles(lakehouse="Curated"))
    ],
    jobs=[dg.define_asset_job("load", selection="*")],
    resources={"fabric": FabricResource(poll_seconds=0.05)},
    executor=executors[os.environ["EXECUTOR"]],
)
